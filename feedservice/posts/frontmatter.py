"""A file's bytes → its front matter and its body. The door of python-frontmatter.

python-frontmatter chooses the handler and drives split and load; its handlers and its `loads` are not used, because they lose
what the author wrote: the body's first indent, a TOML or Pelican header, everything after a byte order mark, and with `content`
or `2025` as a key the whole file. The handlers here keep the body verbatim and answer with problems.

What counts as front matter, in every dialect:

- YAML between a line of three or more dashes (``---``, also ``---yaml``) and the next such line, or ``...``. Blank lines may come
  first, as in Hugo. Without an end it is an error. Text between two rules that has no sign of a key, list or quotation
  (``---``, prose, ``---``) is part of the body.
- TOML between lines of ``+++`` (or after ``---toml``), JSON after ``---json``.
- JSON as Hugo writes it: the first thing in the file is ``{`` followed by a quotation mark or ``}``, and nothing but a line end
  follows the brace that closes it. ``{{ … }}`` and ``{% … %}`` are body, and so is a sample that text follows on its line.
- In dialect ``pelican`` also ``Key: value`` lines up to the first blank line. Keys are in lower case in that dialect.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import frontmatter
from frontmatter.default_handlers import BaseHandler

from feedservice.model import Problem, Severity, Value
from feedservice.posts import frontmatter_formats, yamltext
from feedservice.posts.frontmatter_decode import decode
from feedservice.posts.frontmatter_loaded import MAX_DEPTH, Loaded, error, position, raw_controls, warning

__all__ = ["Block", "FrontMatter", "Kind", "decode", "read", "split"]

Kind = Literal["yaml", "toml", "json", "pelican"]

_BLANK = r"\A(?:[ \t]*+\n)*+"
_END_DASHES = re.compile(r"^(?:-{3,}|\.\.\.)[ \t]*$", re.MULTILINE)
_END_PLUS = re.compile(r"^\+{3,}[ \t]*$", re.MULTILINE)
_OBJECT = re.compile(r"\A\s*+(?=\{\s*+[\"}])")
_LINE_END = re.compile(r"[ \t]*(?:\n|\Z)")
_BLANK_LINE = re.compile(r"[ \t]*$")

_SIGN = re.compile(
    r"""
      :(?:[ \t\u00a0\u3000]|$)                                  # a key and its colon, wherever it stands
    | ^[ \t]*[A-Za-z_][\w-]*[ \u3000]*[：﹕]                     # … typed with a Japanese keyboard
    | \A\s*[A-Za-z_][\w-]*:(?!//)\S                             # … without the space
    | \A\s*-[ \t]                                               # a list
    | \A\s*(?:\[.*\]|\{.*\}|".*"|'.*')\s*\Z                     # a value of another kind
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_INDENTED = re.compile(r"\A\s*^[ \t\u3000]+(-{3,}|\+{3,})[ \t]*\n\s*[A-Za-z_][\w-]*[ \t]*[:=]", re.MULTILINE)
_OTHER_LANGUAGE = re.compile(
    _BLANK + r"-{3,}[ \t]*(js|javascript|ts|coffee|coffeescript|cson|hjson|json5|jsonc|ini|edn|lua|xml)[ \t]*\n",
)
_UNKNOWN = (
    (re.compile(_BLANK + r"(;{3,})[ \t]*\n"), "the ;;; block of Middleman and Hexo"),
    (re.compile(_BLANK + r"(#\+[A-Za-z_]+:)", re.IGNORECASE), "the #+KEY: header of Org mode"),
    (re.compile(_BLANK + r"(?:<!--[ \t]*\n)?(\.\. (?:title|slug|date):)"), "the .. title: header of Nikola"),
)
_PELICAN_LIKE = re.compile(
    r"\A\s*+(?:title|date|author|authors|category|categories|tags|slug|layout|status|summary)[ ]*[:：].*\n"
    r"[ ]{0,3}[A-Za-z][\w-]*[ ]*[:：](?:[ \t\u3000]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_FULL_WIDTH_FIELD = re.compile(r"[ ]{0,3}([A-Za-z][\w-]*)[ \u3000]*([：﹕])")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Where the front matter of a file is, not yet read."""

    kind: Kind | None
    """None: the file has no front matter."""
    text: str
    """The front matter without its delimiters (a JSON object with its braces)."""
    first_line: int
    """1-based line of the file that ``text`` begins on."""
    body: str
    """The rest, verbatim: neither stripped nor re-indented."""
    body_line: int
    """1-based line of the file that the body begins on."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatter:
    """What a file says of itself, and its body."""

    kind: Kind | None
    metadata: dict[str, Value]
    """Scalars are text, bool or None; numbers and timestamps are the text the author typed."""
    lines: Mapping[str, int]
    """Top-level key → 1-based line in the file."""
    body: str
    body_line: int
    problems: tuple[Problem, ...]
    """Warnings, with line and column; ``path`` is left empty for the caller."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """Offsets into a file's text: the front matter is ``text[start:end]``, the body ``text[body:]``."""

    start: int
    end: int
    body: int


class _Handler(BaseHandler):
    """One kind of front matter, as python-frontmatter wants it."""

    FM_BOUNDARY = _END_DASHES
    kind: Kind
    loader: Callable[[str, int], Loaded]

    def __init__(self, first_line: int = 1) -> None:
        super().__init__()
        self.first_line = first_line

    def cut(self, text: str) -> _Cut | Problem | None:
        """Find the front matter; None when it turns out to be body."""
        raise NotImplementedError

    def split(self, text: str) -> tuple[str, str]:
        """Return front matter and body; ValueError is python-frontmatter's word for "none"."""
        cut = self.cut(text)
        if not isinstance(cut, _Cut):
            raise ValueError("no front matter")  # noqa: TRY004 - the library's protocol
        return text[cut.start : cut.end], text[cut.body :]

    def load(self, fm: str) -> dict[str, Any]:
        """Read the front matter; the library passes a dict's items on unchanged."""
        return {"loaded": type(self).loader(fm, self.first_line)}


class _Fenced(_Handler):
    opening: re.Pattern[str]

    def detect(self, text: str) -> bool:
        return self.opening.match(text) is not None

    def cut(self, text: str) -> _Cut | Problem | None:
        opening, boundary = self.opening.match(text), self.FM_BOUNDARY
        assert opening is not None
        assert boundary is not None
        start = opening.end()
        closing = boundary.search(text, start)
        if closing is None:
            line, _ = position(text, opening.start(1))
            delimiter = opening[1].strip()
            message = f"the front matter that begins with {delimiter} has no end"
            hint = f"end it with a line {delimiter[:3]}, or write *** if a rule was meant"
            return error("frontmatter.unterminated", message, hint=hint, line=line)
        if self.is_body(text[start : closing.start()]):
            return None
        return _Cut(start=start, end=closing.start(), body=min(closing.end() + 1, len(text)))

    def is_body(self, between: str) -> bool:  # noqa: ARG002 - only dashes are also a rule of Markdown
        """Whether the text between two delimiters is no front matter."""
        return False


class _Yaml(_Fenced):
    kind = "yaml"
    opening = re.compile(_BLANK + r"(-{3,}[ \t]*(?:ya?ml)?)[ \t]*(?:\n|\Z)")
    loader = staticmethod(yamltext.read)

    def is_body(self, between: str) -> bool:
        return _SIGN.search(between) is None and between != "" and not between.isspace()


class _Toml(_Fenced):
    kind = "toml"
    opening = re.compile(_BLANK + r"(\+{3,})[ \t]*(?:\n|\Z)")
    FM_BOUNDARY = _END_PLUS
    loader = staticmethod(frontmatter_formats.toml)


class _DashedToml(_Toml):
    opening = re.compile(_BLANK + r"(-{3,}[ \t]*toml)[ \t]*(?:\n|\Z)")
    FM_BOUNDARY = _END_DASHES


class _DashedJson(_Fenced):
    kind = "json"
    opening = re.compile(_BLANK + r"(-{3,}[ \t]*json)[ \t]*(?:\n|\Z)")
    loader = staticmethod(frontmatter_formats.json_object)


class _Json(_Handler):
    kind = "json"
    loader = staticmethod(frontmatter_formats.json_object)

    def detect(self, text: str) -> bool:
        return _OBJECT.match(text) is not None

    def cut(self, text: str) -> _Cut | Problem | None:
        opening = _OBJECT.match(text)
        assert opening is not None
        start = opening.end()
        for index, depth, _ in frontmatter_formats.json_tokens(text, start):
            if depth == 0:
                end = index + 1
                rest = _LINE_END.match(text, end)
                return None if rest is None else _Cut(start=start, end=end, body=rest.end())
            if depth > MAX_DEPTH:
                line, column = position(text, index)
                message = f"the front matter is nested deeper than {MAX_DEPTH} levels"
                hint = "flatten it, or move the data to a file of its own"
                return error("json.too-deep", message, hint=hint, line=line, column=column)
        line, column = position(text, start)
        hint = "close the object with }; if the text begins with a sample, put it in a code block"
        message = "the JSON front matter that begins with { has no end"
        return error("frontmatter.unterminated", message, hint=hint, line=line, column=column)


class _Pelican(_Handler):
    kind = "pelican"
    loader = staticmethod(frontmatter_formats.pelican)

    def detect(self, text: str) -> bool:
        return self._is_field(text, self._start(text))

    def cut(self, text: str) -> _Cut | Problem | None:
        start = at = self._start(text)
        while at < len(text):
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            line = text[at:end]
            if _BLANK_LINE.match(line) or _END_DASHES.match(line):
                return _Cut(start=start, end=at, body=min(end + 1, len(text)))
            if not self._is_field(text, at) and frontmatter_formats.PELICAN_MORE.match(line) is None:
                odd = _full_width_field(text, at)
                return _Cut(start=start, end=at, body=at) if odd is None else odd
            at = end + 1
        return _Cut(start=start, end=len(text), body=len(text))

    @staticmethod
    def _start(text: str) -> int:
        blank = re.match(_BLANK, text)
        return blank.end() if blank is not None else 0

    @staticmethod
    def _is_field(text: str, at: int) -> bool:
        return frontmatter_formats.PELICAN_FIELD.match(text, at) is not None


_FENCES: tuple[type[_Handler], ...] = (_Yaml, _Toml, _Json, _DashedToml, _DashedJson)


def split(text: str, *, dialect: str) -> Block | Problem:
    """Find the front matter of a decoded file without reading it.

    ``dialect`` is one of ``config.schema.Dialect`` but ``auto``. The problem is one of ``frontmatter.unterminated``,
    ``frontmatter.unknown-kind``, ``frontmatter.indented``, ``pelican.full-width-colon`` and ``json.too-deep``.
    """
    return _split(text, dialect)[0]


def read(data: bytes, *, dialect: str, max_bytes: int = 65_536) -> FrontMatter | tuple[Problem, ...]:
    """Read a file's front matter; a tuple of all errors found (and the warnings beside them) when it is refused.

    ``max_bytes`` bounds the front matter as UTF-8, not the file. Never raises.
    """
    text = decode(data)
    if isinstance(text, Problem):
        return (text,)
    block, handler = _split(text, dialect)
    if isinstance(block, Problem):
        return (block,)
    if handler is None:
        return FrontMatter(kind=None, metadata={}, lines={}, body=block.body, body_line=1, problems=_suspicions(text))
    if refusals := _unfit(block, max_bytes):
        return refusals
    # Without its body, so that the library has nothing to strip.
    parsed, _ = frontmatter.parse(text[: len(text) - len(block.body)], handler=handler(block.first_line))
    loaded = parsed["loaded"]
    assert isinstance(loaded, Loaded)
    if dialect == "pelican" and not _is_refused(loaded):
        loaded = _lower_case(loaded)
    if _is_refused(loaded):
        return loaded.problems
    return FrontMatter(
        kind=block.kind,
        metadata=loaded.metadata,
        lines=loaded.lines,
        body=block.body,
        body_line=block.body_line,
        problems=loaded.problems,
    )


def _split(text: str, dialect: str) -> tuple[Block | Problem, type[_Handler] | None]:
    kinds = (*_FENCES, _Pelican) if dialect == "pelican" else _FENCES
    handler = frontmatter.detect_format(text, (kind() for kind in kinds))
    if not isinstance(handler, _Handler):
        return _unreadable(text, dialect) or _all_body(text), None
    cut = handler.cut(text)
    if cut is None:
        return _all_body(text), None
    if isinstance(cut, Problem):
        return cut, None
    block = Block(
        kind=handler.kind,
        text=text[cut.start : cut.end],
        first_line=text.count("\n", 0, cut.start) + 1,
        body=text[cut.body :],
        body_line=text.count("\n", 0, cut.body) + 1,
    )
    return block, type(handler)


def _all_body(text: str) -> Block:
    return Block(kind=None, text="", first_line=1, body=text, body_line=1)


def _unreadable(text: str, dialect: str) -> Problem | None:
    """Recognise front matter that nothing here reads, lest it be published as text."""
    if (indented := _INDENTED.match(text)) is not None:
        line, column = position(text, indented.start(1))
        hint = "move it and the lines of the front matter to the left margin"
        message = f"the opening {indented[1]} is indented, so it opens nothing"
        return error("frontmatter.indented", message, hint=hint, line=line, column=column)
    hint = "rewrite it as YAML between two lines of ---"
    if (language := _OTHER_LANGUAGE.match(text)) is not None:
        message = f"front matter in {language[1]!r} is not read"
        return error("frontmatter.unknown-kind", message, hint=hint, line=position(text, language.start(1))[0])
    for pattern, name in _UNKNOWN:
        if (match := pattern.match(text)) is not None:
            message = f"{name} is not read as front matter"
            return error("frontmatter.unknown-kind", message, hint=hint, line=position(text, match.start(1))[0])
    return _full_width_field(text, 0) if dialect == "pelican" else None


def _full_width_field(text: str, at: int) -> Problem | None:
    if (odd := _FULL_WIDTH_FIELD.match(text, at)) is None:
        return None
    line, column = position(text, odd.start(2))
    message = f"a full-width colon follows the key {odd[1]!r}, so the line is no header"
    return error("pelican.full-width-colon", message, hint="type an ASCII colon", line=line, column=column)


def _suspicions(text: str) -> tuple[Problem, ...]:
    """Report what looks like front matter and is read as text."""
    found = []
    if _PELICAN_LIKE.match(text) is not None:
        message = "the text begins with lines such as `Title: …` but no front matter; they are read as text"
        hint = "put them between two lines of ---, or set content.dialect to pelican"
        found.append(
            warning("frontmatter.pelican-header", message, hint=hint, line=position(text, len(text) - len(text.lstrip()))[0])
        )
    if (opening := _OBJECT.match(text)) is not None:
        message = "the text begins with a JSON object that more text follows on its last line; it is read as text"
        hint = "begin a new line after the closing } if it is front matter"
        found.append(warning("frontmatter.json-sample", message, hint=hint, line=position(text, opening.end())[0]))
    return tuple(found)


def _unfit(block: Block, max_bytes: int) -> tuple[Problem, ...]:
    size = len(block.text) if block.text.isascii() else len(block.text.encode())
    if size > max_bytes:
        message = f"the front matter is {size:,} bytes long, {max_bytes:,} are allowed"
        hint = "is its end missing? Otherwise raise content.max_front_matter_bytes"
        return (error("frontmatter.too-long", message, hint=hint, line=block.first_line),)
    return raw_controls(block.text, block.first_line)


def _is_refused(loaded: Loaded) -> bool:
    return any(problem.severity is Severity.ERROR for problem in loaded.problems)


def _lower_case(loaded: Loaded) -> Loaded:
    """Fold keys as Pelican does for every format; of two that become one, the first stays and the other is an error."""
    metadata: dict[str, Value] = {}
    lines: dict[str, int] = {}
    problems = list(loaded.problems)
    for key, value in loaded.metadata.items():
        folded, line = key.lower(), loaded.lines[key]
        if folded in metadata:
            problems.append(frontmatter_formats.duplicate_key("pelican", folded, lines[folded], line, 1))
            continue
        metadata[folded], lines[folded] = value, line
    return Loaded(metadata=metadata, lines=lines, problems=tuple(problems))
