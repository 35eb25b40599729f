from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from feedservice.errors import RefusedError
from feedservice.service import control
from feedservice.service.control import Control, NotRunningError


async def echo(question: Mapping[str, Any]) -> Mapping[str, Any]:
    if question["do"] == "break":
        raise ZeroDivisionError
    return {"said": question}


def with_control(state: Path, work: Callable[[], object]) -> None:
    async def main() -> None:
        listener = Control(state / control.NAME, echo)
        await listener.start()
        try:
            await asyncio.wait_for(asyncio.to_thread(work), 60)
        finally:
            await listener.stop()

    asyncio.run(main())


def test_a_question_is_answered_and_a_bug_is_said_to_be_one(tmp_path: Path) -> None:
    def work() -> None:
        assert control.ask(tmp_path, {"do": "it"}) == {"said": {"do": "it"}}
        with pytest.raises(RefusedError, match="an error of the program"):
            control.ask(tmp_path, {"do": "break"})
        assert control.ask(tmp_path, {"do": "on"}) == {"said": {"do": "on"}}

    with_control(tmp_path, work)
    assert not (tmp_path / control.NAME).exists()


def test_what_a_crash_left_is_nobody_s(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError):
        control.ask(tmp_path, {"do": "it"})
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / control.NAME))
    with pytest.raises(NotRunningError):
        control.ask(tmp_path, {"do": "it"})
    with_control(tmp_path, lambda: control.ask(tmp_path, {"do": "it"}))


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / control.NAME).write_text("mine", "utf-8")
    with pytest.raises(RefusedError, match="cannot listen on"):
        with_control(tmp_path, lambda: None)
    assert (tmp_path / control.NAME).read_text("utf-8") == "mine"


def test_the_socket_of_another_service_is_left_to_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    others: list[socket.socket] = []

    def work() -> None:
        state.rename(tmp_path / "away")
        state.mkdir()
        others.append(socket.socket(socket.AF_UNIX))
        others[0].bind(str(state / control.NAME))

    with_control(state, work)
    assert (state / control.NAME).exists()
    others[0].close()


def test_an_end_in_the_middle_of_an_answer_is_no_answer(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / control.NAME))
        listener.listen()

        def half() -> None:
            asked, _ = listener.accept()
            with asked:
                asked.recv(1000)
                asked.sendall(b'{"ready": true')

        thread = threading.Thread(target=half)
        thread.start()
        with pytest.raises(RefusedError, match="stopped before it answered"):
            control.ask(tmp_path, {"do": "status"})
        thread.join()


def test_nobody_is_waited_for_for_ever(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / control.NAME))
        listener.listen()
        with pytest.raises(RefusedError, match="does not answer"):
            control.ask(tmp_path, {"do": "status"}, timeout=0.05)


def test_a_path_that_no_socket_can_have_is_said(tmp_path: Path) -> None:
    longest = Path("/" + "x" * (107 - len(os.fsencode(f"/{control.NAME}")))) / control.NAME
    control.too_long(longest.parent / control.NAME[:-1])
    with pytest.raises(RefusedError, match="the path of the control socket is too long"):
        control.ask(longest.parent, {"do": "status"})
