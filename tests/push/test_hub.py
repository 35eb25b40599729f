"""The subscription machine: every row of the Recommendation that is a decision. The others are in ``tests/websub``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.deliveries import (
    Delivery,
    Failure,
    Lane,
    Outcome,
    State,
    Subscription,
    SubscriptionKey,
    TopicVersion,
    Trust,
)
from feedservice.model import EntrySpan
from feedservice.push import forms, hub, outbox, signing
from feedservice.push.hub import Asked, Notified, Refused
from feedservice.push.outbox import Verdict

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
TOPIC = "https://example.org/feeds/all.atom"
CALLBACK = "https://reader.example/push/k1?id=7&hub.mode=own"
CHALLENGE = "Zk3_-9aB"
FULL = {"hub.mode": "subscribe", "hub.callback": CALLBACK, "hub.topic": TOPIC}


def form(**changes: str | None) -> Mapping[str, tuple[str, ...]]:
    fields = {**FULL, **{"hub." + name: value for name, value in changes.items()}}
    return {name: (value,) for name, value in fields.items() if value is not None}


def asked(**changes: str | None) -> Asked:
    found = hub.read(form(**changes))
    assert isinstance(found, Asked)
    return found


def refused(**changes: str | None) -> Refused:
    found = hub.read(form(**changes))
    assert isinstance(found, Refused)
    assert found.status == 400
    return found


def verification(version: int = 3, **changes: str | None) -> Delivery:
    claimed = hub.verification(asked(**changes), version=version, challenge=CHALLENGE, default_lease=10 * hub.DAY, now=NOW)
    return dataclasses.replace(claimed, attempts=1, fence=1)


def answered(status: int | None = 200, answer: bytes = CHALLENGE.encode(), failure: Failure | None = None) -> Outcome:
    return Outcome(started=NOW, duration=0.1, status=status, answer=answer, failure=failure)


# Requests (H1, H2, H4, H5, H8–H11, H15, H17) -------------------------------------------------------------------------


def test_mode_callback_and_topic_are_enough() -> None:
    assert asked() == Asked(mode="subscribe", callback=CALLBACK, topic=TOPIC, secret=None, lease=None, verify_token=None)


def test_everything_that_may_be_asked_for() -> None:
    found = asked(secret="s3", lease_seconds="864000", verify_token="t0k")
    assert (found.secret, found.lease, found.verify_token) == (b"s3", 864000, "t0k")


@pytest.mark.parametrize("name", ["mode", "callback", "topic"])
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_is_named(name: str, value: str | None) -> None:
    assert f"hub.{name}" in refused(**{name: value}).text


@pytest.mark.parametrize("mode", ["Subscribe", "renew", "denied", "list"])
def test_another_mode_is_refused(mode: str) -> None:
    assert "subscribe or unsubscribe" in refused(mode=mode).text


@pytest.mark.parametrize("name", ["callback", "topic"])
@pytest.mark.parametrize(
    "url", ["reader.example", "ftp://h/", "https://u@h/", "https://h/#f", "https://h/\r\nX: y", "http://:80/"]
)
def test_a_url_that_cannot_be_called_is_refused(name: str, url: str) -> None:
    assert refused(**{name: url}).text.startswith(f"hub.{name} ")


@pytest.mark.parametrize("name", ["mode", "callback", "topic", "secret", "lease_seconds"])
def test_a_request_that_contradicts_itself_is_refused(name: str) -> None:
    contradicting = {**form(secret="a", lease_seconds="5"), f"hub.{name}": ("a", "b")}
    assert hub.read(contradicting) == Refused(status=400, text=f"hub.{name} is given twice")


def test_saying_the_same_twice_is_no_contradiction() -> None:
    assert isinstance(hub.read({**form(), "hub.topic": (TOPIC, TOPIC)}), Asked)


def test_unknown_parameters_are_ignored() -> None:
    assert hub.read({**form(), "hub.verify": ("sync", "async"), "hub.foo": ("1",), "x": ("",)}) == asked()


@pytest.mark.parametrize(("length", "fits"), [(1, True), (199, True), (200, False), (201, False)])
def test_a_secret_has_less_than_200_bytes(length: int, fits: bool) -> None:
    found = hub.read(form(secret="x" * length))
    assert isinstance(found, Asked) is fits


def test_bytes_are_counted_not_characters() -> None:
    assert isinstance(hub.read(form(secret="あ" * 66)), Asked)
    assert "200 bytes" in refused(secret="あ" * 67).text


def test_an_empty_secret_is_none() -> None:
    assert asked(secret="").secret is None


@pytest.mark.parametrize("text", ["ten", "-5", "1.5", "1e9", "٣"])
def test_a_lease_is_a_number(text: str) -> None:
    assert "hub.lease_seconds" in refused(lease_seconds=text).text


def test_on_unsubscribe_the_lease_is_ignored_whatever_it_says() -> None:
    found = asked(mode="unsubscribe", lease_seconds="soon", secret="x")
    assert (found.mode, found.lease, found.secret) == ("unsubscribe", None, None)


@pytest.mark.parametrize(
    ("wanted", "given_"),
    [(None, 10), (0, 10), (1, 1), (3600, 1), (hub.DAY, 1), (864000, 10), (30 * hub.DAY, 30), (999_999_999_999, 30)],
)
def test_a_lease_is_kept_between_a_day_and_thirty(wanted: int | None, given_: int) -> None:
    assert hub.lease(wanted, 10 * hub.DAY) == given_ * hub.DAY


def test_percent_encoding_that_is_not_needed_is_decoded() -> None:
    assert asked(topic="https://example.org/%66eeds/%7Eall.atom", callback="https://r.example/%41?x=%2F").topic == (
        "https://example.org/feeds/~all.atom"
    )
    assert asked(callback="https://r.example/%41?x=%2F").callback == "https://r.example/A?x=%2F"


def test_a_publisher_who_says_that_a_topic_changed_is_heard() -> None:
    assert hub.read({"hub.mode": ("publish",), "hub.url": ("a", "b", "a")}) == Notified(topics=("a", "b"))
    assert hub.read({"hub.mode": ("publish",), "hub.topic": ("%61", "b"), "hub.url": ("a",)}) == Notified(topics=("a", "b"))
    # As some publishers write several.
    assert hub.read({"hub.mode": ("publish",), "hub.url[]": ("a", "b")}) == Notified(topics=("a", "b"))


@pytest.mark.parametrize("more", [{}, {"hub.url": ("",)}, {"hub.callback": ("https://reader.example/",)}])
def test_a_publisher_names_what_changed(more: dict[str, tuple[str, ...]]) -> None:
    assert hub.read({"hub.mode": ("publish",), **more}) == Refused(status=400, text="hub.url is missing")


@given(st.dictionaries(st.sampled_from(["hub.mode", "hub.callback", "hub.topic", "hub.secret", "hub.lease_seconds"]), st.text()))
def test_no_form_crashes(fields: dict[str, str]) -> None:
    assert isinstance(hub.read({name: (value,) for name, value in fields.items()}), Asked | Refused | Notified)


# Verification of intent (H16, H22, H24–H26, H36) ---------------------------------------------------------------------


def test_a_verification_says_what_was_asked_and_keeps_the_query() -> None:
    request = hub.verifying(verification(lease_seconds="864000"))
    assert (request.method, request.body, request.trust) == ("GET", b"", Trust.CALLBACK)
    assert request.url.startswith(CALLBACK + "&")
    assert parse_qsl(urlsplit(request.url).query) == [
        ("id", "7"),
        ("hub.mode", "own"),
        ("hub.mode", "subscribe"),
        ("hub.topic", TOPIC),
        ("hub.challenge", CHALLENGE),
        ("hub.lease_seconds", "864000"),
    ]


def test_a_topic_with_a_query_is_encoded() -> None:
    topic = "https://example.org/feed?a=1&b=2"
    assert ("hub.topic", topic) in parse_qsl(urlsplit(hub.verifying(verification(topic=topic)).url).query)


def test_the_lease_that_is_said_is_the_one_that_is_given() -> None:
    request = hub.verifying(verification(lease_seconds="60"))
    assert ("hub.lease_seconds", str(hub.DAY)) in parse_qsl(urlsplit(request.url).query)


def test_an_unsubscription_is_verified_without_a_lease() -> None:
    names = [name for name, _ in parse_qsl(urlsplit(hub.verifying(verification(mode="unsubscribe")).url).query)]
    assert "hub.lease_seconds" not in names
    assert names.count("hub.challenge") == 1


def test_the_token_of_an_old_subscriber_is_echoed() -> None:
    parameters = parse_qsl(urlsplit(hub.verifying(verification(verify_token="a b&c")).url).query)
    assert parameters[-1] == ("hub.verify_token", "a b&c")
    assert "verify_token" not in hub.verifying(verification()).url


@pytest.mark.parametrize("challenge", ["", "a b", "a<b", "a?b", "あ", "a&b", "a~b", "a\n"])
def test_a_challenge_outside_the_alphabet_is_a_bug(challenge: str) -> None:
    with pytest.raises(ValueError, match="no challenge"):
        hub.verification(asked(), version=1, challenge=challenge, default_lease=hub.DAY, now=NOW)


def test_a_verification_has_its_own_lane_and_one_place_for_a_topic_and_callback() -> None:
    first, second = verification(), verification(secret="other", mode="unsubscribe")
    assert first.lane is Lane.VERIFICATION
    assert (first.kind, first.target, first.subject) == (second.kind, second.target, second.subject)
    assert verification(topic=TOPIC + "2").subject != first.subject


def test_the_secret_is_not_in_the_payload() -> None:
    found = verification(secret="s3cr3t")
    assert found.secret == b"s3cr3t"
    assert b"s3cr3t" not in found.payload


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_an_echo_with_any_2xx_verifies(status: int) -> None:
    reading = hub.verified(verification(lease_seconds="864000", secret="s"), answered(status), NOW)
    assert reading.verified == Subscription(
        key=SubscriptionKey(protocol="websub", topic=TOPIC, callback=CALLBACK),
        host="reader.example:443",
        secret=b"s",
        method="sha256",
        verified_at=NOW,
        lease_end=NOW + timedelta(days=10),
        delivered=3,
        due_at=NOW,
    )


def test_the_lease_begins_when_it_is_verified() -> None:
    late = NOW + timedelta(minutes=3)
    reading = hub.verified(verification(lease_seconds="86400"), answered(), late)
    assert reading.verified is not None
    assert reading.verified.lease_end == late + timedelta(days=1)


def test_a_renewal_without_a_secret_drops_it() -> None:
    reading = hub.verified(verification(), answered(), NOW)
    assert reading.verified is not None
    assert reading.verified.secret is None


def test_an_unsubscription_that_is_echoed_ends_it() -> None:
    reading = hub.verified(verification(mode="unsubscribe"), answered(), NOW)
    assert reading.ended == SubscriptionKey(protocol="websub", topic=TOPIC, callback=CALLBACK)
    assert reading.verified is None


@pytest.mark.parametrize("mode", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize(
    "outcome",
    [
        answered(200, b""),
        answered(200, CHALLENGE.encode() + b"\n"),
        answered(200, b'{"hub.challenge":"' + CHALLENGE.encode() + b'"}'),
        answered(200, CHALLENGE.lower().encode()),
        answered(301),
        answered(302),
        answered(308),
        answered(400),
        answered(404),
        answered(410),
    ],
)
def test_anything_else_leaves_the_subscription_as_it_was(mode: str, outcome: Outcome) -> None:
    delivery = verification(mode=mode)
    reading = hub.verified(delivery, outcome, NOW)
    assert (reading.verified, reading.ended, reading.verdict) == (None, None, Verdict.REFUSED)
    settled = outbox.settled(delivery, outcome, reading, jitter=0, now=NOW)
    assert (settled.verified, settled.ended, settled.delivery.state) == (None, None, State.FAILED)


@pytest.mark.parametrize("outcome", [answered(500), answered(503), answered(None, b"", Failure.TIMEOUT)])
def test_a_callback_that_does_not_work_is_asked_three_times(outcome: Outcome) -> None:
    delivery, states = verification(), []
    for attempt in range(1, 4):
        delivery = dataclasses.replace(delivery, attempts=attempt)
        delivery = outbox.settled(delivery, outcome, hub.verified(delivery, outcome, NOW), jitter=0, now=NOW).delivery
        states.append(delivery.state)
    assert states == [State.QUEUED, State.QUEUED, State.FAILED]


# Denial (H23) -----------------------------------------------------------------------------------------------------------


def test_a_denial_names_topic_and_reason() -> None:
    delivery = hub.denial(CALLBACK, TOPIC, "there is no such feed", nonce="n", now=NOW)
    request = hub.denying(delivery)
    assert request.method == "GET"
    assert parse_qsl(urlsplit(request.url).query)[2:] == [
        ("hub.mode", "denied"),
        ("hub.topic", TOPIC),
        ("hub.reason", "there is no such feed"),
    ]
    sent = hub.denied(delivery, answered(500, b""))
    assert (sent.verdict, sent.ended) == (
        Verdict.CONFIRMED,
        SubscriptionKey(protocol="websub", topic=TOPIC, callback=CALLBACK),
    )
    unsent = hub.denied(delivery, answered(None, b"", Failure.CONNECT))
    assert (unsent.verdict, unsent.ended) == (Verdict.LATER, None)


# Distribution (H6, H7, H17, H28–H35, H37) ---------------------------------------------------------------------------

BODY = b"<feed>\n<a/>\n<b/>\n<c/>\n</feed>"
VERSION = TopicVersion(
    topic=TOPIC,
    version=5,
    feed="all",
    etag="e5",
    media_type="application/atom+xml; charset=utf-8",
    link=f'<https://example.org/hub>; rel="hub", <{TOPIC}>; rel="self"',
    body=BODY,
    entries=(
        EntrySpan(id="a", digest="da", start=7, end=12),
        EntrySpan(id="b", digest="db", start=12, end=17),
        EntrySpan(id="c", digest="dc", start=17, end=22),
    ),
    published_at=NOW,
)
SUBSCRIPTION = Subscription(
    key=SubscriptionKey(protocol="websub", topic=TOPIC, callback=CALLBACK),
    host="reader.example:443",
    verified_at=NOW,
    lease_end=NOW + timedelta(days=10),
    delivered=3,
    tried=5,
    attempts=1,
    due_at=NOW,
    fence=4,
)


def test_a_delivery_has_the_type_of_the_topic_and_one_field_of_links() -> None:
    request = hub.distribution(SUBSCRIPTION, VERSION, None)
    assert (request.method, request.url, request.trust) == ("POST", CALLBACK, Trust.CALLBACK)
    assert request.headers == (("Content-Type", VERSION.media_type), ("Link", VERSION.link))
    assert request.body == BODY


@pytest.mark.parametrize("method", signing.METHODS)
def test_it_is_signed_exactly_when_there_is_a_secret(method: str) -> None:
    signed = dataclasses.replace(SUBSCRIPTION, secret=b"s", method=method)
    request = hub.distribution(signed, VERSION, frozenset({"da", "dc"}))
    signature = dict(request.headers)["X-Hub-Signature"]
    assert signature.startswith(method + "=")
    assert signing.is_hub_signature(signature, b"s", request.body)


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (frozenset({"db", "dc"}), b"<feed>\n<a/>\n</feed>"),
        (frozenset({"da"}), b"<feed>\n<b/>\n<c/>\n</feed>"),
        (frozenset({"old"}), BODY),
        (frozenset(), BODY),
        (None, BODY),
        # Something else than an entry is new, or an entry is gone: there is no way to say that but the whole.
        (frozenset({"da", "db", "dc"}), BODY),
    ],
)
def test_only_entries_that_were_not_sent_are_sent(sent: frozenset[str] | None, body: bytes) -> None:
    assert hub.distribution(SUBSCRIPTION, VERSION, sent).body == body


def test_a_topic_without_entries_is_sent_whole() -> None:
    empty = dataclasses.replace(VERSION, body=b"<feed/>", entries=())
    assert hub.distribution(SUBSCRIPTION, empty, frozenset({"da"})).body == b"<feed/>"


@pytest.mark.parametrize("status", [200, 202, 204])
def test_2xx_moves_the_cursor(status: int) -> None:
    found = hub.distributed(SUBSCRIPTION, 5, answered(status, b"ignored"), jitter=0, now=NOW)
    assert not found.ended
    assert (found.subscription.delivered, found.subscription.attempts, found.subscription.delivered_at) == (5, 0, NOW)
    assert found.subscription.last is not None
    assert found.subscription.last.answer == b""


def test_a_confirmation_changes_the_cursor_and_nothing_else() -> None:
    before = dataclasses.replace(
        SUBSCRIPTION,
        method="sha512",
        procedure="xml-rpc:ping",
        delivered_at=NOW - timedelta(days=1),
        tried=5,
        attempts=3,
        fence=7,
    )
    after = hub.distributed(before, 5, answered(204, b""), jitter=0, now=NOW).subscription
    cursor = {"delivered": 5, "delivered_at": NOW, "attempts": 0, "due_at": NOW, "last": answered(204, b"")}
    assert after == dataclasses.replace(before, **cursor)


def test_gone_ends_it() -> None:
    assert hub.distributed(SUBSCRIPTION, 5, answered(410), jitter=0, now=NOW).ended


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 405, 429, 500, 502, 503])
def test_everything_else_is_a_failure_that_is_tried_again(status: int) -> None:
    found = hub.distributed(SUBSCRIPTION, 5, answered(status), jitter=0, now=NOW)
    assert not found.ended
    assert (found.subscription.delivered, found.subscription.due_at) == (3, NOW + timedelta(seconds=10))
    assert found.subscription.lease_end == SUBSCRIPTION.lease_end


def test_after_the_last_attempt_the_version_is_given_up_and_the_subscription_lives() -> None:
    tired = dataclasses.replace(SUBSCRIPTION, attempts=outbox.ATTEMPTS)
    found = hub.distributed(tired, 5, answered(None, b"", Failure.CONNECT), jitter=0, now=NOW)
    assert not found.ended
    # Not tried with this version again; the entries it did not get are still to be sent with the next one.
    assert (found.subscription.due_at, found.subscription.delivered) == (SUBSCRIPTION.lease_end, 3)


def test_retry_after_is_heard() -> None:
    slow = Outcome(started=NOW, duration=0.1, status=503, retry_after=30)
    assert hub.distributed(SUBSCRIPTION, 5, slow, jitter=0, now=NOW).subscription.due_at == NOW + timedelta(seconds=30)


def test_a_version_that_cannot_be_sent_for_as_long_as_the_table_is_given_up_and_the_subscription_is_not() -> None:
    early = hub.held_back(SUBSCRIPTION, 900, NOW, since=NOW - timedelta(seconds=outbox.SPAN - 1))
    assert early == hub.held_back(SUBSCRIPTION, 900, NOW)
    late = hub.held_back(SUBSCRIPTION, 900, NOW, since=NOW - timedelta(seconds=outbox.SPAN))
    after = late.subscription
    # Nothing of this version is due before the lease ends.
    assert (late.ended, after.due_at, after.delivered) == (False, SUBSCRIPTION.lease_end, SUBSCRIPTION.delivered)
    assert after.last is not None
    assert after.last.failure is Failure.BREAKER


def test_one_held_back_has_not_been_tried() -> None:
    found = hub.held_back(SUBSCRIPTION, 7, NOW).subscription
    assert (found.attempts, found.due_at, found.delivered) == (0, NOW + timedelta(seconds=7), 3)


# Recorded shapes of readers -----------------------------------------------------------------------------------------


def test_freshrss_sends_no_secret_and_no_lease() -> None:
    body = b"hub.verify=sync&hub.mode=subscribe&hub.topic=https%3A%2F%2Fexample.org%2Ffeeds%2Fall.atom&hub.callback=https%3A%2F%2Frss.example%2Fapi%2Fpshb.php%3Fk%3Dabc"
    found = hub.read(forms.read(forms.FORM, body))
    assert found == Asked(
        mode="subscribe",
        callback="https://rss.example/api/pshb.php?k=abc",
        topic=TOPIC,
        secret=None,
        lease=None,
        verify_token=None,
    )


def test_newsblur_says_verify_twice_and_wants_its_token_back() -> None:
    body = (
        b"hub.callback=https%3A%2F%2Fpush.newsblur.example%2Fpush%2F12&hub.mode=subscribe&hub.topic=https%3A%2F%2Fexample.org%2Ffeeds%2Fall.atom"
        b"&hub.verify=async&hub.verify=sync&hub.verify_token=subscribe1a2b&hub.lease_seconds=864000"
    )
    found = hub.read(forms.read(forms.FORM + "; charset=utf-8", body))
    assert isinstance(found, Asked)
    delivery = hub.verification(found, version=1, challenge=CHALLENGE, default_lease=hub.DAY, now=NOW)
    assert hub.verifying(delivery).url.endswith("&hub.lease_seconds=864000&hub.verify_token=subscribe1a2b")
    assert json.loads(delivery.payload)["lease"] == 864000
