"""The log: lines for people on a terminal, JSON for programs everywhere else.

Whoever logs says it in words, and gives programs the same as values: ``logger.info("…", extra=fields(took=0.04))``.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

from feedservice import dates

FIELDS = "fields"
EventDict = MutableMapping[str, Any]
"""As structlog hands a record from step to step."""
LARGEST = 5_000_000
"""Bytes of a log file; then another is begun."""

_COLOURS = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}
_PLAIN = "\x1b[0m"


def fields(**values: object) -> dict[str, Mapping[str, object]]:
    """Return values for programs, to be given as ``extra``."""
    return {FIELDS: values}


def _values(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Return what a record says, as a line of JSON has it: time (UTC), level, message, where it comes from, and the values."""
    record: logging.LogRecord = event["_record"]
    line: EventDict = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "message": event["event"],
        "logger": record.name,
        **getattr(record, FIELDS, {}),
    }
    if "exc_info" in event:
        line["traceback"] = "".join(traceback.format_exception(*event["exc_info"])).rstrip("\n")
    return line


def _json() -> logging.Formatter:
    """Return what makes one object of a record, in one line."""
    # Only who writes a log pays for the import.
    import structlog  # noqa: PLC0415

    written = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    return structlog.stdlib.ProcessorFormatter(processors=[_values, written])


def _human(*, colour: bool) -> logging.Formatter:
    """Return what makes a line of a record: time of day, level when it matters, message; ``colour``: for a terminal."""
    import structlog  # noqa: PLC0415

    def written(_logger: object, _method: str, line: EventDict) -> str:
        at = datetime.fromisoformat(line["time"]).astimezone().strftime("%H:%M:%S")
        text = told(at, line["level"], line["message"], colour=colour)
        return f"{text}\n{line['traceback']}" if "traceback" in line else text

    return structlog.stdlib.ProcessorFormatter(processors=[_values, written])


def told(at: str, level: str, message: str, *, colour: bool) -> str:
    """Return a line for people."""
    if level in {"info", "debug"}:
        return f"{at} {message}"
    word = f"{_COLOURS.get(level, '')}{level}{_PLAIN}" if colour else level
    return f"{at} {word}: {message}"


def readable(line: str, *, zone: str, colour: bool) -> str:
    """Return a line of a JSON log as people read it, times in a zone; one that is no JSON, such as a crash's, as it is."""
    try:
        read: dict[str, Any] = json.loads(line)
        at = dates.rfc3339(datetime.fromisoformat(read["time"]), zone)
        text = told(at, str(read["level"]), str(read["message"]), colour=colour)
    except (ValueError, KeyError, TypeError):
        return line
    return f"{text}\n{read['traceback']}" if "traceback" in read else text


class _Rotating(RotatingFileHandler):
    """A log file that also takes what is written to the error stream without asking: the interpreter's own last words."""

    def _open(self) -> Any:
        stream = super()._open()
        os.fchmod(stream.fileno(), 0o600)
        os.dup2(stream.fileno(), sys.stderr.fileno())
        return stream


def configure(*, file: Path | None, kept: int, stream: TextIO = sys.stderr, level: int = logging.INFO) -> logging.Handler:
    """Send every log of the process to ``file`` (JSON, ``kept`` older ones beside it) or to ``stream``; return the handler.

    Raises ``OSError`` when the file cannot be written.
    """
    handler: logging.Handler
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = _Rotating(file, maxBytes=LARGEST, backupCount=kept, encoding="utf-8")
        handler.setFormatter(_json())
    else:
        handler = logging.StreamHandler(stream)
        handler.setFormatter(_human(colour=True) if stream.isatty() else _json())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # What they say of every job, and of every event, is in our own lines.
    for loud in ("alembic", "apscheduler", "watchfiles"):
        logging.getLogger(loud).setLevel(logging.ERROR)
    return handler


def last_lines(file: Path, count: int, end: int | None = None) -> Iterator[str]:
    """Yield the last lines of a file, of the older one beside it too when there are not enough; nothing when there is none.

    ``end``: what comes after so many bytes of the file is passed over, for whoever reads on from there.
    """
    lines: list[str] = []
    for each, upto in ((file, end), (file.with_name(file.name + ".1"), None)):
        if len(lines) >= count or not each.is_file():
            break
        older = each.read_bytes()[:upto].decode("utf-8", "replace").splitlines()
        lines = older[-(count - len(lines)) :] + lines if count > len(lines) else lines
    yield from lines
