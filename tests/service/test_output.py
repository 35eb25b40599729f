from __future__ import annotations

import gzip
import sys
from datetime import UTC, datetime
from pathlib import Path

import brotli
import pytest

from feedservice.service import files
from feedservice.service.compress import SUFFIXES, compress
from feedservice.service.output import Output

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NOW = datetime(2025, 6, 1, tzinfo=UTC)
BODY = b"<feed>" + b"text " * 400 + b"</feed>"
ALL = ("gzip", "br", "zstd")


def put(root: Path, body: bytes, codings: tuple[str, ...] = ALL) -> Output:
    with Output(root, codings) as output:
        output.put("a/feed.atom", body, name="atom", media_type="application/atom+xml", last_modified=NOW)
        output.commit()
    return output


def names(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "a").iterdir())


def test_coded_forms_lie_beside_the_file_and_decode_to_it(tmp_path: Path) -> None:
    published = put(tmp_path, BODY).published[0]
    folder = tmp_path / "a"
    assert gzip.decompress((folder / "feed.atom.gz").read_bytes()) == BODY
    assert brotli.decompress((folder / "feed.atom.br").read_bytes()) == BODY
    assert zstd.decompress((folder / "feed.atom.zst").read_bytes()) == BODY
    assert published.codings == {coding: (folder / f"feed.atom{suffix}").stat().st_size for coding, suffix in SUFFIXES.items()}
    assert (published.size, published.changed) == (len(BODY), True)


@pytest.mark.parametrize("coding", list(SUFFIXES))
def test_the_same_bytes_give_the_same_coded_bytes(coding: str) -> None:
    assert compress(coding, BODY) == compress(coding, BODY)


@pytest.mark.parametrize("size", [512, 70_000, 300_000, 2_200_000])
def test_coded_forms_of_every_size_decode_to_it(size: int) -> None:
    body = b"".join(b"<p>%d</p>" % number for number in range(size // 9))
    coded = {coding: compress(coding, body) for coding in ALL}
    assert gzip.decompress(coded["gzip"]) == brotli.decompress(coded["br"]) == zstd.decompress(coded["zstd"]) == body
    assert max(len(coded["br"]), len(coded["zstd"])) < len(body) / 2


def test_a_file_that_cannot_be_staged_leaves_nothing_of_the_others(tmp_path: Path) -> None:
    put(tmp_path, BODY)
    (tmp_path / "a" / ".feed.atom.br.feedservice-new").mkdir()
    with pytest.raises(IsADirectoryError):
        put(tmp_path, BODY + b"<!-- new -->")
    assert (tmp_path / "a" / "feed.atom").read_bytes() == BODY
    assert names(tmp_path) == [".feed.atom.br.feedservice-new", "feed.atom", "feed.atom.br", "feed.atom.gz", "feed.atom.zst"]


def test_what_is_current_is_not_touched(tmp_path: Path) -> None:
    put(tmp_path, BODY)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}
    assert put(tmp_path, BODY).published[0].changed is False
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()} == before


def test_a_missing_coded_form_is_made_again(tmp_path: Path) -> None:
    put(tmp_path, BODY)
    (tmp_path / "a" / "feed.atom.br").unlink()
    put(tmp_path, BODY)
    assert brotli.decompress((tmp_path / "a" / "feed.atom.br").read_bytes()) == BODY


def test_coded_forms_that_are_no_longer_made_do_not_outlive_the_file(tmp_path: Path) -> None:
    put(tmp_path, BODY)
    put(tmp_path, BODY + b"<!-- new -->", ("gzip",))
    assert names(tmp_path) == ["feed.atom", "feed.atom.gz"]


def test_small_files_have_no_coded_forms(tmp_path: Path) -> None:
    assert put(tmp_path, b"small").published[0].codings == {}
    assert names(tmp_path) == ["feed.atom"]


def test_nothing_is_seen_before_the_commit_and_nothing_is_left_without_one(tmp_path: Path) -> None:
    put(tmp_path, BODY)
    with Output(tmp_path, ALL) as output:
        output.put("a/feed.atom", b"new" * 500, name="atom", media_type="x/y", last_modified=NOW)
        assert (tmp_path / "a" / "feed.atom").read_bytes() == BODY
    assert (tmp_path / "a" / "feed.atom").read_bytes() == BODY
    assert names(tmp_path) == ["feed.atom", "feed.atom.br", "feed.atom.gz", "feed.atom.zst"]


def test_directories_that_were_made_in_vain_go_again(tmp_path: Path) -> None:
    root = tmp_path / "public"
    with Output(root, ALL) as output:
        output.put("a/b/feed.atom", BODY, name="atom", media_type="x/y", last_modified=NOW)
        output.put("a/c/feed.atom", BODY, name="atom", media_type="x/y", last_modified=NOW)
    assert not root.exists()
    with Output(root, ALL) as output:
        output.put("a/b/feed.atom", BODY, name="atom", media_type="x/y", last_modified=NOW)
        (root / "a").mkdir(parents=True, exist_ok=True)
        (root / "a" / "of-somebody-else.txt").write_text("x", encoding="utf-8")
    assert [path.name for path in root.rglob("*")] == ["a", "of-somebody-else.txt"]


def test_the_coded_forms_are_renamed_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real = files.commit

    def commit(staged: files.Staged) -> None:
        order.append(staged.target.name)
        real(staged)

    monkeypatch.setattr(files, "commit", commit)
    put(tmp_path, BODY)
    assert order[-1] == "feed.atom"
    assert sorted(order) == names(tmp_path)


def test_a_crash_between_two_renames_is_repaired_by_the_next_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, BODY)
    new = BODY + b"<!-- new -->"
    real, done = files.commit, []

    def crash(staged: files.Staged) -> None:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(staged)
        real(staged)

    monkeypatch.setattr(files, "commit", crash)
    with pytest.raises(KeyboardInterrupt):
        put(tmp_path, new)
    monkeypatch.setattr(files, "commit", real)
    assert put(tmp_path, new).published[0].changed is True
    folder = tmp_path / "a"
    assert (folder / "feed.atom").read_bytes() == new
    assert gzip.decompress((folder / "feed.atom.gz").read_bytes()) == new
    assert zstd.decompress((folder / "feed.atom.zst").read_bytes()) == new
