from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice import config
from feedservice.errors import ConfigError
from feedservice.model import Problem, Severity

GOOD = "site:\n  title: A\n  url: https://example.org\n"


def mistakes(text: str, environ: dict[str, str] | None = None) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        config.parse(text, name="config.yaml", environ=environ or {})
    assert all(problem.severity is Severity.ERROR for problem in caught.value.problems)
    return caught.value.problems


def only(text: str) -> Problem:
    (problem,) = mistakes(text)
    return problem


def where(problem: Problem) -> tuple[int | None, int | None]:
    return problem.line, problem.column


def test_the_smallest_config_has_all_defaults() -> None:
    read = config.parse(GOOD, name="config.yaml", environ={})
    assert read.site.title == "A"
    assert read.site.language == "en"
    assert read.feeds.formats == ["atom", "rss", "json"]
    assert read.feeds.max_bytes == 2 * 1024**2


@pytest.mark.parametrize(
    ("text", "state", "rule"),
    [
        (GOOD + "state: memory\nnonsense: 1\n", "memory", "config.unknown-key"),
        (GOOD + "state: [1]\n", ".feedservice", "config.type"),
        ("site: [\nstate: memory  # no YAML\n", "memory", "config.syntax"),
        ("site: [\nstate: [\n", ".feedservice", "config.syntax"),
        ("", ".feedservice", "config.missing"),
    ],
)
def test_what_is_left_of_a_broken_config_says_where_the_state_is(tmp_path: Path, text: str, state: str, rule: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text, "utf-8")
    left, errors = config.salvage(file, {})
    assert left.config.state == state
    assert rule in {problem.rule for problem in errors}
    assert config.salvage(file, {"FEEDSERVICE_STATE": "elsewhere"})[0].config.state == "elsewhere"
    with pytest.raises(ConfigError):
        config.load(file, {})


def test_every_mistake_is_reported_at_once_in_the_order_of_the_file() -> None:
    text = """\
site:
  title: 2024
  langage: ja
  timezone: Asia/Tokio
  author: {name: A, emial: x}
contents: {}
feeds:
  window: fifty
  windoww: 3
  window: 20
  content: sumary
  max_bytes: 2X
  paths:
    al: x.xml
    tag: {atm: y.xml, atom: "{kye}.xml"}
  tags: {a: 1}
  define:
    - kye: a
    - {key: all}
output: content
"""
    found = [(*where(problem), problem.rule, problem.hint) for problem in mistakes(text)]
    assert found == [
        (1, 1, "config.missing", "write an absolute http or https URL"),
        (2, 10, "config.type", 'put it in quotes: "2024"'),
        (3, 3, "config.unknown-key", "did you mean `language`?"),
        (4, 13, "config.timezone", "did you mean `Asia/Tokyo` or `Asia/Tomsk`?"),
        (5, 21, "config.unknown-key", "did you mean `email`?"),
        (6, 1, "config.unknown-key", "did you mean `content`?"),
        (8, 11, "config.type", ""),
        (9, 3, "config.unknown-key", "did you mean `window`?"),
        (10, 3, "config.duplicate-key", "keep one of them"),
        (11, 12, "config.choice", "did you mean `summary`?"),
        (12, 14, "config.type", ""),
        (14, 5, "config.unknown-key", "did you mean `all`?"),
        (15, 11, "config.unknown-key", "did you mean `atom`?"),
        (15, 29, "config.placeholder", "known are {key} {slug} {name} {format} {language}"),
        (16, 9, "config.type", ""),
        (18, 7, "config.missing", "write text for a path"),
        (18, 7, "config.unknown-key", "did you mean `key`?"),
        (19, 13, "config.repeated", "give every feed a key of its own"),
        (20, 9, "config.path-collision", "write into another directory"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("feeds: {tags: {a: 1}}", "`feeds.tags`: expected true or false, or a list of texts, read a mapping"),
        ("feeds: {tags: all}", "`feeds.tags`: expected true or false, or a list of texts, read the text `all`"),
        ("feeds: {authors: [1, b]}", "`feeds.authors[0]`: expected text, read the number 1"),
        ("feeds: {window: 0}", "`feeds.window` is 0, and must be at least 1"),
        ("feeds: {window: 1.5}", "`feeds.window`: expected a whole number, read the number 1.5"),
        ("feeds: {window: .inf}", "`feeds.window`: expected a whole number, read the number inf"),
        ("feeds: {window: }", "`feeds.window`: expected a whole number, read nothing"),
        ("feeds: {formats: []}", "`feeds.formats` is empty"),
        ("feeds: {formats: [atom, atom]}", "`feeds.formats`: `atom` is listed twice"),
        (
            "feeds: {formats: [atom, xml]}",
            "`feeds.formats[1]`: expected one of `atom`, `rss`, `json`, read the text `xml`",
        ),
        ("feeds: {categories: {A: 5}}", "`feeds.categories.A`: expected a mapping, read the number 5"),
        ("feeds: {categories: {a b: {slug: ../x}}}", '`feeds.categories["a b"].slug`: `../x` cannot stand in a path'),
        (
            "feeds: {url: 'https://a.org/?x'}",
            "`feeds.url`: `https://a.org/?x` has a query or fragment; paths are appended to this URL",
        ),
        ("feeds: {languages: [jp]}", "`feeds.languages`: `jp` begins with a country, not with a language"),
        ("feeds: {title_pattern: '{titel}'}", "`feeds.title_pattern`: `{titel}` has the unknown placeholder `{titel}`"),
        ("content: {future: perhaps}", "`content.future`: expected true or false, read the text `perhaps`"),
        ("content: {include: 5}", "`content.include`: expected a list of texts, or one, read the number 5"),
        ("content: {exclude: {a: {b: 1}}}", "`content.exclude.a`: expected a single value, or a list of values, read a mapping"),
        ("content: []", "`content`: expected a mapping, read a list"),
        ("announce: {websub: {hubs: hub}}", "`announce.websub.hubs`: `hub` is no absolute http or https URL"),
    ],
)
def test_one_readable_sentence_each(line: str, message: str) -> None:
    problem = only(GOOD + line + "\n")
    assert problem.message == message
    assert problem.path == "config.yaml"
    assert problem.line == 4


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("timezone: UTC", "did you mean `site.timezone`?"),
        ("site_: 1", "did you mean `site`?"),
        (
            "zzz: 1",
            "valid keys are `site`, `content`, `feeds`, `output`, `state`, `store`, `serve`, `schedule`, `hooks`, `announce`, `guard`",
        ),
        ("<<: {a: 1}", "write the keys out: YAML 1.2 has no merge key"),
        ("feeds: {windows: 1}", "did you mean `window`?"),
        ("feeds: {maxBytes: 1}", "did you mean `max_bytes`?"),
    ],
)
def test_the_nearest_valid_key_is_named(line: str, hint: str) -> None:
    assert only(GOOD + line + "\n").hint == hint


def test_a_file_that_is_no_yaml_has_one_mistake_and_the_environments() -> None:
    problems = mistakes("site: {title: a: b}\n", {"FEEDSERVICE_SITE__TITEL": "x"})
    assert [(problem.path, problem.line, problem.column) for problem in problems] == [
        ("config.yaml", 1, 16),
        ("environment", None, None),
    ]


@pytest.mark.parametrize("text", ["- a\n", "text\n", "5\n"])
def test_a_file_that_is_no_mapping(text: str) -> None:
    assert "expected a mapping" in only(text).message


def test_an_empty_file_misses_the_site() -> None:
    problem = only("")
    assert (problem.rule, problem.hint) == ("config.missing", "write `site:` with `title` and `url`")
    assert where(problem) == (1, 1)


def test_a_section_whose_keys_are_commented_out_is_empty() -> None:
    assert config.parse(GOOD + "feeds:\n#  window: 5\ncontent:\n", name="c", environ={}).feeds.window == 50


def test_short_forms() -> None:
    text = GOOD + "  author: Aoi\ncontent: {include: 'posts/', exclude: {robots: noindex}, max_post_bytes: 1.5 MiB}\n"
    read = config.parse(text, name="c", environ={})
    assert read.site.author is not None
    assert read.site.author.name == "Aoi"
    assert read.content.include == ["posts/"]
    assert read.content.exclude == [{"robots": "noindex"}]
    assert read.content.max_post_bytes == 1024 * 1536


def test_load_gives_paths_and_warnings(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"\xef\xbb\xbfsite:\r\n  title: A\r\n  url: http://localhost:8000\r\nfeeds: {categories: {AI: , ai: }}\r\n")
    loaded = config.load(file, {})
    assert (loaded.path, loaded.root) == (file, tmp_path)
    assert [(problem.rule, problem.severity, *where(problem)) for problem in loaded.problems] == [
        ("config.local-url", Severity.WARNING, 3, 8),
        ("config.one-category", Severity.WARNING, 4, 28),
    ]


def test_load_keeps_the_path_as_given_in_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.yaml").write_text("site: {title: A}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        config.load(Path("config.yaml"), {})
    assert caught.value.problems[0].path == "config.yaml"


@pytest.mark.parametrize(
    ("data", "rule", "place"),
    [
        (b"site:\n  title: \x8d\n", "config.encoding", (2, 10)),
        (b"\xef\xbb\xbfa: \xff\n", "config.encoding", (1, 4)),
        ("site: x".encode("utf-16"), "config.encoding", (1, 1)),
    ],
)
def test_bytes_that_are_no_utf8(tmp_path: Path, data: bytes, rule: str, place: tuple[int, int]) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        config.load(file, {})
    (problem,) = caught.value.problems
    assert (problem.rule, where(problem)) == (rule, place)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as missing:
        config.load(tmp_path / "config.yaml", {})
    assert missing.value.problems[0].rule == "config.missing-file"
    assert "init" in missing.value.problems[0].hint
    with pytest.raises(ConfigError) as directory:
        config.load(tmp_path, {})
    assert directory.value.problems[0].rule == "config.unreadable"


keys = st.sampled_from(
    ["site", "title", "url", "feeds", "paths", "tags", "all", "define", "categories", "author", "content", "include", "x"]
)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 99), st.sampled_from(["", "a", "https://a.org", "{key}.{format}", "../x"])
)
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12)


@given(st.dictionaries(keys, trees, max_size=4))
def test_any_values_make_a_config_or_placed_mistakes(values: dict[str, object]) -> None:
    text = config.reference.document.dump(values)
    try:
        read = config.parse(text, name="c", environ={})
    except ConfigError as error:
        lines = text.count("\n")
        for problem in error.problems:
            assert problem.line is not None
            assert 1 <= problem.line <= lines
            assert problem.rule.startswith("config.")
    else:
        assert config.parse(config.show(read), name="c", environ={}) == read


@given(st.text())
def test_no_text_crashes(text: str) -> None:
    with pytest.raises(ConfigError):
        config.parse(text, name="c", environ={})
