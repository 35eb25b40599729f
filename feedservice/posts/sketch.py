"""Body → a few characters by which an edited copy of it is known again.

A sketch is a bottom-k sketch over the sentences of a body: of the hashes of all its sentences, the smallest. An edit
of one sentence changes one hash; two bodies have as large a part of their sketches in common as of their sentences.
"""

from __future__ import annotations

import zlib
from base64 import b64encode

_SIZE = 16
"""Hashes in a sketch: enough to tell half of a body from a tenth of it."""
_BYTES = 3
_SHORTEST = 12
"""Bytes of UTF-8. Shorter sentences are of no author in particular."""
_LONGEST = 8_000
"""Characters that are looked at: the beginning of a body is enough to know it by."""

_MARKS = b" \t\r\f\v#>*+-_`~|=:.,;'\""
"""What a sentence is stripped of: editors and converters change these."""
_STOP = "。".encode()


def sketch(body: str) -> str:
    """Return the sketch of a body: base64 of at most 16 hashes of 24 bits, smallest first; empty for one without a letter."""
    data = body[:_LONGEST].encode("utf-8", "surrogatepass")
    lines = data.replace(_STOP, b"\n").replace(b". ", b"\n").split(b"\n")
    pieces = {line.strip(_MARKS) for line in lines}
    long = [piece for piece in pieces if len(piece) >= _SHORTEST]
    hashes = sorted(map(zlib.crc32, long or pieces - {b""}))[:_SIZE]
    return b64encode(b"".join([(each >> 8).to_bytes(_BYTES, "big") for each in hashes])).decode()
