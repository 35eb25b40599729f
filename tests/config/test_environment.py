from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice import config
from feedservice.config import environment
from feedservice.errors import ConfigError
from feedservice.model import Problem

GOOD = "site:\n  title: A\n  url: https://example.org\n"


def read(environ: dict[str, str], text: str = GOOD) -> config.Config:
    return config.parse(text, name="config.yaml", environ={f"FEEDSERVICE_{name}": value for name, value in environ.items()})


def mistake(environ: dict[str, str], text: str = GOOD) -> Problem:
    with pytest.raises(ConfigError) as caught:
        read(environ, text)
    (problem,) = caught.value.problems
    assert (problem.path, problem.line, problem.column) == ("environment", None, None)
    return problem


def test_variables_win_over_the_file() -> None:
    assert read({"SITE__URL": "https://example.com"}).site.url == "https://example.com"
    assert read({"FEEDS__WINDOW": "20"}, GOOD + "feeds: {window: 5}\n").feeds.window == 20


def test_text_is_taken_as_it_is() -> None:
    assert read({"SITE__TITLE": "2024"}).site.title == "2024"
    assert read({"SITE__TITLE": "NO, [really]"}).site.title == "NO, [really]"
    assert read({"FEEDS__PATHS": "{key}.{format}.xml"}).feeds.paths == "{key}.{format}.xml"


def test_lists_and_mappings() -> None:
    assert read({"FEEDS__FORMATS": "rss, atom"}).feeds.formats == ["rss", "atom"]
    assert read({"CONTENT__INCLUDE": '["a,b"]'}).content.include == ["a,b"]
    assert read({"FEEDS__TAGS": "true"}).feeds.tags is True
    assert read({"FEEDS__TAGS": "a,b"}).feeds.tags == ["a", "b"]
    assert read({"FEEDS__PATHS": '{"all": "x.{format}"}'}).feeds.paths == {"all": "x.{format}"}
    assert read({"CONTENT__EXCLUDE": '[{"robots": "noindex"}]'}).content.exclude == [{"robots": "noindex"}]


def test_other_values_are_scalars() -> None:
    assert read({"CONTENT__FUTURE": "true"}).content.future is True
    assert read({"CONTENT__MAX_POST_BYTES": "2M"}).content.max_post_bytes == 2 * 1024**2
    assert read({"CONTENT__CATEGORY_DIRECTORIES": ""}).content.category_directories is None
    assert read({"SITE__COPYRIGHT": ""}, GOOD + "  copyright: me\n").site.copyright is None
    assert read({"CONTENT__VARIABLES__version": "3"}).content.variables == {"version": 3}


def test_keys_below_lists_free_mappings_and_short_forms() -> None:
    text = GOOD + "  author: Aoi\nfeeds:\n  categories: {投資: {slug: money}, News: }\n  define: [{key: a}]\n"
    names = (
        "SITE__AUTHOR__EMAIL",
        "FEEDS__CATEGORIES__投資__WINDOW",
        "FEEDS__CATEGORIES__NEWS__WINDOW",
        "FEEDS__DEFINE__0__TITLE",
    )
    made = read(dict(zip(names, ("a@b.org", "5", "6", "T"), strict=True)), text)
    assert made.site.author is not None
    assert (made.site.author.name, made.site.author.email) == ("Aoi", "a@b.org")
    assert {name: one.window for name, one in made.feeds.categories.items() if one} == {"投資": 5, "News": 6}
    assert made.feeds.define[0].title == "T"


def test_kinds_with_a_hyphen_are_reached() -> None:
    made = read({"FEEDS__PATHS__CATEGORY_LANGUAGE__ATOM": "{key}.xml"})
    assert made.feeds.paths == {"category-language": {"atom": "{key}.xml"}}


def test_a_whole_section_and_one_of_its_keys() -> None:
    made = read({"FEEDS": '{"window": 3, "content": "summary"}', "FEEDS__WINDOW": "4"})
    assert (made.feeds.window, made.feeds.content) == (4, "summary")


def test_the_path_of_the_file_is_no_setting() -> None:
    assert read({"CONFIG": "elsewhere.yaml"}).site.title == "A"


def test_other_programs_variables_are_not_ours() -> None:
    assert config.parse(GOOD, name="c", environ={"_FEEDSERVICE_COMPLETE": "zsh", "FEEDSERVICES": "x", "HOME": "/"})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("FEEDS__WINDO", "did you mean `FEEDSERVICE_FEEDS__WINDOW`?"),
        ("FEDS__WINDOW", "did you mean `FEEDSERVICE_FEEDS`?"),
        ("SITE__TITLE__X", "`FEEDSERVICE_SITE__TITLE` is a single value: nothing is below it"),
        ("FEEDS__DEFINE__0__TITLE", "the list has 0 items; set the whole list as JSON"),
        ("", "valid keys are `site`, `content`, `feeds`, `output`, `state`, `store`, `serve`, `schedule`, `hooks`, `announce`"),
        ("FEEDS__TIMEZONES", "valid keys are `url`, `formats`"),
    ],
)
def test_a_variable_that_names_nothing(name: str, hint: str) -> None:
    problem = mistake({name: "1"})
    assert problem.rule == "config.unknown-variable"
    assert f"`FEEDSERVICE_{name}`" in problem.message
    assert problem.hint.startswith(hint)


def test_a_value_that_cannot_be_used_names_its_variable() -> None:
    problem = mistake({"FEEDS__WINDOW": "many"})
    assert problem.message == "`FEEDSERVICE_FEEDS__WINDOW`: `feeds.window`: expected a whole number, read the text `many`"


def test_two_variables_for_one_setting() -> None:
    assert mistake({"SITE__TITLE": "A", "site__title": "B"}).rule == "config.repeated"


def test_a_variable_below_something_else_than_a_mapping() -> None:
    assert "`feeds.paths.tag` is no mapping" in mistake({"FEEDS__PATHS": "{key}.{format}", "FEEDS__PATHS__TAG": "x"}).message


def test_neither_the_values_nor_the_order_of_variables_matters() -> None:
    values: dict[str, object] = {"site": {"title": "A"}}
    names = {"FEEDSERVICE_SITE__TITLE": "B", "FEEDSERVICE_FEEDS__WINDOW": "3", "FEEDSERVICE_X": "1"}
    there = environment.overlay(values, names)
    assert there == environment.overlay(values, dict(reversed(names.items())))
    assert values == {"site": {"title": "A"}}


parts = st.sampled_from(
    ["SITE", "TITLE", "FEEDS", "DEFINE", "0", "9" * 30, "PATHS", "ALL", "CATEGORIES", "", "x", "²", "AUTHOR", "TAGS"]
)
names = st.lists(parts, min_size=1, max_size=4).map(lambda found: "FEEDSERVICE_" + "__".join(found))


@given(
    st.dictionaries(
        names, st.one_of(st.text(max_size=8), st.sampled_from(["{", "[" * 2000, '{"a": 1}', "[1]", "1,2"])), max_size=3
    )
)
def test_no_environment_crashes(environ: dict[str, str]) -> None:
    paths = {"environment"}
    try:
        config.parse(GOOD, name="c", environ=environ)
    except ConfigError as error:
        paths |= {problem.path for problem in error.problems}
    assert paths <= {"environment", "c"}
