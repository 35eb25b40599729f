"""Jekyll's Liquid in a post: ``{% highlight %}``, ``{{ site.url }}``, ``{% post_url %}`` become Markdown text.

What needs no logic is expanded here. The library is loaded when a post has an ``if``, a ``for`` or a filter.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from feedservice.model import Problem, Severity
from feedservice.posts.constructs import LIQUID, Construct, Scanner, Unclosed
from feedservice.posts.crosslinks import find_post, unresolved
from feedservice.posts.fences import MarkdownWriter
from feedservice.posts.liquid_filters import bounded, jekyll_filters

if TYPE_CHECKING:
    from liquid import Environment

_PATH = re.compile(r"\s*(site|page)((?:\.[A-Za-z_][\w-]*)+)\s*")
_NAME = re.compile(r"\{\{\s*([A-Za-z_][\w-]*)")
_OF_SITE = re.compile(r"\bsite\.([A-Za-z_]\w*)")
_FROM_JEKYLL = frozenset({
    "collections", "categories", "data", "documents", "github", "html_files", "html_pages", "pages", "posts", "related_posts",
    "static_files", "tags", "time",
})  # fmt: skip
"""What Jekyll puts into ``site`` beside the configuration; a feed's entry is made without the rest of the site."""
_LOGIC = frozenset({
    "assign", "capture", "endcapture", "case", "when", "else", "endcase", "cycle", "decrement", "increment", "echo", "for",
    "endfor", "break", "continue", "if", "elsif", "endif", "ifchanged", "endifchanged", "liquid", "tablerow", "endtablerow",
    "unless", "endunless",
})  # fmt: skip
_SILENT = frozenset({"include", "include_relative", "include_cached", "render", "seo", "feed_meta", "#"})
"""Tags that are nothing in a feed: what they bring in belongs to the page around the post."""
_LITERAL_END = {
    name: re.compile(rf"\{{%-?\s*{end}\s*-?%\}}")
    for name, end in (("raw", "endraw"), ("comment", "endcomment"), ("doc", "enddoc"))
}
_READING_TAGS = ("include", "render")
_LOOP_LIMIT = 10_000
_OUTPUT_LIMIT = 4_000_000
_LOCALS_LIMIT = 2_000_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LiquidContext:
    """What a template may see."""

    site: Mapping[str, object]
    """``url``, ``baseurl``, ``title`` and the configured variables. No ``time``: the clock is not in the output."""
    page: Mapping[str, object]
    """The post's own metadata; ``path`` is its path below the content directory."""
    post_urls: Mapping[str, str]
    """``YYYY-MM-DD-slug``, and path below the content directory, → absolute or root-relative URL."""
    top: Mapping[str, object] | None = None
    """What stands beside ``site`` and ``page``: in Eleventy the front matter. An output of anything else is then a warning."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A part of the post: ``kind`` is text, literal (Liquid must not read it), fence, fence-end, output or logic."""

    kind: str
    text: str
    line: int = 0


def expand_liquid(text: str, context: LiquidContext, *, line: int = 1) -> tuple[str, tuple[Problem, ...]]:
    """Return the post with its Liquid expanded; ``line`` is the file's line that ``text`` begins on.

    Tags of plugins are left out with a warning each. What does not parse stays as it was typed, with a warning.
    """
    reader = _Reader(text, context, line)
    pieces = list(reader.pieces())
    problems = [*reader.problems, *_unknown(pieces, context)]
    if any(piece.kind == "logic" or (piece.kind == "output" and not _PATH.fullmatch(piece.text[2:-2])) for piece in pieces):
        expanded, further = _interpret(text, pieces, context)
        return expanded, (*problems, *further)
    return _assemble(text, pieces, context), tuple(problems)


def _unknown(pieces: list[_Piece], context: LiquidContext) -> Iterator[Problem]:
    """Yield a warning for what has a value in the generator and none here: nothing would stand in its place in silence."""
    if context.top is None:
        seen: set[str] = set()
        for piece in pieces:
            for name in _OF_SITE.findall(piece.text) if piece.kind in {"output", "logic"} else ():
                if name in _FROM_JEKYLL and name not in context.site and name not in seen:
                    seen.add(name)
                    message = f"site.{name} is not known to a feed; what is made of it stays empty"
                    hint = f"write what it stands for, or give it a value under content.variables: {name}"
                    yield Problem(rule="liquid.variable", severity=Severity.WARNING, message=message, hint=hint, line=piece.line)
        return
    # With logic any name may have a value.
    if any(piece.kind == "logic" for piece in pieces):
        return
    for piece in pieces:
        name = _NAME.match(piece.text) if piece.kind == "output" else None
        if name is not None and name[1] not in {"page", "true", "false", *context.top}:
            message = f"{piece.text}: there is no {name[1]} here, and nothing stands in its place"
            hint = "write what it stands for, or give it a value under content.defaults"
            yield Problem(rule="liquid.variable", severity=Severity.WARNING, message=message, hint=hint, line=piece.line)


class _Reader:
    """Divides a post into pieces, and decides what needs no logic."""

    def __init__(self, text: str, context: LiquidContext, line: int) -> None:
        self.problems: list[Problem] = []
        self._text = text
        self._context = context
        self._line, self._counted = line, 0
        self._without_end: set[str] = set()

    def pieces(self) -> Iterator[_Piece]:
        """Yield the pieces in order; text beside a mark with a hyphen has lost its white space."""
        end, trim = 0, False
        scanner = Scanner(self._text, LIQUID)
        while (found := scanner.after(end)) is not None:
            before = self._text[end : found.start]
            before = before.lstrip() if trim else before
            line = self._line_of(found.start)
            if isinstance(found, Unclosed):
                yield _Piece(kind="text", text=before)
                yield _Piece(kind="literal", text=found.opening)
                self._warn("liquid.syntax", f"{found.opening} is never closed", line, "write {% raw %} around it")
                end, trim = found.end, False
                continue
            yield _Piece(kind="text", text=before.rstrip() if found.trim_before else before)
            end, trim = found.end, found.trim_after
            if found.opening == "{%" and found.name in _LITERAL_END:
                end = self._literal_end(found, line)
                if found.name == "raw" and end > found.end:
                    yield _Piece(kind="literal", text=self._text[found.end : self._text.rindex("{%", found.end, end)])
                trim = False
            elif found.opening == "{{":
                yield _Piece(kind="output", text=f"{{{{{found.inside}}}}}", line=line)
            else:
                yield from self._tag(found, line)
        yield _Piece(kind="text", text=self._text[end:].lstrip() if trim else self._text[end:])

    def _literal_end(self, tag: Construct, line: int) -> int:
        """Return where the block ends whose content Liquid does not read; where the tag itself ends when nothing closes it."""
        if tag.name not in self._without_end:
            match = _LITERAL_END[tag.name].search(self._text, tag.end)
            if match is not None:
                return match.end()
            self._without_end.add(tag.name)
        self._warn("liquid.syntax", f"{{% {tag.name} %}} is never closed", line, f"write {{% end{tag.name} %}}")
        return tag.end

    def _tag(self, tag: Construct, line: int) -> Iterator[_Piece]:
        name = tag.name
        if name == "highlight":
            yield _Piece(kind="fence", text=re.sub(r"[^\w+#.-]", "", tag.arguments.split(maxsplit=1)[0]) if tag.arguments else "")
        elif name == "endhighlight":
            yield _Piece(kind="fence-end", text="")
        elif name in {"post_url", "link"}:
            yield self._link(tag, line)
        elif name in _LOGIC:
            yield _Piece(kind="logic", text=f"{{%{tag.inside}%}}", line=line)
        elif name not in _SILENT and not name.startswith("end"):
            hint = "write what it stands for in Markdown or HTML"
            self._warn("liquid.tag", f"the tag {{% {name} %}} is not known and was left out", line, hint)

    def _link(self, tag: Construct, line: int) -> _Piece:
        target = tag.arguments.strip("'\"")
        page_path = str(self._context.page.get("path", ""))
        url = find_post(target, self._context.post_urls, page_path)
        if url is None and tag.name == "link" and not target.endswith((".md", ".markdown")):
            url = f"{str(self._context.site.get('baseurl') or '').rstrip('/')}/{target.lstrip('/')}"
        if url is None:
            self.problems.append(unresolved(f"{{% {tag.name} {target} %}}", line))
        return _Piece(kind="literal", text=url or "")

    def _line_of(self, position: int) -> int:
        self._line += self._text.count("\n", self._counted, position)
        self._counted = position
        return self._line

    def _warn(self, rule: str, message: str, line: int, hint: str) -> None:
        self.problems.append(Problem(rule=rule, severity=Severity.WARNING, message=message, hint=hint, line=line))


def _assemble(source: str, pieces: list[_Piece], context: LiquidContext | None, *, keep: frozenset[str] = frozenset()) -> str:
    """Join the pieces: as the finished text when there is a context, else as a template for the library.

    Outputs in ``keep`` stay as they were typed.
    """
    writer = MarkdownWriter(source)
    for piece in pieces:
        match piece.kind:
            case "fence":
                writer.open_fence(piece.text)
            case "fence-end":
                writer.close_fence()
            case "output" | "logic" if context is None and piece.text not in keep:
                writer.template(piece.text, "x" if piece.kind == "output" else "")
            case "output" if context is not None:
                writer.text(_look_up(piece.text, context))
            case _ if context is None:
                writer.protected(piece.text)
            case _:
                writer.text(piece.text)
    return writer.joined()


def _look_up(output: str, context: LiquidContext) -> str:
    match = _PATH.fullmatch(output[2:-2])
    assert match is not None, "what is no plain path is read by the library"
    value: object = context.site if match[1] == "site" else context.page
    for key in match[2].split(".")[1:]:
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, list | tuple):
        return "".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None or isinstance(value, Mapping) else str(value)


def _interpret(source: str, pieces: list[_Piece], context: LiquidContext) -> tuple[str, tuple[Problem, ...]]:
    """Let the library expand what has logic; on an error only the faulty output stays as typed, else everything does."""
    from liquid.exceptions import LiquidError  # noqa: PLC0415 - the import takes 0.4 s and most sites have no Liquid at all

    failures = (LiquidError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
    environment = _environment_class()(strict_filters=False)
    for name in _READING_TAGS:
        environment.tags.pop(name, None)
    filters = {**environment.filters, **jekyll_filters(context.site)}
    environment.filters = {name: bounded(name, function) for name, function in filters.items()}

    def run(template: str) -> str:
        return environment.from_string(template).render({**(context.top or {}), "site": context.site, "page": context.page})

    try:
        return run(_assemble(source, pieces, None)), ()
    except failures as error:
        first = error
    problems: list[Problem] = []
    faulty: set[str] = set()
    for piece in pieces:
        if piece.kind != "output":
            continue
        try:
            run(piece.text)
        except failures as error:
            faulty.add(piece.text)
            problems.append(_syntax(f"{piece.text} cannot be read: {_reason(error)}", piece.line))
    if faulty:
        try:
            return run(_assemble(source, pieces, None, keep=frozenset(faulty))), tuple(problems)
        except failures as error:
            first = error
    line = next((piece.line for piece in pieces if piece.kind == "logic"), None)
    problems.append(_syntax(f"the Liquid of this post cannot be read and was left as it is: {_reason(first)}", line))
    as_typed = [piece if piece.kind not in {"logic", "output"} else _Piece(kind="literal", text=piece.text) for piece in pieces]
    return _assemble(source, as_typed, context), tuple(problems)


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _syntax(message: str, line: int | None) -> Problem:
    hint = "correct it, or write {% raw %} before and {% endraw %} after what is meant as text"
    return Problem(rule="liquid.syntax", severity=Severity.WARNING, message=message, hint=hint, line=line)


@functools.cache
def _environment_class() -> type[Environment]:
    """Return the library's environment with limits on what one template may use."""
    from liquid import Environment  # noqa: PLC0415 - see _interpret

    class Bounded(Environment):
        loop_iteration_limit = _LOOP_LIMIT
        output_stream_limit = _OUTPUT_LIMIT
        local_namespace_limit = _LOCALS_LIMIT

    return Bounded
