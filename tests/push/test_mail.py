"""E-mail to the operator: who is told, what it says, and how replies are read."""

from __future__ import annotations

import base64
from email import message_from_bytes
from email.policy import default

import pytest

from feedservice.deliveries import Delivery, Failure, Notice
from feedservice.errors import ConfigError
from feedservice.push import announce, mail
from feedservice.push.kinds import Terms
from feedservice.push.outbox import Verdict
from tests.push.conftest import Make

SETTINGS = "  email: {server: 'smtp://mail.example.org', to: [ops@example.org, b@example.org], user: ops}\n"
URL = "https://example.org/feeds/tea.atom"


def mailed(make: Make, settings: str = SETTINGS, **values: object) -> tuple[Delivery, ...]:
    held = Notice(held=True, feed="tea", url=URL, at=make.now, reasons="7 entries would be new at once; 'B' would be new")
    planned = announce.plan(
        make.occasion(settings, notices=(held, Notice(held=False, feed="ink", url=URL, at=make.now)), **values)
    )
    return tuple(each for each in planned if each.kind == "email")


def test_the_operator_is_told_in_words(make: Make) -> None:
    held, free = mailed(make)
    assert (held.target, held.host, held.topic, held.subject) == ("smtp://mail.example.org:587", "mail.example.org:587", "", "")
    sent = announce.request(held, Terms(now=make.now, tokens={held.target: "geheim"}))
    assert (sent.method, sent.url) == ("MAIL", "smtp://mail.example.org:587")
    assert sent.headers == (
        ("From", "ops@example.org"),
        ("To", "ops@example.org"),
        ("To", "b@example.org"),
        ("Authorization", "Basic " + base64.b64encode(b"ops:geheim").decode()),
    )
    message = message_from_bytes(sent.body, policy=default)
    assert message["Subject"] == "AIコンパス: the feed tea is held"
    assert message["From"] == "AIコンパス <ops@example.org>"
    assert message["To"] == "ops@example.org, b@example.org"
    assert message["Date"].datetime == make.now
    assert message["Message-ID"] == f"<{held.id}@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content().replace("\r\n", "\n")  # type: ignore[attr-defined]
    assert "held since 2026-11-26T12:00:00Z: readers keep the last one." in text
    assert "  - 7 entries would be new at once\n  - 'B' would be new\n" in text
    assert "feedservice release tea\n" in text
    assert text.endswith(f"{URL}\n")
    assert b"geheim" not in held.payload + sent.body
    said = message_from_bytes(announce.request(free, Terms(now=make.now)).body, policy=default)
    assert said["Subject"] == "AIコンパス: the feed ink is held no more"
    # The same message, dated anew.
    assert b"Message-ID" in sent.body
    assert announce.request(held, Terms(now=make.now)).headers == sent.headers[:-1]


def test_only_who_wants_to_know_is_told(make: Make) -> None:
    assert mailed(make, "") == ()
    assert mailed(make, "  email: {server: 'smtp://mail.example.org'}\n") == ()
    (only,) = mailed(make, SETTINGS.replace("user: ops", "events: feed.held, sender: feeds@example.org"))
    assert b'"from": "feeds@example.org"' in only.payload
    assert announce.plan(make.occasion(SETTINGS)) == ()


@pytest.mark.parametrize(
    ("server", "target"),
    [
        ("smtp://mail.example.org", "smtp://mail.example.org:587"),
        ("smtps://mail.example.org/", "smtps://mail.example.org:465"),
        ("smtp://127.0.0.1:2525", "smtp://127.0.0.1:2525"),
        ("smtp://[::1]", "smtp://[::1]:587"),
    ],
)
def test_where_the_server_is(make: Make, server: str, target: str) -> None:
    assert mailed(make, SETTINGS.replace("smtp://mail.example.org", server))[0].target == target


@pytest.mark.parametrize(
    "wrong",
    [
        "server: 'http://mail.example.org'",
        "server: 'smtp://user:pw@mail.example.org'",
        "server: mail.example.org",
        "to: 'Ops <ops@example.org>'",
        'to: ["ops@example.org\\nBcc: x@example.org"]',
        "sender: nobody",
        "events: post.published",
    ],
)
def test_what_cannot_be_meant_is_refused(make: Make, wrong: str) -> None:
    with pytest.raises(ConfigError):
        make.config(f"  email: {{{wrong}}}\n")


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(250, Verdict.CONFIRMED), (451, Verdict.LATER), (421, Verdict.LATER), (550, Verdict.REFUSED), (None, Verdict.LATER)],
)
def test_replies(make: Make, status: int | None, verdict: Verdict) -> None:
    held, _ = mailed(make)
    outcome = make.outcome(status) if status is not None else make.outcome(None, failure=Failure.TIMEOUT)
    assert mail.read(held, outcome, make.now).verdict is verdict
