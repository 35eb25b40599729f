"""Whatever bytes come: no 500, no traceback, no file outside, and the next connection is served as if nothing had been."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LAST = b"GET /-/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
FEW = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])

method = st.sampled_from([b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT", b"get", b"", b"CONNECT", b"PRI", b"\x00", b"G" * 100])
version = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.1", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.1 ", b"", b"http/1.1"])
ending = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n\r\n"])
segment = st.one_of(
    st.sampled_from(
        [
            *(b"feeds", b"all.atom", b"all.atom.gz", b"..", b".", b"", b"%2e%2e", b"%2E.", b"..%2f", b"%5c..", b"%c0%ae", b"%00"),
            *(b"secret.txt", b"config.yaml", b"public", b".all.atom.feedservice-new", b"%", b"%zz", b"-", b"health", b"archive"),
            *(b"%E3%82%AC", b"%ff", b"\xff", b"index.html", b"http:", b"example.org", b"?", b"#", b";a=b", b"*", b"hub"),
        ]
    ),
    st.binary(max_size=8),
)
target = st.lists(segment, max_size=6).map(lambda parts: b"/" + b"/".join(parts)) | segment
name = st.sampled_from(
    [
        *(
            b"Host",
            b"If-None-Match",
            b"If-Modified-Since",
            b"If-Match",
            b"If-Unmodified-Since",
            b"Accept-Encoding",
            b"A-IM",
            b"Range",
        ),
        *(
            b"Content-Length",
            b"Transfer-Encoding",
            b"Connection",
            b"Expect",
            b"Upgrade",
            b"Sec-Fetch-Dest",
            b"X-Forwarded-For",
            b"TE",
        ),
        *(b"Forwarded", b"User-Agent", b"", b"X Y", b"X\x00", b"Content-Length "),
    ]
)
value = st.one_of(
    st.sampled_from(
        [
            *(
                b"localhost",
                b"example.org",
                b"evil.example",
                b"*",
                b'"',
                b'W/"',
                b'"x", "y',
                b"gzip",
                b"gzip;q=nan",
                b"*;q=0",
                b"feed",
            ),
            *(
                b"0",
                b"3",
                b"-1",
                b"1e9",
                b"99999999999999999999999",
                b"chunked",
                b"close",
                b"keep-alive",
                b"100-continue",
                b"h2c",
            ),
            *(
                b"Sat, 01 Aug 2026 10:00:00 GMT",
                b"Sat, 99 Aug 0000 10:00:00 GMT",
                b"bytes=0-",
                b"document",
                b"unknown",
                b'for="[::1',
                b"",
            ),
        ]
    ),
    st.binary(max_size=30),
)
field = st.tuples(name, st.sampled_from([b": ", b":", b" : ", b""]), value, ending).map(b"".join)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request that is nearly one."""
    line = b" ".join((draw(method), draw(target), draw(version))) + draw(ending)
    host = b"Host: localhost\r\n" if draw(st.booleans()) else b""
    return line + host + b"".join(draw(st.lists(field, max_size=5))) + draw(ending) + draw(st.binary(max_size=20))


def statuses(data: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", data)]


def check(answered: bytes, kit: Any) -> None:
    found = statuses(answered)
    assert not [status for status in found if status >= 500 and status not in {501, 505}], answered
    assert kit.secret not in answered
    assert b"Traceback" not in answered
    if answered:
        assert answered.startswith(b"HTTP/1.1 "), answered


def send(live: Any, *parts: bytes) -> bytes:
    """Send parts one by one, and read what comes; a server that will hear no more may reset the connection."""
    with live.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answered = b""
        try:
            for part in parts:
                connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 16):
                answered += part
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answered


@FEW
@given(data=requests())
def test_what_is_nearly_a_request(live: Any, kit: Any, data: bytes) -> None:
    check(send(live, data), kit)


@FEW
@given(data=st.lists(requests(), min_size=2, max_size=4), cut=st.integers(0, 400))
def test_several_in_a_row_cut_anywhere(live: Any, kit: Any, data: list[bytes], cut: int) -> None:
    whole = b"".join(data)
    check(send(live, whole[:cut], whole[cut:]), kit)


@FEW
@given(data=st.binary(max_size=300))
def test_bytes(live: Any, kit: Any, data: bytes) -> None:
    check(send(live, data), kit)


@FEW
@given(path=target)
def test_no_path_leads_outside(live: Any, site: Any, kit: Any, path: bytes) -> None:
    """What is sent with 200 is the body of something published, byte for byte."""
    answered = send(live, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    check(answered, kit)
    head, _, body = answered.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 200"):
        assert body in {*(site.body(each.path) for each in site.published), b'{"status": "ok"}\n'}


@pytest.fixture(autouse=True)
def served_afterwards(live: Any) -> Any:
    """The server is there after all of it, and has nothing open that it forgot."""
    yield
    assert statuses(send(live, LAST)) == [200]
