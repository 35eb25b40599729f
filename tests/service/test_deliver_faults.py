"""``kill -9`` at every boundary that matters: no delivery is lost, and none repeated more than once for each crash."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedservice.deliveries import Announcement
from feedservice.store.sql import SqlStore, open_store
from tests.service.killed import STAGES
from tests.service.loopback import PATIENCE, Visit, serving
from tests.service.test_deliver import FINE, subscriber
from tests.store.outbox_contract import TOPIC, version

ASKED = os.environ.get("TESTS_DELIVERIES")
"""How many deliveries, such as 10000: then every stage is tested, which takes some minutes."""
COUNT = int(ASKED or "60")
HANGING = 5
"""One callback of so many never answers the first time."""
ROOT = Path(__file__).parents[2]


async def deliver(place: Path, stage: str, nth: int, leases: int) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "tests.service.killed", str(place), stage, str(nth), str(leases * 1.2)]
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT)


def behind(store: SqlStore) -> int:
    with contextlib.closing(store.subscriptions()) as found:
        return sum(each.delivered < 2 for each in found)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stage", STAGES if ASKED else ("after claim", "after send", "in settle"))
def test_a_killed_process_loses_nothing_and_repeats_little(tmp_path: Path, stage: str) -> None:
    seen: Counter[bytes] = Counter()

    async def callback(visit: Visit) -> None:
        while True:
            head, _ = await visit.request()
            path = head.split(b" ")[1]
            seen[path] += 1
            if path.endswith(b"hang") and seen[path] == 1:
                await asyncio.Event().wait()
            await visit.send(FINE)

    async def main() -> int:
        place = tmp_path / "store.sqlite"
        async with serving(callback, "0.0.0.0") as server:
            with contextlib.closing(open_store(place)) as store:
                now = datetime.now(UTC)
                for number in (1, 2):
                    store.announce(Announcement(topics=(version(number),)))
                urls = [
                    f"http://127.0.{number % 100}.{number % 20 + 1}:{server.port}/{number}{'hang' if number % HANGING == 0 else ''}"
                    for number in range(COUNT)
                ]
                store.import_subscriptions(subscriber(url, now, lease_end=now + timedelta(days=10)) for url in urls)
            crashes = 0
            # A few crashes, each further on than the last, and then a process that is left alone.
            for leases, nth in enumerate((1, 5)):
                process = await deliver(place, stage, nth, leases)
                with contextlib.closing(open_store(place)) as store:
                    while process.returncode is None and behind(store):  # noqa: ASYNC110 - another process tells nobody
                        await asyncio.sleep(0.2)
                # Where all was delivered before the stage was reached so often, it is ended all the same.
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                assert await process.wait() == -signal.SIGKILL
                crashes += 1
            with contextlib.closing(open_store(place)) as store:
                process = await deliver(place, "never", 1, crashes)
                async with asyncio.timeout(10 * PATIENCE):
                    while behind(store):  # noqa: ASYNC110 - as above
                        await asyncio.sleep(0.2)
                process.kill()
                await process.wait()
                assert store.topic_versions() == {TOPIC: 2}
        assert len(seen) == COUNT
        return crashes

    # One that hung is asked once more than the others; beside that nobody more often than there were crashes.
    crashes = asyncio.run(main())
    assert all(count <= 1 + crashes + path.endswith(b"hang") for path, count in seen.items())
    once = sum(count == 1 for path, count in seen.items() if not path.endswith(b"hang"))
    print(f"{stage}: {COUNT} deliveries, {crashes} crashes, {sum(seen.values())} requests, {once} exactly once")  # noqa: T201 - seen with -s
