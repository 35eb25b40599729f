"""Signatures, against the examples of RFC 2202, RFC 4231, RFC 8032 and Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from feedservice.push import signing

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


@pytest.mark.parametrize(
    ("method", "digest"),
    [
        ("sha1", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        ("sha256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ("sha384", "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"),
        (
            "sha512",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
    ],
)
def test_the_examples_of_the_rfcs(method: str, digest: str) -> None:
    found = signing.hub_signature(method, b"Jefe", b"what do ya want for nothing?")
    assert found == f"{method}={digest}"
    assert signing.is_hub_signature(found, b"Jefe", b"what do ya want for nothing?")


@pytest.mark.parametrize("method", ["md5", "SHA256", "", "sha224", "none"])
def test_another_method_is_a_bug_to_make_and_false_to_check(method: str) -> None:
    with pytest.raises(ValueError, match="no signature method"):
        signing.hub_signature(method, b"s", b"b")
    assert not signing.is_hub_signature(f"{method}=00", b"s", b"b")


@given(st.sampled_from(signing.METHODS), st.binary(max_size=199), st.binary(), st.binary())
def test_another_body_has_another_signature(method: str, secret: bytes, body: bytes, other: bytes) -> None:
    signature = signing.hub_signature(method, secret, body)
    assert signing.is_hub_signature(signature, secret, other) is (body == other)
    assert not signing.is_hub_signature(signature.upper(), secret, body)


@given(st.text(), st.text())
def test_same_compares_any_two_texts(one: str, other: str) -> None:
    assert signing.same(one, other) is (one == other)


def test_the_example_of_standard_webhooks() -> None:
    keys, problems = signing.read_keys(WHSEC, path="k")
    assert problems == ()
    at = datetime.fromtimestamp(1614265330, UTC)
    fields = dict(signing.webhook_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', keys, at))
    assert fields == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("data", [SEED, SEED + PUBLIC])
def test_ed25519_can_be_checked_with_the_public_key(data: bytes) -> None:
    keys, problems = signing.read_keys(f"whsk_{base64.b64encode(data).decode()}", path="k")
    assert problems == ()
    fields = dict(signing.webhook_headers("m1", b"body", keys, NOW))
    version, _, signature = fields["webhook-signature"].partition(",")
    assert version == "v1a"
    stamp = fields["webhook-timestamp"]
    Ed25519PublicKey.from_public_bytes(PUBLIC).verify(base64.b64decode(signature), f"m1.{stamp}.body".encode())
    assert Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw() == PUBLIC


def test_while_a_key_is_changed_there_are_two_signatures() -> None:
    old, new = base64.b64encode(b"o" * 24).decode(), base64.b64encode(b"n" * 64).decode()
    keys, problems = signing.read_keys(f"# new first\nwhsec_{new}\n\n  whsec_{old}  \n", path="k")
    assert problems == ()
    signatures = dict(signing.webhook_headers("m", b"b", keys, NOW))["webhook-signature"].split(" ")
    expected = [
        "v1," + base64.b64encode(hmac.new(secret, f"m.{int(NOW.timestamp())}.b".encode(), hashlib.sha256).digest()).decode()
        for secret in (b"n" * 64, b"o" * 24)
    ]
    assert signatures == expected


def test_the_stamp_is_the_same_instant_in_every_zone() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=9)))
    assert signing.webhook_headers("m", b"b", (), there) == signing.webhook_headers("m", b"b", (), NOW)


def test_without_a_key_nothing_is_signed() -> None:
    assert [name for name, _ in signing.webhook_headers("m", b"b", (), NOW)] == ["webhook-id", "webhook-timestamp"]


def test_an_id_with_a_dot_is_a_bug() -> None:
    with pytest.raises(ValueError, match="no dot"):
        signing.webhook_headers("m.1", b"b", (), NOW)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "there is no key in this file"),
        ("# only a remark", None, "there is no key in this file"),
        ("\nsecret", 2, "a key begins with whsec_ or whsk_"),
        ("whsec_***", 1, "what follows whsec_ is no base64"),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), 1, "a shared key has 24 to 64 bytes, this one has 23"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), 1, "a shared key has 24 to 64 bytes, this one has 65"),
        ("whsk_" + base64.b64encode(b"x" * 33).decode(), 1, "an ed25519 key has 32 or 64 bytes, this one has 33"),
    ],
)
def test_what_is_no_key_is_named_with_its_line_and_never_shown(text: str, line: int | None, message: str) -> None:
    keys, problems = signing.read_keys(text, path="hook.key")
    assert keys == ()
    assert [(p.rule, p.path, p.line, p.message) for p in problems] == [("announce.key", "hook.key", line, message)]


def test_a_key_does_not_print_its_secret() -> None:
    (key,), _ = signing.read_keys(WHSEC, path="k")
    assert repr(key) == "Key(version='v1')"
