"""The guarded transport against real sockets: whom it calls, and what it makes of answers of every shape."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from feedservice.deliveries import Request, Trust
from feedservice.push import addresses
from feedservice.push.addresses import networks
from feedservice.service.exchange import Answer
from feedservice.service.resolve import SystemResolver
from feedservice.service.transport import AddressRefusedError, Limits, ResolveError, TLSError, Transport, tls_context
from tests.service.loopback import Script, Visit, always, answering, get, hang, nobody, once, serving, transport, until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

# Every way to write this machine's own addresses, and those of its network and its cloud. `{port}` has a listener.
URLS = [
    "http://127.0.0.1:{port}/",
    "http://127.0.0.2:{port}/",
    "http://127.255.255.254:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0177.1:{port}/",
    "http://00000177.0.0.1:{port}/",
    "http://0x7f.0.0.1:{port}/",
    "http://0x7f.1:{port}/",
    "http://0x7f000001:{port}/",
    "http://0X7F000001:{port}/",
    "http://2130706433:{port}/",
    "http://017700000001:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://0.0.0.0:{port}/",
    "http://0:{port}/",
    "http://0.0:{port}/",
    "http://0x0:{port}/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[::]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[::7f00:1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[2002:7f00:0001::1]:{port}/",
    "http://[2001:0:7f00:1::]:{port}/",
    "http://[2001:0:53aa:64c:0:7fff:80ff:fffe]:{port}/",
    "http://[fe80::1]:{port}/",
    "http://[fe80::1%25lo]:{port}/",
    "http://[fe80::1%lo]:{port}/",
    "http://[fec0::1]:{port}/",
    "http://[fc00::1]:{port}/",
    "http://[fd00:ec2::254]:{port}/",
    "http://[ff02::1]:{port}/",
    "http://[ff01::1]:{port}/",
    "http://[5f00::1]:{port}/",
    "http://[3fff::1]:{port}/",
    "http://[2001:db8::1]:{port}/",
    "http://[100::1]:{port}/",
    "http://[2606:4700::5efe:127.0.0.1]:{port}/",
    "http://10.0.0.1:{port}/",
    "http://100.64.0.1:{port}/",
    "http://100.100.100.200:{port}/latest/meta-data/",
    "http://168.63.129.16:{port}/",
    "http://169.254.169.254:{port}/latest/meta-data/",
    "http://169.254.170.2:{port}/v2/credentials/",
    "http://172.16.0.1:{port}/",
    "http://172.31.255.255:{port}/",
    "http://192.0.0.192:{port}/",
    "http://192.0.2.1:{port}/",
    "http://192.88.99.1:{port}/",
    "http://192.168.1.1:{port}/",
    "http://198.18.0.1:{port}/",
    "http://198.51.100.1:{port}/",
    "http://203.0.113.1:{port}/",
    "http://224.0.0.1:{port}/",
    "http://240.0.0.1:{port}/",
    "http://255.255.255.255:{port}/",
    "https://127.0.0.1:{port}/",
    "https://[::1]:{port}/",
    "http://user@127.0.0.1:{port}/",
    "http://user:pass@127.0.0.1:{port}/",
    "http://example.org@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/#fragment",
    "http://127.0.0.1:{port}#@example.org/",
    "ftp://127.0.0.1:{port}/",
    "gopher://127.0.0.1:{port}/",
    "file://127.0.0.1/etc/passwd",
    "ws://127.0.0.1:{port}/",
    "http+unix://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    # Ports of others, on an address that would be fine.
    "http://1.1.1.1:22/",
    "http://1.1.1.1:25/",
    "http://1.1.1.1:6379/",
    "http://[2606:4700:4700::1111]:11211/",
    "http://1.1.1.1:0/",
    "http://1.1.1.1:65536/",
]

# What the name `evil.example` resolves to.
ANSWERS = [
    "127.0.0.1",
    "127.0.0.2",
    "127.9.9.9",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.20.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.19.0.1",
    "203.0.113.7",
    "224.0.0.251",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "3ffe::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
    "2606:4700::5efe:7f00:1",
    "1.1.1.1 127.0.0.1",
    "127.0.0.1 1.1.1.1",
    "2606:4700::1111 ::1",
    "1.1.1.1 2606:4700::1111 ::ffff:169.254.169.254",
    "1.1.1.1 fe80::1%lo",
    "0177.0.0.1",
    "2130706433",
    "0x7f000001",
    "127.1",
    "localhost",
]


class Watching(asyncio.SelectorEventLoop):
    """A loop that says whom it was asked to connect to."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[object] = []

    async def create_connection(self, factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        self.called.append((host, port))
        return await super().create_connection(factory, host, port, **options)


def refused(url: str, resolve: Any = nobody, *, port: int = 0) -> list[object]:
    """Send to a URL that must be refused; return whom the loop was asked to connect to."""

    async def main() -> list[object]:
        # Nothing is let through, for either kind of trust.
        through = Transport(allowed={}, resolve=resolve)
        for trust in Trust:
            with pytest.raises((AddressRefusedError, httpx.InvalidURL)):
                await get(through, url.format(port=port), "POST", content=b"body", extensions={"trust": trust})
            with pytest.raises((AddressRefusedError, httpx.InvalidURL)):
                await through.send(Request(method="POST", url=url.format(port=port), body=b"body", trust=trust))
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Watching)
        return loop.called

    with asyncio.Runner(loop_factory=Watching) as runner:
        return runner.run(main())


def asking(url: str, method: str = "POST", **fields: Any) -> Request:
    return Request(method=method, url=url, trust=Trust.CALLBACK, **fields)


def run(main: Any) -> Any:
    with asyncio.Runner(loop_factory=Watching) as runner:
        return runner.run(main())


def test_the_tables_are_as_long_as_they_should_be() -> None:
    assert len(set(URLS)) + len(set(ANSWERS)) >= 120


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_leads_inside_is_refused_before_a_connection_is_made(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "PORTS", {80, 443, 4444})
    assert refused(url, port=4444) == []


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_name_that_leads_inside_is_refused_before_a_connection_is_made(answer: str) -> None:
    for scheme in ("http", "https"):
        assert refused(f"{scheme}://evil.example/", answering(evil_example=[answer])) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_listener_on_loopback_sees_nothing_of_all_that(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The port is one of those that may be called, so it is the address that is refused; the last call shows that it listens."""

    async def main() -> None:
        async with serving(once(OK), host) as server:
            monkeypatch.setattr(addresses, "PORTS", {server.port})
            strict = Transport(allowed={}, resolve=answering(**{f"n{number}": [each] for number, each in enumerate(ANSWERS)}))
            for url in [*URLS[:-6], *(f"http://n{number}:{{port}}/" for number in range(len(ANSWERS)))]:
                with pytest.raises((AddressRefusedError, httpx.InvalidURL)):
                    await get(strict, url.format(port=server.port), "POST", content=b"body")
                with pytest.raises((AddressRefusedError, httpx.InvalidURL)):
                    await strict.send(asking(url.format(port=server.port), body=b"body"))
            assert server.visits == 0
            async with transport() as through:
                found = await get(through, f"http://{f'[{host}]' if ':' in host else host}:{server.port}/")
            assert (found.status_code, server.visits) == (200, 1)

    run(main)


def test_the_name_of_this_machine_is_refused_with_the_resolver_of_the_system() -> None:
    resolver = SystemResolver()
    try:
        assert refused("http://localhost/", resolver) == []
    finally:
        resolver.close()


def test_a_name_is_looked_up_once_for_a_connection_and_judged_anew_for_the_next() -> None:
    async def main() -> None:
        async with serving(once(OK)) as server, serving(once(OK), "127.0.0.2") as other:
            resolve = answering(rebind_example=["127.0.0.1", "127.0.0.2"])
            async with transport(resolve, allowed=networks(["127.0.0.1"])) as through:
                url = f"http://rebind.example:{server.port}/"
                assert (await get(through, url)).status_code == 200
                with pytest.raises(AddressRefusedError):
                    await get(through, f"http://rebind.example:{other.port}/")
            assert (server.visits, other.visits) == (1, 0)
            assert asyncio.get_running_loop().called == [("127.0.0.1", server.port)]  # type: ignore[attr-defined]

    run(main)


def test_a_connection_that_the_operator_may_use_is_not_used_for_a_subscriber() -> None:
    async def main() -> None:
        async with serving(always(OK)) as server:
            through = Transport(allowed={Trust.OPERATOR: networks(["127.0.0.1"])}, resolve=nobody)
            assert (await get(through, server.url, extensions={"trust": Trust.OPERATOR})).status_code == 200
            assert through.idle == 1
            for extensions in ({"trust": Trust.CALLBACK}, {}):
                with pytest.raises(AddressRefusedError):
                    await get(through, server.url, extensions=extensions)
            await through.aclose()
            assert len(server.requests) == 1

    run(main)


def test_outside_of_production_no_public_address_is_called() -> None:
    async def main() -> None:
        async with serving(once(OK)) as server, transport(public=False) as through:
            assert (await get(through, server.url)).status_code == 200
            with pytest.raises(AddressRefusedError, match="outside of production"):
                await get(through, "https://1.1.1.1/")

    run(main)


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with serving(once(OK)) as server, serving(once(OK)) as proxy, transport() as through:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
                monkeypatch.setenv(name, proxy.url)
            assert (await get(through, server.url)).status_code == 200
            assert (server.visits, proxy.visits) == (1, 0)

    run(main)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_like_others(status: int) -> None:
    async def main() -> None:
        async with serving(once(OK)) as inside:
            where = f"HTTP/1.1 {status} Moved\r\nLocation: {inside.url}\r\nContent-Length: 0\r\n\r\n"
            async with serving(once(where.encode())) as server, transport() as through:
                async with httpx.AsyncClient(transport=through) as client:
                    found = await client.post(server.url, content=b"body")
                assert found.status_code == status
                assert inside.visits == 0

    run(main)


def test_a_request_says_what_was_meant_and_nothing_else() -> None:
    async def main() -> None:
        async with serving(once(OK)) as server, transport(answering(name_example=["127.0.0.1"])) as through:
            url = f"http://NAME.example:{server.port}/a%20b?q=1&r=%2F"
            await get(through, url, "POST", headers={"X-One": "1"}, content=b"body")
            await through.send(asking(url, headers=(("X-One", "1"),), body=b"body"))
            requests = server.requests
        for head, body in requests:
            assert head.split(b"\r\n") == [
                b"POST /a%20b?q=1&r=%2F HTTP/1.1",
                f"Host: name.example:{server.port}".encode(),
                b"X-One: 1",
                b"Content-Length: 4",
                b"",
                b"",
            ]
            assert body == b"body"
        assert len(requests) == 2

    run(main)


@pytest.mark.parametrize(
    ("rest", "target"),
    [
        ("", b"/"),
        ("?a", b"/?a"),
        ("/?", b"/?"),
        ("/a/../b//c", b"/a/../b//c"),
        ("/a;b=c,d%7e%C3%A9!*'()", b"/a;b=c,d%7e%C3%A9!*'()"),
        ("/{a} b", b"/%7Ba%7D%20b"),
        ("/é?é", b"/%C3%A9?%C3%A9"),
    ],
)
def test_a_callback_is_called_as_it_was_given_and_what_no_url_has_is_encoded(rest: str, target: bytes) -> None:
    async def main() -> None:
        async with serving(once(OK)) as server, transport() as through:
            await through.send(asking(f"http://127.0.0.1:{server.port}{rest}", "GET"), ("A", "b"))
            ((head, _),) = server.requests
        assert head == b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nA: b\r\n\r\n" % (target, server.port)

    run(main)


def test_many_hosts_are_known_and_none_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedservice.service.transport._PLACES", 3)

    async def main() -> None:
        async with serving(always(OK), "0.0.0.0") as server, transport() as through:
            for number in range(1, 9):
                assert (await through.send(asking(f"http://127.0.0.{number}:{server.port}/"))).status == 200
            with pytest.raises(AddressRefusedError):
                await through.send(asking(f"http://10.0.0.1:{server.port}/"))

    run(main)


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nEvil: 1", "a\rEvil: 1", "a\0"])
def test_a_field_with_a_line_break_is_not_sent(value: str) -> None:
    async def main() -> None:
        async with serving(once(OK)) as server, transport() as through:
            with pytest.raises(httpx.LocalProtocolError):
                await get(through, server.url, headers={"X": value})
            with pytest.raises(httpx.LocalProtocolError):
                await through.send(asking(server.url, headers=(("X", value),)))
            with pytest.raises(httpx.LocalProtocolError):
                await through.send(asking(server.url, headers=(("X", "é"),)))
            assert server.visits == 0

    run(main)


# Answers of every shape. What is expected: status, body, what is lacking (or the error), whether the connection serves again.

SHAPES: dict[str, tuple[bytes, int, bytes, str, bool]] = {
    "length": (OK, 200, b"ok", "", True),
    "no body": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b"", "", True),
    "no reason": (b"HTTP/1.1 204\r\n\r\n", 204, b"", "", True),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", "", True),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b"", "", True),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1;x=y\r\n!\r\n0\r\n\r\n",
        200,
        b"ok!",
        "",
        True,
    ),
    "trailer": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", 200, b"ok", "", True),
    "until closed": (b"HTTP/1.1 200 OK\r\n\r\nall of it", 200, b"all of it", "", False),
    "closing": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", "", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", "", False),
    "HTTP/1.0 kept": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", "", True),
    "100 first": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok", "", True),
    "103 twice": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2 + OK, 200, b"ok", "", True),
    "error": (b"HTTP/1.1 503 No\r\nContent-Length: 1\r\n\r\nx", 503, b"x", "", True),
    "two answers": (OK + OK, 200, b"ok", "", False),
    "bytes after it": (OK + b"\x00garbage", 200, b"ok", "", False),
    "cut": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", 200, b"ok", "closed in the middle", False),
    "cut chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok", 200, b"ok", "closed in the middle", False),
    "bad chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 200, b"", "no HTTP", False),
    "too long": (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99999, 200, b"", "longer than", False),
    "endless": (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000, 200, b"", "longer than", False),
}

BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "no HTTP": b"220 mail.example.org ESMTP\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    "HTTP/3.7": b"HTTP/3.7 200 OK\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "space before colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "endless field": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    "endless fields": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000,
    "endless 1xx": b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 20_000,
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
}


def speaking(answer: bytes, step: int) -> Script:
    """Answer in steps of so many bytes; leave after one answer when only that ends it."""
    leaves = not any(sign in answer for sign in (b"Content-Length", b"chunked", b" 204"))

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            for start in range(0, len(answer), step):
                await visit.send(answer[start : start + step])
            if leaves or answer in CUT:
                return

    return script


CUT = [SHAPES[name][0] for name in ("cut", "cut chunk")]


@pytest.mark.parametrize("step", [1, 1_000_000])
@pytest.mark.parametrize("shape", [name for name, (answer, *_) in SHAPES.items() if len(answer) < 1000])
def test_an_answer_is_read_whatever_its_shape(shape: str, step: int) -> None:
    answer, status, body, lack, kept = SHAPES[shape]

    async def main() -> None:
        async with serving(speaking(answer, step)) as server, transport() as through:
            for _ in range(2):
                found = await get(through, server.url)
                got: Answer = found.extensions["answer"]
                assert (got.status, got.body) == (status, body)
                assert lack in got.lack
                assert bool(lack) is bool(got.lack)
                if not kept:
                    # Bytes after an answer may come when the connection is idle already.
                    await until(lambda: not any(each.reusable for each in through._idle))
            assert server.visits == (1 if kept else 2)

    run(main)


@pytest.mark.parametrize("shape", [name for name, (_, _, _, lack, _) in SHAPES.items() if lack])
def test_a_body_that_is_not_whole_raises_for_who_reads_it(shape: str) -> None:
    answer, status, body, lack, _ = SHAPES[shape]

    async def main() -> None:
        async with serving(speaking(answer, 1_000_000)) as server, transport() as through:
            found = await get(through, server.url)
            got: Answer = found.extensions["answer"]
            assert got.status == found.status_code == status
            assert got.body.startswith(body)
            assert len(got.body) < 65536
            with pytest.raises(httpx.RemoteProtocolError, match=lack):
                await found.aread()

    run(main)


@pytest.mark.parametrize("shape", BROKEN)
def test_what_is_no_answer_is_an_error(shape: str) -> None:
    async def main() -> None:
        async with serving(once(BROKEN[shape])) as server, transport() as through:
            with pytest.raises(httpx.RemoteProtocolError):
                await get(through, server.url)
            assert through.idle == 0

    run(main)


def test_head_has_no_body_whatever_its_length_says() -> None:
    async def main() -> None:
        async with serving(always(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")) as server, transport() as through:
            for _ in range(3):
                found = await get(through, server.url, "HEAD")
                assert (found.status_code, found.headers["content-length"], await found.aread()) == (200, "99", b"")
            assert server.visits == 1

    run(main)


def test_an_answer_that_stops_in_time_does_not_count_as_none() -> None:
    """The head has come: the other side has the message."""

    async def drip(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await visit.send(b"x")
            await asyncio.sleep(0.01)

    async def main() -> None:
        async with serving(drip) as server, transport(limits=Limits(total=0.3)) as through:
            got = (await get(through, server.url)).extensions["answer"]
            assert (got.status, got.lack) == (202, "the answer did not end in time")
            assert through.idle == 0

    run(main)


@pytest.mark.parametrize("dripped", [b"", b"x"])
def test_no_head_in_time_is_a_timeout(dripped: bytes) -> None:
    async def drip(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 202 Accepted\r\nX: ")
        while True:
            await visit.send(dripped)
            await asyncio.sleep(0.01)

    async def main() -> None:
        async with serving(drip) as server, transport(limits=Limits(total=0.3)) as through:
            with pytest.raises(httpx.ReadTimeout):
                await get(through, server.url)

    run(main)


def test_a_reset_in_the_middle_of_the_body_leaves_the_status() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        # A reset overtakes what was not read yet.
        await asyncio.sleep(0.05)
        visit.reset()

    async def main() -> None:
        async with serving(script) as server, transport() as through:
            got = (await get(through, server.url)).extensions["answer"]
            assert got.status == 200
            assert "lost" in got.lack or "closed" in got.lack

    run(main)


def test_a_reset_before_an_answer_is_an_error_and_is_not_tried_again() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.reset()

    async def main() -> None:
        async with serving(script) as server, transport() as through:
            with pytest.raises(httpx.RemoteProtocolError):
                await get(through, server.url)
            assert server.visits == 1

    run(main)


def test_a_connection_that_was_closed_while_idle_is_replaced_once() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        # The second request is read and not answered: only a fresh connection may be tried then, and only once.
        await visit.request()

    async def main() -> None:
        async with serving(script) as server, transport() as through:
            for _ in range(2):
                assert (await get(through, server.url)).status_code == 200
            assert server.visits == 2

    run(main)


def test_a_reused_connection_that_breaks_after_the_first_byte_is_not_replaced() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.request()
        await visit.send(b"H")

    async def main() -> None:
        async with serving(script) as server, transport() as through:
            await get(through, server.url)
            with pytest.raises(httpx.RemoteProtocolError):
                await get(through, server.url)
            assert server.visits == 1

    run(main)


def test_bytes_that_nobody_asked_for_end_an_idle_connection() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await asyncio.sleep(0.02)
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        await asyncio.Event().wait()

    async def main() -> None:
        async with serving(script) as server, transport() as through:
            await get(through, server.url)
            await until(lambda: not any(each.reusable for each in through._idle))
            assert await (await get(through, server.url)).aread() == b"ok"
            assert server.visits == 2

    run(main)


def test_a_peer_that_reads_nothing_costs_little_memory_and_ends_in_time() -> None:
    async def deaf(visit: Visit) -> None:
        visit.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async def main() -> None:
        async with serving(deaf) as server, transport(limits=Limits(total=0.5)) as through:
            body = bytes(50_000_000)
            sending = asyncio.create_task(get(through, server.url, "POST", content=body))
            await asyncio.sleep(0.2)
            waiting = [each for each in gc.get_objects() if type(each).__name__ == "Connection" and hasattr(each, "_most")]
            assert max(each._transport.get_write_buffer_size() for each in waiting if each._transport is not None) < 300_000
            with pytest.raises(httpx.ReadTimeout):
                await sending

    run(main)


def test_an_answer_in_the_middle_of_a_large_request_ends_the_sending() -> None:
    async def script(visit: Visit) -> None:
        await visit.reader.readuntil(b"\r\n\r\n")
        await visit.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await asyncio.Event().wait()

    async def main() -> None:
        async with serving(script) as server, transport() as through:
            found = await get(through, server.url, "POST", content=bytes(50_000_000))
            assert found.status_code == 413
            assert through.idle == 0

    run(main)


def test_a_large_request_arrives_whole() -> None:
    async def main() -> None:
        async with serving(always(OK)) as server, transport() as through:
            body = bytes(range(256)) * 20_000
            for _ in range(2):
                assert (await get(through, server.url, "POST", content=body)).status_code == 200
            assert [sent for _, sent in server.requests] == [body, body]
            assert server.visits == 1

    run(main)


def test_a_cancelled_exchange_leaves_no_connection_behind() -> None:
    async def main() -> None:
        async with serving(hang) as server, transport() as through:
            sending = asyncio.create_task(get(through, server.url))
            await until(lambda: bool(server.requests))
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert through.idle == 0

    run(main)


def test_two_requests_at_once_have_two_connections_and_share_them_later() -> None:
    async def main() -> None:
        async with serving(always(OK)) as server, transport() as through:
            await asyncio.gather(*(get(through, server.url) for _ in range(20)))
            assert server.visits == 20
            assert through.idle == Limits().idle_each
            for _ in range(20):
                await get(through, server.url)
            assert server.visits == 20

    run(main)


def test_idle_connections_are_closed_after_a_while_and_when_there_are_too_many() -> None:
    async def main() -> None:
        async with serving(always(OK)) as server, transport(limits=Limits(idle=0.05, idle_most=3)) as through:
            await get(through, server.url)
            assert through.idle == 1
            await asyncio.gather(*(get(through, server.url) for _ in range(6)))
            assert through.idle == 3
            await until(lambda: not through.idle)
            assert not through._stacks

    run(main)


def test_nobody_listening_is_a_connect_error() -> None:
    async def main() -> None:
        async with serving(once(OK)) as server:
            url = server.url
        async with transport() as through:
            with pytest.raises(httpx.ConnectError) as caught:
                await get(through, url)
            assert type(caught.value) is httpx.ConnectError

    run(main)


def test_a_dead_address_does_not_hide_the_next_one() -> None:
    async def main() -> None:
        async with serving(once(OK), "127.0.0.2") as server, transport(answering(two_example=["127.0.0.1 127.0.0.2"])) as through:
            assert (await get(through, f"http://two.example:{server.port}/")).status_code == 200

    run(main)


def test_a_name_without_address_is_an_error_of_its_own() -> None:
    async def main() -> None:
        async with transport() as through:
            with pytest.raises(ResolveError):
                await get(through, "http://nowhere.example/")

    run(main)


def test_a_silent_name_server_is_waited_for_only_so_long() -> None:
    async def silent(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        raise AssertionError

    async def main() -> None:
        async with transport(silent, limits=Limits(connect=0.1)) as through:
            with pytest.raises(ResolveError, match="does not answer"):
                await get(through, "http://silent.example/")

    run(main)


# TLS


def _server_side(authority: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    return context


def test_a_certificate_is_checked_against_the_name_in_the_url(authority: tuple[Path, Path]) -> None:
    def trusting() -> ssl.SSLContext:
        context = tls_context()
        context.load_verify_locations(authority[0])
        return context

    async def main() -> None:
        resolve = answering(name_example=["127.0.0.1"], other_example=["127.0.0.1"])
        async with serving(always(OK), tls=_server_side(authority)) as server, transport(resolve, tls=trusting) as through:
            for host in ("name.example", "name.example.", "127.0.0.1"):
                assert (await get(through, f"https://{host}:{server.port}/")).status_code == 200
            with pytest.raises(TLSError, match="mismatch"):
                await get(through, f"https://other.example:{server.port}/")

    run(main)


def test_an_unknown_authority_is_refused(authority: tuple[Path, Path]) -> None:
    async def main() -> None:
        async with serving(always(OK), tls=_server_side(authority)) as server, transport() as through:
            with pytest.raises(TLSError, match="self-signed"):
                await get(through, f"https://127.0.0.1:{server.port}/")
            assert server.requests == []

    run(main)


def test_old_versions_of_tls_are_refused() -> None:
    assert tls_context().minimum_version == ssl.TLSVersion.TLSv1_2
    assert tls_context().verify_mode == ssl.CERT_REQUIRED
    assert tls_context().check_hostname


def test_a_server_that_speaks_no_tls_is_an_error() -> None:
    async def script(visit: Visit) -> None:
        await visit.send(b"220 mail.example.org ESMTP\r\n")
        await visit.reader.read()

    async def main() -> None:
        async with serving(script) as server, transport() as through:
            with pytest.raises(TLSError):
                await get(through, f"https://127.0.0.1:{server.port}/")

    run(main)
