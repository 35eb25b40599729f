"""Callbacks that break off, never read, never answer, or whose name is dead: what that costs them, and nobody else."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest

from feedservice.deliveries import Failure, Outcome, Subscription

House = Any
Subscriber = Any
PATIENCE = 30.0
LARGE = 12_000_000
"""Bytes that fit into no buffer between two sockets."""


class Peer:
    """One connection, as the callback has it."""

    def __init__(self, connection: socket.socket, closed: threading.Event) -> None:
        self.socket = connection
        self.closed = closed
        """Set when the test is over."""
        self.kept = b""

    def head(self) -> str:
        """Read a request up to its body; empty when there comes none."""
        while b"\r\n\r\n" not in self.kept:
            more = self.socket.recv(4096)
            if not more:
                return ""
            self.kept += more
        head, _, self.kept = self.kept.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def body(self, head: str) -> bytes:
        """Read the whole body."""
        found = re.search(r"(?im)^content-length: (\d+)", head)
        length = int(found[1]) if found else 0
        while len(self.kept) < length:
            more = self.socket.recv(1 << 20)
            if not more:
                raise ConnectionError
            self.kept += more
        body, self.kept = self.kept[:length], self.kept[length:]
        return body

    def say(self, text: str) -> None:
        self.socket.sendall(text.encode("latin-1"))

    def reset(self) -> None:
        """End it with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


Script = Callable[[Peer, str], None]
"""(connection, head of the request): may read the body, may answer, may do neither. Ends the connection."""


class Rough:
    """A callback whose answers are scripts; without one it echoes challenges and takes deliveries."""

    def __init__(self) -> None:
        self.on: dict[str, Script | None] = {"GET": None, "POST": None}
        """Method → script."""
        self.begun: list[str] = []
        """First lines of the requests that came."""
        self.got: list[bytes] = []
        """Bodies that were taken."""
        self._over = threading.Event()
        self._listener = socket.socket()
        # Before listening: what is accepted has it from its first byte.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        peer = Peer(connection, self._over)
        with connection, contextlib.suppress(OSError):
            while head := peer.head():
                self.begun.append(head.partition("\r\n")[0])
                method = head.partition(" ")[0]
                script = self.on[method]
                if script is not None:
                    script(peer, head)
                    return
                body = peer.body(head)
                if method == "POST":
                    self.got.append(body)
                    peer.say("HTTP/1.1 204 No Content\r\n\r\n")
                else:
                    said = challenge(head)
                    peer.say(f"HTTP/1.1 200 OK\r\nContent-Length: {len(said)}\r\n\r\n{said}")


def challenge(head: str) -> str:
    return parse_qs(urlsplit(head.split(" ")[1]).query)["hub.challenge"][0]


# What a callback does to a delivery.


def breaks_off_in_the_request(peer: Peer, head: str) -> None:
    del head
    peer.socket.recv(1000)
    peer.reset()


def closes_without_an_answer(peer: Peer, head: str) -> None:
    peer.body(head)


def breaks_off_in_the_head(peer: Peer, head: str) -> None:
    peer.body(head)
    peer.say("HTTP/1.1 204 No Con")
    peer.reset()


def says_nonsense(peer: Peer, head: str) -> None:
    peer.body(head)
    peer.say("220 mail.example ESMTP\r\n")


def never_reads(peer: Peer, head: str) -> None:
    del head
    peer.closed.wait(PATIENCE)


def never_answers(peer: Peer, head: str) -> None:
    peer.body(head)
    peer.closed.wait(PATIENCE)


def answers_without_end(peer: Peer, head: str) -> None:
    peer.body(head)
    peer.say("HTTP/1.1 20")
    while not peer.closed.wait(0.2):
        peer.say("0")


@pytest.fixture
def rough() -> Iterator[Rough]:
    with Rough() as made:
        yield made


def subscribed(house: House, rough: Rough, host: str = "127.0.0.1") -> str:
    callback = f"http://{host}:{rough.port}/push"
    assert house.ask(callback).status == 202
    house.until(lambda: house.subscription(callback))
    return callback


def failed(house: House, callback: str) -> Subscription:
    found: Subscription = house.until(lambda: (kept := house.subscription(callback)) and kept.last and kept)
    return found


def entries(body: bytes) -> list[bytes]:
    return re.findall(rb"<id>(\w{1,20})</id>", body)


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (breaks_off_in_the_request, Failure.PROTOCOL),
        (closes_without_an_answer, Failure.PROTOCOL),
        (breaks_off_in_the_head, Failure.PROTOCOL),
        (says_nonsense, Failure.PROTOCOL),
        (never_reads, Failure.TIMEOUT),
        (never_answers, Failure.TIMEOUT),
        (answers_without_end, Failure.PROTOCOL),
    ],
)
def test_h34_a_delivery_that_breaks_is_made_again_and_keeps_nobody_waiting(
    house: House, subscriber: Subscriber, rough: Rough, script: Script, failure: Failure
) -> None:
    callback = subscribed(house, rough)
    house.subscribed(subscriber, "/other")
    rough.on["POST"] = script
    house.publish("three", "x" * LARGE)
    (other,) = subscriber.wait("/other", method="POST")
    assert entries(other.body) == [b"three"]
    kept = failed(house, callback)
    assert (kept.last.failure, kept.delivered) in {(failure, 1), (Failure.TIMEOUT, 1)}
    assert kept.lease_end > datetime.now(UTC)
    assert kept.due_at > kept.last.started

    rough.on["POST"] = None
    house.publish("four", whole=["four", "three", "one", "two"])
    house.retry_now()
    house.until(lambda: house.subscription(callback).delivered == house.version)
    assert {b"three", b"four"} <= set(entries(rough.got[-1]))


def test_h32_an_answer_that_breaks_off_in_its_body_is_an_answer(house: House, rough: Rough) -> None:
    def breaks_off(peer: Peer, head: str) -> None:
        rough.got.append(peer.body(head))
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthanks")
        peer.reset()

    callback = subscribed(house, rough)
    rough.on["POST"] = breaks_off
    house.publish("three")
    house.until(lambda: house.subscription(callback).delivered == house.version)
    assert [entries(body) for body in rough.got] == [[b"three"]]


def test_h31_gone_is_gone_however_its_body_ends(house: House, rough: Rough) -> None:
    def gone(peer: Peer, head: str) -> None:
        peer.body(head)
        peer.say("HTTP/1.1 410 Gone\r\nContent-Length: 1000\r\n\r\nby")
        peer.reset()

    callback = subscribed(house, rough)
    rough.on["POST"] = gone
    house.publish("three")
    house.until(lambda: house.subscription(callback) is None)


@pytest.mark.parametrize("cut", [0, 5])
def test_h26_an_echo_that_breaks_off_confirms_nothing(house: House, rough: Rough, cut: int) -> None:
    def breaks_off(peer: Peer, head: str) -> None:
        said = challenge(head)
        peer.say(f"HTTP/1.1 200 OK\r\nContent-Length: {len(said)}\r\n\r\n{said[:cut]}")
        peer.reset()

    rough.on["GET"] = breaks_off
    callback = f"http://127.0.0.1:{rough.port}/push"
    assert house.ask(callback).status == 202
    house.until(lambda: [each for each in house.store.deliveries(kind="verify") if each.state.value == "failed"])
    assert house.subscription(callback) is None


@pytest.mark.parametrize("script", [never_answers, closes_without_an_answer, says_nonsense])
def test_a_verification_that_is_not_answered_is_made_three_times(house: House, rough: Rough, script: Script) -> None:
    rough.on["GET"] = script
    callback = f"http://127.0.0.1:{rough.port}/push"
    assert house.ask(callback).status == 202
    seen = None

    def attempted() -> Outcome | None:
        (row,) = house.store.deliveries(kind="verify")
        return row.last if row.last != seen else None

    for _ in range(3):
        seen = house.until(attempted)
        house.later(120)
    house.until(lambda: [each for each in house.store.deliveries(kind="verify") if each.state.value == "failed"])
    assert len(rough.begun) == 3
    assert house.subscription(callback) is None


# Names.


@pytest.mark.parametrize(
    ("addresses", "failure"),
    [
        ([], {Failure.RESOLVE}),
        (None, {Failure.RESOLVE, Failure.TIMEOUT}),
        (["10.1.2.3"], {Failure.ADDRESS}),
        (["127.0.0.1", "169.254.169.254"], {Failure.ADDRESS}),
        (["::ffff:192.168.0.1"], {Failure.ADDRESS}),
    ],
)
def test_a_name_that_died_or_leads_inside_costs_deliveries_and_not_the_subscription(
    house: House, subscriber: Subscriber, rough: Rough, addresses: list[str] | None, failure: set[Failure]
) -> None:
    def last(peer: Peer, head: str) -> None:
        """Answer, and close: the next request needs the name again."""
        said = challenge(head)
        peer.say(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(said)}\r\n\r\n{said}")

    house.names["reader.test"] = ["127.0.0.1"]
    rough.on["GET"] = last
    callback = subscribed(house, rough, "reader.test")
    house.subscribed(subscriber, "/other")
    house.names["reader.test"] = addresses
    house.publish("three")
    assert subscriber.wait("/other", method="POST")
    kept = failed(house, callback)
    assert kept.last.failure in failure
    assert kept.delivered == 1
    assert rough.got == []

    house.names["reader.test"] = ["127.0.0.1"]
    house.publish("four")
    house.retry_now()
    house.until(lambda: house.subscription(callback).delivered == house.version)
    assert set(entries(rough.got[-1])) == {b"three", b"four"}


@pytest.mark.parametrize("addresses", [[], ["10.1.2.3"], ["169.254.169.254", "127.0.0.1"]])
def test_a_name_that_is_dead_or_leads_inside_from_the_beginning_gets_no_subscription(
    house: House, rough: Rough, addresses: list[str]
) -> None:
    house.names["reader.test"] = addresses
    callback = f"http://reader.test:{rough.port}/push"
    # The answer of the hub is what it always is.
    assert house.ask(callback).status == 202
    (row,) = house.until(lambda: [each for each in house.store.deliveries(kind="verify") if each.last is not None])
    assert row.last.failure is (Failure.ADDRESS if addresses else Failure.RESOLVE)
    assert (house.subscription(callback), rough.begun) == (None, [])
