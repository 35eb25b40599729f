"""The service where files may not be read, directories not be written, and the disk is full."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.daemon.conftest import Site, post, wait_for

UNBOUND = "-dac_override,-dac_read_search"
"""What root has that makes permissions mean nothing."""


def bound() -> tuple[str, ...]:
    """Return the beginning of a command line whose process heeds permissions, whoever runs the tests."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root may read and write everything, and there is no setpriv")
    return ("setpriv", "--bounding-set", UNBOUND, "--inh-caps", UNBOUND)


def small(folder: Path, size: str) -> tuple[str, ...]:
    """Return the beginning of a command line whose process has a small disk of its own in a place."""
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    script = f'mount -t tmpfs -o size={size} small "$0" && exec "$@"'
    command = ("unshare", *user, "--mount", "sh", "-c", script, str(folder))
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this system does not let a process have a disk of its own")
    return command


@pytest.mark.judge
def test_what_may_not_be_read_or_written_is_said_and_got_over(site: Site) -> None:
    site.inside = bound()
    site.start()
    hidden = site.write("hidden.md", post("Hidden", "2025-01-07"))
    site.serves("Hidden", "First")
    hidden.write_text(post("Hidden again", "2025-01-07"), "utf-8")
    site.serves("Hidden again", "First")
    # Another file under its name, that nobody may read: the last good one stays, and its neighbours are published.
    other = site.root / "other"
    other.write_text(post("Never seen", "2025-01-07"), "utf-8")
    other.chmod(0)
    other.replace(hidden)
    assert site.logged(r"^hidden\.md: .*[Pp]ermission denied")["level"] == "error"
    site.write("second.md", post("Second", "2025-01-06"))
    site.serves("Hidden again", "Second", "First")
    # Neither its size nor its time changes with who may read it.
    hidden.chmod(0o644)
    site.serves("Never seen", "Second", "First")

    feeds = site.root / "public" / "feeds"
    feeds.chmod(0o555)
    try:
        site.write("third.md", post("Third", "2025-01-08"))
        assert site.logged(r"^nothing was done: cannot write .*: Permission denied")["level"] == "error"
        assert site.titles() == ["Never seen", "Second", "First"]
        assert "Permission denied" in site.ask("status")["last_pass"]["refusal"]
    finally:
        feeds.chmod(0o755)
    # Nobody does anything, and it is published.
    site.serves("Third", "Never seen", "Second", "First")
    assert site.stop() == 0


@pytest.mark.judge
def test_a_full_disk_leaves_the_feeds_whole_until_there_is_room(site: Site) -> None:
    public = site.root / "public"
    public.mkdir()
    site.inside = small(public, "1m")
    site.start()
    assert site.process is not None
    disk = Path(f"/proc/{site.process.pid}/root/{public}")
    before = {path: site.get(path)[1] for path in ("/feeds/all.atom", "/feeds/all.rss", "/feeds/all.json", "/feeds/all/")}
    with pytest.raises(OSError, match="No space left"):
        (disk / "fill").write_bytes(bytes(2_000_000))
    site.write("second.md", post("Second", "2025-01-06"))
    assert site.logged(r"^nothing was done: cannot write .*: No space left")["level"] == "error"
    assert {path: site.get(path)[1] for path in before} == before
    assert not [path for path in disk.rglob("*-new") if path.stat().st_size]
    (disk / "fill").unlink()
    site.serves("Second", "First")
    wait_for(lambda: not list(disk.rglob("*-new")))
    assert site.stop() == 0
