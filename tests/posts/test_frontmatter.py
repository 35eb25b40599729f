"""The splitter and its five kinds of front matter; the cases are those in which other readers lose, leak or crash."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.model import Problem, Severity, Value
from feedservice.posts.frontmatter import Block, FrontMatter, read, split

SHARED = Path(__file__).parents[3] / "shared"


def accepted(text: str | bytes, dialect: str = "plain") -> FrontMatter:
    found = read(text if isinstance(text, bytes) else text.encode(), dialect=dialect)
    assert isinstance(found, FrontMatter), found
    return found


def clean(text: str | bytes, dialect: str = "plain") -> FrontMatter:
    found = accepted(text, dialect)
    assert found.problems == ()
    return found


def refused(text: str | bytes, dialect: str = "plain") -> list[tuple[str, int | None, int | None]]:
    found = read(text if isinstance(text, bytes) else text.encode(), dialect=dialect)
    assert isinstance(found, tuple), found
    assert any(problem.severity is Severity.ERROR for problem in found)
    assert all(problem.message and problem.hint and problem.path == "" for problem in found)
    return [(problem.rule, problem.line, problem.column) for problem in found]


def test_a_usual_post() -> None:
    found = clean("---\ntitle: 題\ndate: 2025-11-17 04:42:09 +0000\ntags: [a, 3.10]\n---\n\n本文\n", "jekyll")
    assert found == FrontMatter(
        kind="yaml",
        metadata={"title": "題", "date": "2025-11-17 04:42:09 +0000", "tags": ["a", "3.10"]},
        lines={"title": 2, "date": 3, "tags": 4},
        body="\n本文\n",
        body_line=6,
        problems=(),
    )


@pytest.mark.parametrize("key", ["content", "handler", "self", "metadata", "NO", "1", "2025-01-01"])
def test_no_key_is_special(key: str) -> None:
    assert clean(f"---\n{key}: x\n---\nbody").metadata == {key: "x"}


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_byte_order_mark_and_every_line_end_leave_the_front_matter_readable(mark: bytes, end: bytes) -> None:
    found = clean(mark + b"---\ntitle: x\n---\nbody\n".replace(b"\n", end))
    assert (found.metadata, found.body, found.lines, found.body_line) == ({"title": "x"}, "body\n", {"title": 2}, 4)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("---", "---"),
        ("---", "..."),
        ("---", "----"),
        ("-----", "---"),
        ("---  ", "--- \t"),
        ("---yaml", "---"),
        ("--- yml ", "---"),
    ],
)
def test_delimiters_of_yaml(opening: str, closing: str) -> None:
    found = clean(f"{opening}\ntitle: x\n{closing}\nbody\n---\nmore\n")
    assert (found.metadata, found.body) == ({"title": "x"}, "body\n---\nmore\n")


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("---\na: b\n---\n    code\n\ttab\n\n", "    code\n\ttab\n\n"),
        ("---\na: b\n---\n\n\n  text  ", "\n\n  text  "),
        ("---\na: b\n---", ""),
        ("---\na: b\n---\n", ""),
        ("+++\na = 'b'\n+++\n    code\n", "    code\n"),
        ('{"a": "b"}\n    code\n', "    code\n"),
        ("Title: b\n\n    code\n", "    code\n"),
    ],
)
def test_the_body_is_verbatim(text: str, body: str) -> None:
    assert clean(text, "pelican").body == body


@pytest.mark.parametrize(
    "text", ["---\n---\nbody", "---\n\n---\nbody", "---\n# draft: true\n---\nbody", "+++\n+++\nbody", "{}\nbody", "{ }\nbody"]
)
def test_empty_front_matter_is_an_empty_mapping(text: str) -> None:
    found = clean(text)
    assert found.kind is not None
    assert (found.metadata, found.lines, found.body) == ({}, {}, "body")


def test_blank_lines_may_come_first_and_count() -> None:
    found = clean("\n \t\n---\ntitle: x\n---\nbody")
    assert (found.metadata, found.lines, found.body, found.body_line) == ({"title": "x"}, {"title": 4}, "body", 6)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain text\n",
        "# Heading\n\n---\ntitle: x\n---\n",
        "---\nA section between two rules.\n---\nMore.\n",
        "---\n*bold* and `code` at 12:30, see https://example.org\n\n> quote\n---\nMore.\n",
        "---\n![picture](x.png)\n---\nMore.\n",
        "---\n# A heading\n---\nMore.\n",
        "---\n注意：これは前書きではない。\n---\n続き\n",
        "***\ntitle x\n***\n",
        "--- b\ntext\n---\n",
        "---END---\n",
        "--\na: b\n--\n",
        "{{ page.title }}\n",
        "{% include x %}\n",
        "{\n  unquoted: 1\n}\ntext\n",
        "{braces} in a text\n",
        "[link](x)\n",
        "++\n",
        "Title: alone is only a line\n\ntext",
        "https://example.org\nhttps://example.com\n",
    ],
)
def test_what_is_no_front_matter_is_body_to_the_last_character(text: str) -> None:
    found = clean(text)
    assert (found.kind, found.metadata, found.body, found.body_line) == (None, {}, text, 1)
    assert split(text, dialect="hugo") == Block(kind=None, text="", first_line=1, body=text, body_line=1)


@pytest.mark.parametrize(
    ("text", "rule", "line", "column"),
    [
        ("---\ntitle: x\n\nbody\n", "frontmatter.unterminated", 1, 1),
        ("\n---\ntitle: x\n", "frontmatter.unterminated", 2, 1),
        ("---", "frontmatter.unterminated", 1, 1),
        ("---\ntitle: x\n ---\nbody\n", "frontmatter.unterminated", 1, 1),
        ("+++\ntitle = 'x'\n---\n", "frontmatter.unterminated", 1, 1),
        ('{"title": "x",\n\nbody\n', "frontmatter.unterminated", 1, 1),
        ("---\n- a\n- b\n---\nbody\n", "frontmatter.not-a-mapping", 2, 1),
        ("---\n[a, b]\n---\nbody\n", "frontmatter.not-a-mapping", 2, 1),
        ('---\n"text"\n---\nbody\n', "frontmatter.not-a-mapping", 2, 1),
        ("---json\n[1]\n---\nbody\n", "frontmatter.not-a-mapping", 2, 1),
        ('---\ntitle: "a\n---\nb"\n---\nbody\n', "yaml.unclosed-quote", 2, 8),
        ("---\ntitle: a\n--- b\n---\nbody\n", "yaml.second-document", 3, 1),
        ("---\ntitle: a\n---END---\n---\nbody\n", "yaml.syntax", 3, 1),
        ("---\ntitle: a\ntitle: b\n---\nbody\n", "yaml.duplicate-key", 3, 1),
        ("---\ntitle: Foo: bar\n---\nbody\n", "yaml.needs-quotes", 2, 11),
        ("---\ntitle: [WIP] thing\n---\nbody\n", "yaml.needs-quotes", 2, 8),
        ("---\ntitle: *bold*\n---\nbody\n", "yaml.needs-quotes", 2, 8),
        ("---\ntitle: @user\n---\nbody\n", "yaml.needs-quotes", 2, 8),
        ("---\ntitle: !wow\n---\nbody\n", "yaml.tag", 2, 8),
        ("---\na:\n\tb: c\n---\nbody\n", "yaml.tab", 3, 1),
        ("---\ntitle: &x y\n---\nbody\n", "yaml.anchor", 2, 8),
        ("---\na: !!binary aGk=\n---\nbody\n", "yaml.tag", 2, 4),
        ("---\na: {{ x }}\n---\nbody\n", "yaml.template", 2, 5),
        ("---\ntitle: a\x0bb\n---\nbody\n", "frontmatter.control-character", 2, 9),
        ("---\ntitle: a\x1bb\n---\nbody\n", "frontmatter.control-character", 2, 9),
        ("+++\ntitle = 'a\x00b'\n+++\nbody\n", "frontmatter.control-character", 2, 11),
        ("---\ntitle: a\u2028b\n---\nbody\n", "yaml.line-separator", 2, 9),
        ("---\ntitle： x\n---\nbody\n", "yaml.full-width-colon", 2, 1),
        ("---\ntitle:\u00a0x\n---\nbody\n", "yaml.odd-space", 2, 1),
        ("---\ntitle:\u3000x\n---\nbody\n", "yaml.odd-space", 2, 1),
        ("---\ntitle:x\n---\nbody\n", "yaml.no-space", 2, 7),
        ("---\na: " + "[" * 60_000 + "\n---\nbody\n", "yaml.too-deep", 2, 67),
        ("---\na: " + "[" * 100_000 + "\n---\nbody\n", "frontmatter.too-long", 2, 1),
        (" ---\n title: x\n ---\nbody\n", "frontmatter.indented", 1, 2),
        ("---js\n{title: 'x'}\n---\nbody\n", "frontmatter.unknown-kind", 1, 1),
        (';;;\n"title": "x"\n;;;\nbody\n', "frontmatter.unknown-kind", 1, 1),
        ("#+title: x\n#+date: y\n", "frontmatter.unknown-kind", 1, 1),
        ("<!--\n.. title: x\n.. slug: y\n-->\nbody\n", "frontmatter.unknown-kind", 2, 1),
    ],
)
def test_each_mistake_refuses_the_file_with_its_place_and_a_hint(text: str, rule: str, line: int, column: int) -> None:
    assert refused(text) == [(rule, line, column)]


def test_a_timestamp_that_never_was_is_still_text() -> None:
    assert clean("---\ndate: 2025-02-30 24:00:00\n---\n").metadata == {"date": "2025-02-30 24:00:00"}


def test_indented_dashes_inside_a_block_scalar_end_nothing() -> None:
    found = clean("---\ntext: |\n  a\n  ---\n  b\n---\nbody")
    assert (found.metadata, found.body) == ({"text": "a\n---\nb\n"}, "body")


def test_the_size_of_the_front_matter_is_bounded_in_bytes_and_that_of_the_body_is_not() -> None:
    text = "---\ntitle: " + "あ" * 100 + "\n---\n"
    assert isinstance(read(text.encode(), dialect="plain", max_bytes=308), FrontMatter)
    assert isinstance(read(text.encode(), dialect="plain", max_bytes=307), tuple)
    assert clean("---\na: b\n---\n" + "x" * 200_000).metadata == {"a": "b"}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("---\ntitle: C #sharp\n---\n", "yaml.comment"),
        ("Title: x\nDate: 2025-01-01\n\nbody\n", "frontmatter.pelican-header"),
        ("title: x\ndate: 2025-01-01\n---\nbody\n", "frontmatter.pelican-header"),
        ("title： x\ndate： 2025-01-01\n\nbody\n", "frontmatter.pelican-header"),
        ('{"a": 1} is a sample\n', "frontmatter.json-sample"),
    ],
)
def test_what_only_looks_wrong_is_a_warning(text: str, rule: str) -> None:
    found = accepted(text)
    assert [(problem.rule, problem.severity) for problem in found.problems] == [(rule, Severity.WARNING)]
    assert found.kind == ("yaml" if text.startswith("---") else None)


@pytest.mark.parametrize("dialect", ["jekyll", "hugo", "zola", "eleventy", "pelican", "plain"])
@pytest.mark.parametrize("text", ["---\na: b\n---\nbody", "+++\na = 'b'\n+++\nbody", '{"a": "b"}\nbody'])
def test_every_dialect_reads_every_delimited_format(text: str, dialect: str) -> None:
    found = clean(text, dialect)
    assert (found.metadata, found.body) == ({"a": "b"}, "body")


def test_split_finds_the_same_body_without_reading() -> None:
    assert split("\n---\na: [\n---\n  body", dialect="jekyll") == Block(
        kind="yaml", text="a: [\n", first_line=3, body="  body", body_line=5
    )
    assert isinstance(split("---\na: b\n", dialect="jekyll"), Problem)


SAMPLES = sorted(path for folder in ("samples", "seeds") for path in (SHARED / folder).rglob("*.md") if path.name != "README.md")


@pytest.mark.judge
@pytest.mark.skipif(not SAMPLES, reason="the sample posts in ../shared are absent")
def test_real_posts_are_read_without_a_problem() -> None:
    found = {path: read(path.read_bytes(), dialect="jekyll") for path in SAMPLES}
    assert [
        path for path, answer in found.items() if not isinstance(answer, FrontMatter) or answer.problems or not answer.metadata
    ] == []


PIECES = st.sampled_from(
    [
        *(
            "---",
            "---\n",
            "\n---\n",
            "...\n",
            "+++\n",
            "{",
            '{"a": ',
            "}",
            "}\n",
            '"',
            "\n",
            "\n\n",
            " ",
            "\t",
            "a: b\n",
            "title: x\n",
        ),
        *(
            "Title： y\n",
            "a = 1\n",
            "[t]\n",
            "- c\n",
            "&x ",
            "*x ",
            "!t ",
            "# ",
            "\ufeff",
            "\r\n",
            "\r",
            "\x0b",
            "\u2028",
            "日本語",
        ),
        *(";;;\n", "---js\n", "    x\n"),
    ],
)
TEXTS = st.lists(PIECES, max_size=30).map("".join)
DIALECTS = st.sampled_from(["jekyll", "hugo", "zola", "eleventy", "pelican", "plain"])


@given(st.binary(max_size=300) | TEXTS.map(str.encode), DIALECTS)
def test_no_bytes_make_it_raise_and_it_says_the_same_twice(data: bytes, dialect: str) -> None:
    first = read(data, dialect=dialect)
    assert first == read(data, dialect=dialect)
    problems = first if isinstance(first, tuple) else first.problems
    lines = 1 + data.count(b"\n") + data.count(b"\r")
    assert all(problem.hint and problem.line is not None and 1 <= problem.line <= lines for problem in problems)
    assert isinstance(first, FrontMatter) == all(problem.severity is Severity.WARNING for problem in problems)


@given(TEXTS, DIALECTS)
def test_the_body_is_the_end_of_the_file_and_begins_on_its_line(text: str, dialect: str) -> None:
    text = text.replace("\r", "").replace("\ufeff", "")
    found = split(text, dialect=dialect)
    if isinstance(found, Block):
        assert text.endswith(found.body)
        assert found.body_line == 1 + text.count("\n", 0, len(text) - len(found.body))
        assert found.text in text[: len(text) - len(found.body)]
        assert found.kind is not None or found.body == text
    answer = read(text.encode(), dialect=dialect)
    if isinstance(answer, FrontMatter):
        assert isinstance(found, Block)
        assert (answer.kind, answer.body, answer.body_line) == (found.kind, found.body, found.body_line)


WORDS = st.text("abcABC019 日本語'\"#:-[]{}!&*?|>%@`~,.\\", min_size=1, max_size=12)
METADATA: st.SearchStrategy[dict[str, Value]] = st.dictionaries(WORDS, WORDS | st.booleans() | st.none(), min_size=1, max_size=5)
BODIES = st.text("ab \n-+.{}:#日", max_size=40)


@given(METADATA, BODIES)
def test_metadata_is_found_and_never_published_as_body(metadata: dict[str, Value], body: str) -> None:
    words = {True: "true", False: "false", None: "null"}
    lines = [f"{quoted(key)}: {quoted(item) if isinstance(item, str) else words[item]}" for key, item in metadata.items()]  # type: ignore[index]
    found = read(("---\n" + "\n".join(lines) + "\n---\n" + body).encode(), dialect="jekyll")
    assert isinstance(found, FrontMatter)
    assert (found.metadata, found.body) == (metadata, body)
    assert list(found.lines.values()) == list(range(2, 2 + len(metadata)))


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
