"""How far a post has come, in one sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from feedservice.cli.reach import Reach, bare, sentence
from feedservice.deliveries import Delivery, Failure, Lane, Outcome
from feedservice.store.history import Event, What

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def told(kind: str, host: str, note: str, what: What = What.ANNOUNCED) -> Event:
    return Event(at=NOW + timedelta(seconds=1), what=what, feed="all", kind=kind, host=host, note=note, of=NOW)


def confirmed(count: int, seconds: float) -> Event:
    return Event(at=NOW + timedelta(seconds=seconds), what=What.ANNOUNCED, feed="all", kind="websub", count=count, of=NOW)


def queued(kind: str, host: str, last: Outcome | None = None) -> Delivery:
    return Delivery(
        id="msg_1", kind=kind, target="t", host=host, payload=b"", lane=Lane.FIRST, created_at=NOW, due_at=NOW, last=last
    )


def of(*events: Event, **more: object) -> str:
    return sentence(Reach(id="tag:1", title="A winter walk", told=events, **more))  # type: ignore[arg-type]


def test_it_says_who_confirmed_who_is_tried_again_and_what_services_answered() -> None:
    events = (confirmed(412, 9), told("websub", "hub.example:443", "204"), told("indexnow", "api.indexnow.org:443", "202"))
    assert of(*events, missing=3, retrying=("a.example:443", "b.example:8080")) == (
        "A winter walk: 412 of 415 subscribers confirmed in 9.0 s, 3 retrying (a.example, b.example:8080), hub hub.example 204, "
        "IndexNow 202"
    )


@pytest.mark.parametrize(
    ("events", "more", "said"),
    [
        ((), {}, "nobody was told"),
        ((), {"missing": 0}, "nobody was told"),
        ((), {"missing": 2}, "0 of 2 subscribers confirmed, 2 to come"),
        ((confirmed(1, 0.25),), {"missing": 0}, "1 of 1 subscriber confirmed in 0.2 s"),
        # A newer version has gone out: how many of them this one missed is not known any more.
        ((confirmed(1200, 3), confirmed(3, 4)), {"missing": None}, "1,203 subscribers confirmed in 4.0 s"),
        # Three formats, one hub.
        (tuple(told("websub", "h.example:443", note) for note in ("204", "204", "500")), {}, "hub h.example 204/500"),
        ((told("webhook", "w.example:443", "", What.UNANNOUNCED),), {}, "webhook w.example not announced"),
        (
            (told("xmlrpc", "rpc.example:80", "200"), told("microblog", "micro.blog:443", "200")),
            {},
            "rpc.example 200, micro.blog 200",
        ),
        (
            (),
            {
                "queued": (
                    queued("websub", "h.example:443"),
                    queued("webhook", "w.example:443", Outcome(started=NOW, duration=1, status=503)),
                    queued("xmlrpc", "x.example:443", Outcome(started=NOW, duration=1, failure=Failure.TIMEOUT)),
                )
            },
            "hub h.example to come, webhook w.example retrying (503), x.example retrying (timeout)",
        ),
    ],
)
def test_it_says_no_more_than_is_known(events: tuple[Event, ...], more: dict[str, object], said: str) -> None:
    assert of(*events, **more) == f"A winter walk: {said}"


def test_a_port_that_goes_without_saying_is_not_said() -> None:
    assert [bare(host) for host in ("a.example:443", "a.example:80", "a.example:8443", "[::1]:80")] == [
        "a.example",
        "a.example",
        "a.example:8443",
        "[::1]",
    ]
