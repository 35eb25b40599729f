"""A large document's gzip is made of parts: whatever changes, it is the document, and the same however it came about."""

from __future__ import annotations

import gzip
import hashlib
import random
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.model import EntrySpan
from feedservice.service import compress, output
from feedservice.service.compress import gzip_of_parts, has_parts
from feedservice.service.output import Output
from feedservice.service.shelf import stat_of

NOW = datetime(2025, 6, 1, tzinfo=UTC)


def document(entries: Sequence[bytes], head: bytes = b"<feed>\n", between: bytes = b"\n") -> tuple[bytes, tuple[EntrySpan, ...]]:
    """Put entries together, as ``feeds.assemble`` does."""
    body, spans = head, []
    for number, entry in enumerate(entries):
        body += between if number else b""
        digest = hashlib.blake2b(entry, digest_size=8).hexdigest()
        spans.append(EntrySpan(id=digest, digest=digest, start=len(body), end=len(body) + len(entry)))
        body += entry
    return body + b"\n</feed>", tuple(spans)


def text(number: int, size: int = 40_000) -> bytes:
    """Return an entry that is like others and the same as none."""
    rng = random.Random(number)
    words = ["活字", "締切", "時差", "校正", "見出し", "配達", "余白", "索引", "版面", "原稿", "<p>", "</p>", "2025", "読者"]
    return ("".join(rng.choices(words, k=size // 6)) + str(number)).encode()


Entries = st.lists(
    st.one_of(st.integers(0, 9).map(lambda number: text(number, 3_000)), st.binary(max_size=40), st.just(b"\0\0\xff\xff")),
    min_size=1,
)


@given(st.lists(Entries, min_size=2, max_size=4), st.sampled_from([b"\n", b"", b",\n"]))
def test_whatever_a_document_was_before_it_is_decoded_to_what_it_is(versions: Sequence[Sequence[bytes]], between: bytes) -> None:
    coded, before = b"", ()
    for number, entries in enumerate(versions):
        body, spans = document(entries, b"<feed>%d" % number, between)
        coded, before = gzip_of_parts(body, spans, coded, before), spans
        assert gzip.decompress(coded) == body
        # The same document has the same bytes on a machine that never saw another.
        assert coded == gzip_of_parts(body, spans)


def test_what_did_not_change_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    real = compress._part

    def watched(body: bytes, history: bytes = b"") -> bytes:
        made.append(len(body))
        return real(body, history)

    entries = [text(number) for number in range(20)]
    body, spans = document(entries)
    coded = gzip_of_parts(body, spans)
    monkeypatch.setattr(compress, "_part", watched)
    # A new one in front, and the last one gone: the head, the new one, the one that looks back to it, the tail.
    new_body, new_spans = document([text(99), *entries[:-1]])
    new = gzip_of_parts(new_body, new_spans, coded, spans)
    assert (len(made), gzip.decompress(new)) == (4, new_body)
    made.clear()
    # One in the middle is edited.
    edited_body, edited_spans = document([*entries[:7], entries[7] + b" ", *entries[8:]])
    edited = gzip_of_parts(edited_body, edited_spans, coded, spans)
    assert (len(made), gzip.decompress(edited)) == (4, edited_body)


@pytest.mark.parametrize(
    "damage",
    [
        lambda coded: coded[:5000] + bytes([coded[5000] ^ 1]) + coded[5001:],
        lambda coded: coded[: len(coded) // 2],
        lambda coded: coded.replace(b"\0\0\xff\xff", b"\0\0\xff\xfe", 1),
        lambda _: gzip.compress(b"another file"),
        lambda _: b"",
    ],
)
def test_an_earlier_version_that_is_damaged_damages_nothing(damage: object) -> None:
    assert callable(damage)
    entries = [text(number) for number in range(8)]
    body, spans = document(entries)
    coded = damage(gzip_of_parts(body, spans))
    new_body, new_spans = document([text(99), *entries])
    assert gzip.decompress(gzip_of_parts(new_body, new_spans, coded, spans)) == new_body


def test_parts_are_one_stream_that_is_hardly_longer() -> None:
    body, spans = document([text(number) for number in range(20)])
    coded = gzip_of_parts(body, spans)
    whole = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert (whole.decompress(coded), whole.eof, whole.unused_data) == (body, True, b"")
    assert len(coded) < len(gzip.compress(body, 6)) * 1.02


def test_small_documents_and_those_without_entries_are_coded_whole() -> None:
    body, spans = document([text(number, 150_000) for number in range(8)])
    assert has_parts(body, spans)
    assert not has_parts(body, ())
    assert not has_parts(body, spans[:1])
    assert not has_parts(body[:500_000], spans)


def test_the_earlier_version_is_the_file_that_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    real = output.gzip_of_parts

    def watched(body: bytes, entries: Sequence[EntrySpan], coded: bytes, before: Sequence[EntrySpan]) -> bytes:
        asked.append(bool(coded))
        return real(body, entries, coded, before)

    monkeypatch.setattr(output, "gzip_of_parts", watched)
    entries = [text(number, 150_000) for number in range(8)]

    def put(before: Output | None, *new: bytes) -> Output:
        known = {each.path: each for each in before.published} if before is not None else {}
        stats = {path: stat_of(tmp_path, each) for path, each in known.items()}
        body, spans = document([*new, *entries])
        if before is not None and new == (b"after others wrote",):
            (tmp_path / "feed.atom.gz").write_bytes(gzip.compress(b"others"))
        with Output(tmp_path, ("gzip",), before=known, stats=stats) as made:
            made.put("feed.atom", body, name="atom", media_type="x/y", last_modified=NOW, entries=spans)
            made.commit()
        assert gzip.decompress((tmp_path / "feed.atom.gz").read_bytes()) == body
        return made

    first = put(None)
    second = put(first, b"new")
    put(second, b"after others wrote")
    assert asked == [False, True, False]
