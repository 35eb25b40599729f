from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.posts import permalink
from feedservice.posts.permalink import Place
from feedservice.posts.slugs import jekyll_slug


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
        ("/:hour:minute:second/:name", "/090407/2025-01-05-hello-world"),
        ("/:long_month/:short_month/:long_day/:short_day", "/January/Jan/Sunday/Sun"),
        ("/:path/", "/2025-01-05-Hello-World/"),
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
        ("/:sections/:slugorcontentbasename/", "posts/2025-02-03-trip/index.md", "/posts/2025-02-03-trip/"),
        ("/:year/:monthname/:weekdayname/:yearday/:title/", "posts/x.md", "/2025/january/sunday/5/hello-world-more/"),
        ("/:slug/", "posts/x.md", "/hello-world-more/"),
        ("/:filename/", "posts/2025-01-05-x.md", "/2025-01-05-x/"),
        ("/:sections/:filename/", "posts/Sub_Dir/Other Dir/X.md", "/posts/sub_dir/other-dir/x/"),
        ("/:path/", "posts/Sub_Dir/C++ - x.md", "/posts/sub_dir/c++---x/"),
        ("/:filename/", "posts/C++ - x.md", "/c-x/"),
        ("/:path.html", "posts/2025-01-05-X.md", "/posts/2025-01-05-x.html"),
        ("/Blog/:filename", "posts/x.md", "/blog/x/"),
        ("/:sections[1:]/:filename/", "a/b/c/x.md", "/b/c/x/"),
        ("/:sections[:1]/:filename/", "a/b/c/x.md", "/a/x/"),
        ("/:sections[last]/:filename/", "a/b/c/x.md", "/c/x/"),
        ("/:sections[:last]/:filename/", "a/b/c/x.md", "/a/b/x/"),
        ("/:sections[7]/:filename/", "a/b/c/x.md", "/x/"),
        ("/:sections[0]/:filename/", "x.md", "/x/"),
    ],
)
def test_hugo_tokens(template: str, path: str, expected: str) -> None:
    assert permalink.path_of(template, place(path, dialect="hugo")) == expected


@pytest.mark.parametrize(
    ("title", "in_a_pattern", "as_slug_without_one"),
    [
        ("C++ & C#: a tale", "/c-c#-a-tale/", "/c++-c#-a-tale/"),
        ("@home #1", "/@home-#1/", "/@home-#1/"),
        ("a/b testing", "/a-b-testing/", "/a/b-testing/"),
        ("Dots. and... v1.2", "/dots.-and...-v1.2/", "/dots.-and...-v1.2/"),
        ("C#", "/c/", "/c#/"),
        ("C++", "/c/", "/c++/"),
        ("--a--b--", "/--a--b--/", "/--a--b--/"),
        ("a - b", "/a-b/", "/a-b/"),
        ("50% off", "/50-off/", "/50-off/"),
        ("ΣΑΣ İ", "/σασ-i/", "/σασ-i/"),
        ("½ x² Ⅳ 😀", "/x/", "/x/"),
    ],
)
def test_hugo_makes_slugs_of_titles(title: str, in_a_pattern: str, as_slug_without_one: str) -> None:
    assert permalink.path_of("/:title/", place(title=title, dialect="hugo")) == in_a_pattern
    assert permalink.path_of("/:path/", place("x.md", slug=title, dialect="hugo")) == as_slug_without_one


@pytest.mark.parametrize(
    ("template", "changes", "expected"),
    [
        ("/:slug/", {"title": "Y C++ & C#: v1.2 it's"}, "/y-c-c-v12-its/"),
        ("/:slug/", {"title": "Root — dash under_score a/b"}, "/root-dash-under_score-ab/"),
        ("/:slug/", {"title": "ＡＩ Ⅳ"}, "/ai-iv/"),
        ("/:slug/", {"slug": "My Own_Slug!"}, "/My Own_Slug!/"),
        ("/:slugorfilename.html", {"path": "travel/2025-01-09-Dated.md"}, "/2025-01-09-dated.html"),
        ("/:slugified_categories/:slug", {"categories": ("C++ v1.2",), "slug": "x"}, "/c-v12/x"),
    ],
)
def test_pelican_tokens(template: str, changes: dict[str, object], expected: str) -> None:
    assert permalink.path_of(template, place(**{"dialect": "pelican", **changes})) == expected  # type: ignore[arg-type]


def test_zola_makes_slugs_of_file_names() -> None:
    dated = place("blog/2025-01-05-My_File v1.2.md", dialect="zola")
    assert permalink.path_of("/:sections/:slugorfilename/", dated) == "/blog/my-file-v1-2/"


def test_slug_of_the_author_comes_first() -> None:
    assert permalink.path_of("/:title/", place(slug="Own Slug!")) == "/Own-Slug!/"
    assert permalink.path_of("/:slug/", place(slug="Own Slug!")) == "/own-slug/"


def test_empty_categories_leave_no_double_slash() -> None:
    assert permalink.path_of("pretty", place(categories=())) == "/2025/01/05/Hello-World/"


def test_unknown_token_is_found() -> None:
    assert permalink.check("/:year/:titel/") == "titel"
    assert permalink.check("/:year/:month_:day/:title") is None
    assert permalink.check("pretty") is None
    assert permalink.check("/:2006/:title/") == "2006"
    assert permalink.check("/:sections[1:]/:title/") is None
    assert permalink.check("/:title[1:]/") == "title[1:]"


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
    assert jekyll_slug(text, pretty=True, cased=True) == pretty
    assert jekyll_slug(text, pretty=False, cased=False) == plain


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
        ("/100% real/", "https://e.org/base/100%25%20real/"),
        ("/50%off.png", "https://e.org/base/50%25off.png"),
        ("/a[1]#b#c", "https://e.org/base/a%5B1%5D#b%23c"),
        ("https://[::1]:80/x[y]", "https://[::1]:80/x%5By%5D"),
    ],
)
def test_own_url(typed: str, expected: str) -> None:
    assert permalink.own_url("https://e.org/base/", typed) == expected


@given(typed=st.text() | st.text("a%2[]#?/é "))
def test_an_own_url_has_only_uri_characters(typed: str) -> None:
    url = permalink.own_url("https://example.org", "/" + typed)
    assert re.fullmatch(
        r"https://example\.org/(?:[A-Za-z0-9._~!$&'()*+,/:;=@?-]|%[0-9A-Fa-f]{2})*(?:#(?:[A-Za-z0-9._~!$&'()*+,/:;=@?-]|%[0-9A-Fa-f]{2})*)?",
        url,
    )
    assert permalink.own_url("https://example.org", url) == url


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
        ("2025-01-05T12:30:00Z-x.md", "2025-01-05T12:30:00Z-x", "x"),
        ("2025-01-05T12:30:00.5+09:00_x.md", "2025-01-05T12:30:00.5+09:00_x", "x"),
        ("2025-01-05T12-x.md", "2025-01-05T12-x", "12-x"),
        ("v1.2.3.md", "v1.2.3", "v1.2.3"),
    ],
)
def test_names(path: str, name: str, undated: str) -> None:
    assert permalink.name_of(path) == name
    assert permalink.undated(name) == undated


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("blog/post.fr.md", ("blog/post.md", "fr")),
        ("trip/index.PT-BR.md", ("trip/index.md", "pt-BR")),
        ("2025-01-05-x.ja.html", ("2025-01-05-x.html", "ja")),
        ("post.md", ("post.md", None)),
        ("post.de.md", ("post.de.md", None)),
        ("a.fr/post.md", ("a.fr/post.md", None)),
        ("fr.md", ("fr.md", None)),
        (".fr.md", (".fr.md", None)),
        ("v1.2.fr.md", ("v1.2.md", "fr")),
    ],
)
def test_the_language_that_a_name_ends_in(path: str, parts: tuple[str, str | None]) -> None:
    assert permalink.spoken(path, ["fr", "pt-BR", "ja"]) == parts
    assert permalink.spoken(path, []) == (path, None)
