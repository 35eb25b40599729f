from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from feedservice.cli import operations
from feedservice.cli.front import Front, Place
from feedservice.cli.operations import Operations
from feedservice.config import load
from feedservice.service.daemon import Daemon, Work
from feedservice.service.notify import Manager
from feedservice.store import StoreError
from tests.service.test_passes import report


def test_a_store_that_does_not_answer_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_PATIENCE", 0.05)
    (tmp_path / "config.yaml").write_text("site: {title: A, url: https://example.org}\n", "utf-8")
    (tmp_path / ".feedservice").mkdir()
    loaded = load(tmp_path / "config.yaml", {})
    answers = threading.Event()
    asked: list[int] = []

    def silent() -> None:
        asked.append(1)
        assert answers.wait(60)
        raise StoreError("the server is away", "look for it", path="")

    async def main() -> None:
        work = Work(load=lambda: loaded, make=lambda *_: report(), changed=lambda _: None, alive=Manager({}))
        daemon = Daemon(loaded, work)
        daemon.report, daemon.ready = report(), True
        told = Operations(daemon, Front(loaded, Place(host="127.0.0.1", port=0, path=None, plain=False)))
        assert await told.unready() == []
        told.writable = silent
        assert await asyncio.gather(told.unready(), told.unready()) == [["the store does not answer"]] * 2
        # One asks it for all.
        assert len(asked) == 1
        answers.set()
        while (reasons := await told.unready()) == ["the store does not answer"]:  # noqa: ASYNC110  -- as who looks again does
            await asyncio.sleep(0.01)
        assert reasons == ["the store cannot be written: the server is away"]
        daemon.passes.close()

    asyncio.run(main())
