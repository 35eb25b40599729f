"""Signatures: WebSub's ``X-Hub-Signature``, and Standard Webhooks 1.0 with shared keys (``v1``) and ed25519 (``v1a``).

A message is signed anew for each attempt, with every key there is: while a key is changed, there are two.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from feedservice.model import Problem, Severity
from feedservice.push import ed25519

METHODS = ("sha1", "sha256", "sha384", "sha512")
"""Of ``X-Hub-Signature`` (WebSub §7.1); the last three are worth their name where TLS cannot be relied on (§8.3)."""

_SHARED = "whsec_"
_PRIVATE = "whsk_"
_LEAST, _MOST = 24, 64
"""Bytes of a shared key (Standard Webhooks §"Signature scheme")."""


def hub_signature(method: str, secret: bytes, body: bytes) -> str:
    """Return the value of ``X-Hub-Signature``: ``method=hexdigest`` (WebSub §7.1). Raises ``ValueError`` for another method."""
    if method not in METHODS:
        raise ValueError(f"there is no signature method {method!r}")
    return f"{method}={hmac.digest(secret, body, method).hex()}"


def is_hub_signature(given: str, secret: bytes, body: bytes) -> bool:
    """Return whether a value of ``X-Hub-Signature`` is that of this body, in constant time."""
    method = given.partition("=")[0]
    return method in METHODS and same(given, hub_signature(method, secret, body))


def same(one: str | bytes, other: str | bytes) -> bool:
    """Compare in a time that tells nothing about where they differ."""
    ours = one.encode("utf-8", "surrogatepass") if isinstance(one, str) else one
    theirs = other.encode("utf-8", "surrogatepass") if isinstance(other, str) else other
    return hmac.compare_digest(ours, theirs)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of Standard Webhooks. Its text is shown nowhere."""

    version: str
    """``v1`` or ``v1a``."""
    sign: Callable[[bytes], bytes] = dataclasses.field(repr=False)


def read_keys(text: str, *, path: str) -> tuple[tuple[Key, ...], tuple[Problem, ...]]:
    """Read the keys of a file, one in a line; empty lines and those that begin with ``#`` are none."""
    keys: list[Key] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), 1):
        written = line.strip()
        if not written or written.startswith("#"):
            continue
        found = _key(written)
        if isinstance(found, Key):
            keys.append(found)
        else:
            hint = "write whsec_ and 24 to 64 bytes in base64, or whsk_ and an ed25519 key of 32 or 64 bytes in base64"
            problems.append(
                Problem(rule="announce.key", severity=Severity.ERROR, message=found, hint=hint, path=path, line=number)
            )
    if not keys and not problems:
        message, hint = "there is no key in this file", "write whsec_ and 24 to 64 random bytes in base64"
        problems.append(Problem(rule="announce.key", severity=Severity.ERROR, message=message, hint=hint, path=path))
    return tuple(keys), tuple(problems)


def _key(written: str) -> Key | str:
    prefix = next((each for each in (_SHARED, _PRIVATE) if written.startswith(each)), None)
    if prefix is None:
        return "a key begins with whsec_ or whsk_"
    try:
        data = base64.b64decode(written.removeprefix(prefix), validate=True)
    except binascii.Error:
        return f"what follows {prefix} is no base64"
    if prefix == _SHARED:
        if not _LEAST <= len(data) <= _MOST:
            return f"a shared key has {_LEAST} to {_MOST} bytes, this one has {len(data)}"
        return Key(version="v1", sign=lambda message: hmac.new(data, message, hashlib.sha256).digest())
    if len(data) not in {ed25519.SEED, ed25519.PAIR}:
        return f"an ed25519 key has {ed25519.SEED} or {ed25519.PAIR} bytes, this one has {len(data)}"
    return Key(version="v1a", sign=ed25519.signer(data[: ed25519.SEED]))


def webhook_headers(id: str, body: bytes, keys: Sequence[Key], now: datetime) -> tuple[tuple[str, str], ...]:  # noqa: A002 - as in the specification
    """Return the three fields of Standard Webhooks; without keys, the first two."""
    if "." in id:
        raise ValueError(f"the id of a message has no dot: {id!r}")
    stamp = str(int(now.timestamp()))
    fields = [("webhook-id", id), ("webhook-timestamp", stamp)]
    if keys:
        signed = f"{id}.{stamp}.".encode() + body
        fields.append(("webhook-signature", " ".join(_signatures(keys, signed))))
    return tuple(fields)


def _signatures(keys: Iterable[Key], signed: bytes) -> Iterable[str]:
    return (f"{key.version},{base64.b64encode(key.sign(signed)).decode('ascii')}" for key in keys)
