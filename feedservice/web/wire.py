"""Answers as bytes: what stands on the wire before a body (RFC 9112)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from http import HTTPStatus

from feedservice.web.conditional import Answer

CLOSE = b"connection: close\r\n"


def first_line(status: int) -> bytes:
    """Return the status line."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode("ascii")


def lines(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return header field lines; names and values must be Latin-1 without controls."""
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("latin-1")


def told(answer: Answer, message: str) -> tuple[Answer, bytes]:
    """Give a refusal, which has no body, a line of text that says why: (answer, body)."""
    phrase = HTTPStatus(answer.status).phrase
    body = f"{answer.status} {phrase}{': ' if message else ''}{message}\n".encode()
    fields = [(name, str(len(body)) if name == "content-length" else value) for name, value in answer.headers]
    fields += [("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff")]
    return dataclasses.replace(answer, headers=tuple(fields)), body


def whole(answer: Answer, body: bytes, *, close: bool) -> bytes:
    """Return everything that is sent for an answer."""
    return b"".join((first_line(answer.status), lines(answer.headers), CLOSE if close else b"", b"\r\n", body))
