"""The watch over one hub, move by move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest

from feedservice.push import canary, signing
from feedservice.push.canary import PATIENCE, Callback, Standing, Watch

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
TOPIC = "https://example.org/feeds/all.atom"
HUB = "https://hub.example/"
DAY = 86400
NEW = Watch(hub=HUB, topic=TOPIC)
LATE = PATIENCE + 1


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def asking(watch: Watch = NEW, token: str = "t1", at: float = 0) -> Watch:
    return canary.asked(watch, canary.callback(token, "s" + token, HUB), after(at))


def listening(at: float = 0, lease: int = DAY, token: str = "t1", watch: Watch = NEW) -> Watch:
    found = canary.verified(asking(watch, token, at), token, TOPIC, "c", str(lease), after(at))
    assert found is not None
    return found


def delivered(watch: Watch, at: float, body: bytes = b"<feed/>") -> Watch:
    assert watch.active is not None
    return canary.arrived(watch, signing.hub_signature("sha256", watch.active.secret.encode(), body), body, after(at))


def test_a_request_names_a_callback_and_a_secret_of_its_own() -> None:
    asked = asking()
    made = canary.request(asked, "https://example.org/-/canary/")
    assert (made.method, made.url, made.headers) == ("POST", HUB, (("Content-Type", "application/x-www-form-urlencoded"),))
    assert dict(parse_qsl(made.body.decode("ascii"))) == {
        "hub.mode": "subscribe",
        "hub.topic": TOPIC,
        "hub.callback": "https://example.org/-/canary/t1",
        "hub.lease_seconds": "864000",
        "hub.secret": "st1",
    }
    # Over http, a secret would be none.
    assert canary.callback("t", "s", "http://hub.example/") == Callback(token="t")


@pytest.mark.parametrize(
    ("token", "topic", "challenge", "lease"),
    [
        ("t2", TOPIC, "c", "60"),
        ("", TOPIC, "c", "60"),
        ("t1", TOPIC + "x", "c", "60"),
        ("t1", "", "c", "60"),
        ("t1", TOPIC, "", "60"),
        ("t1", TOPIC, "<script>", "60"),
        ("t1", TOPIC, "日本", "60"),
        ("t1", TOPIC, "c" * 1025, "60"),
        ("t1", TOPIC, "c", "soon"),
        ("t1", TOPIC, "c", "-5"),
    ],
)
def test_only_what_was_asked_for_is_echoed(token: str, topic: str, challenge: str, lease: str) -> None:
    assert canary.verified(asking(), token, topic, challenge, lease, NOW) is None


def test_a_topic_is_the_same_however_it_is_encoded() -> None:
    assert canary.verified(asking(), "t1", TOPIC.replace("all", "%61ll"), "c", "", NOW) is not None


def test_an_echo_is_given_once() -> None:
    verified = listening()
    assert (verified.pending, verified.asks, verified.lease_end) == (None, 0, after(DAY))
    assert canary.verified(verified, "t1", TOPIC, "c", "60", NOW) is None
    assert canary.verified(NEW, "t1", TOPIC, "c", "60", NOW) is None


def test_latency_is_from_publication_to_arrival() -> None:
    watch = canary.published(listening(), 5, after(10))
    assert canary.standing(watch, after(11)) is Standing.EXPECTING
    # Of a burst the oldest counts.
    watch = canary.published(watch, 6, after(12))
    watch = delivered(watch, 13.5)
    assert (watch.latency, watch.since, watch.arrivals, watch.arrived_at) == (3.5, None, 1, after(13.5))
    assert canary.standing(watch, after(10 * LATE)) is Standing.ARRIVED
    # What comes unexpected is counted and measures nothing.
    again = delivered(watch, 20)
    assert (again.latency, again.arrivals) == (3.5, 2)


def test_a_version_that_is_known_or_older_than_the_subscription_is_not_expected() -> None:
    watch = canary.published(listening(at=100), 5, after(50))
    assert (watch.since, watch.version) == (None, 5)
    assert canary.published(watch, 5, after(200)) is watch
    assert canary.published(watch, 4, after(200)) is watch
    assert canary.published(asking(), 5, after(50)).since is None


def test_what_is_not_signed_as_it_must_be_did_not_arrive() -> None:
    watch = canary.published(listening(), 5, after(10))
    for signature in (None, "", "sha256=00", signing.hub_signature("sha256", b"other", b"<feed/>")):
        assert canary.arrived(watch, signature, b"<feed/>", after(11)) is watch


def test_silence_is_seen_and_ends_with_an_arrival() -> None:
    watch = canary.published(listening(), 5, after(10))
    assert canary.standing(watch, after(10 + PATIENCE)) is Standing.EXPECTING
    assert canary.standing(watch, after(10 + LATE)) is Standing.SILENT
    # The next version does not hide that the one before was missed.
    watch = canary.published(watch, 6, after(2 * LATE))
    assert (watch.missed, watch.since) == (1, after(2 * LATE))
    assert canary.standing(watch, after(2 * LATE)) is Standing.SILENT
    watch = delivered(watch, 2 * LATE + 2)
    assert (watch.missed, watch.latency) == (0, 2.0)
    assert canary.standing(watch, after(2 * LATE + 2)) is Standing.ARRIVED


def test_a_hub_that_never_verifies_is_silent() -> None:
    asked = asking()
    assert canary.standing(NEW, NOW) is Standing.ASKED
    assert canary.standing(asked, after(1)) is Standing.ASKED
    assert canary.standing(asked, after(LATE)) is Standing.SILENT
    assert canary.standing(asking(asked, "t2", LATE), after(LATE)) is Standing.SILENT


def test_a_refusal_stands_until_the_next_answer() -> None:
    refused = canary.refused(asking(), "answers 503")
    assert (refused.pending, canary.standing(refused, NOW)) == (None, Standing.REFUSED)
    again = asking(refused, "t2", 60)
    assert (again.refusal, canary.standing(again, after(61))) == ("answers 503", Standing.REFUSED)
    assert canary.standing(again, after(61 + LATE)) is Standing.SILENT
    assert canary.verified(again, "t1", TOPIC, "c", "", NOW) is None
    verified = canary.verified(again, "t2", TOPIC, "c", "", after(61))
    assert verified is not None
    assert (verified.refusal, canary.standing(verified, after(61))) == ("", Standing.LISTENING)


def test_a_denial_ends_what_it_is_about() -> None:
    assert canary.denied(asking(), "t1", TOPIC + "x", "no") is None
    denied = canary.denied(asking(), "t1", TOPIC, "no such\ntopic\x1b")
    assert denied is not None
    assert (denied.refusal, denied.pending) == ("denied: no such topic", None)
    ended = canary.denied(canary.published(listening(), 5, after(10)), "t1", TOPIC, "")
    assert ended is not None
    assert (ended.active, ended.since, canary.standing(ended, after(20))) == (None, None, Standing.REFUSED)
    # That a renewal was denied leaves what there is.
    renewing = canary.denied(asking(listening(), "t2"), "t2", TOPIC, "no")
    assert renewing is not None
    assert renewing.active == Callback(token="t1", secret="st1")


def test_a_lease_is_renewed_before_its_end_with_a_new_callback() -> None:
    watch = listening(lease=4000)
    assert canary.due(watch) == after(3000)
    renewing = asking(watch, "t2", 3000)
    assert renewing.active == watch.active
    renewed = canary.verified(renewing, "t2", TOPIC, "c", "4000", after(3001))
    assert renewed is not None
    assert renewed.active == Callback(token="t2", secret="st2")
    assert canary.due(renewed) == after(3001 + 3000)
    assert canary.standing(watch, after(4001)) is not Standing.LISTENING


def test_requests_that_come_to_nothing_are_made_ever_less_often() -> None:
    watch, at, waits = NEW, 0.0, []
    assert canary.due(watch) is None
    for number in range(6):
        watch = canary.refused(asking(watch, f"t{number}", at), "answers 503")
        found = canary.due(watch)
        assert found is not None
        waits.append((found - after(at)).total_seconds())
        at = (found - NOW).total_seconds()
    assert waits == [60, 600, 3600, 21600, 21600, 21600]
    # A request that is not answered yet is not made void before the hub had its time.
    assert canary.due(asking()) == after(PATIENCE)


def test_a_hub_that_does_not_deliver_is_asked_again_and_not_without_end() -> None:
    watch = canary.published(listening(lease=30 * DAY), 5, after(DAY))
    assert canary.due(watch) == after(DAY + PATIENCE)
    again = listening(at=DAY + PATIENCE, lease=30 * DAY, token="t2", watch=watch)
    assert again.since == watch.since
    assert canary.due(again) == after(DAY + PATIENCE + 21600)
