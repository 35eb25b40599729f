"""Push hooks of Git hosts: whether a request is theirs, and tells of a push.

========  =====================  ============================================
host      proof                  event
========  =====================  ============================================
GitHub    X-Hub-Signature-256    X-GitHub-Event: push
Gitea     X-Gitea-Signature      X-Gitea-Event: push (Forgejo too)
GitLab    X-Gitlab-Token         X-Gitlab-Event: Push Hook
========  =====================  ============================================

A signature is the HMAC-SHA256 of the body in hexadecimal; GitLab's token is the secret itself. What is in the body is not read: a
push means that the site is built anew, whoever pushed what.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections.abc import Sequence

_SIGNATURES = ("x-hub-signature-256", "x-gitea-signature", "x-forgejo-signature")
_EVENTS = ("x-gitea-event", "x-forgejo-event", "x-github-event", "x-gitlab-event")
_PUSHES = frozenset({"push", "push hook", "tag push hook"})


class Verdict(enum.Enum):
    """What a request to the hook is."""

    PUSH = "push"
    OTHER = "other"
    """Of the host, about something else: its greeting, for instance."""
    UNSIGNED = "unsigned"
    WRONG = "wrong"
    """Signed with another secret, or tampered with."""


def judge(fields: Sequence[tuple[str, str]], body: bytes, secret: bytes) -> Verdict:
    """Judge a request by its header fields (names in lower case), its body and the shared secret, in constant time."""
    first = {name: value.strip() for name, value in reversed(fields)}
    proofs = [first[name] for name in _SIGNATURES if name in first]
    if proofs:
        expected = hmac.new(secret, body, hashlib.sha256).hexdigest()
        genuine = all(hmac.compare_digest(_plain(proof), expected.encode()) for proof in proofs)
    elif "x-gitlab-token" in first:
        genuine = same(first["x-gitlab-token"].encode("latin-1", "replace"), secret)
    else:
        return Verdict.UNSIGNED
    if not genuine:
        return Verdict.WRONG
    event = next((first[name].lower() for name in _EVENTS if name in first), "push")
    return Verdict.PUSH if event in _PUSHES else Verdict.OTHER


def same(given: bytes, secret: bytes) -> bool:
    """Compare two secrets in a time that tells neither their contents nor their lengths."""
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(secret).digest())


def _plain(proof: str) -> bytes:
    return proof.lower().removeprefix("sha256=").encode("latin-1", "replace")
