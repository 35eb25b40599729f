from __future__ import annotations

import pytest

from feedservice.config.schema import Config
from feedservice.posts.defaults import for_path
from feedservice.posts.keys import Field, Fields, Origin


def given(path: str, *scopes: dict[str, object]) -> list[tuple[str, object, Origin]]:
    site = {"title": "S", "url": "https://example.org"}
    content = Config.model_validate({"site": site, "content": {"defaults": scopes}}).content
    return [(field.key, field.value, field.origin) for field in for_path(path, content)]


def test_without_defaults_there_are_none() -> None:
    assert given("a.md") == []


@pytest.mark.parametrize(
    ("scope", "path", "holds"),
    [
        ("", "a.md", True),
        ("/", "b/a.md", True),
        ("travel", "travel/a.md", True),
        ("travel/", "travel/deep/a.md", True),
        ("/travel/", "travel/a.md", True),
        ("travel", "travels/a.md", False),
        ("travel", "notes/travel/a.md", True),
        ("notes/travel", "notes/travel/a.md", True),
        ("notes/travel", "other/notes/travel/a.md", False),
        ("travel/a.md", "travel/a.md", True),
        ("travel/*.html", "travel/a.html", True),
        ("travel/*.html", "travel/a.md", False),
        ("**/drafts", "x/y/drafts/a.md", True),
    ],
)
def test_a_scope_is_a_folder_a_file_or_a_pattern(scope: str, path: str, holds: bool) -> None:
    assert bool(given(path, {"path": scope, "values": {"k": "v"}})) is holds


def test_a_longer_scope_comes_later_and_of_two_alike_the_later_one() -> None:
    found = given(
        "travel/asia/a.md",
        {"path": "travel/asia", "values": {"author": "deep"}},
        {"values": {"author": "site"}},
        {"path": "travel", "values": {"author": "first"}},
        {"path": "travel", "values": {"author": "second"}},
    )
    assert found == [
        ("author", "site", Origin.SITE),
        ("author", "first", Origin.PATH),
        ("author", "second", Origin.PATH),
        ("author", "deep", Origin.PATH),
    ]


def test_values_have_the_form_of_front_matter() -> None:
    values = {"n": 3, "f": 2.5, "yes": True, "none": None, "list": [1, "a", False], "map": {"k": 4, "d": None}}
    found = {key: value for key, value, _ in given("a.md", {"values": values})}
    assert found == {"n": "3", "f": "2.5", "yes": True, "none": None, "list": ["1", "a", False], "map": {"k": "4", "d": None}}


def test_the_post_wins_over_its_path_and_that_over_the_site() -> None:
    defaults = [
        Field(key="Last-Mod", value="site", origin=Origin.SITE),
        Field(key="lastmod", value="path", origin=Origin.PATH),
        Field(key="author", value="path", origin=Origin.PATH),
    ]
    own = Fields({"last_mod": "post", "author": ""}, defaults, {})
    assert own.text("updated") == "post"
    assert own.get("author") == Field(key="author", value="path", origin=Origin.PATH), "an empty value counts as none"
