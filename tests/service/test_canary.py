"""What the canary remembers, and what it is told to watch."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feedservice import config
from feedservice.deliveries import Outcome, Request
from feedservice.push.canary import Callback, Watch
from feedservice.service import canary
from feedservice.service.canary import Perches
from feedservice.store import DocumentRow
from feedservice.store.sql import open_store
from tests.service.loopback import until

NOW = datetime(2026, 11, 26, 9, 30, 15, 250000, tzinfo=UTC)
SITE = "site: {title: A, url: 'https://example.org'}\n"


def row(feed: str, name: str) -> DocumentRow:
    url = f"https://example.org/feeds/{feed}.{name}"
    return DocumentRow(
        path=f"{feed}.{name}", feed=feed, format=name, url=url, media_type="x", etag="e", last_modified=NOW, size=1, entries=()
    )


ROWS = [row("category", "atom"), row("all", "json"), row("all", "rss")]


def perches(text: str, rows: list[DocumentRow] = ROWS) -> Perches:
    return canary.perches(config.parse(SITE + text, name="c", environ={}), rows)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    full = Watch(
        hub="https://hub.example/",
        topic="https://example.org/日本.atom",
        active=Callback(token="t1", secret="s1"),
        pending=Callback(token="t2"),
        asked_at=NOW,
        asks=2,
        refusal="答え 503",
        verified_at=NOW,
        lease_end=NOW,
        version=7,
        since=NOW,
        arrived_at=NOW,
        latency=0.25,
        arrivals=3,
        missed=1,
    )
    bare = Watch(hub="https://other.example/", topic="https://example.org/a.atom")
    file = tmp_path / "canary.json"
    file.write_bytes(canary.written([full, bare]))
    assert canary.read(file) == {full.hub: full, bare.hub: bare}


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '[{"hub": 1}]', '{"a": 1}', "[[]]", '[{"asked_at": 5}]', "\x00"])
def test_a_damaged_file_is_said_and_begun_anew(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "canary.json"
    assert canary.read(file) == {}
    assert caplog.records == []
    file.write_text(text, "utf-8")
    with caplog.at_level(logging.WARNING):
        assert canary.read(file) == {}
    assert "the hubs are asked anew" in caplog.text


def test_every_hub_that_feeds_name_is_watched_by_the_feed_of_the_site() -> None:
    found = perches("announce: {websub: {hub: embedded, hubs: ['https://hub.example/', 'https://hub.example/']}}")
    assert found == Perches(
        hubs=("https://example.org/hub", "https://hub.example/"),
        topic="https://example.org/feeds/all.rss",
        base="https://example.org/-/canary/",
    )
    assert perches("", []) == Perches(base="https://example.org/-/canary/")


def test_a_feed_that_is_not_announced_is_watched_at_our_own_hub_only() -> None:
    text = "feeds: {all: {announce: false}}\nannounce: {websub: {hub: HUB, hubs: ['https://hub.example/']}}"
    assert perches(text.replace("HUB", "embedded")).hubs == ("https://example.org/hub",)
    assert perches(text.replace("HUB", "'off'")).hubs == ()


@pytest.mark.parametrize("line", ["environment: staging", "environment: ''"])
def test_outside_of_production_nothing_is_watched(line: str) -> None:
    assert perches(f"announce: {{{line}, websub: {{hub: embedded}}}}") == Perches()


def test_it_can_be_turned_off() -> None:
    assert perches("announce: {websub: {hub: embedded, canary: false}}") == Perches()


def test_what_is_remembered_is_for_its_owner_only(tmp_path: Path) -> None:
    """There are secrets in it."""
    file = tmp_path / "canary.json"
    file.write_text("[]", "utf-8")
    file.chmod(0o644)

    async def main() -> None:
        with contextlib.closing(open_store(tmp_path / "store.sqlite")) as store:

            async def send(request: Request) -> Outcome:
                return Outcome(started=NOW, duration=0, status=202)

            made = canary.Canary(canary.Tools(outbox=store, send=send, now=lambda: NOW, token=lambda _: "token", file=file))
            await made.start()
            made.look(Perches(hubs=("https://hub.example/",), topic="https://example.org/a.atom", base="https://example.org/c/"))
            await until(lambda: b'"pending": {' in file.read_bytes())
            await made.stop()

    asyncio.run(main())
    assert file.stat().st_mode & 0o777 == 0o600
