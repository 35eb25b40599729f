"""``git pull`` with another program of that name: what it is given, and how it is ended."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from feedservice.errors import RefusedError
from feedservice.service.pull import pull
from tests.daemon.conftest import state_of, wait_for


def named_git(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    (folder / "git").write_text(f"#!/bin/sh\ncd {folder}\n{script}\n", "utf-8")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_git_is_asked_to_go_forward_only_and_can_ask_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named_git(tmp_path, monkeypatch, 'echo "$* $GIT_TERMINAL_PROMPT" > told; cat >> told')
    asyncio.run(pull(tmp_path, within=60))
    assert (tmp_path / "told").read_text("utf-8") == f"-C {tmp_path} pull --ff-only --quiet 0\n"


def test_what_git_says_is_passed_on_without_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "fatal: unable to access 'https://hanako:s3cr3t@git.example/site.git/': Could not resolve host"
    named_git(tmp_path, monkeypatch, f'echo "{said}" >&2; exit 128')
    with pytest.raises(RefusedError) as caught:
        asyncio.run(pull(tmp_path, within=60))
    assert str(caught.value) == f"git pull --ff-only: {said.replace('hanako:s3cr3t@', '')}"
    assert caught.value.hint == f"mend it by hand in {tmp_path}"


def test_git_is_ended_with_what_it_has_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named_git(tmp_path, monkeypatch, "sleep 600 & echo $! > helper; mv helper started; wait")
    with pytest.raises(RefusedError, match=r"took longer than 0\.5 s"):
        asyncio.run(pull(tmp_path, within=0.5))
    if (tmp_path / "started").exists():
        helper = int((tmp_path / "started").read_text("utf-8"))
        wait_for(lambda: state_of(helper) == "Z")


def test_without_git_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RefusedError, match="git cannot be run: No such file") as caught:
        asyncio.run(pull(tmp_path, within=60))
    assert "hooks.pull" in caught.value.hint
