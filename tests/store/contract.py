"""What a store promises, as tests that any store can be put through: a subclass of ``StoreContract`` says where it is."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedservice.model import Document, EntrySpan, Fingerprint
from feedservice.store import (
    BodyRow,
    Changes,
    FeedRow,
    LedgerRow,
    PostRow,
    Store,
    StoreError,
    document_row,
    migrations,
    tables,
)
from feedservice.store.history import Event, What
from feedservice.store.sql import open_store
from tests.store.samples import (
    KILLED,
    MINUTE,
    NOW,
    OPENED,
    STRANGE,
    Place,
    Watched,
    accident,
    document,
    everything,
    fill,
    past,
    post,
    posts,
    start,
)


def url_of(place: Place) -> sa.URL:
    return sa.URL.create("sqlite", database=str(place)) if isinstance(place, Path) else sa.make_url(place)


@contextlib.contextmanager
def connected(place: Place) -> Iterator[sa.Connection]:
    """Reach a database behind the back of the store."""
    if isinstance(place, Path):
        place.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url_of(place), poolclass=sa.NullPool)
    with engine.begin() as connection:
        yield connection


class StoreContract:
    @pytest.fixture
    def place(self) -> Place:
        raise NotImplementedError

    @pytest.fixture
    def store(self, place: Place) -> Iterator[Store]:
        with contextlib.closing(open_store(place)) as store:
            yield store

    # What is read is what was written.

    def test_a_new_store_is_empty(self, store: Store) -> None:
        assert not any(everything(store).values())

    @pytest.mark.parametrize("path", STRANGE)
    def test_any_text_is_kept_exactly(self, store: Store, path: str) -> None:
        row = dataclasses.replace(document(path), feed=path, entries=(EntrySpan(id=path, digest="d", start=0, end=1),))
        known = LedgerRow(path=path, id=path, first_seen=NOW, line=path)
        made = FeedRow(key=path, inputs="hash", record=b"\0\xff")
        store.publish(
            at=NOW,
            posts=Changes(changed=[post(path)]),
            feeds=Changes(changed=[made]),
            bodies=[BodyRow(path=path, key="k", body=b"\0\xff")],
            documents=Changes(changed=[row]),
            ledger=Changes(changed=[known]),
            meta={"last": path},
        )
        assert everything(store) == {
            "posts": [post(path)],
            "bodies": {(path, "k"): b"\0\xff"},
            "documents": [row],
            "versions": [],
            "feeds": [made],
            "ledger": [known],
            "events": [],
            "meta": {"last": path},
        }
        store.publish(
            at=NOW,
            posts=Changes(removed=[path]),
            documents=Changes(removed=[path]),
            feeds=Changes(removed=[path]),
            ledger=Changes(removed=[path]),
            meta={"last": None},
        )
        assert {name for name, rows in everything(store).items() if rows} == {"versions"}

    # Each subclass runs it on a store of its own, and each example forgets what the one before wrote.
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors], max_examples=30)
    @given(paths=st.sets(st.text(st.characters(exclude_categories=()))))
    def test_order_is_that_of_code_points(self, store: Store, paths: set[str]) -> None:
        store.replace_posts([post(path) for path in paths], removed=[each.path for each in store.posts()])
        assert [each.path for each in store.posts()] == sorted(paths)

    def test_everything_is_ordered_by_path(self, store: Store) -> None:
        store.publish(
            at=NOW,
            documents=Changes(changed=[document(path) for path in STRANGE]),
            ledger=Changes(changed=[LedgerRow(path=path, id=path[::-1], first_seen=NOW, line="{}") for path in STRANGE]),
        )
        assert [each.path for each in store.documents()] == sorted(STRANGE)
        assert [each.path for each in store.ledger()] == sorted(STRANGE)

    @pytest.mark.parametrize("inode", [0, 2**63 - 1, 2**63, 2**64 - 1])
    @pytest.mark.parametrize("mtime_ns", [-1, 0, 2**63])
    def test_a_fingerprint_may_have_any_numbers(self, store: Store, inode: int, mtime_ns: int) -> None:
        row = dataclasses.replace(post("a.md"), fingerprint=Fingerprint(size=2**40, mtime_ns=mtime_ns, inode=inode))
        store.replace_posts([row])
        assert list(store.posts()) == [row]
        assert list(store.fingerprints()) == [("a.md", row.fingerprint, row.context)]

    def test_fingerprints_are_those_of_the_index_by_path(self, store: Store) -> None:
        store.replace_posts([post(path) for path in STRANGE])
        assert list(store.fingerprints()) == [(row.path, row.fingerprint, row.context) for row in store.posts()]
        store.replace_posts(removed=STRANGE)
        assert list(store.fingerprints()) == []

    @pytest.mark.parametrize("at", [datetime(1, 1, 1, tzinfo=UTC), NOW, datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)])
    def test_instants_are_exact(self, store: Store, at: datetime) -> None:
        known = LedgerRow(path="a.md", id="i", first_seen=at, line="{}")
        store.publish(at=NOW, documents=Changes(changed=[document(at=at)]), ledger=Changes(changed=[known]))
        assert list(store.documents()) == [document(at=at)]
        assert list(store.ledger()) == [known]

    def test_a_document_is_remembered_without_its_body(self) -> None:
        row = document(digests=["d1", "d2"])
        names = {field.name for field in dataclasses.fields(row)} - {"size"}
        assert document_row(Document(body=b"x" * row.size, **{name: getattr(row, name) for name in names})) == row

    def test_entries_keep_their_order(self, store: Store) -> None:
        row = document(digests=["z", "a", "m", "a"])
        store.publish(at=NOW, documents=Changes(changed=[row]))
        assert list(store.documents()) == [row]

    def test_many_rows_at_once(self, store: Store) -> None:
        rows = posts(2501)
        bodies = [BodyRow(path=row.path, key="k", body=row.path.encode()) for row in rows]
        documents = [document(row.path) for row in rows]
        store.publish(at=NOW, posts=Changes(changed=rows), bodies=bodies, documents=Changes(changed=documents))
        assert list(store.posts()) == rows
        assert list(store.documents()) == documents
        assert store.bodies((row.path, "k") for row in rows) == {(row.path, "k"): row.path.encode() for row in rows}
        paths = [row.path for row in rows[:-1]]
        store.publish(at=NOW, posts=Changes(removed=paths), documents=Changes(removed=paths))
        assert list(store.posts()) == rows[-1:]
        assert list(store.documents()) == documents[-1:]
        assert store.prune(NOW + MINUTE) == len(paths)

    # The index and its bodies.

    def test_posts_are_replaced_by_path(self, store: Store) -> None:
        store.replace_posts([post("a.md"), post("b.md"), post("c.md")])
        store.replace_posts([post("b.md", b"new")], removed=["a.md", "not there.md"])
        assert list(store.posts()) == [post("b.md", b"new"), post("c.md")]

    def test_the_last_row_of_a_path_counts_and_changed_outweighs_removed(self, store: Store) -> None:
        store.publish(
            at=NOW,
            posts=Changes(changed=[post("a.md", b"1"), post("a.md", b"2")], removed=["a.md"]),
            documents=Changes(changed=[document(etag="1"), document(etag="2")], removed=[document().path]),
        )
        assert list(store.posts()) == [post("a.md", b"2")]
        assert list(store.documents()) == [document(etag="2")]
        assert list(store.versions()) == []

    def test_bodies_are_found_by_path_and_key(self, store: Store) -> None:
        bodies = [BodyRow(path=path, key=key, body=f"{path} {key}".encode()) for path in ("a.md", "b.md") for key in ("k1", "k2")]
        store.replace_posts([post("a.md"), post("b.md")], bodies=bodies)
        assert store.bodies([("a.md", "k1"), ("b.md", "k2"), ("b.md", "k3"), ("c.md", "k1")]) == {
            ("a.md", "k1"): b"a.md k1",
            ("b.md", "k2"): b"b.md k2",
        }
        assert store.bodies([]) == {}

    @pytest.mark.parametrize(
        ("changed", "kept"),
        [
            (post("a.md", inode=8), {("a.md", "k1"), ("a.md", "k2")}),
            (post("a.md", b"another record"), {("a.md", "k2")}),
            (post("a.md", context="another"), {("a.md", "k2")}),
        ],
        ids=["touched", "record", "context"],
    )
    def test_bodies_of_a_post_that_became_another_go(self, store: Store, changed: PostRow, kept: set[tuple[str, str]]) -> None:
        first, second = (BodyRow(path="a.md", key=key, body=key.encode()) for key in ("k1", "k2"))
        other = BodyRow(path="b.md", key="k1", body=b"other")
        store.replace_posts([post("a.md"), post("b.md")], bodies=[first, other])
        store.replace_posts([changed], bodies=[second])
        assert set(store.bodies([("a.md", "k1"), ("a.md", "k2")])) == kept
        assert store.bodies([("b.md", "k1")]) == {("b.md", "k1"): b"other"}

    def test_bodies_go_with_their_post(self, store: Store) -> None:
        store.replace_posts([post("a.md")], bodies=[BodyRow(path="a.md", key="k", body=b"body")])
        store.replace_posts(removed=["a.md"])
        store.replace_posts([post("a.md")])
        assert store.bodies([("a.md", "k")]) == {}

    def test_a_body_without_a_post_is_refused(self, store: Store) -> None:
        before = fill(store)
        with pytest.raises(ValueError, match=r"not in the index: \['x\.md'\]"):
            store.replace_posts([post("c.md")], bodies=[BodyRow(path="x.md", key="k", body=b"")])
        assert everything(store) == before

    # Documents, and time that does not go backwards.

    def test_what_is_remembered_is_returned(self, store: Store) -> None:
        rows = [document("b"), document("a", at=NOW + MINUTE)]
        assert store.publish(at=NOW, documents=Changes(changed=rows)) == tuple(rows)

    @pytest.mark.parametrize("etag", ["e1", "e2"], ids=["same", "changed"])
    @pytest.mark.parametrize(("given", "kept"), [(-MINUTE, NOW), (timedelta(0), NOW), (MINUTE, NOW + MINUTE)])
    def test_last_modified_never_goes_backwards(self, store: Store, given: timedelta, kept: datetime, etag: str) -> None:
        store.publish(at=NOW, documents=Changes(changed=[document(), document("other")]))
        returned = store.publish(at=NOW, documents=Changes(changed=[document(etag=etag, at=NOW + given)]))
        assert returned == (document(etag=etag, at=kept),)
        assert list(store.documents()) == [document(etag=etag, at=kept), document("other")]

    def test_last_modified_never_goes_backwards_even_when_the_document_was_away(self, store: Store) -> None:
        store.publish(at=NOW, documents=Changes(changed=[document()]))
        store.publish(at=NOW, documents=Changes(removed=[document().path]))
        assert list(store.documents()) == []
        (back,) = store.publish(at=NOW, documents=Changes(changed=[document(etag="e2", at=NOW - MINUTE)]))
        assert back.last_modified == NOW

    def test_what_is_replaced_becomes_a_past_version(self, store: Store) -> None:
        first, second, third = (document(etag=etag, digests=[etag, "d"]) for etag in ("e1", "e2", "e3"))
        store.publish(at=NOW, documents=Changes(changed=[first, document("other")]))
        assert list(store.versions()) == []
        store.publish(at=NOW, documents=Changes(changed=[first]))
        assert list(store.versions()) == []
        store.publish(at=NOW + MINUTE, documents=Changes(changed=[second]))
        assert list(store.versions()) == [past(first, NOW + MINUTE)]
        store.publish(at=NOW + 2 * MINUTE, documents=Changes(changed=[third], removed=["other"]))
        assert list(store.versions()) == [
            past(second, NOW + 2 * MINUTE),
            past(first, NOW + MINUTE),
            past(document("other"), NOW + 2 * MINUTE),
        ]

    def test_what_is_made_anew_can_be_forgotten_and_the_rest_is_kept(self, store: Store, place: Place) -> None:
        before = fill(store)
        store.publish(at=NOW, documents=Changes(changed=[document("feeds/b.atom", at=NOW + MINUTE)]))
        with connected(place) as connection:
            connection.execute(sa.text("UPDATE documents SET entries = '[[' WHERE path = :path"), {"path": b"feeds/b.atom"})
        assert store.renew(NOW + 2 * MINUTE) == {"posts": 2, "feeds": 1, "documents": 1}
        lost = dataclasses.replace(past(document("feeds/b.atom", at=NOW + MINUTE), NOW + 2 * MINUTE), digests=frozenset())
        after = everything(store)
        assert after == before | {"posts": [], "bodies": {}, "feeds": [], "versions": [*before["versions"], lost]}  # type: ignore[misc]
        # What comes in its place is no older than it was.
        (again,) = store.publish(at=NOW, documents=Changes(changed=[document("feeds/b.atom", "e9")]))
        assert again.last_modified == NOW + MINUTE
        assert store.renew(NOW) == {"posts": 0, "feeds": 0, "documents": 0}

    def test_a_past_version_that_is_served_again_is_not_past(self, store: Store) -> None:
        first, second = document(etag="e1"), document(etag="e2")
        for minute, row in enumerate((first, second, first)):
            store.publish(at=NOW + minute * MINUTE, documents=Changes(changed=[row]))
        assert list(store.documents()) == [first]
        assert list(store.versions()) == [past(second, NOW + 2 * MINUTE)]
        store.publish(at=NOW + 3 * MINUTE, documents=Changes(changed=[second]))
        assert list(store.versions()) == [past(first, NOW + 3 * MINUTE)]

    def test_pruning_forgets_what_was_replaced_before(self, store: Store) -> None:
        for minute in range(4):
            store.publish(at=NOW + minute * MINUTE, documents=Changes(changed=[document(etag=str(minute))]))
        assert store.prune(NOW + 2 * MINUTE) == 1
        assert [each.etag for each in store.versions()] == ["2", "1"]
        assert store.prune(NOW + 2 * MINUTE) == 0
        assert [each.etag for each in store.documents()] == ["3"]

    def test_facts_are_replaced_and_forgotten(self, store: Store) -> None:
        store.publish(at=NOW, meta={"a": "1", "b": "2", "c": ""})
        store.publish(at=NOW, meta={"a": None, "b": "3", "d": None})
        assert store.meta() == {"b": "3", "c": ""}

    def test_the_ledger_is_by_id_and_a_path_may_have_had_several_posts(self, store: Store) -> None:
        first, second = (LedgerRow(id=name, path="a.md", first_seen=NOW, line=name) for name in ("tag:a", "tag:b"))
        store.publish(at=NOW, ledger=Changes(changed=[second, first]))
        moved = dataclasses.replace(first, path="b.md", line="moved")
        assert list(store.ledger()) == [first, second]
        store.publish(at=NOW, ledger=Changes(changed=[moved], removed=["tag:a", "tag:none"]))
        assert list(store.ledger()) == [second, moved]

    def test_a_ledger_row_outlives_its_post(self, store: Store) -> None:
        known = LedgerRow(path="a.md", id="tag:a", first_seen=NOW, line="{}")
        store.publish(at=NOW, posts=Changes(changed=[post("a.md")]), ledger=Changes(changed=[known]))
        store.replace_posts(removed=["a.md"])
        assert list(store.ledger()) == [known]

    def test_what_happened_is_kept_for_a_time(self, store: Store) -> None:
        first = Event(at=NOW, what=What.PUBLISHED, feed="all", id="tag:a", title="記事\udcff", note="")
        second = Event(at=NOW, what=What.HELD, feed="tea", note="why")
        told = Event(at=NOW + MINUTE, what=What.ANNOUNCED, feed="all", id="tag:a", kind="webhook", host="h", count=3, of=NOW)
        assert list(store.events()) == []
        store.publish(at=NOW, events=[first, second])
        store.publish(at=NOW, events=[told])
        assert list(store.events()) == [told, second, first]
        assert list(store.events(feed="all")) == [told, first]
        assert list(store.events(entry="tag:a", since=NOW + MINUTE)) == [told]
        store.publish(at=NOW, events_since=NOW + MINUTE)
        assert list(store.events()) == [told]

    @pytest.mark.parametrize("instant", [NOW.replace(tzinfo=None), NOW.astimezone(None)], ids=["naive", "other zone"])
    def test_an_instant_that_is_not_in_utc_is_a_bug(self, store: Store, instant: datetime) -> None:
        with pytest.raises(ValueError, match="last_modified must be"):
            document(at=instant)
        with pytest.raises(ValueError, match="first_seen must be"):
            LedgerRow(path="a.md", id="i", first_seen=instant, line="{}")
        with pytest.raises(ValueError, match="at must be"):
            store.publish(at=instant)
        with pytest.raises(ValueError, match="before must be"):
            store.prune(instant)

    # Whole or not at all.

    def test_the_same_again_changes_nothing(self, store: Store) -> None:
        before = fill(store)
        for minute in range(3):
            store.publish(
                at=NOW + minute * MINUTE,
                posts=Changes(changed=[post("a.md")], removed=["c.md"]),
                bodies=[BodyRow(path="a.md", key="k", body=b"body")],
                documents=Changes(changed=[document()], removed=["gone"]),
                ledger=Changes(changed=[LedgerRow(path="a.md", id="tag:a", first_seen=NOW, line="{}")]),
                meta={"pass": "1", "nothing": None},
            )
        assert everything(store) == before

    @pytest.mark.parametrize("noun", ["posts", "bodies", "feeds", "ledger"])
    def test_an_accident_in_the_middle_changes_nothing(self, store: Store, noun: str) -> None:
        before = fill(store)
        rows = {
            "posts": [post("a.md", b"new"), *posts(1500)],
            "bodies": [BodyRow(path=each.path, key="k", body=b"new") for each in posts(1500)],
            "feeds": [FeedRow(key=each.path, inputs="i", record=b"new") for each in posts(1500)],
            "ledger": [LedgerRow(path=each.path, id=each.path, first_seen=NOW, line="{}") for each in posts(1500)],
        }
        rows[noun] = Watched(rows[noun], 1200, accident)
        with pytest.raises(ConnectionAbortedError):
            store.publish(
                at=NOW,
                posts=Changes(changed=rows["posts"], removed=["b.md"]),
                bodies=rows["bodies"],
                documents=Changes(changed=[document(etag="e9"), document("new")]),
                feeds=Changes(changed=rows["feeds"], removed=["all"]),
                ledger=Changes(changed=rows["ledger"]),
                meta={"pass": "2"},
            )
        assert everything(store) == before
        store.publish(at=NOW, meta={"pass": "2"})
        assert everything(store) == {**before, "meta": {"pass": "2"}}

    def test_what_was_written_is_there_after_reopening(self, place: Place) -> None:
        with contextlib.closing(open_store(place)) as store:
            before = fill(store)
        for _ in range(2):
            with contextlib.closing(open_store(place)) as store:
                assert everything(store) == before
                assert store.integrity() == ()

    def test_a_killed_process_leaves_the_old_state(self, place: Place) -> None:
        with contextlib.closing(open_store(place)) as store:
            before = fill(store)
        with start(KILLED, place) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "in the middle\n"
            process.kill()
            process.communicate()
        with contextlib.closing(open_store(place)) as store:
            assert everything(store) == before
            assert store.integrity() == ()
            store.replace_posts([post("after.md")])
            assert post("after.md") in store.posts()

    # Readers and writers.

    def test_a_stream_sees_one_state(self, store: Store) -> None:
        before = posts(3000)
        store.replace_posts(before)
        stream = store.posts()
        seen = [next(stream)]
        store.replace_posts(posts(3000, b"new"), removed=[each.path for each in before[1000:]])
        seen += stream
        assert seen == before

    def test_bodies_are_those_of_one_state(self, store: Store) -> None:
        keys = [(row.path, "k") for row in posts(1500)]
        old, new = (dict.fromkeys(keys, body) for body in (b"old", b"new"))
        store.replace_posts(posts(1500), bodies=[BodyRow(path=path, key=key, body=b"old") for path, key in keys])
        rows = [BodyRow(path=path, key=key, body=b"new") for path, key in keys]
        assert store.bodies(Watched(keys, 1200, lambda: store.replace_posts(bodies=rows))) == old
        assert store.bodies(keys) == new

    def test_a_stream_may_be_closed_early_and_by_another_thread(self, store: Store) -> None:
        store.replace_posts(posts(3000))
        stream = store.posts()
        next(stream)
        with ThreadPoolExecutor(1) as thread:
            thread.submit(stream.close).result()
        assert list(stream) == []

    def test_readers_neither_wait_for_a_write_nor_see_its_middle(self, store: Store) -> None:
        before = fill(store)
        reached, go_on = threading.Event(), threading.Event()

        def wait() -> None:
            reached.set()
            assert go_on.wait(60)

        rows = Watched(posts(2000), 1500, wait)
        with ThreadPoolExecutor(5) as threads:
            writing = threads.submit(
                store.publish, at=NOW, posts=Changes(changed=rows), documents=Changes(changed=[document("x")])
            )
            try:
                assert reached.wait(60)
                readings = [threads.submit(everything, store) for _ in range(8)]
                assert [reading.result() for reading in readings] == [before] * 8
                assert not writing.done()
            finally:
                go_on.set()
            assert writing.result() == (document("x"),)
        assert len(list(store.posts())) == 2002

    def test_writes_of_many_threads_all_arrive(self, store: Store) -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda each: store.replace_posts([each]), posts(100)))
        assert list(store.posts()) == posts(100)

    def test_processes_that_open_and_write_together_all_arrive(self, place: Place) -> None:
        names = [f"{number}.md" for number in range(4)]
        processes = [start(OPENED, place, name) for name in names]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        errors = [process.communicate()[1] for process in processes]
        assert errors == [""] * 4
        with contextlib.closing(open_store(place)) as store:
            assert [each.path for each in store.posts()] == names

    def test_closing_twice_is_fine_and_a_closed_store_is_closed(self, store: Store) -> None:
        fill(store)
        open_stream = store.posts()
        assert next(open_stream) == post("a.md")
        store.close()
        store.close()
        assert list(open_stream) == [post("b.md")]
        calls: list[Callable[[], object]] = [
            store.posts, store.documents, store.versions, store.ledger, store.events, store.meta, store.integrity,
            store.replace_posts, lambda: store.bodies([]), lambda: store.publish(at=NOW), lambda: store.prune(NOW),
        ]  # fmt: skip
        for call in calls:
            with pytest.raises(RuntimeError, match="is closed"):
                call()

    def test_it_can_be_written_also_while_somebody_writes(self, store: Store) -> None:
        before = fill(store)
        reached, go_on = threading.Event(), threading.Event()

        def wait() -> None:
            reached.set()
            assert go_on.wait(60)

        store.writable()
        with ThreadPoolExecutor(1) as thread:
            writing = thread.submit(store.replace_posts, Watched(posts(2000), 1500, wait))
            try:
                assert reached.wait(60)
                store.writable()
                assert everything(store) == before
            finally:
                go_on.set()
            writing.result()
        store.writable()
        store.close()
        with pytest.raises(RuntimeError, match="is closed"):
            store.writable()

    # The schema.

    def test_a_healthy_store_has_integrity(self, store: Store) -> None:
        fill(store)
        assert store.integrity() == ()

    @pytest.mark.usefixtures("store")
    def test_the_migrations_make_the_tables_as_they_are_declared(self, place: Place) -> None:
        with connected(place) as connection:
            assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []

    def test_an_older_store_is_upgraded_and_keeps_what_it_has(self, place: Place) -> None:
        with connected(place) as connection:
            migrations.upgrade(connection, "0001")
            row = {"path": "古い.md".encode(), "fingerprint": "1 2 3", "context": "c", "record": b"r"}
            connection.execute(sa.text("INSERT INTO posts VALUES (:path, :fingerprint, :context, :record)"), row)
            assert migrations.current(connection) == "0001"
            assert not sa.inspect(connection).has_table("documents")
        with contextlib.closing(open_store(place)) as store:
            stat = Fingerprint(size=1, mtime_ns=2, inode=3)
            assert list(store.posts()) == [PostRow(path="古い.md", fingerprint=stat, context="c", record=b"r")]
            store.publish(at=NOW, documents=Changes(changed=[document()]))
        with connected(place) as connection:
            assert migrations.current(connection) == migrations.REVISIONS[-1]

    def test_ids_of_an_older_store_are_kept_with_all_that_was_known(self, place: Place) -> None:
        with connected(place) as connection:
            migrations.upgrade(connection, "0004")
            query = sa.text("INSERT INTO ledger (path, id, first_seen) VALUES (:path, :id, :seen)")
            rows = [("古い.md", "tag:a", 2), ("new.md", "tag:a", 7_000_003), ("\udcff.md", "tag:b", 7_000_000)]
            encoded = [(path.encode("utf-8", "surrogatepass"), name.encode(), seen) for path, name, seen in rows]
            connection.execute(query, [{"path": path, "id": name, "seen": seen} for path, name, seen in encoded])
        first, second = datetime(1970, 1, 1, 0, 0, 0, 2, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC)
        with contextlib.closing(open_store(place)) as store:
            kept = list(store.ledger())
        assert [(each.id, each.path, each.first_seen) for each in kept] == [
            ("tag:a", "古い.md", first),
            ("tag:b", "\udcff.md", second),
        ]
        said = json.loads(kept[0].line)
        assert said == {"id": "tag:a", "path": "古い.md", "origin": "tag", "first_seen": "1970-01-01T00:00:00.000002Z"}

    def test_an_upgrade_that_fails_changes_nothing(self, place: Place) -> None:
        with connected(place) as connection:
            migrations.upgrade(connection, "0001")
            # In the way of a later step of the next revision.
            connection.execute(sa.text("CREATE TABLE ledger (path TEXT)"))
        with pytest.raises(sa.exc.DBAPIError, match="already exists"):
            open_store(place)
        with connected(place) as connection:
            assert migrations.current(connection) == "0001"
            assert not sa.inspect(connection).has_table("documents")
            connection.execute(sa.text("DROP TABLE ledger"))
        with contextlib.closing(open_store(place)) as store:
            fill(store)

    def test_a_newer_store_is_refused_and_left_alone(self, place: Place) -> None:
        with contextlib.closing(open_store(place)) as store:
            fill(store)
        with connected(place) as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(StoreError, match="has schema 9999, and this program knows none after") as caught:
            open_store(place)
        assert "install the newer feedservice" in caught.value.hint
        with connected(place) as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM posts")).scalar() == 2
            assert migrations.current(connection) == "9999"

    def test_a_database_of_another_program_is_refused_and_left_alone(self, place: Place) -> None:
        with connected(place) as connection:
            connection.execute(sa.text("CREATE TABLE songs (title TEXT)"))
        with pytest.raises(StoreError, match="not those of feedservice"):
            open_store(place)
        with connected(place) as connection:
            assert sa.inspect(connection).get_table_names() == ["songs"]
