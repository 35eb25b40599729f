"""Content codings, made once when a document is published: what every answer would otherwise cost again and again.

The same bytes give the same coded bytes: no file name, no time stamp, and nothing of how a document came to be what it is.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import brotli
import deflate

from feedservice.model import EntrySpan

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SUFFIXES: Mapping[str, str] = {"gzip": ".gz", "br": ".br", "zstd": ".zst"}
"""Content coding (RFC 9110 §8.4.1) → ending of the file beside the document: what nginx, Caddy and CDNs look for."""

SMALLEST = 512
"""Bytes from which on a coding is worth its header and its file."""


_LARGE = 256 * 1024
"""Bytes from which on a document has somebody waiting for it: a level less halves the time and costs its readers a tenth."""
_WINDOW = (16, 22)
"""Brotli's window, least and most, in bits."""


def _gzip(body: bytes) -> bytes:
    # What zlib makes at its usual level, within a hundredth of its size and in a third of the time.
    return bytes(deflate.gzip_compress(body, 6))


def _br(body: bytes) -> bytes:
    # Quality 5 is as quick as gzip and 15 % smaller; 11 gains 10 % more and takes fifty times as long. A window that is no larger
    # than the body has the same bytes made in three quarters of the time: memory that is not asked for need not be cleared.
    window = min(max(len(body).bit_length(), _WINDOW[0]), _WINDOW[1])
    return brotli.compress(body, quality=5 if len(body) < _LARGE else 4, lgwin=window)


def _zstd(body: bytes) -> bytes:
    return zstd.compress(body, level=6 if len(body) < _LARGE else 4)


_CODERS: Mapping[str, Callable[[bytes], bytes]] = {"gzip": _gzip, "br": _br, "zstd": _zstd}


def compress(coding: str, body: bytes) -> bytes:
    """Return the body in a content coding (a key of ``SUFFIXES``)."""
    return _CODERS[coding](body)


# A large feed, of which one entry changed ---------------------------------------------------------------------------------

_WORTH = 1 << 20
"""Bytes from which on parts are worth it: they cost three times as much when all are made, in a first build."""
_HISTORY = 1 << 15
"""Bytes that DEFLATE looks back (RFC 1951 §2)."""
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
"""RFC 1952 §2.3: no name, no time, no system."""
_FLUSHED = b"\0\0\xff\xff"
"""What a flush ends in, on a whole byte: an empty stored block (RFC 1951 §3.2.4)."""
_END = b"\x03\0"
"""The last block, an empty one."""
_SUMS = struct.Struct("<LL")


def has_parts(body: bytes, entries: Sequence[EntrySpan]) -> bool:
    """Say whether the gzip form of a document is made of parts."""
    return len(body) >= _WORTH and len(entries) > 1


def gzip_of_parts(body: bytes, entries: Sequence[EntrySpan], coded: bytes = b"", before: Sequence[EntrySpan] = ()) -> bytes:
    """Return a document in gzip, one stream whose parts are flushed where its entries end.

    A part depends on its entry and on the one before it, which is what it looks back to, and on nothing else: those that are in
    ``coded``, an earlier version with the entries ``before``, are taken from there. The bytes are those that would be made, and
    cost what changed. What was put together is read back; when it is not the body, all parts are made.
    """
    known = _known(coded, before)
    if known:
        found = _joined(body, entries, known)
        if is_gzip_of(found, body):
            return found
    return _joined(body, entries, {})


def is_gzip_of(coded: bytes, body: bytes) -> bool:
    """Say whether a gzip form is that of a body."""
    try:
        return bool(deflate.gzip_decompress(coded, len(body)) == body)
    except deflate.DeflateError:
        return False


def _known(coded: bytes, before: Sequence[EntrySpan]) -> dict[tuple[str, str], bytes]:
    """Return (digest of the entry before, digest) → part, of an earlier version; nothing when it has no such parts."""
    head, *parts = coded.split(_FLUSHED) if before else [b""]
    if not head.startswith(_HEADER) or len(parts) != len(before) + 2:
        return {}
    keys = zip(["", *(span.digest for span in before)], (span.digest for span in before), strict=False)
    return {key: part + _FLUSHED for key, part in zip(keys, parts, strict=False)}


def _joined(body: bytes, entries: Sequence[EntrySpan], known: Mapping[tuple[str, str], bytes]) -> bytes:
    return b"".join((_HEADER, *_parts(body, entries, known), _END, _SUMS.pack(deflate.crc32(body), len(body) & 0xFFFFFFFF)))


def _parts(body: bytes, entries: Sequence[EntrySpan], known: Mapping[tuple[str, str], bytes]) -> Iterator[bytes]:
    """Yield the head, every entry with what stands before it, and the tail."""
    yield _part(body[: entries[0].start])
    start, digest, history = entries[0].start, "", b""
    for span in entries:
        part = known.get((digest, span.digest))
        yield part if part is not None else _part(body[start : span.end], history)
        start, digest, history = span.end, span.digest, body[max(span.start, span.end - _HISTORY) : span.end]
    yield _part(body[start:])


def _part(body: bytes, history: bytes = b"") -> bytes:
    options = (zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_DEFAULT_STRATEGY)
    work = zlib.compressobj(6, *options, history) if history else zlib.compressobj(6, *options)
    return work.compress(body) + work.flush(zlib.Z_SYNC_FLUSH)
