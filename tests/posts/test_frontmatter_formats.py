from __future__ import annotations

import sys

import pytest

from feedservice.model import Severity
from feedservice.posts.frontmatter import FrontMatter, read


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


def test_toml_keeps_what_was_typed_as_far_as_toml_has_it() -> None:
    text = (
        '+++\npath = "2014/09/15/Rust-1.0"\ndate = 2025-11-17\nat = 2025-11-17T04:42:09+09:00\nz = 2025-11-17 04:42:09Z\n'
        "naive = 2025-11-17T04:42:09\ntime = 12:30:00\nversion = 3.10\nbig = 1e3\ncount = 1_000\nhex = 0x1F\nnot = nan\n"
        'draft = false\nauthors = ["a", "b"]\n"quoted key" = 1\ndotted.key = 1\n[extra]\nteam = "x"\n[[extra.links]]\nurl = "y"\n+++\nbody'
    )
    found = clean(text, "zola")
    assert found.kind == "toml"
    assert found.metadata == {
        "path": "2014/09/15/Rust-1.0",
        "date": "2025-11-17",
        "at": "2025-11-17T04:42:09+09:00",
        "z": "2025-11-17T04:42:09+00:00",
        "naive": "2025-11-17T04:42:09",
        "time": "12:30:00",
        "version": "3.10",
        "big": "1e3",
        "count": "1000",
        "hex": "31",
        "not": "nan",
        "draft": False,
        "authors": ["a", "b"],
        "quoted key": "1",
        "dotted": {"key": "1"},
        "extra": {"team": "x", "links": [{"url": "y"}]},
    }
    assert [found.lines[key] for key in ("path", "authors", "quoted key", "dotted", "extra")] == [2, 14, 15, 16, 17]
    assert found.body == "body"


@pytest.mark.parametrize(
    ("block", "rule", "line", "column"),
    [
        ("title = x\n", "toml.syntax", 2, 9),
        ("title = 'x'\ntitle = 'y'\n", "toml.syntax", 3, 12),
        ("title: x\n", "toml.syntax", 2, 6),
        ("date = 2025-02-30\n", "toml.syntax", 2, 8),
        ("a = 'b'\ntags = ['x'", "toml.syntax", 3, 12),
        ("n = " + "9" * 5000 + "\n", "toml.syntax", 2, 1),
        ("a = " + "[" * 100 + "]" * 100 + "\n", "toml.too-deep", 2, 1),
        ("a = " + "[" * 5000 + "\n", "toml.too-deep", 2, 1),
        ("a." * 30_000 + "a = 1\n", "toml.too-deep", 2, 1),
    ],
)
def test_mistakes_in_toml(block: str, rule: str, line: int, column: int) -> None:
    if not block.endswith("\n"):
        block += "\n"
    assert refused("+++\n" + block + "+++\nbody") == [(rule, line, column)]


def test_toml_between_dashes() -> None:
    assert clean("---toml\na = 1\n---\nbody").metadata == {"a": "1"}


def test_json_as_hugo_writes_it() -> None:
    text = '{\n  "title": "x {y} \\"z\\" \\u3042",\n  "n": 3.10,\n  "i": 10,\n  "big": 1e400,\n  "d": true,\n  "u": null,\n  "l": [1, {"title": 2}]\n}\n\nbody }\n'
    found = clean(text, "hugo")
    assert found.kind == "json"
    assert found.metadata == {
        "title": 'x {y} "z" あ',
        "n": "3.10",
        "i": "10",
        "big": "1e400",
        "d": True,
        "u": None,
        "l": ["1", {"title": "2"}],
    }
    assert found.lines == {"title": 2, "n": 3, "i": 4, "big": 5, "d": 6, "u": 7, "l": 8}
    assert (found.body, found.body_line) == ("\nbody }\n", 10)


@pytest.mark.parametrize(
    ("text", "rule", "line", "column"),
    [
        ('{"a": 1,\n"b": 2,\n"a": 3}\nbody', "json.duplicate-key", 3, 1),
        ('{"a": {"b": 1,\n"b": 2}}\nbody', "json.duplicate-key", 2, 1),
        # From Python 3.13 on it is the comma that is named, not what stands in the place of a key.
        ('{"a": 1,}\nbody', "json.syntax", 1, 9 if sys.version_info < (3, 13) else 8),
        ('{"a": 010}\nbody', "json.syntax", 1, 8),
        ('{"a": x}\nbody', "json.syntax", 1, 7),
        ('{"a": "x\ny"}\nbody', "json.syntax", 1, 9),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}\nbody", "json.too-deep", 1, 70),
        ('---json\n{"a": ' + "[" * 100 + "]" * 100 + "}\n---\nbody", "json.too-deep", 2, 70),
    ],
)
def test_mistakes_in_json(text: str, rule: str, line: int, column: int) -> None:
    assert refused(text) == [(rule, line, column)]


def test_json_between_dashes() -> None:
    found = clean('---json\n{\n"a": 1}\n---\nbody')
    assert (found.metadata, found.lines, found.body) == ({"a": "1"}, {"a": 3}, "body")


def test_a_lone_surrogate_from_an_escape_is_removed_with_a_warning() -> None:
    found = accepted('{"title": "a\\ud800b\\u0000", "l": [{"k\\u0001": "\\ufffe"}], "ok": "\\ud83d\\ude00"}\nbody')
    assert found.metadata == {"title": "ab", "l": [{"k": ""}], "ok": "😀"}
    assert [problem.rule for problem in found.problems] == ["frontmatter.illegal-escape"] * 2


def test_a_pelican_header() -> None:
    text = "Title: Foo: bar\nDate: 2010-12-03 10:20\nTags: thats, awesome\nsummary: one\n    two\nEmpty:\nStatus: true\n\nBody: text\n"
    found = clean(text, "pelican")
    assert found.kind == "pelican"
    assert found.metadata == {
        "title": "Foo: bar",
        "date": "2010-12-03 10:20",
        "tags": "thats, awesome",
        "summary": "one\ntwo",
        "empty": None,
        "status": "true",
    }
    assert found.lines == {"title": 1, "date": 2, "tags": 3, "summary": 4, "empty": 6, "status": 7}
    assert (found.body, found.body_line) == ("Body: text\n", 9)


@pytest.mark.parametrize(
    ("text", "body", "line"),
    [
        ("\n\nTitle: x\n---\nbody", "body", 5),
        ("Title: x\n# Heading\n", "# Heading\n", 2),
        ("Title: x", "", 1),
        ("Title: x\n", "", 2),
    ],
)
def test_where_a_pelican_header_ends(text: str, body: str, line: int) -> None:
    found = clean(text, "pelican")
    assert (found.metadata, found.body, found.body_line) == ({"title": "x"}, body, line)


def test_mistakes_in_a_pelican_header() -> None:
    assert refused("Title: x\ntitle: y\n\nbody", "pelican") == [("pelican.duplicate-key", 2, 1)]
    assert refused("Title： x\n\nbody", "pelican") == [("pelican.full-width-colon", 1, 6)]
    assert refused("Title: x\nDate： y\n\nbody", "pelican") == [("pelican.full-width-colon", 2, 5)]


def test_pelican_keys_are_in_lower_case_in_every_format() -> None:
    found = clean("---\nTitle: x\nAuthor: {Name: y}\n---\nbody", "pelican")
    assert (found.metadata, found.lines) == ({"title": "x", "author": {"Name": "y"}}, {"title": 2, "author": 3})
    assert clean("---\nTitle: x\n---\nbody", "jekyll").metadata == {"Title": "x"}
    assert refused("---\nTitle: x\ntitle: y\n---\nbody", "pelican") == [("pelican.duplicate-key", 3, 1)]
