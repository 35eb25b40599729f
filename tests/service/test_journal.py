from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedservice.service import journal
from tests.daemon.conftest import ROOT


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, as it was before and is again afterwards."""
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:], logger.level = handlers, level


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_programs_get_json(root: logging.Logger) -> None:
    stream = io.StringIO()
    journal.configure(file=None, kept=0, stream=stream)
    logging.getLogger("x").warning("日本 %d\nline", 3, extra=journal.fields(took=0.5, pass_=1))
    try:
        int("no")
    except ValueError:
        logging.getLogger("x").exception("failed")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {"level": "warning", "message": "日本 3\nline", "logger": "x", "took": 0.5, "pass_": 1}
    assert "ValueError: invalid literal" in second["traceback"]


def test_people_get_lines(root: logging.Logger) -> None:
    stream = Terminal()
    journal.configure(file=None, kept=0, stream=stream)
    logging.getLogger("x").info("fine", extra=journal.fields(took=0.5))
    logging.getLogger("x").error("bad")
    first, second = stream.getvalue().splitlines()
    assert first[8:] == " fine"
    assert second.endswith("\x1b[31merror\x1b[0m: bad")


def test_a_line_of_the_log_is_readable_again() -> None:
    line = json.dumps({"time": "2026-01-01T00:00:00.000Z", "level": "error", "message": "bad", "traceback": "T"})
    assert journal.readable(line, zone="Asia/Tokyo", colour=False) == "2026-01-01T09:00:00+09:00 error: bad\nT"
    for other in ("Fatal Python error: Segmentation fault", "{}", '["x"]', "3", '{"time": 3}'):
        assert journal.readable(other, zone="UTC", colour=False) == other


def test_the_last_lines_come_from_the_older_file_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert list(journal.last_lines(log, 5)) == []
    log.with_name("log.1").write_text("1\n2\n3\n", "utf-8")
    log.write_text("4\n5\n", "utf-8")
    assert list(journal.last_lines(log, 4)) == ["2", "3", "4", "5"]
    assert list(journal.last_lines(log, 1)) == ["5"]
    assert list(journal.last_lines(log, 0)) == []
    assert list(journal.last_lines(log, 50)) == ["1", "2", "3", "4", "5"]
    # What was written after the follower looked is read by the one that follows.
    assert list(journal.last_lines(log, 2, end=2)) == ["3", "4"]


def test_a_full_file_is_replaced_and_last_words_go_to_the_new_one(tmp_path: Path) -> None:
    program = """
import logging, os, pathlib, sys
from feedservice.service import journal
journal.LARGEST = 2000
journal.configure(file=pathlib.Path(sys.argv[1]), kept=2)
for number in range(100):
    logging.info("line %d", number)
os.write(2, b"last words")
"""
    log = tmp_path / "log"
    subprocess.run([sys.executable, "-c", program, str(log)], check=True, timeout=60, env={"PYTHONPATH": str(ROOT)})
    assert log.read_text("utf-8").endswith("last words")
    assert log.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    assert json.loads(log.with_name("log.1").read_text("utf-8").splitlines()[-1])["message"].startswith("line ")
