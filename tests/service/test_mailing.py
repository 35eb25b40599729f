"""E-mail on its way: a real server on loopback, its replies, its TLS, and its silence."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from feedservice.deliveries import Failure, Outcome, Request, Trust
from feedservice.push import mail
from feedservice.service.mailing import Mailer, tls_context
from tests.service.loopback import LOOPBACK, PATIENCE
from tests.service.mailbox import mailbox

T = TypeVar("T")
NOW = datetime(2026, 11, 24, 3, 4, 5, tzinfo=UTC)
BODY = b"Subject: Held\r\n\r\n.A line that begins with a dot.\r\n"
FIELDS = (("From", "feeds@example.org"), ("To", "a@example.org"), ("To", "b@example.org"))


def run(work: Coroutine[Any, Any, T]) -> T:
    async def main() -> T:
        async with asyncio.timeout(PATIENCE):
            return await work

    return asyncio.run(main())


async def nobody(host: str, _port: int) -> Sequence[str]:
    raise OSError(f"{host} is not known")


async def here(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def mailer(**options: Any) -> Mailer:
    values: dict[str, Any] = {"allowed": {Trust.OPERATOR: LOOPBACK}, "resolve": nobody, "now": lambda: NOW}
    return Mailer(**values | options)


def request(url: str, *, method: str = mail.METHOD, user: str = "", password: str | None = None) -> Request:
    fields = (*FIELDS, *mail.credentials(user, password))
    return Request(method=method, url=url, headers=fields, body=BODY, trust=Trust.OPERATOR)


def send(url: str, *, by: Mailer | None = None, **more: Any) -> Outcome:
    return run((by or mailer()).send(request(url, **more)))


@pytest.fixture
def server_tls(authority: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    return context


@pytest.fixture
def trusting(authority: tuple[Path, Path]) -> Mailer:
    def tls() -> ssl.SSLContext:
        context = tls_context()
        context.load_verify_locations(authority[0])
        return context

    return mailer(tls=tls, resolve=here)


def test_a_message_arrives_whole() -> None:
    with mailbox() as box:
        outcome = send(box.url)
    assert (outcome.status, outcome.failure, outcome.detail, outcome.started) == (250, None, "", NOW)
    (message,) = box.messages
    assert message["Subject"] == "Held"
    assert message.get_content().strip() == ".A line that begins with a dot."
    assert box.receivers == [["a@example.org", "b@example.org"]]
    assert box.commands[0] == "ehlo [127.0.0.1]"
    assert box.commands[-1] == "QUIT"


@pytest.mark.parametrize("implicit", [False, True], ids=["STARTTLS", "TLS"])
def test_a_password_is_sent_over_tls(server_tls: ssl.SSLContext, trusting: Mailer, *, implicit: bool) -> None:
    with mailbox(tls=server_tls, implicit=implicit) as box:
        url = f"{'smtps' if implicit else 'smtp'}://name.example:{box.port}"
        outcome = send(url, by=trusting, user="ops", password="geheim")
        assert (outcome.status, outcome.failure) == (250, None), outcome
        assert box.passwords == ["ops:geheim"]
        # Encrypted all the same when nobody signs in.
        assert send(url, by=trusting).status == 250
    assert len(box.messages) == 2


def test_without_tls_a_password_stays_here() -> None:
    with mailbox() as box:
        outcome = send(box.url, user="ops", password="geheim")
    assert outcome.failure is Failure.PROTOCOL
    assert "over TLS only" in outcome.detail
    assert not box.messages
    assert not any(each.startswith("AUTH") for each in box.commands)


def test_a_server_that_cannot_be_trusted_gets_nothing(server_tls: ssl.SSLContext) -> None:
    for implicit, scheme in ((False, "smtp"), (True, "smtps")):
        with mailbox(tls=server_tls, implicit=implicit) as box:
            assert send(f"{scheme}://127.0.0.1:{box.port}").failure is Failure.TLS
        assert not box.messages


@pytest.mark.parametrize(
    ("replies", "status", "words"),
    [
        ({"RCPT": "550 no such mailbox"}, 550, "no such mailbox"),
        ({"RCPT": "451 try again later"}, 451, "try again later"),
        ({"MAIL": "552 too much"}, 552, "too much"),
        ({".": "554 this is spam"}, 554, "this is spam"),
        ({"": "421 too many connections"}, 421, "too many connections"),
    ],
)
def test_what_the_server_says_is_the_outcome(replies: dict[str, str], status: int, words: str) -> None:
    with mailbox(replies) as box:
        outcome = send(box.url)
    assert (outcome.status, outcome.failure, outcome.detail) == (status, None, words)
    assert not box.messages


def test_a_server_that_is_silent_is_left_in_time() -> None:
    for verb in ("EHLO", "RCPT"):
        with mailbox(stall=verb) as box:
            outcome = send(box.url, by=mailer(total=0.3))
        assert outcome.failure is Failure.TIMEOUT
        assert not box.messages


def test_a_service_that_stops_does_not_wait() -> None:
    async def main() -> None:
        sending = asyncio.ensure_future(mailer().send(request(box.url)))
        assert await asyncio.to_thread(box.stalled.wait, PATIENCE)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    with mailbox(stall="DATA") as box:
        run(main())
    assert not box.messages


def test_what_may_not_be_called_is_not() -> None:
    with mailbox() as box:
        refused = send(box.url, by=mailer(allowed={Trust.OPERATOR: ()}))
        assert (refused.failure, box.commands) == (Failure.ADDRESS, [])
        assert "loopback" in refused.detail or "not public" in refused.detail

    async def public(_host: str, _port: int) -> Sequence[str]:
        return ["93.184.215.14"]

    elsewhere = mailer(resolve=public, public=False)
    assert "outside of production" in send("smtp://mail.example:587", by=elsewhere).detail
    assert "port 2525" in send("smtp://mail.example:2525", by=mailer(resolve=public)).detail
    assert send("smtp://mail.example:587").failure is Failure.RESOLVE


def test_nobody_listens() -> None:
    with mailbox() as box:
        pass
    with contextlib.suppress(OSError):
        assert send(box.url).failure is Failure.CONNECT


def test_a_probe_goes_as_far_as_a_message_would_and_sends_none() -> None:
    with mailbox() as box:
        assert send(box.url, method=mail.PROBE).status == 250
    assert (box.messages, [each for each in box.commands if each.startswith("mail")]) == ([], [])
