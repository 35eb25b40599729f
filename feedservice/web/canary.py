"""The door that hubs call the canary at: one path a subscription, which nobody can guess and nobody is told of."""

from __future__ import annotations

from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qsl

from feedservice.web.conditional import Answer
from feedservice.web.desk import Asked
from feedservice.web.reception import Post, Reply, told

PATH = "/-/canary/"
ECHO = "application/octet-stream"
"""An echo is sent so, with ``nosniff``, that no browser takes it for a page (WebSub §5.3.1)."""
_MOST = 20
"""Parameters."""


class Ear(Protocol):
    """Knows what was asked for."""

    def verify(self, token: str, topic: str, challenge: str, lease: str) -> bool:
        """Return whether that was asked for and is not verified yet; then it is verified."""
        ...

    def deny(self, token: str, topic: str, reason: str) -> bool:
        """Take note that a hub will not have it; False for a token that is none of ours."""
        ...

    async def hear(self, token: str, signature: str | None, body: bytes) -> bool:
        """Take a delivery; False for a token that is none of ours, or not any more."""
        ...


class Perch:
    """A ``Door`` of the desk."""

    def __init__(self, at: Post, ear: Ear) -> None:
        """``ear`` belongs to the loop that answers."""
        self._at = at
        self._ear = ear

    async def answer(self, asked: Asked, body: bytes) -> tuple[Answer, bytes]:
        """Answer a hub."""
        path, _, query = asked.target.decode("latin-1").partition("?")
        token = path.removeprefix(PATH)
        if asked.method == "POST":
            signature = next((value for name, value in asked.fields if name == "x-hub-signature"), None)
            known = await self._ear.hear(token, signature, body)
            # Gone ends a subscription that we have forgotten (WebSub §7).
            reply = Reply(status=(HTTPStatus.NO_CONTENT if known else HTTPStatus.GONE).value)
        elif asked.method == "GET":
            reply = self._asked(token, query)
        else:
            reply = told(HTTPStatus.METHOD_NOT_ALLOWED, "this is for hubs", ("allow", "GET, POST"))
        return Answer(status=reply.status, headers=reply.headers(self._at.now())), reply.body

    def _asked(self, token: str, query: str) -> Reply:
        found = _single(query)
        mode, topic = found.get("hub.mode", ""), found.get("hub.topic", "")
        if mode == "subscribe":
            challenge = found.get("hub.challenge", "")
            if self._ear.verify(token, topic, challenge, found.get("hub.lease_seconds", "")):
                return Reply(status=HTTPStatus.OK.value, body=challenge.encode("ascii"), media_type=ECHO)
        elif mode == "denied" and self._ear.deny(token, topic, found.get("hub.reason", "")):
            return Reply(status=HTTPStatus.NO_CONTENT.value)
        # Nothing was asked to end: an unsubscription is somebody else's (§5.3.1).
        return told(HTTPStatus.NOT_FOUND, "nothing like that was asked for")


def _single(query: str) -> dict[str, str]:
    """Return the parameters of a query; nothing of one that contradicts itself."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST)
    except ValueError:
        return {}
    found = dict(pairs)
    return found if len(found) == len(set(pairs)) else {}
