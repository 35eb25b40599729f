"""One attempt, and what an outcome says of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import uvloop

from feedservice.deliveries import Failure, Outcome, Request, Trust
from feedservice.service.sender import KEPT, USER_AGENT, Sender
from feedservice.service.transport import Limits, Transport
from tests.service.loopback import always, hang, once, serving, transport, until

NOW = datetime(2026, 11, 24, 3, 4, 5, tzinfo=UTC)


def clock() -> datetime:
    return NOW


def send(through: Transport, url: str, **options: object) -> asyncio.Future[Outcome]:
    request = Request(method="POST", url=url, trust=Trust.CALLBACK, **options)  # type: ignore[arg-type]
    return asyncio.ensure_future(Sender(transport=through, now=clock).send(request))


def outcome_of(answer: bytes) -> Outcome:
    async def main() -> Outcome:
        async with serving(once(answer)) as server, transport() as through:
            return await send(through, server.url)

    return asyncio.run(main())


def test_an_answer_is_an_outcome_with_a_status() -> None:
    outcome = outcome_of(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok")
    assert (outcome.started, outcome.status, outcome.failure, outcome.answer, outcome.detail) == (NOW, 202, None, b"ok", "")
    assert outcome.confirmed
    assert outcome.duration >= 0


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_either_event_loop_will_do(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def main() -> list[Outcome]:
        async with serving(always(b"HTTP/1.1 204 No Content\r\n\r\n")) as server, transport() as through:
            return [await send(through, server.url, body=b"x" * 300_000) for _ in range(3)]

    with asyncio.Runner(loop_factory=factory) as runner:
        assert [outcome.status for outcome in runner.run(main())] == [204, 204, 204]


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_loop_that_stood_still_takes_no_answer_for_none(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Or everything that was under way would be sent again, though the other side has it."""

    async def main() -> list[Outcome]:
        fine = b"HTTP/1.1 204 No Content\r\n\r\n"
        async with serving(always(fine)) as server, serving(hang) as silent, transport(limits=Limits(total=0.3)) as through:
            made = [send(through, server.url) for _ in range(20)]
            made.append(send(through, silent.url))
            await until(lambda: bool(silent.requests))
            # The whole process is stopped for a while, or another thread does not let go.
            time.sleep(0.5)  # noqa: ASYNC251 - the very thing
            return await asyncio.gather(*made)

    with asyncio.Runner(loop_factory=factory) as runner:
        outcomes = runner.run(main())
    assert [outcome.status for outcome in outcomes[:-1]] == [204] * 20
    assert outcomes[-1].failure is Failure.TIMEOUT


def test_a_long_answer_is_cut() -> None:
    outcome = outcome_of(b"HTTP/1.1 500 No\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50_000)
    assert outcome.answer == b"x" * KEPT


def test_an_answer_that_was_cut_off_counts_and_says_so() -> None:
    outcome = outcome_of(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf")
    assert outcome.confirmed
    assert "closed in the middle" in outcome.detail


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("99999999999999999999", 30 * 86400.0),
        (f"{NOW + timedelta(minutes=2):%a, %d %b %Y %H:%M:%S} GMT", 120.0),
        (f"{NOW - timedelta(minutes=2):%a, %d %b %Y %H:%M:%S} GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("١٢", None),
        # A year that no calendar here has, and one beside the last: neither is a reason to take an answer for none.
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 30 * 86400.0),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0.0),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999999999999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    answer = f"HTTP/1.1 503 Busy\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n"
    assert outcome_of(answer.encode()).retry_after == seconds


@pytest.mark.parametrize(
    ("url", "failure"),
    [
        ("http://10.0.0.1/", Failure.ADDRESS),
        ("http://127.0.0.1:1/", Failure.CONNECT),
        ("http://nowhere.example/", Failure.RESOLVE),
        ("http://[::1", Failure.ADDRESS),
        ("ftp://127.0.0.1/", Failure.ADDRESS),
        ("http://127.0.0.1/\n", Failure.ADDRESS),
        ("http://127.0.0.1:port/", Failure.ADDRESS),
        ("", Failure.ADDRESS),
    ],
    ids=ascii,
)
def test_no_answer_is_an_outcome_with_a_failure(url: str, failure: Failure) -> None:
    async def main() -> Outcome:
        async with transport() as through:
            return await send(through, url)

    outcome = asyncio.run(main())
    assert (outcome.status, outcome.failure) == (None, failure)
    assert outcome.detail


def fails(script: Callable[..., object], **options: object) -> Outcome:
    async def main() -> Outcome:
        async with serving(script, **options) as server, transport(limits=Limits(total=0.2)) as through:  # type: ignore[arg-type]
            return await send(through, server.url)

    return asyncio.run(main())


def test_silence_is_a_timeout_and_nonsense_a_matter_of_protocol() -> None:
    assert fails(hang).failure is Failure.TIMEOUT
    assert fails(once(b"220 SMTP\r\n")).failure is Failure.PROTOCOL


def test_every_request_says_who_sends_it() -> None:
    async def main() -> list[tuple[bytes, bytes]]:
        async with serving(always(b"HTTP/1.1 204 Fine\r\n\r\n")) as server, transport() as through:
            assert (await send(through, server.url, headers=(("Content-Type", "text/plain"),), body=b"body")).confirmed
            return server.requests

    ((head, body),) = asyncio.run(main())
    assert body == b"body"
    fields = head.split(b"\r\n")
    assert f"User-Agent: {USER_AGENT}".encode() in fields
    assert b"Content-Type: text/plain" in fields
