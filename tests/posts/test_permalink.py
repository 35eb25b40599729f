from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.posts import permalink
from feedservice.posts.permalink import Place


def place(path: str = "_posts/2025-01-05-Hello-World.md", **changes: object) -> Place:
    given_values: dict[str, object] = {
        "path": path,
        "slug": None,
        "title": "Hello, World & more",
        "local": datetime(2025, 1, 5, 9, 4, 7),
        "categories": ("News", "AI 最新", "news"),
    }
    return Place(**{**given_values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("/:year/:month/:day/:title/", "/2025/01/05/Hello-World/"),
        ("date", "/news/ai 最新/2025/01/05/Hello-World.html"),
        ("pretty", "/news/ai 最新/2025/01/05/Hello-World/"),
        ("ordinal", "/news/ai 最新/2025/005/Hello-World.html"),
        ("weekdate", "/news/ai 最新/2025/W01/Sun/Hello-World.html"),
        ("none", "/news/ai 最新/Hello-World.html"),
        ("/:short_year-:i_month-:i_day/:slug", "/25-1-5/hello-world"),
        ("/:year/:month_:day/:title", "/2025/01_05/Hello-World"),
        ("/:w_year/:week/:w_day", "/2025/01/7"),
        ("/:hour:minute:second/:name", "/090407/2025-01-05-Hello-World"),
        ("/:long_month/:short_month/:long_day/:short_day", "/January/Jan/Sunday/Sun"),
        ("/:slugified_categories/:title/", "/news/ai-最新/Hello-World/"),
        ("/:collection/:title:output_ext", "/posts/Hello-World.html"),
    ],
)
def test_jekyll_tokens(template: str, expected: str) -> None:
    assert permalink.path_of(template, place()) == expected


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("/:section/:slugorfilename/", "posts/deep/My Post.md", "/posts/my-post/"),
        ("/:sections/:contentbasename/", "posts/deep/My Post.md", "/posts/deep/my-post/"),
        ("/:sections/:slugorcontentbasename/", "posts/trip/index.md", "/posts/trip/"),
        ("/:year/:monthname/:weekdayname/:yearday/:title/", "posts/x.md", "/2025/january/sunday/5/hello-world-more/"),
        ("/:slug/", "posts/x.md", "/hello-world-more/"),
        ("/:filename/", "posts/2025-01-05-x.md", "/x/"),
    ],
)
def test_hugo_tokens(template: str, path: str, expected: str) -> None:
    assert permalink.path_of(template, place(path, hugo=True)) == expected


def test_slug_of_the_author_comes_first() -> None:
    assert permalink.path_of("/:title/", place(slug="Own Slug!")) == "/Own-Slug!/"
    assert permalink.path_of("/:slug/", place(slug="Own Slug!")) == "/own-slug/"


def test_empty_categories_leave_no_double_slash() -> None:
    assert permalink.path_of("pretty", place(categories=())) == "/2025/01/05/Hello-World/"


def test_unknown_token_is_found() -> None:
    assert permalink.check("/:year/:titel/") == "titel"
    assert permalink.check("/:year/:month_:day/:title") is None
    assert permalink.check("pretty") is None


@pytest.mark.parametrize(
    ("text", "pretty", "plain"),
    [
        ("3-coto3deepseek-r1", "3-coto3deepseek-r1", "3-coto3deepseek-r1"),
        ("日本語 の 題", "日本語-の-題", "日本語-の-題"),
        ("Hello, World!", "Hello,-World!", "hello-world"),
        ("e\u0301te\u0301", "e\u0301te\u0301", "e\u0301te\u0301"),
        ("--a--b--", "a-b", "a-b"),
        ("C++ & C#", "C++-&-C", "c-c"),
    ],
)
def test_jekyll_slug(text: str, pretty: str, plain: str) -> None:
    assert permalink.jekyll_slug(text, pretty=True, cased=True) == pretty
    assert permalink.jekyll_slug(text, pretty=False, cased=False) == plain


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("/a/b/", "https://e.org/base/a/b/"),
        ("a/b", "https://e.org/base/a/b"),
        ("/日本/", "https://e.org/base/%E6%97%A5%E6%9C%AC/"),
        ("/%E6%97%A5/", "https://e.org/base/%E6%97%A5/"),
        ("/two words", "https://e.org/base/two%20words"),
        ("https://other.org/x y", "https://other.org/x%20y"),
        ("/c%23/", "https://e.org/base/c%23/"),
    ],
)
def test_own_url(typed: str, expected: str) -> None:
    assert permalink.own_url("https://e.org/base/", typed) == expected


@given(st.text(), st.text())
def test_absolute_never_raises(base: str, reference: str) -> None:
    assert isinstance(permalink.absolute(base, reference), str)


@pytest.mark.parametrize(
    ("path", "name", "undated"),
    [
        ("a/b/2025-01-05-x.md", "2025-01-05-x", "x"),
        ("trip/index.md", "trip", "trip"),
        ("index.md", "index", "index"),
        ("2025-01-05-12-30-00-x.md", "2025-01-05-12-30-00-x", "x"),
        ("v1.2.3.md", "v1.2.3", "v1.2.3"),
    ],
)
def test_names(path: str, name: str, undated: str) -> None:
    assert permalink.name_of(path) == name
    assert permalink.undated(name) == undated
