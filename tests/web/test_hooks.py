from __future__ import annotations

import hashlib
import hmac

import pytest

from feedservice.web.hooks import Verdict, judge, same

SECRET = b"a secret of some length"
BODY = b'{"ref": "refs/heads/main"}'
DIGEST = hmac.new(SECRET, BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"x-hub-signature-256": f"sha256={DIGEST}", "x-github-event": "push"}, Verdict.PUSH),
        ({"x-hub-signature-256": f"sha256={DIGEST.upper()}", "x-github-event": "push"}, Verdict.PUSH),
        ({"x-hub-signature-256": f"sha256={DIGEST}", "x-github-event": "ping"}, Verdict.OTHER),
        ({"x-gitea-signature": DIGEST, "x-gitea-event": "push", "x-github-event": "push"}, Verdict.PUSH),
        ({"x-gitea-signature": DIGEST, "x-gitea-event": "issues"}, Verdict.OTHER),
        ({"x-forgejo-signature": DIGEST, "x-forgejo-event": "push"}, Verdict.PUSH),
        ({"x-gitlab-token": SECRET.decode(), "x-gitlab-event": "Push Hook"}, Verdict.PUSH),
        ({"x-gitlab-token": SECRET.decode(), "x-gitlab-event": "Tag Push Hook"}, Verdict.PUSH),
        ({"x-gitlab-token": SECRET.decode(), "x-gitlab-event": "Issue Hook"}, Verdict.OTHER),
        # A host that is told no event of: what it tells of is a push.
        ({"x-gitea-signature": DIGEST}, Verdict.PUSH),
        ({"x-gitlab-token": "another", "x-gitlab-event": "Push Hook"}, Verdict.WRONG),
        ({"x-hub-signature-256": "sha256=" + "0" * 64, "x-github-event": "push"}, Verdict.WRONG),
        ({"x-hub-signature-256": "", "x-github-event": "push"}, Verdict.WRONG),
        ({"x-hub-signature-256": "\u00ff", "x-github-event": "push"}, Verdict.WRONG),
        ({"x-hub-signature": "sha1=abc", "x-github-event": "push"}, Verdict.UNSIGNED),
        ({"x-github-event": "push"}, Verdict.UNSIGNED),
        # Whoever proves one and fails the other is not believed.
        ({"x-hub-signature-256": "sha256=0", "x-gitea-signature": DIGEST}, Verdict.WRONG),
        ({"x-hub-signature-256": "sha256=0", "x-gitlab-token": SECRET.decode()}, Verdict.WRONG),
    ],
)
def test_hosts_prove_themselves(fields: dict[str, str], verdict: Verdict) -> None:
    assert judge(tuple(fields.items()), BODY, SECRET) is verdict


def test_another_body_has_another_signature() -> None:
    assert judge((("x-gitea-signature", DIGEST),), BODY + b" ", SECRET) is Verdict.WRONG


def test_secrets_of_any_length_can_be_compared() -> None:
    assert same(b"a", b"a")
    assert not same(b"", b"a")
    assert not same(b"a" * 1000, b"a")
