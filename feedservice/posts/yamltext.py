"""YAML as text: what the author typed is what is read. The door of PyYAML for posts.

The structure is YAML 1.1 as libyaml reads it, the scalars are those of the YAML 1.2 core schema (§10.3) without numbers:
``true`` and ``false`` are booleans, ``null``, ``~`` and nothing are None, everything else stays the text it was typed as, so
that ``3.10``, ``010``, ``12:30``, ``NO`` and ``2025-02-30`` mean themselves. What YAML would read as something else than it
looks like (anchors, aliases, tags, a second document, a key given twice) is an error.

Only libyaml's event parser runs, never PyYAML's composer or constructor: those recurse in C, and 100,000 nested brackets end
the process. The event parser keeps its own stack, and reading stops at the first event below ``MAX_DEPTH``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import yaml

from feedservice.model import Problem, Value
from feedservice.posts.frontmatter_explain import Complaint, explain, mistake, unquotable
from feedservice.posts.frontmatter_loaded import (
    MAX_DEPTH,
    ODD_SPACES,
    Loaded,
    character,
    error,
    position,
    refused,
    removed_escape,
    warning,
    without_illegal,
)

if TYPE_CHECKING:
    _Parser = yaml.SafeLoader
else:
    # libyaml is missing from some builds of PyYAML; the Python parser gives the same events, eight times slower.
    _Parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CORE: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_LINE_SEPARATOR = re.compile("[\x85\u2028\u2029]")
_ODD = re.compile(f"[：﹕{ODD_SPACES}]")
_ODD_KEY = re.compile(rf"[A-Za-z_][\w-]*[ \u3000]*[：﹕]|[^:]*:[{ODD_SPACES}]|[{ODD_SPACES}]|.*[{ODD_SPACES}]$")
_ODD_VALUE = re.compile(rf"[A-Za-z_][\w-]*(?:[ \u3000]*[：﹕]|:[{ODD_SPACES}])")
_REPORTED = 20
_EATEN = re.compile(r"[ \t]*(#[^\s#]\S*)")


def read(text: str, first_line: int = 1) -> Loaded:
    """Read one YAML mapping; ``first_line`` is the 1-based line on which ``text`` begins in its file.

    Never raises for text that was decoded from UTF-8. Text that is empty or only comments is an empty mapping. Mistakes that
    leave the parser able to go on are all found in one pass.
    """
    if (separators := tuple(_separators(text, first_line))) != ():
        return refused(*separators)
    builder = _Builder(text, first_line)
    try:
        builder.run(_Parser(text))
    except yaml.MarkedYAMLError as failure:
        found = explain(text, _complaint(failure), first_line)
        if all((found.rule, found.line) != (known.rule, known.line) for known in builder.problems):
            builder.problems.append(found)
    except yaml.YAMLError as failure:
        hint = "delete the character at this place and type it again"
        builder.problems.append(error("yaml.syntax", f"the front matter is not YAML: {failure}", hint=hint, line=first_line))
    return builder.result()


def _separators(text: str, first_line: int) -> list[Problem]:
    found = []
    for match in itertools.islice(_LINE_SEPARATOR.finditer(text), _REPORTED):
        line, column = position(text, match.start(), first_line)
        message = f"the front matter holds the invisible line end {character(match[0])}"
        hint = "delete the character and begin a new line, or write a space"
        found.append(error("yaml.line-separator", message, hint=hint, line=line, column=column))
    return found


def _complaint(failure: yaml.MarkedYAMLError) -> Complaint:
    mark, context = failure.problem_mark, failure.context_mark
    return Complaint(
        problem=failure.problem or "unreadable",
        context=failure.context or "",
        line=mark.line if mark else 0,
        column=mark.column if mark else 0,
        context_line=context.line if context else None,
        context_column=context.column if context else 0,
    )


class _Frame:
    """A mapping or list that is still open."""

    __slots__ = ("key", "lines", "value", "wants_key")

    def __init__(self, value: list[Value] | dict[str, Value]) -> None:
        self.value = value
        self.wants_key = isinstance(value, dict)
        self.key = ""
        self.lines: dict[str, int] = {}

    def add(self, value: Value) -> None:
        if isinstance(self.value, list):
            self.value.append(value)
        else:
            self.value[self.key] = value
            self.wants_key = True


class _Builder:
    """Builds values from events; one pass, no recursion."""

    def __init__(self, text: str, first_line: int) -> None:
        self.text = text
        self.first_line = first_line
        self.problems: list[Problem] = []
        self.frame = _Frame([])
        self.open: list[_Frame] = []
        self.top: _Frame | None = None
        self.start: Any = None
        self.odd = _ODD.search(text) is not None
        self.hashes = "#" in text
        self.escapes = "\\" in text

    def run(self, parser: yaml.SafeLoader) -> None:
        """Take events until the stream ends, nesting goes too deep or enough is known to be wrong."""
        next_event: Callable[[], Any] = parser.get_event
        while len(self.problems) < _REPORTED:
            event = next_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self.scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                if len(self.open) == MAX_DEPTH:
                    self.too_deep(event)
                    return
                self.begin(event)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.end()
            elif kind is yaml.AliasEvent:
                self.alias(event)
            elif kind is yaml.DocumentStartEvent:
                self.document(event)
            elif kind is yaml.StreamEndEvent:
                return

    def result(self) -> Loaded:
        """Return what was read; anything but one mapping is a problem."""
        problems, top = self.problems, self.top
        if top is None and self.start is not None and not problems:
            self.no_mapping()
        return Loaded(
            metadata=top.value if top is not None and isinstance(top.value, dict) else {},
            lines=top.lines if top is not None else {},
            problems=tuple(problems),
        )

    def no_mapping(self) -> None:
        begin = self.text.rfind("\n", 0, self.start.index) + 1
        if (found := mistake(self.text[begin:].partition("\n")[0], self.start.line + self.first_line)) is not None:
            self.problems.append(found)
            return
        message = "the front matter is no mapping of keys to values"
        hint = "write one `key: value` per line; a rule before and after a text is better written *** than ---"
        self.report("frontmatter.not-a-mapping", message, hint, self.start)

    def scalar(self, event: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            self.properties(event)
        value = event.value
        frame = self.frame
        if event.style:
            if self.escapes and event.style == '"':
                value = self.cleaned(event)
        elif not frame.wants_key:
            if self.odd:
                self.odd_value(event)
            value = _CORE.get(value, value)
        if self.hashes and event.style not in {"|", ">"}:
            self.eaten(event)
        if frame.wants_key:
            self.key(event, value)
        else:
            frame.add(value)
        if self.start is None:
            self.start = event.start_mark

    def key(self, event: Any, key: str) -> None:
        frame = self.frame
        line = event.start_mark.line + self.first_line
        if not key:
            hint = "write a name before the colon"
            self.report("yaml.empty-key", "a colon has no key before it", hint, event.start_mark)
        elif self.odd and not event.style and _ODD_KEY.match(key) is not None:
            self.odd_colon(key, event.start_mark)
        elif (first := frame.lines.get(key)) is not None:
            message = f"the key {key!r} is given twice: on line {first} and on line {line}"
            self.report("yaml.duplicate-key", message, "keep one of the two", event.start_mark)
        frame.lines.setdefault(key, line)
        frame.key = key
        frame.wants_key = False

    def begin(self, event: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            self.properties(event)
        if self.frame.wants_key:
            self.complex_key(event)
        self.open.append(self.frame)
        self.frame = _Frame({} if type(event) is yaml.MappingStartEvent else [])
        if self.start is None:
            self.start = event.start_mark
            self.top = self.frame if type(event) is yaml.MappingStartEvent else None

    def end(self) -> None:
        done, self.frame = self.frame, self.open.pop()
        if self.frame.wants_key:
            self.frame.wants_key = False
        else:
            self.frame.add(done.value)

    def report(self, rule: str, message: str, hint: str, mark: Any) -> None:
        line, column = mark.line + self.first_line, mark.column + 1
        self.problems.append(error(rule, message, hint=hint, line=line, column=column))

    def document(self, event: Any) -> None:
        if event.explicit:
            message = "the front matter holds a line that begins a second document: --- followed by text"
            hint = "a line of three dashes and nothing else ends the front matter; indent or quote any other"
            self.report("yaml.second-document", message, hint, event.start_mark)

    def too_deep(self, event: Any) -> None:
        message = f"the front matter is nested deeper than {MAX_DEPTH} levels"
        self.report("yaml.too-deep", message, "flatten it, or move the data to a file of its own", event.start_mark)

    def alias(self, event: Any) -> None:
        message = f"`*{event.anchor}` is an alias, a reference to another value"
        hint = f"{unquotable(self.line_of(event))}; a reference is not followed, so write its value out"
        self.report("yaml.alias", message, hint, event.start_mark)
        if self.frame.wants_key:
            self.frame.wants_key = False
        else:
            self.frame.add(None)

    def properties(self, event: Any) -> None:
        hint = unquotable(self.line_of(event))
        if event.anchor is not None:
            message = f"`&{event.anchor}` is an anchor: YAML takes it away from the value"
            self.report("yaml.anchor", message, f"{hint}; a reference is not followed, so write its value out", event.start_mark)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            message = f"`{tag}` is a type tag: YAML takes it away from the value"
            self.report("yaml.tag", message, hint, event.start_mark)

    def complex_key(self, event: Any) -> None:
        if "{{" in self.line_of(event):
            hint = 'quote the value if the braces are meant: "{{ … }}"; front matter is not a template'
            self.report("yaml.template", "unquoted double braces are a mapping to YAML", hint, event.start_mark)
        else:
            hint = "quote the key if brackets or braces are part of it"
            self.report("yaml.complex-key", "a key is a list or mapping", hint, event.start_mark)

    def line_of(self, event: Any) -> str:
        begin = self.text.rfind("\n", 0, event.start_mark.index) + 1
        return self.text[begin:].partition("\n")[0]

    def cleaned(self, event: Any) -> str:
        value = str(event.value)
        clean = without_illegal(value)
        if clean != value:
            mark = event.start_mark
            key = clean if self.frame.wants_key else self.frame.key
            self.problems.append(removed_escape(key, line=mark.line + self.first_line, column=mark.column + 1))
        return clean

    def odd_value(self, event: Any) -> None:
        """Find a line that was meant as `key: value` and is text to YAML, for want of an ASCII colon and space."""
        index = event.start_mark.index
        begin = self.text.rfind("\n", 0, index) + 1
        if not self.text[begin:index].strip(" ") and _ODD_VALUE.match(event.value) is not None:
            self.odd_colon(event.value, event.start_mark)

    def odd_colon(self, text: str, mark: Any) -> None:
        odd = _ODD.search(text)
        assert odd is not None
        rule = "yaml.full-width-colon" if odd[0] in "：﹕" else "yaml.odd-space"
        message = f"{character(odd[0])} in {text.partition(chr(10))[0][:40]!r}: YAML sees no key here"
        self.report(rule, message, "type an ASCII colon and an ASCII space after the key", mark)

    def eaten(self, event: Any) -> None:
        mark = event.end_mark
        comment = _EATEN.match(self.text, mark.index)
        if comment is not None:
            message = f"{comment[1]!r} is a comment to YAML; the value is {event.value!r}"
            line, column = position(self.text, comment.start(1), self.first_line)
            hint = "quote the value if the # is part of it; begin a comment with `# `"
            self.problems.append(warning("yaml.comment", message, hint=hint, line=line, column=column))
