from __future__ import annotations

import dataclasses
import os
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedservice.config.schema import Content
from feedservice.service.scan import Scan, no_posts, scan


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"post {name}", encoding="utf-8")


def paths(found: Scan) -> list[str]:
    return [post.path for post in found.posts]


def test_posts_and_media_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b.markdown", "c.mkd", "d.html", "e.htm", "UPPER.MD", "trip/index.md", "trip/photo.jpg", "notes.txt")
    found = scan(tmp_path, Content(), dialect="plain")
    assert paths(found) == ["UPPER.MD", "a.md", "b.markdown", "c.mkd", "d.html", "e.htm", "trip/index.md"]
    assert set(found.files) == {"trip/photo.jpg", "notes.txt"}
    assert found.files["notes.txt"] == len("post notes.txt")
    assert found.problems == ()


def test_leavings_of_editors_are_no_posts(tmp_path: Path) -> None:
    names = [
        ".hidden.md",
        ".#lock.md",
        "#auto.md#",
        "a.md~",
        ".a.md.swp",
        "4913",
        "a.md.tmp",
        "a.md.part",
        ".git/x.md",
        "_drafts/d.md",
    ]
    write(tmp_path, "a.md", *names)
    assert paths(scan(tmp_path, Content(), dialect="plain")) == ["a.md"]


def test_drafts_directory_when_asked(tmp_path: Path) -> None:
    write(tmp_path, "_drafts/d.md", "a.md")
    assert paths(scan(tmp_path, Content(drafts=True), dialect="plain")) == ["_drafts/d.md", "a.md"]


def test_jekyll_posts_are_in_posts_directories(tmp_path: Path) -> None:
    write(tmp_path, "_posts/2025-01-01-a.md", "en/_posts/2025-01-02-b.md", "about.md", "_site/x.html", "_layouts/post.html")
    assert paths(scan(tmp_path, Content(), dialect="jekyll")) == ["_posts/2025-01-01-a.md", "en/_posts/2025-01-02-b.md"]


def test_section_pages_of_hugo_are_no_posts(tmp_path: Path) -> None:
    write(tmp_path, "posts/_index.md", "posts/a.md")
    assert paths(scan(tmp_path, Content(), dialect="hugo")) == ["posts/a.md"]


def test_include_and_ignore(tmp_path: Path) -> None:
    write(tmp_path, "posts/a.md", "posts/old/b.md", "pages/c.md")
    assert paths(scan(tmp_path, Content(include=["posts/**"], ignore=["old/"]), dialect="plain")) == ["posts/a.md"]


def test_link_loops_end(tmp_path: Path) -> None:
    write(tmp_path, "a/b/post.md")
    (tmp_path / "a" / "b" / "back").symlink_to(tmp_path / "a")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    found = scan(tmp_path, Content(), dialect="plain")
    assert paths(found) == ["a/b/post.md"]


def test_links_out_of_the_root_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, "secret.md")
    root = tmp_path / "content"
    write(root, "a.md")
    (root / "secret.md").symlink_to(outside / "secret.md")
    (root / "dir").symlink_to(outside)
    found = scan(root, Content(), dialect="plain")
    assert paths(found) == ["a.md"]
    assert [problem.rule for problem in found.problems] == ["scan.outside", "scan.outside"]


def test_two_names_for_one_file_are_one_post(tmp_path: Path) -> None:
    write(tmp_path, "real.md")
    (tmp_path / "a-link.md").symlink_to(tmp_path / "real.md")
    os.link(tmp_path / "real.md", tmp_path / "z-hard.md")
    found = scan(tmp_path, Content(), dialect="plain")
    assert paths(found) == ["real.md"]
    assert [(problem.rule, problem.path) for problem in found.problems] == [
        ("scan.same-file", "z-hard.md"),
        ("scan.same-file", "a-link.md"),
    ]


def test_names_are_the_same_on_every_system(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "ポスト.md")
    write(tmp_path, name)
    found = scan(tmp_path, Content(), dialect="plain")
    assert paths(found) == [unicodedata.normalize("NFC", "ポスト.md")]
    assert found.posts[0].file.endswith(name)


def test_two_spellings_of_one_name(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        write(tmp_path, unicodedata.normalize(form, "が.md"))
    found = scan(tmp_path, Content(), dialect="plain")
    assert len(found.posts) == 1
    assert [problem.rule for problem in found.problems] == ["scan.same-name"]


def test_output_and_state_inside_the_content_directory(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "public/feed.html", "state/x.md")
    found = scan(tmp_path, Content(), dialect="plain", outside=[tmp_path / "public", tmp_path / "state"])
    assert paths(found) == ["a.md"]


def test_conflict_copies_are_named(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "a (conflicted copy 2025-01-01).md")
    found = scan(tmp_path, Content(), dialect="plain")
    assert paths(found) == ["a.md"]
    assert [problem.rule for problem in found.problems] == ["scan.conflict"]


@pytest.fixture
def nobody() -> Iterator[None]:
    """Act without root's right to read everything, when there is such a right to lose."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_unreadable_directory_hurts_nobody_else(request: pytest.FixtureRequest) -> None:
    # Not below tmp_path: that is root's alone when root runs the tests.
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        write(root, "a.md", "closed/b.md")
        (root / "closed").chmod(0)
        request.getfixturevalue("nobody")
        found = scan(root, Content(), dialect="plain")
        if os.getuid() == 0:
            os.seteuid(0)
        (root / "closed").chmod(0o755)
    assert paths(found) == ["a.md"]
    assert [problem.rule for problem in found.problems] == ["scan.unreadable"]


def test_a_hard_link_to_a_post_does_not_go_before_it(tmp_path: Path) -> None:
    """Whoever makes one changes no post's path, whatever the link is called."""
    write(tmp_path, "b.md")
    before = {post.path: post for post in scan(tmp_path, Content(), dialect="plain").posts}
    (tmp_path / "a.md").hardlink_to(tmp_path / "b.md")
    found = scan(tmp_path, Content(), dialect="plain", before=before)
    assert paths(found) == ["b.md"]
    assert [(problem.rule, problem.path) for problem in found.problems] == [("scan.same-file", "a.md")]
    assert paths(scan(tmp_path, Content(), dialect="plain")) == ["a.md"]


def test_dangling_link(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    (tmp_path / "gone.md").symlink_to(tmp_path / "nothing.md")
    assert paths(scan(tmp_path, Content(), dialect="plain")) == ["a.md"]


def test_what_stayed_is_what_it_was(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b/c.md", "b/d.md", "photo.jpg")
    first = scan(tmp_path, Content(), dialect="plain")
    write(tmp_path, "b/e.md", "notes.txt")
    (tmp_path / "b/c.md").write_text("longer than it was before", encoding="utf-8")
    (tmp_path / "b/d.md").unlink()
    before = {post.path: post for post in first.posts}
    again = scan(tmp_path, Content(), dialect="plain", before=before)
    assert again == scan(tmp_path, Content(), dialect="plain")
    assert {post.path: post is before.get(post.path) for post in again.posts} == {"a.md": True, "b/c.md": False, "b/e.md": False}


def test_what_was_a_post_and_is_another_thing_now(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b.md", "c.md", "d.md")
    before = {post.path: post for post in scan(tmp_path, Content(), dialect="plain").posts}
    for name in ("b.md", "c.md", "d.md"):
        (tmp_path / name).unlink()
    write(tmp_path, "b.md/in.md")
    (tmp_path / "c.md").symlink_to(tmp_path / "a.md")
    os.mkfifo(tmp_path / "d.md")
    found = scan(tmp_path, Content(), dialect="plain", before=before)
    assert found == scan(tmp_path, Content(), dialect="plain")
    assert paths(found) == ["a.md", "b.md/in.md"]
    assert [problem.rule for problem in found.problems] == ["scan.same-file"]


def test_a_name_that_is_spelled_otherwise_on_disk_is_the_same_post(tmp_path: Path) -> None:
    name = "caf\N{LATIN SMALL LETTER E WITH ACUTE}.md"
    write(tmp_path, unicodedata.normalize("NFD", name))
    (post,) = scan(tmp_path, Content(), dialect="plain").posts
    assert (post.path, Path(post.file).name) == (name, unicodedata.normalize("NFD", name))
    recorded = dataclasses.replace(post, name=name)
    assert scan(tmp_path, Content(), dialect="plain", before={name: recorded}).posts == (post,)


@pytest.mark.parametrize(
    ("others", "dialect", "message", "hint"),
    [
        ([], "plain", "there are no posts yet", "2025-11-17-hello.md"),
        (["a.png", "b.txt"], "jekyll", "there are no posts yet", "2025-11-17-hello.md"),
        (["b.md", "a.HTML", "c.png"], "jekyll", "only those in _posts are, and 2 others end like one", "if a.HTML is one"),
        (["_index.md"], "hugo", "1 that end like one are left out", "content.dialect (hugo) if _index.md is one"),
    ],
)
def test_no_posts_at_all_has_a_reason(others: list[str], dialect: str, message: str, hint: str) -> None:
    problem = no_posts(others, dialect)
    assert (problem.rule, problem.severity, problem.path) == ("scan.no-posts", "warning", ".")
    assert message in problem.message
    assert hint in problem.hint
