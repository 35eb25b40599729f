from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from feedservice.service.notify import Manager


@pytest.mark.parametrize("abstract", [False, True])
def test_the_manager_is_told(tmp_path: Path, abstract: bool) -> None:
    name = f"@feedservice-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name[1:] if abstract else name)
        receiver.settimeout(30)
        manager = Manager({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"})
        assert manager.watchdog == 30
        manager.ready("3 posts")
        assert receiver.recv(1000) == b"READY=1\nSTATUS=3 posts"
        manager.reloading()
        fields = dict(line.split("=") for line in receiver.recv(1000).decode().splitlines())
        assert fields["RELOADING"] == "1"
        # Microseconds of the clock that systemd has (sd_notify(3)).
        assert 0 <= time.clock_gettime(time.CLOCK_MONOTONIC) - int(fields["MONOTONIC_USEC"]) / 1e6 < 60
        assert manager.listens
        manager.alive()
        assert receiver.recv(1000) == b"WATCHDOG=1"
        manager.stopping()
        assert receiver.recv(1000).startswith(b"STOPPING=1\n")


def test_nobody_is_told_where_nobody_listens(tmp_path: Path) -> None:
    assert Manager({}).watchdog is None
    assert not Manager({}).listens
    Manager({}).ready("")
    Manager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("")
