"""``kill -9`` at every boundary that matters: no delivery is lost, and none repeated more than once for each crash."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import pytest

from feedservice.store.sql import open_store
from tests.service.counted import ASKED, behind, crowd
from tests.service.killed import STAGES
from tests.service.loopback import PATIENCE
from tests.store.outbox_contract import TOPIC

ROOT = Path(__file__).parents[2]


async def deliver(place: Path, stage: str, nth: int, leases: int) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "tests.service.killed", str(place), stage, str(nth), str(leases * 1.2)]
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stage", STAGES if ASKED else ("after claim", "after send", "in settle"))
def test_a_killed_process_loses_nothing_and_repeats_little(tmp_path: Path, stage: str) -> None:
    async def main() -> str:
        place = tmp_path / "store.sqlite"
        async with crowd() as callbacks:
            with contextlib.closing(open_store(place)) as store:
                callbacks.fill(store)
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
                async with asyncio.timeout(20 * PATIENCE):
                    while behind(store):  # noqa: ASYNC110 - as above
                        await asyncio.sleep(0.2)
                process.kill()
                await process.wait()
                assert store.topic_versions() == {TOPIC: 2}
        return callbacks.judge(crashes)

    print(f"{stage}: {asyncio.run(main())}")  # noqa: T201 - seen with -s
