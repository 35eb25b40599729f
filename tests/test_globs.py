from __future__ import annotations

import pytest

from feedservice.globs import matches


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.md", "a.md", True),
        ("*.md", "deep/er/a.md", True),
        ("posts/*.md", "posts/a.md", True),
        ("posts/*.md", "posts/deep/a.md", False),
        ("posts/*.md", "other/posts/a.md", False),
        ("posts/**", "posts/deep/a.md", True),
        ("**/_posts/**", "_posts/a.md", True),
        ("**/_posts/**", "en/news/_posts/a.md", True),
        ("**/_posts/**", "en/posts/a.md", False),
        ("drafts/", "drafts/a.md", True),
        ("drafts/", "x/drafts/a.md", True),
        ("drafts/", "drafts.md", False),
        ("README.md", "README.md", True),
        ("README.md", "README.md.md", False),
        ("/top.md", "top.md", True),
        ("./top.md", "top.md", True),
        ("a?.md", "ab.md", True),
        ("a?.md", "a/.md", False),
        ("a[1].md", "a[1].md", True),
        ("日記/*", "日記/一.md", True),
        ("posts", "posts/a.md", True),
    ],
)
def test_matches(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected
