"""A question that starts from what the store has of the posts is answered as one that reads every post."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedservice.config import Loaded
from feedservice.service import adopting, preview, publish, workers
from feedservice.service.adopting import Source
from feedservice.service.engine import Engine
from feedservice.service.memory import Memory
from feedservice.service.outlook import outlook
from feedservice.service.publish import Recall, exported
from feedservice.service.recall import recalled
from feedservice.store.sql import SqlStore, open_store
from tests.service.conftest import MakeSite
from tests.service.test_publish import post

NOW = datetime(2025, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
EXTRA = "feeds: {window: 3, tags: true, pages: false, compress: []}\ncontent: {missing_dates: first-seen}\n"


@contextlib.contextmanager
def store_of(loaded: Loaded) -> Iterator[SqlStore]:
    with contextlib.closing(open_store(loaded.root / ".feedservice" / "store.sqlite")) as store:
        yield store


def make_pass(loaded: Loaded, now: datetime = NOW) -> None:
    engine = Engine(
        loaded.root / ".feedservice", lambda _: open_store(loaded.root / ".feedservice/store.sqlite"), out=loaded.root / "public"
    )
    with contextlib.closing(engine):
        engine.build(loaded, now=now)


def answers(loaded: Loaded, recall: Recall, now: datetime) -> list[object]:
    """Everything that can be asked of a site."""
    sight = preview.look(loaded, now=now, recall=recall)
    specs = sight.collected.plan.specs
    return [
        publish.check(loaded, now=now, recall=recall),
        preview.differences(loaded, now=now, recall=recall),
        outlook(loaded, now=now, recall=recall),
        publish.one(loaded, "all", "atom", now=now, recall=recall),
        {each.post.path: each for each in sight.collected.named},
        sight.rows,
        sorted(sight.problems, key=repr),
        {spec.key: list(sight.collected.window(spec)) for spec in specs},
        sight.collected.broken,
    ]


def test_the_answers_are_those_of_who_reads_every_post(make_site: MakeSite, tmp_path: Path) -> None:
    chance = random.Random(11)
    names = [f"{folder}{n}.md" for folder in ("", "x/") for n in range(4)]

    def text() -> str:
        labels = f"categories: {json.dumps(chance.sample(['AI', 'ai', '投資分析'], chance.randrange(3)))}\n"
        more = labels + chance.choice(["", "draft: true\n", "expires: 2025-06-02\n", "image: a.png\n", "date: soon\n"])
        date = chance.choice([None, "2025-05-01 09:00", "2025-06-03 09:00", "2025-05-02"])
        whole = post(f"t{chance.randrange(9)}", date or "2025-05-03", more, body=f"Text {chance.randrange(99)} [x](1.md).")
        return whole if date is not None else whole.replace("date: 2025-05-03\n", "")

    loaded = make_site({name: text() for name in names} | {"a.png": "a picture"}, EXTRA)
    for step in range(12):
        now = NOW + step * DAY / 4
        if step % 3 == 0:
            make_pass(loaded, now)
        for name in chance.sample([*names, "a.png"], 2):
            file = tmp_path / "content" / name
            what = chance.random()
            if what < 0.2:
                file.unlink(missing_ok=True)
            elif what < 0.4 and file.exists():
                file.rename(tmp_path / "content" / f"moved-{name.replace('/', '-')}")
            else:
                make_site({name: text() if name.endswith(".md") else "x" * step}, EXTRA)
        with store_of(loaded) as store:
            assert answers(loaded, lambda at, store=store: recalled(at, store), now) == answers(loaded, exported, now)


def test_only_what_changed_is_read(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = make_site({f"{n}.md": post(f"t{n}", "2025-05-01") for n in range(5)}, EXTRA)
    make_pass(loaded)
    make_site({"3.md": post("other", "2025-05-01")}, EXTRA)
    read: list[str] = []

    def parse_batch(batch: workers.ToParse) -> list[workers.Read]:
        read.extend(found.path for found in batch.files)
        return [each for found in batch.files for each in real(workers.ToParse(files=[found], context=batch.context))]

    real = workers.parse_batch
    monkeypatch.setattr(workers, "parse_batch", parse_batch)
    with store_of(loaded) as store:
        sight = preview.look(loaded, now=NOW, recall=lambda at: recalled(at, store))
    assert read == ["3.md"]
    assert sorted(each.post.title for each in sight.collected.named) == ["other", "t0", "t1", "t2", "t4"]


def test_ids_are_those_of_the_store_when_the_ledger_s_file_is_lost(make_site: MakeSite) -> None:
    """A pass would find them so: an answer with other ids would be about entries that nobody has."""
    loaded = make_site({"a.md": post("A", "2025-05-01")}, EXTRA)
    make_pass(loaded)
    (loaded.root / "content/a.md").rename(loaded.root / "content/b.md")
    make_pass(loaded, NOW + DAY)
    next(loaded.root.rglob("ledger.jsonl")).unlink()
    with store_of(loaded) as store:

        def recall(at: Loaded) -> Memory:
            return recalled(at, store)

        sight = preview.look(loaded, now=NOW + DAY, recall=recall)
        (named,) = sight.collected.named
        assert named.id == "tag:example.org,2025-05-01:a"
        assert named.id.encode() in publish.one(loaded, "all", "atom", now=NOW + DAY, recall=recall)[0]
        source = Source(name="old", format="atom", entries=(), shown=0)
        adopted = adopting.adopt(loaded, [source], now=NOW + DAY, replace=False, progress=publish.silent, recall=recall)
        assert [row.id for row in adopted.adoption.rows] == [named.id]
    (other,) = preview.look(loaded, now=NOW + DAY).collected.named
    assert other.id == "tag:example.org,2025-05-01:b"


def test_a_question_about_a_site_without_posts_is_answered(make_site: MakeSite) -> None:
    loaded = make_site({"a.md": post("A", "2025-05-01")}, EXTRA)
    make_pass(loaded)
    (loaded.root / "content/a.md").unlink()
    with store_of(loaded) as store:
        assert outlook(loaded, now=NOW, recall=lambda at: recalled(at, store)) == ()
