"""Rows to remember, and programs that remember them in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from feedservice.model import EntrySpan, Fingerprint
from feedservice.store import BodyRow, Changes, DocumentRow, FeedRow, LedgerRow, PastVersion, PostRow, Store
from feedservice.store.history import Event, What

Place = Path | str
T = TypeVar("T")

NOW = datetime(2026, 11, 24, 3, 4, 5, 678901, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STRANGE = [
    "a.md",
    "A.md",
    "_posts/2025-11-17-投資分析.md",
    "e\u0301.md",
    "\u00e9.md",
    "\udcff\udc80.md",  # a file name that is no UTF-8
    "\ud83d.md",
    "\uffff.md",
    "😀.md",
    "new\nline.md",
    "percent%20 and space.md",
    "",
]


def post(path: str, record: bytes = b"record", *, context: str = "context", inode: int = 7) -> PostRow:
    fingerprint = Fingerprint(size=len(record), mtime_ns=1_700_000_000_000_000_001, inode=inode)
    return PostRow(path=path, fingerprint=fingerprint, context=context, record=record)


def posts(count: int, record: bytes = b"record") -> list[PostRow]:
    return [post(f"{number:06}.md", record) for number in range(count)]


def document(
    path: str = "feeds/all.atom", etag: str = "e1", *, at: datetime = NOW, digests: Sequence[str] = ("d1",)
) -> DocumentRow:
    spans = tuple(EntrySpan(id=f"id {digest}", digest=digest, start=9 * n, end=9 * n + 8) for n, digest in enumerate(digests))
    return DocumentRow(
        path=path,
        feed="all",
        format="atom",
        url="https://example.org/feeds/all.atom",
        media_type="application/atom+xml",
        etag=etag,
        last_modified=at,
        size=1234,
        entries=spans,
    )


def past(row: DocumentRow, replaced_at: datetime) -> PastVersion:
    digests = frozenset(span.digest for span in row.entries)
    return PastVersion(path=row.path, etag=row.etag, last_modified=row.last_modified, digests=digests, replaced_at=replaced_at)


def everything(store: Store) -> dict[str, object]:
    indexed = list(store.posts())
    return {
        "posts": indexed,
        "bodies": store.bodies([(each.path, key) for each in indexed for key in ("k", "k1", "k2")]),
        "documents": list(store.documents()),
        "versions": list(store.versions()),
        "feeds": list(store.feeds()),
        "ledger": list(store.ledger()),
        "events": list(store.events()),
        "meta": store.meta(),
    }


def fill(store: Store) -> dict[str, object]:
    """Remember something of everything, with a past version."""
    for etag in ("e0", "e1"):
        store.publish(
            at=NOW,
            posts=Changes(changed=[post("a.md"), post("b.md")]),
            bodies=[BodyRow(path="a.md", key="k", body=b"body")],
            documents=Changes(changed=[document(etag=etag)]),
            feeds=Changes(changed=[FeedRow(key="all", inputs=etag, record=b"files")]),
            ledger=Changes(changed=[LedgerRow(path="a.md", id="tag:a", first_seen=NOW, line="{}")]),
            events=[Event(at=NOW, what=What.PUBLISHED, feed="all")] if etag == "e0" else [],
            meta={"pass": "1"},
        )
    filled = everything(store)
    assert all(filled.values())
    return filled


class Watched(Sequence[T]):
    """Rows of which one calls before it is handed out: a pause, or an accident, in the middle of a write."""

    def __init__(self, rows: Sequence[T], at: int, call: Callable[[], object]) -> None:
        self._rows, self._at, self._call = rows, at, call

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> T:
        if index == self._at:
            self._call()
        return self._rows[index]


def accident() -> None:
    raise ConnectionAbortedError("in the middle")


KILLED = """
import pathlib, sys, time
from feedservice.store.sql import open_store
from tests.store.samples import NOW, Changes, Watched, document, posts

def wait():
    print("in the middle", flush=True)
    time.sleep(600)

place = sys.argv[2] if sys.argv[1] == "str" else pathlib.Path(sys.argv[2])
store = open_store(place)
rows = posts(20_000, b"x" * 1024)
store.publish(at=NOW, documents=Changes(changed=[document(etag="e9")]), posts=Changes(changed=Watched(rows, 15_000, wait)))
"""

OPENED = """
import pathlib, sys
from feedservice.store.sql import open_store
from tests.store.samples import post

place = sys.argv[2] if sys.argv[1] == "str" else pathlib.Path(sys.argv[2])
sys.stdin.readline()
store = open_store(place)
store.replace_posts([post(sys.argv[3])])
store.close()
"""


def start(program: str, place: Place, *arguments: str) -> subprocess.Popen[str]:
    kind = "str" if isinstance(place, str) else "path"
    command = [sys.executable, "-c", program, kind, str(place), *arguments]
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root)
