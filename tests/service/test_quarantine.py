"""The sources that are kept: what a service that lives for years has of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from feedservice.model import Fingerprint, Post
from feedservice.posts.parse import digest
from feedservice.service import pack, quarantine
from feedservice.service.pack import Mark
from feedservice.service.scan import Found

NOW = datetime(2025, 6, 1, tzinfo=UTC)


def test_a_service_that_hears_of_every_change_does_not_keep_them_all(tmp_path: Path) -> None:
    """It never looks through everything and finds something: what is kept is put in order all the same."""
    kept: dict[str, str] = {}
    left: Mark | None = None
    sizes: list[int] = []
    for number in range(300):
        data = f"{number} ".encode() * 4_000
        file = tmp_path / f"{number % 3}.md"
        file.write_bytes(data)
        path = file.name
        post = Post(path=path, digest=digest(data), title="T", link="https://example.org/", published=NOW, zone="UTC")
        found = Found(
            path=path, root=str(tmp_path), name=path, fingerprint=Fingerprint(size=len(data), mtime_ns=number, inode=number)
        )
        files = {path: found}
        left = quarantine.keep(tmp_path / "state", [post], files, (), kept=kept, left=left, tidy=False)
        sizes.append((tmp_path / "state" / "good" / "sources").stat().st_size)
    assert max(sizes) < 1_500_000
    assert sorted(pack.records(tmp_path / "state" / "good" / "sources")) == ["0.md", "1.md", "2.md"]
    assert pack.read(tmp_path / "state" / "good" / "sources", "2.md") == b"299 " * 4_000
