"""A mail server on loopback that answers as a test says, and keeps what it was given."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any


@dataclasses.dataclass(slots=True)
class Mailbox:
    """What a server was told, and the messages that it took."""

    port: int = 0
    commands: list[str] = dataclasses.field(default_factory=list)
    """Without their arguments of ``AUTH``, in the order in which they came."""
    passwords: list[str] = dataclasses.field(default_factory=list)
    messages: list[EmailMessage] = dataclasses.field(default_factory=list)
    receivers: list[list[str]] = dataclasses.field(default_factory=list)
    stalled: threading.Event = dataclasses.field(default_factory=threading.Event)
    """A client waits for a reply that it does not get."""

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


class Server(socketserver.ThreadingTCPServer):
    """One mailbox and how it behaves."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, replies: Mapping[str, str], tls: ssl.SSLContext | None, *, implicit: bool, stall: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.box = Mailbox(port=self.server_address[1])
        self.replies, self.tls, self.implicit, self.stall = replies, tls, implicit, stall
        self.over = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that leave are part of the tests."""


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    server: Server
    secure = False

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self.server.implicit:
                self._wrap()
            self._say(self.server.replies.get("", "220 ready"))
            receivers: list[str] = []
            while line := self.rfile.readline().decode("ascii").strip():
                verb = line.split()[0].upper()
                self.server.box.commands.append(verb if verb == "AUTH" else line)
                if verb == self.server.stall:
                    self.server.box.stalled.set()
                    self.server.over.wait(60)
                    return
                if verb in self.server.replies:
                    self._say(self.server.replies[verb])
                else:
                    getattr(self, f"_{verb.lower()}", self._fine)(line, receivers)
                if verb == "QUIT":
                    return

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()
        # The socket that TLS was put around is not the one that the server closes.
        self.connection.close()

    def _fine(self, _line: str, _receivers: list[str]) -> None:
        self._say("250 fine")

    def _ehlo(self, _line: str, _receivers: list[str]) -> None:
        offers = [] if self.server.tls is None else ["250-AUTH PLAIN"] if self.secure else ["250-STARTTLS"]
        self._say("\r\n".join(["250-box", *offers, "250 8BITMIME"]))

    def _starttls(self, _line: str, _receivers: list[str]) -> None:
        self._say("220 go on")
        self._wrap()

    def _auth(self, line: str, _receivers: list[str]) -> None:
        said = base64.b64decode(line.rsplit(maxsplit=1)[-1]).decode()
        self.server.box.passwords.append(said.removeprefix("\0").replace("\0", ":"))
        self._say("235 known")

    def _rcpt(self, line: str, receivers: list[str]) -> None:
        receivers.append(line.partition("<")[2].partition(">")[0])
        self._say("250 fine")

    def _quit(self, _line: str, _receivers: list[str]) -> None:
        self._say("221 bye")

    def _data(self, _line: str, receivers: list[str]) -> None:
        self._say("354 go on")
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b"."))
        reply = self.server.replies.get(".", "250 taken")
        if reply.startswith("2"):
            message = message_from_bytes(b"".join(lines), policy=default)
            assert isinstance(message, EmailMessage)
            self.server.box.receivers.append(list(receivers))
            self.server.box.messages.append(message)
        self._say(reply)

    def _wrap(self) -> None:
        assert self.server.tls is not None
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile: Any = self.connection.makefile("rb")
        self.wfile: Any = self.connection.makefile("wb", buffering=0)
        self.secure = True

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextlib.contextmanager
def mailbox(
    replies: Mapping[str, str] | None = None, *, tls: ssl.SSLContext | None = None, implicit: bool = False, stall: str = ""
) -> Iterator[Mailbox]:
    """Run a server: ``replies`` are other answers to verbs (``""``: the greeting, ``.``: the message), ``stall`` gets none.

    With ``tls`` it offers STARTTLS and AUTH, or speaks TLS from the beginning (``implicit``).
    """
    with Server(replies or {}, tls, implicit=implicit, stall=stall) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.box
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
