from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.model import Severity, Value
from feedservice.posts.yamltext import read


def problems(text: str) -> list[tuple[str, int | None, int | None]]:
    return [(problem.rule, problem.line, problem.column) for problem in read(text).problems]


def value(text: str) -> Value:
    loaded = read(f"k: {text}\n")
    assert loaded.problems == ()
    return loaded.metadata["k"]


@pytest.mark.parametrize(
    "typed",
    [
        *("2025", "3.10", "010", "0o10", "0x1F", "09", "1_000", "1e3", "-1", "+1", ".5", ".nan", ".inf", "-.inf"),
        *("12:30", "12:30:45", "1:2", "NO", "no", "yes", "Yes", "On", "off", "y", "n", "tRUE", "nULL"),
        *("2025-01-01", "2025-02-30", "2025-13-45", "20251117", "0000-01-01", "2025-11-17 24:00:00", "2025-11-17T23:59:60Z"),
        *("2025-11-17 04:42:09 +0000", "2025-11-17 04:42:09 -0800", "2025-11-17T04:42:09+0900", "2025-11-17 04:42:09 +24:00"),
        *(
            "2025-11-17 04:42:09.123456789",
            "2025-1-7",
            "2025/11/17",
            "2025年11月17日 13時42分",
            "Mon, 17 Nov 2025 04:42:09 +0900",
        ),
        *(
            "=",
            "<<",
            "AI：次の一手",
            "全角　空白",
            "C#",
            "a#b",
            "R&D",
            "wow!",
            "a*b*",
            "http://example.org/#x",
            "don't",
            'say "x"',
        ),
    ],
)
def test_a_plain_scalar_is_the_text_that_was_typed(typed: str) -> None:
    assert value(typed) == typed


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *((word, None) for word in ("null", "Null", "NULL", "~", "", "# only a comment")),
    ],
)
def test_the_core_schema_knows_true_false_and_null(typed: str, expected: bool | None) -> None:
    assert value(typed) is expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("'true'", "true"),
        ('"null"', "null"),
        ('""', ""),
        ("'it''s'", "it's"),
        (r'"a \"b\" \u3042"', 'a "b" あ'),
        ("'[WIP] thing'", "[WIP] thing"),
        ("|\n  one\n   two\n", "one\n two\n"),
        (">-\n  one\n  two\n", "one two"),
        ("|\n  ---\n  a: b\n", "---\na: b\n"),
        ("one\n  two", "one two"),
        ("[2024, 3.10, true, null, 2025-01-01]", ["2024", "3.10", True, None, "2025-01-01"]),
        ("[NO, SE]", ["NO", "SE"]),
        ("[]", []),
        ("\n- a\n-\n- [b]", ["a", None, ["b"]]),
        ("{a: 1, b: {c: d}}", {"a": "1", "b": {"c": "d"}}),
        ("\n  name: 山田\n  links:\n    - x\n    - y: z", {"name": "山田", "links": ["x", {"y": "z"}]}),
    ],
)
def test_quoted_folded_and_nested_values(typed: str, expected: Value) -> None:
    assert value(typed) == expected


@pytest.mark.parametrize(
    "key", ["NO", "1", "2025-01-01", "3.10", "true", "~", "content", "handler", "self", "日本語", "two words"]
)
def test_every_key_is_its_text(key: str) -> None:
    loaded = read(f"{key}: x\n")
    assert loaded.problems == ()
    assert loaded.metadata == {key: "x"}


@pytest.mark.parametrize("text", ["", "\n\n", "# only: a comment\n", "   "])
def test_nothing_is_an_empty_mapping(text: str) -> None:
    loaded = read(text)
    assert (loaded.metadata, loaded.problems) == ({}, ())


def test_lines_are_those_of_the_file() -> None:
    loaded = read("\na: 1\n# comment\nb:\n  c: 2\n'd': |\n  x\n  y\n😀 e: 3\n", 5)
    assert loaded.lines == {"a": 6, "b": 8, "d": 10, "😀 e": 13}


@pytest.mark.parametrize(
    ("text", "rule", "line", "column"),
    [
        ("title: Foo: bar\n", "yaml.needs-quotes", 1, 11),
        ("a: b\ntitle: [WIP] thing\n", "yaml.needs-quotes", 2, 8),
        ("title: *bold* move\n", "yaml.needs-quotes", 1, 8),
        ("title: *bold\n", "yaml.alias", 1, 8),
        ("*bold : x\n", "yaml.alias", 1, 1),
        ("title: @user\n", "yaml.needs-quotes", 1, 8),
        ("title: `x`\n", "yaml.needs-quotes", 1, 8),
        ("title: %x\n", "yaml.needs-quotes", 1, 8),
        ("title: !wow\n", "yaml.tag", 1, 8),
        ("title: ! wow\n", "yaml.tag", 1, 8),
        ("x: !!binary aGk=\n", "yaml.tag", 1, 4),
        ("x: !!set {a, b}\n", "yaml.tag", 1, 4),
        ("x: !!python/object:os.system {}\n", "yaml.tag", 1, 4),
        ("title: &x y\n", "yaml.anchor", 1, 8),
        ("x: &a\n  b: c\n", "yaml.anchor", 1, 4),
        ("title: {{ page.title }}\n", "yaml.template", 1, 9),
        ("title: {% x %}\n", "yaml.template", 1, 8),
        ("? [a, b]\n: c\n", "yaml.complex-key", 1, 3),
        ("?\n", "yaml.empty-key", 1, 2),
        ("a:\n\tb: c\n", "yaml.tab", 2, 1),
        ("\ttitle: x\n", "yaml.tab", 1, 1),
        ("title: x\n\ty\n", "yaml.tab", 2, 1),
        ('title: "foo\nb: c\n', "yaml.unclosed-quote", 1, 8),
        ("title: 'it's'\n", "yaml.needs-quotes", 1, 8),
        ('title: "a" b\n', "yaml.needs-quotes", 1, 8),
        ('path: "C:\\qux"\n', "yaml.escape", 1, 10),
        ("tags: [a, b\nc: d\n", "yaml.unclosed-bracket", 1, 7),
        ("{a: b\n", "yaml.unclosed-bracket", 1, 1),
        ("title: - foo\n", "yaml.needs-quotes", 1, 8),
        ("text: | foo\n", "yaml.needs-quotes", 1, 7),
        ("title:x\ndate: y\n", "yaml.no-space", 1, 7),
        ("date: y\ntitle： x\n", "yaml.full-width-colon", 2, 6),
        ("a:\n  name： x\n", "yaml.full-width-colon", 2, 3),
        ("title： Foo: bar\n", "yaml.full-width-colon", 1, 1),
        ("date: y\ntitle:\u00a0x\n", "yaml.odd-space", 2, 7),
        ("a:\n  name:\u3000x\n", "yaml.odd-space", 2, 3),
        ("title\u3000: x\n", "yaml.odd-space", 1, 1),
        ("\u3000title: x\n", "yaml.odd-space", 1, 1),
        ("a: b\n--- b\n", "yaml.second-document", 2, 1),
        ("a: b\n---END---\n", "yaml.syntax", 2, 1),
        ("a: x\u2028y\n", "yaml.line-separator", 1, 5),
        ("a: x\u0085y\n", "yaml.line-separator", 1, 5),
        ("a: b\n- c\n", "yaml.syntax", 2, 1),
        ("a: \x01b\n", "yaml.syntax", 1, 1),
        ("- a\n- b\n", "frontmatter.not-a-mapping", 1, 1),
        ("[a, b]\n", "frontmatter.not-a-mapping", 1, 1),
        ('\n"text"\n', "frontmatter.not-a-mapping", 2, 1),
    ],
)
def test_each_mistake_is_one_error_with_its_place_and_a_hint(text: str, rule: str, line: int, column: int) -> None:
    assert problems(text) == [(rule, line, column)]
    found = read(text).problems[0]
    assert found.severity is Severity.ERROR
    assert found.message
    assert found.hint


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("title: Foo: bar\n", 'title: "Foo: bar"'),
        ("title: @user\n", 'title: "@user"'),
        ("title: !wow x\n", 'title: "!wow x"'),
        ("title: 'it's'\n", 'title: "it\'s"'),
        ('title: "a" b\n', r'title: "\"a\" b"'),
        ("title: &x y\n", 'title: "&x y"'),
        ("tags:\n- @a\n", '- "@a"'),
    ],
)
def test_the_hint_shows_what_to_type_and_typing_it_helps(text: str, advice: str) -> None:
    assert advice in read(text).problems[0].hint
    assert read(text.rpartition("\n- ")[0] + "\n" + advice if "\n- " in text else advice).problems == ()


def test_a_key_given_twice_names_both_lines_at_any_depth() -> None:
    loaded = read("a: 1\nb:\n  c: 1\n  c: 2\na: 2\n", 2)
    assert [(problem.rule, problem.line) for problem in loaded.problems] == [("yaml.duplicate-key", 5), ("yaml.duplicate-key", 6)]
    assert "line 4 and on line 5" in loaded.problems[0].message
    assert "line 2 and on line 6" in loaded.problems[1].message


def test_all_mistakes_are_found_in_one_pass_up_to_twenty() -> None:
    assert [rule for rule, _, _ in problems("a: &x y\na: *x\nb: !t z\n")] == [
        "yaml.anchor",
        "yaml.duplicate-key",
        "yaml.alias",
        "yaml.tag",
    ]
    assert len(problems("a: [" + "!t x, " * 1000 + "]\n")) == 20
    assert len(problems("a: " + "\u2028" * 1000)) == 20


@pytest.mark.parametrize(
    ("text", "column", "left"),
    [
        ("t: C #sharp\n", 6, "C"),
        ("t: #1 song\n", 4, None),
        ("t: 'x'#y\n", 7, "x"),
        ("t: x # note\n", None, "x"),
        ("t: x ## note\n", None, "x"),
    ],
)
def test_a_comment_that_eats_text_is_a_warning(text: str, column: int | None, left: Value) -> None:
    loaded = read(text)
    assert loaded.metadata == {"t": left}
    assert [(problem.rule, problem.severity, problem.column) for problem in loaded.problems] == (
        [] if column is None else [("yaml.comment", Severity.WARNING, column)]
    )


def test_an_escape_for_what_no_feed_can_carry_is_removed_with_a_warning() -> None:
    loaded = read('a: "x\\x0by\\0"\nb: "\\t\\u3042"\n')
    assert loaded.metadata == {"a": "xy", "b": "\tあ"}
    assert [(problem.rule, problem.severity, problem.line) for problem in loaded.problems] == [
        ("frontmatter.illegal-escape", Severity.WARNING, 1),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 100_000,
        "a: " + "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "\n".join(" " * n + "a:" for n in range(400)),
    ],
    ids=["brackets", "braces", "dashes", "question marks", "indentation"],
)
def test_nesting_is_bounded_and_cannot_end_the_process(text: str) -> None:
    assert {rule for rule, _, _ in problems(text)} <= {"yaml.too-deep", "yaml.complex-key"}
    assert 1 <= len(problems(text)) <= 20


def test_nesting_within_the_bound_is_read() -> None:
    found = read("a: " + "[" * 62 + "]" * 62)
    assert found.problems == ()
    assert str(found.metadata["a"]) == "[" * 62 + "]" * 62


def test_a_million_laughs_are_refused_before_they_are_told() -> None:
    text = "a: &a [x, x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(9))
    assert {rule for rule, _, _ in problems(text)} == {"yaml.anchor", "yaml.alias"}


WORDS = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\u2028\u2029\ufeff\ufffe\uffff"), max_size=12
)
VALUES: st.SearchStrategy[Value] = st.recursive(
    WORDS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS.filter(bool), inner, max_size=4),
    max_leaves=12,
)


def written(found: Value) -> str:
    """Write a value as YAML in flow style, text in single quotes."""
    match found:
        case str():
            return "'" + found.replace("'", "''") + "'"
        case bool() | None:
            return {True: "true", False: "false", None: "~"}[found]
        case list():
            return "[" + ", ".join(written(item) for item in found) + "]"
        case dict():
            return "{" + ", ".join(f"? {written(key)} : {written(item)}" for key, item in found.items()) + "}"


@given(st.dictionaries(WORDS.filter(bool), VALUES, max_size=5))
def test_any_value_survives_being_written_and_read(metadata: dict[str, Value]) -> None:
    text = "".join(f"? {written(key)}\n: {written(item)}\n" for key, item in metadata.items())
    loaded = read(text)
    assert loaded.problems == ()
    assert loaded.metadata == metadata
    assert list(loaded.lines.values()) == [1 + 2 * number for number in range(len(metadata))]


PIECES = st.sampled_from(
    [
        *(
            "a",
            "b: ",
            ": ",
            "- ",
            "\n",
            "\n  ",
            "\n\t",
            "[",
            "]",
            "{",
            "}",
            ", ",
            "'",
            '"',
            "\\",
            "#",
            " #",
            "&",
            "*",
            "!",
            "|",
            ">",
            "%",
            "@",
            "`",
        ),
        *(
            "? ",
            "---",
            "...",
            "：",
            "\u00a0",
            "\u3000",
            "\u2028",
            "日本",
            "😀",
            "~",
            "<<",
            "\\x0b",
            "\\ud800",
            "!!set",
            "key: ",
            "\n--- ",
        ),
    ],
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_no_text_makes_it_raise_and_it_says_the_same_twice(text: str) -> None:
    first, second = read(text, 2), read(text, 2)
    assert first == second
    last = 2 + text.count("\n") + sum(text.count(char) for char in "\u2028\x85")
    assert all(problem.hint and problem.line is not None and 2 <= problem.line <= last for problem in first.problems)
