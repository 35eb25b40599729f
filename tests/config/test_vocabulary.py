from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.config import vocabulary


@pytest.mark.parametrize(
    "pattern", ["date", "/:year/:title/", "/:sections[1:]/:slug/", "/:sections[last]/", "/:Year/", "/fixed/"]
)
def test_good_permalinks(pattern: str) -> None:
    fault = vocabulary.permalink(pattern)
    assert (fault is None) == (pattern != "/:Year/")


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("/:yaer/", "unknown token `:yaer`", "did you mean `:year`?"),
        ("/:qqqqqq/", "unknown token `:qqqqqq`", "table of all tokens"),
        ("/:slug[1]/", "a part of `:slug` that cannot be taken", "write it whole: `:slug`"),
        ("/:sections[x]/", "a part of `:sections` that cannot be taken", "`:sections[1:]`"),
        ("prety", "neither a path nor one of Jekyll's styles", "did you mean `pretty`?"),
        ("qqq", "neither a path nor one of Jekyll's styles", "write a path"),
    ],
)
def test_bad_permalinks(pattern: str, message: str, hint: str) -> None:
    fault = vocabulary.permalink(pattern)
    assert fault is not None
    assert (fault.rule, message in fault.message, hint in fault.hint) == ("config.permalink", True, True)


@pytest.mark.parametrize(
    "text", ["title", "enclosure.url", "Last-Modified_At", "cover.alt", "author.email", "transcript.language"]
)
def test_good_meanings(text: str) -> None:
    assert vocabulary.meaning(text) is None


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("titel", "no key `titel`", "did you mean `title`?"),
        ("enclosre.url", "no key `enclosre`", "did you mean `enclosure.url`?"),
        ("qqqqqqqq", "no key `qqqqqqqq`", "table of all keys"),
        ("title.x", "`title` has no parts", "write `title`"),
        ("enclosure.lenght", "no part `lenght`", "did you mean `enclosure.length`?"),
        ("author.qqqqqq", "no part `qqqqqq`", "its parts are `display_name`"),
        ("author.", "no part", "its parts are"),
    ],
)
def test_bad_meanings(text: str, message: str, hint: str) -> None:
    fault = vocabulary.meaning(text)
    assert fault is not None
    assert (fault.rule, message in fault.message, hint in fault.hint) == ("config.meaning", True, True)


@given(st.text())
def test_every_text_is_judged(text: str) -> None:
    for check in (vocabulary.permalink, vocabulary.meaning):
        fault = check(text)
        assert fault is None or fault.message
