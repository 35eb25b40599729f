"""Names → addresses: who asks a silent server keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from feedservice.service.resolve import SystemResolver, zone_of
from tests.service.loopback import PATIENCE, until


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Name servers as the system's library finds them: that of ``silent.example`` answers when this is set."""
    answered = threading.Event()

    def ask(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        if host.endswith(".silent.example"):
            answered.wait(PATIENCE)
        if host.startswith("none"):
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    yield answered
    answered.set()


def test_a_silent_name_server_holds_up_nobody_but_those_who_ask_for_its_names(silence: threading.Event) -> None:
    async def main() -> None:
        resolver = SystemResolver(threads=6, share=4)
        try:
            waiting = [asyncio.ensure_future(resolver(f"n{number}.silent.example", 80)) for number in range(50)]
            given_up = [asyncio.ensure_future(resolver(f"g{number}.silent.example", 80)) for number in range(50)]
            await asyncio.sleep(0)
            # As the transport does after some seconds: the threads that ask are not free for that.
            for each in (*given_up, *waiting[:2]):
                each.cancel()
            async with asyncio.timeout(PATIENCE):
                for number in range(20):
                    assert await resolver(f"{number}.example.org", 443) == ["192.0.2.1"]
                with pytest.raises(OSError, match="not known"):
                    await resolver("none.example.org", 443)
            assert not any(each.done() for each in waiting[2:])
            silence.set()
            assert await asyncio.gather(*waiting[2:]) == [["192.0.2.1"]] * 48
            # Nothing is remembered of who asked once.
            await until(lambda: not resolver._zones)
        finally:
            resolver.close()

    asyncio.run(main())


def test_who_is_asked_when_the_loop_ends_ends_in_peace(silence: threading.Event, capfd: pytest.CaptureFixture[str]) -> None:
    resolver = SystemResolver(threads=1)

    async def main() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await resolver("n.silent.example", 80)

    asyncio.run(main())
    resolver.close()
    silence.set()
    resolver._threads.shutdown(wait=True)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("host", "zone"),
    [
        ("example.org", "example.org"),
        ("a.b.Example.ORG.", "example.org"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("example.co.uk", "example.co.uk"),
        ("localhost", "localhost"),
        ("co.uk", "co.uk"),
        ("", ""),
    ],
)
def test_names_of_one_owner_are_of_one_zone(host: str, zone: str) -> None:
    assert zone_of(host) == zone
