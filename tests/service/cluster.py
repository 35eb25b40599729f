"""A PostgreSQL server of a test's own, which may be ended as a power cut would end it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
PG_CTL = _PLACES[-1] if _PLACES else None
"""None: there is no PostgreSQL here."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """On a Unix socket in a directory of its own."""

    folder: Path

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@/postgres?host={self.folder}"

    def control(self, *words: str) -> None:
        """Have ``pg_ctl`` do something, and wait until it has."""
        assert PG_CTL is not None
        self.run(str(PG_CTL), f"--pgdata={self.folder / 'data'}", f"--log={self.folder / 'log'}", "--wait", *words)

    def run(self, *words: str) -> None:
        """Run a program as somebody whom PostgreSQL takes: not as root."""
        before = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*before, *words], check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=120)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Make a server and start it; it is gone afterwards."""
    assert PG_CTL is not None
    # Not below pytest's directory: the path of a socket must be short, and the server's user must come to it.
    folder = Path(tempfile.mkdtemp(prefix="feedservice-pg-"))
    made = Cluster(folder)
    try:
        if os.getuid() == 0:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        folder.chmod(0o755)
        made.run(
            str(PG_CTL.with_name("initdb")), f"--pgdata={folder / 'data'}", "--auth=trust", "--username=postgres", "--no-sync"
        )
        made.control("start", f"--options=-c listen_addresses='' -c unix_socket_directories={folder}")
        try:
            yield made
        finally:
            made.control("stop", "--mode=immediate")
    finally:
        shutil.rmtree(folder)
