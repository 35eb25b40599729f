"""What goes wrong between the bytes and the request: shapes that two parties could read differently, limits, order, ends."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from feedservice.web.bodies import Bodies
from feedservice.web.protocol import FastConnection

FEED = "/feeds/all.atom"
GET = f"GET {FEED} HTTP/1.1\r\nHost: localhost\r\n".encode()
LAST = b"GET /-/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SMUGGLED = b"GET /-/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def statuses(data: bytes) -> list[int]:
    """Return the status of every answer in what a connection sent."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", data)]


REFUSED: dict[str, tuple[bytes, int]] = {
    "Content-Length, then Transfer-Encoding": (GET + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX", 400),
    "Transfer-Encoding, then Content-Length": (GET + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX", 400),
    "two Content-Length": (GET + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n", 400),
    "two equal Content-Length": (GET + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    "a list of Content-Length": (GET + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    "a signed Content-Length": (GET + b"Content-Length: +3\r\n\r\nabc", 400),
    "a negative Content-Length": (GET + b"Content-Length: -3\r\n\r\n", 400),
    "a hexadecimal Content-Length": (GET + b"Content-Length: 0x3\r\n\r\nabc", 400),
    "an empty Content-Length": (GET + b"Content-Length: \r\n\r\n", 400),
    "an endless Content-Length": (GET + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
    "an unknown transfer coding": (GET + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "identity": (GET + b"Transfer-Encoding: identity\r\n\r\n", 501),
    "chunked, then something": (GET + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    "two Transfer-Encoding": (GET + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two Transfer-Encoding, the first unknown": (
        GET + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    "a list of Transfer-Encoding": (GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "a vertical tab before chunked": (GET + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "chunked in HTTP/1.0": (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "white space before a colon": (GET + b"X : y\r\n\r\n", 400),
    "a tab before a colon": (GET + b"Content-Length\t: 3\r\n\r\nabc", 400),
    "white space before the first field": (b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", 400),
    "a folded line": (GET + b"X: y\r\n z\r\n\r\n", 400),
    "a folded Transfer-Encoding": (GET + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    "bare LF after the request line": (b"GET / HTTP/1.1\nHost: localhost\r\n\r\n", 400),
    "bare LF after a field": (GET + b"X: y\nZ: w\r\n\r\n", 400),
    "bare LF at the end": (GET + b"\n", 400),
    "bare LF everywhere": (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
    "bare CR in a value": (GET + b"X: y\rZ: w\r\n\r\n", 400),
    "NUL in a value": (GET + b"X: y\0z\r\n\r\n", 400),
    "a control character in a value": (GET + b"X: y\x01z\r\n\r\n", 400),
    "a field without a colon": (GET + b"X\r\n\r\n", 400),
    "a field without a name": (GET + b": y\r\n\r\n", 400),
    "a name that is no token": (GET + b"X(y): z\r\n\r\n", 400),
    "a name with NUL": (GET + b"X\0: z\r\n\r\n", 400),
    "a blank in the target": (b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a tab in the target": (b"GET /a\tb HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "white space after the version": (b"GET / HTTP/1.1 \r\nHost: localhost\r\n\r\n", 400),
    "an unknown version": (b"GET / HTTP/1.2\r\nHost: localhost\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 505),
    "HTTP/2 by force": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), 400),
    "an answer": (b"HTTP/1.1 200 OK\r\n\r\n", 400),
    "nothing like it": (b"hello\r\n\r\n", 400),
    "a chunk with bare LF": (GET + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400),
    "a chunk with white space": (GET + b"Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n", 400),
    "a chunk longer than it says": (GET + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400),
    "a chunk without a length": (GET + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "a head that is too long": (GET + b"X: " + b"y" * 20_000 + b"\r\n\r\n", 431),
    "too many fields": (GET + b"".join(b"X%d: y\r\n" % number for number in range(5000)) + b"\r\n", 431),
    "a body that is too long": (GET + b"Content-Length: 65537\r\n\r\n", 413),
    "a target that is too long": (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused_and_ends_the_connection(name: str, live: Any) -> None:
    data, status = REFUSED[name]
    answered = live.raw(data + SMUGGLED)
    assert statuses(answered) == [status]
    assert b"\r\nconnection: close\r\n" in answered
    assert b'"status"' not in answered


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_byte_by_byte_too(name: str, live: Any) -> None:
    data, status = REFUSED[name]
    if len(data) > 1000:
        data = data[:18_000]
    with live.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), max(1, len(data) // 60)):
            try:
                connection.sendall(data[at : at + max(1, len(data) // 60)])
            except (BrokenPipeError, ConnectionResetError):
                break
        try:
            connection.shutdown(socket.SHUT_WR)
            answered = b"".join(_parts(connection))
        except OSError:
            return
    # The answer to a good head may be on its way before the bytes of its body turn out to be none.
    early = [[200]] if name.startswith("a chunk") else []
    assert statuses(answered) in ([status], [414], [431], [], *early)


def _parts(connection: socket.socket) -> Iterator[bytes]:
    while part := connection.recv(1 << 16):
        yield part


def test_a_refusal_waits_for_the_answers_before_it(live: Any) -> None:
    answered = live.raw(GET + b"\r\n" + GET + b"If-Match: *\r\n\r\n" + GET + b"X : y\r\n\r\n" + SMUGGLED)
    assert statuses(answered) == [200, 200, 400]


# Order and framing


def test_requests_in_one_packet_are_answered_in_order(live: Any, site: Any) -> None:
    asked = [
        (b"GET /feeds/small.atom HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (GET + b"If-Match: *\r\n\r\n", 200),
        (b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (GET + b"If-None-Match: *\r\n\r\n", 304),
        (GET + b"Content-Length: 4\r\n\r\nbody", 200),
        (GET + b"Transfer-Encoding: chunked\r\n\r\n4;x=y\r\nbody\r\n0\r\nTrailer: GET\r\nHost: evil\r\n\r\n", 200),
        (b"\r\n" + GET + b"A-IM: feed\r\n\r\n", 200),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 204),
        (LAST, 200),
        (SMUGGLED, 0),
    ]
    answered = live.raw(b"".join(data for data, _ in asked))
    assert statuses(answered) == [status for _, status in asked if status]
    assert answered.count(site.body("feeds/all.atom")) == 4
    assert answered.endswith(b'{"status": "ok"}\n')


def test_five_hundred_requests_in_one_packet(live: Any) -> None:
    one = GET + b"If-None-Match: *\r\n\r\n"
    assert statuses(live.raw(one * 500 + LAST)) == [304] * 500 + [200]


def test_requests_that_come_byte_by_byte(live: Any) -> None:
    with live.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in GET + b"If-None-Match: *\r\n\r\n" + LAST:
            connection.sendall(bytes([byte]))
        assert statuses(b"".join(_parts(connection))) == [304, 200]


def test_one_connection_serves_many_requests(live: Any, kit: Any, site: Any) -> None:
    with live.connect() as connection:
        for _ in range(3):
            connection.sendall(GET + b"\r\n")
            assert kit.answer(connection).body == site.body("feeds/all.atom")
            connection.sendall(GET + b"Content-Length: 2\r\n\r\nab")
            assert kit.answer(connection).status == 200


def test_a_body_that_comes_after_its_answer_is_no_request(live: Any, kit: Any) -> None:
    with live.connect() as connection:
        connection.sendall(GET + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED))
        assert kit.answer(connection).status == 200
        connection.sendall(SMUGGLED)
        connection.sendall(LAST)
        assert statuses(b"".join(_parts(connection))) == [200]


def test_an_expected_body_that_was_not_waited_for_ends_the_connection(live: Any, site: Any) -> None:
    answered = live.raw(GET + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(SMUGGLED) + SMUGGLED + SMUGGLED)
    assert statuses(answered) == [200]
    assert answered.endswith(site.body("feeds/all.atom"))


def test_after_an_upgrade_nothing_is_read(live: Any) -> None:
    assert statuses(live.raw(GET + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n" + SMUGGLED)) == [200]
    assert statuses(live.raw(b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED)) == [400]


def test_after_the_last_request_nothing_is_read(live: Any) -> None:
    assert statuses(live.raw(GET + b"Connection: close\r\n\r\n" + SMUGGLED)) == [200]
    assert statuses(live.raw(GET + b"Connection: close\r\nIf-Match: *\r\n\r\n" + SMUGGLED)) == [200]
    assert statuses(live.raw(GET.replace(b"1.1", b"1.0") + b"\r\n" + SMUGGLED)) == [200]
    assert statuses(live.raw(GET + b"Connection: close\r\n\r\nrubbish")) == [200]


def test_a_client_that_closes_its_side_is_answered(live: Any) -> None:
    assert statuses(live.raw(GET + b"\r\n")) == [200]
    assert statuses(live.raw(GET + b"If-Match: *\r\n\r\n" * 1)) == [200]
    assert live.raw(b"") == b""
    assert live.raw(GET[:20]) == b""


def test_many_short_requests_and_the_beginning_of_one_are_not_too_long(live: Any) -> None:
    one = GET + b"If-None-Match: *\r\n\r\n"
    with live.connect() as connection:
        connection.sendall(one * 400 + GET)
        connection.sendall(b"Connection: close\r\n\r\n")
        assert statuses(b"".join(_parts(connection))) == [304] * 400 + [200]


def test_a_chunked_body_without_end_is_refused_or_cut(live: Any) -> None:
    chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    with live.connect() as connection:
        connection.sendall(GET + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            for _ in range(10_000):
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
    assert sent < 30_000_000


# Limits, without waiting for them: the connection is looked at with a clock of the test's own


class _Transport:
    """What a connection needs of a transport."""

    def __init__(self) -> None:
        self.sent = b""
        self.unsent = 0
        self.closed = self.aborted = self.ended = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("192.0.2.1", 5000), "sockname": ("192.0.2.9", 80)}.get(name, default)

    def write(self, data: bytes) -> None:
        self.sent += data

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.sent += b"".join(parts)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def write_eof(self) -> None:
        self.ended = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@pytest.fixture
def connect(kit: Any, site: Any) -> Any:
    """Give a function that makes connections of one server, with bounds."""
    desk = kit.desk(site.library())
    config = Config(kit.App(desk), loop="none", ws="none", lifespan="off", log_config=None, proxy_headers=False)
    config.load()
    state = ServerState()
    loop = asyncio.new_event_loop()

    def make(**bounds: Any) -> tuple[FastConnection, _Transport]:
        connection = FastConnection(config, state, loop, at=desk, bounds=kit.Bounds(**bounds))
        transport = _Transport()
        connection.connection_made(transport)  # type: ignore[arg-type]
        return connection, transport

    yield make
    loop.close()


def test_a_request_that_trickles_in_is_timed_out(connect: Any) -> None:
    connection, transport = connect(request_time=10)
    connection.data_received(GET)
    connection.look(100)
    connection.data_received(b"X: ")
    connection.look(105)
    connection.data_received(b"y")
    connection.look(109)
    assert (transport.sent, transport.closed) == (b"", False)
    connection.data_received(b"y")
    connection.look(110)
    assert statuses(transport.sent) == [408]
    assert transport.ended
    connection.data_received(b"\r\n\r\n" + SMUGGLED)
    assert statuses(transport.sent) == [408]
    connection.look(111)
    connection.look(120)
    assert transport.closed


def test_a_connection_that_says_nothing_is_closed(connect: Any) -> None:
    connection, transport = connect(request_time=10)
    connection.look(0)
    connection.data_received(b"\r\n")
    connection.look(9)
    assert not transport.closed
    connection.look(10)
    assert transport.closed
    assert transport.sent == b""


def test_a_connection_between_requests_is_closed_after_its_time(connect: Any) -> None:
    connection, transport = connect(idle_time=15)
    connection.data_received(GET + b"If-None-Match: *\r\n\r\n")
    connection.look(0)
    connection.data_received(GET + b"If-None-Match: *\r\n\r\n")
    connection.look(14)
    connection.look(28)
    assert not transport.closed
    connection.look(29)
    assert transport.closed
    assert statuses(transport.sent) == [304, 304]


def test_a_client_that_takes_nothing_is_cut_off(connect: Any) -> None:
    connection, transport = connect(idle_time=15)
    connection.data_received(GET + b"If-None-Match: *\r\n\r\n")
    transport.unsent = 1000
    connection.look(0)
    transport.unsent = 500
    connection.look(14)
    connection.look(28)
    assert not transport.aborted
    connection.look(29)
    assert transport.aborted


def test_too_many_connections_close_an_idle_one_and_then_refuse(connect: Any) -> None:
    made = [connect(connections=3) for _ in range(3)]
    idle, open_ = made[1]
    idle.data_received(GET + b"If-None-Match: *\r\n\r\n")
    _, fourth = connect(connections=3)
    assert open_.closed
    assert fourth.sent == b""
    idle.connection_lost(None)
    _, fifth = connect(connections=3)
    assert statuses(fifth.sent) == [503]
    assert b"retry-after: 10\r\n" in fifth.sent
    for _ in range(3):
        _, more = connect(connections=3)
    assert more.aborted


@pytest.mark.parametrize("said", [b"", GET + b"X: "])
def test_who_opens_connections_and_asks_nothing_keeps_nobody_out(connect: Any, said: bytes) -> None:
    made = [connect(connections=3, request_time=10) for _ in range(3)]
    for connection, _ in made:
        connection.data_received(said)
    # All have come just now: nobody is closed for the sake of another.
    newest, refused = connect(connections=3)
    assert statuses(refused.sent) == [503]
    newest.connection_lost(None)
    for connection, _ in made:
        connection.look(1)
    _, fourth = connect(connections=3)
    assert fourth.sent == b""
    assert [transport.closed for _, transport in made].count(True) == 1


def test_a_client_that_reads_slowly_gets_everything(kit: Any, tmp_path: Any) -> None:
    site = kit.site(tmp_path)
    body, spans = kit.document([str(number) for number in range(1500)], size=1000)
    large = kit.put(site.root, "large.atom", body, "application/atom+xml", entries=spans, codings=())
    made = kit.Site(root=site.root, published=(large,), memory={}).library()
    for prepare in (True, False):
        live = kit.Live(kit.desk(made, bodies=Bodies(1 << 24)), prepare=prepare).start()
        with live.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            one = b"GET /large.atom HTTP/1.1\r\nHost: localhost\r\n\r\n"
            connection.sendall(one * 3 + LAST)
            answered = b"".join(_parts(connection))
        assert statuses(answered) == [200, 200, 200, 200]
        assert answered.count(body) == 3
        assert live.stop()
