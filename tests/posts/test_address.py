from __future__ import annotations

import pytest

from feedservice.config.schema import Config
from feedservice.model import Source
from feedservice.posts import address
from feedservice.posts.parse import Context, Parsed, parse


def read(front: str, dialect: str, path: str = "post/a.md", **content: object) -> Parsed:
    config = Config.model_validate({"site": {"title": "S", "url": "https://example.org", "timezone": "UTC"}, "content": content})
    context = Context(site=config.site, content=config.content, dialect=dialect)
    return parse(Source(path=path, data=f"---\ndate: 2025-01-05\n{front}\n---\nx".encode()), context)


@pytest.mark.parametrize(
    ("path", "files", "expected"),
    [
        ("a.md", (), ()),
        ("one/two/a.md", (), ("one",)),
        ("one/two/a.md", ("one/two/_index.md",), ("one", "two")),
        ("one/two/three/a.md", ("one/two/_index.html",), ("one", "two")),
        ("one/two/index.md", ("one/_index.md", "one/two/_index.md"), ("one",)),
    ],
)
def test_hugos_sections_end_at_the_nearest_that_says_it_is_one(
    path: str, files: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert address.sections(path, files) == expected


@pytest.mark.parametrize(
    ("front", "dialect", "link"),
    [
        ("url: /a#b?c", "hugo", "https://example.org/a%23b%3Fc/"),
        ("url: /a.html", "hugo", "https://example.org/a.html"),
        ("url: /:year/50%/", "hugo", "https://example.org/2025/50%25/"),
        ("slug: -own-", "hugo", "https://example.org/own/"),
        ("path: own", "zola", "https://example.org/own/"),
        ("permalink: 'posts/{{ page.fileSlug }}/index.html'", "eleventy", "https://example.org/posts/a/"),
        ("name: n\npermalink: '/{{ name }}.html'", "eleventy", "https://example.org/n.html"),
        ("permalink: https://elsewhere.example/x", "plain", "https://elsewhere.example/x"),
    ],
)
def test_links_as_their_generator_makes_them(front: str, dialect: str, link: str) -> None:
    parsed = read(front, dialect, permalink="/:slug/")
    assert parsed.post is not None, parsed.problems
    assert parsed.post.link == link


def test_a_template_in_a_link_is_refused_and_named() -> None:
    parsed = read("permalink: '/{{ title | slugify }}/'", "eleventy")
    assert parsed.post is None
    (problem,) = parsed.problems
    assert (problem.rule, problem.line) == ("permalink.template", 3)
    assert "{{ title | slugify }}" in problem.message


@pytest.mark.parametrize(
    ("front", "rule"), [("permalink: /:yaer/x/", "permalink.token"), ("permalink: [a, b]", "value.unreadable")]
)
def test_a_link_that_is_not_understood_is_named(front: str, rule: str) -> None:
    parsed = read(front, "plain")
    assert [problem.rule for problem in parsed.problems] == [rule]
    assert parsed.post is not None


def test_a_slug_that_is_no_text_is_named_and_left_out() -> None:
    parsed = read("slug: [a, b]", "plain", permalink="/:slug/")
    assert parsed.post is not None
    assert parsed.post.link == "https://example.org/a/"
    assert [problem.rule for problem in parsed.problems] == ["value.unreadable"]


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("a", "https://e.org/2025/a"),
        ("c#", "https://e.org/2025/c"),
        ("c#x", "https://e.org/2025/c#x"),
        ("ＡＩ", "https://e.org/2025/AI"),
    ],
)
def test_jekylls_id(slug: str, expected: str) -> None:
    assert address.jekyll_id(slug, "https://e.org/2025/whatever/") == expected
