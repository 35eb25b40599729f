"""A post's body becomes safe HTML with absolute links.

::

    source ─expand (Liquid, shortcodes)→ Markdown ─comrak→ HTML ─nh3→ safe HTML, links absolute ─finish→ Rendered
"""

from __future__ import annotations

import dataclasses
import re

import comrak
import nh3

from feedservice.model import Problem, Severity
from feedservice.posts import plainmark
from feedservice.posts.crosslinks import resolve_links
from feedservice.posts.embeds import math_to_text, replace_embeds
from feedservice.posts.extra import has_definitions, lone_tildes, lone_tildes_kept, prepared
from feedservice.posts.kramdown import apply_heading_ids, open_blocks, without_attribute_lists, without_block_ends
from feedservice.posts.links import SCHEMES, finish_urls, link_own_ids, named_hosts
from feedservice.posts.liquid import LiquidContext, expand_liquid
from feedservice.posts.nesting import DEEPEST, shallow
from feedservice.posts.shortcodes import expand_hugo, expand_zola
from feedservice.posts.text import xml_text

WIDEST_TABLE = 1_000
"""Bars in one line: with more of them a line is no row of a table. The engine's time grows with their square."""

MOST_WARNINGS = 50
"""Warnings that one post may give."""

_ATTRIBUTE_LISTS = frozenset({"jekyll", "pelican"})
_HEADING_IDS = frozenset({"jekyll", "hugo", "zola", "pelican"})

# What W3C's feed validator accepts and readers show. Every other element is taken away and its content kept …
_TAGS = frozenset({
    "a", "abbr", "address", "article", "aside", "audio", "b", "bdi", "big", "blockquote", "br", "caption", "center", "cite",
    "code", "col", "colgroup", "data", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure",
    "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "i", "img", "ins", "kbd", "li", "main", "mark",
    "menu", "nav", "ol", "p", "picture", "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small", "source", "span",
    "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u",
    "ul", "var", "video", "wbr",
})  # fmt: skip
# … but for these, whose content is not text for people.
_DROPPED = frozenset({
    "script", "style", "svg", "title", "template", "noembed", "noframes", "noscript", "select", "datalist", "textarea",
    "button", "annotation", "annotation-xml",
})  # fmt: skip
_ATTRIBUTES: dict[str, set[str]] = {
    "*": {"id", "title", "lang", "dir"},
    "a": {"href", "hreflang", "name"},
    "audio": {"src", "controls", "loop", "muted"},
    "blockquote": {"cite"},
    "code": {"class"},
    "col": {"span"},
    "colgroup": {"span"},
    "data": {"value"},
    "del": {"cite", "datetime"},
    "details": {"open"},
    "img": {"src", "srcset", "sizes", "alt", "width", "height"},
    "ins": {"cite", "datetime"},
    "li": {"value"},
    "ol": {"start", "reversed", "type"},
    "pre": {"class"},
    "q": {"cite"},
    "source": {"src", "srcset", "sizes", "media", "type"},
    "td": {"align", "valign", "colspan", "rowspan"},
    "th": {"align", "valign", "colspan", "rowspan", "scope"},
    "time": {"datetime"},
    "video": {"src", "poster", "controls", "loop", "muted", "width", "height"},
}
_CLASSES: dict[str, set[str]] = {
    "a": {"footnote-backref"},
    "blockquote": {"twitter-tweet", "instagram-media"},
    "section": {"footnotes"},
    "sup": {"footnote-ref"},
}

# Two expressions, because one that begins with "<" is searched for many times faster than a choice of beginnings.
_EMBED = re.compile(r"<(?:iframe|embed|object|input|noscript)\b", re.IGNORECASE)
_LAZY = re.compile(r" data-(?:src|original|lazy-src|lazy-srcset)")
_EMBED_TAGS = _TAGS | {"iframe", "embed", "object", "param", "input", "noscript"}
_EMBED_ATTRIBUTES: dict[str, set[str]] = {
    **_ATTRIBUTES,
    "*": _ATTRIBUTES["*"] | {"class"},
    "embed": {"src"},
    "iframe": {"src", "data-src", "data-lazy-src"},
    "img": _ATTRIBUTES["img"] | {"data-src", "data-original", "data-lazy-src", "data-srcset", "data-lazy-srcset"},
    "input": {"type", "checked"},
    "object": {"data"},
    "param": {"name", "value"},
    "td": _ATTRIBUTES["td"] | {"style"},
    "th": _ATTRIBUTES["th"] | {"style"},
}
_STYLED_CELL = re.compile(r"<t[dh]\b[^<>]*\bstyle\b", re.IGNORECASE)
_DRAWING = re.compile(r"<svg\b", re.IGNORECASE)
_BARE_IMAGE = re.compile(r"<img(?![^<>]* src(?:set)?=)[^<>]*>")

_TAG_NAME = re.compile(r"<([A-Za-z][^\s/<>]*)")
_ANY_SCHEME = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{1,30}):")
_ANY_ATTRIBUTE = frozenset("abcdefghijklmnopqrstuvwxyz_:@")

_CHECKED = '<input type="checkbox" checked="" disabled="" />'
_UNCHECKED = '<input type="checkbox" disabled="" />'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A post's content as a feed carries it."""

    html: str
    """Safe HTML, well-formed, with absolute URLs, of characters that XML 1.0 allows."""
    problems: tuple[Problem, ...]
    """Warnings; lines are those of the author's file where they are known. ``path`` is left to the caller."""
    removed: int
    """Characters that XML 1.0 §2.2 does not allow and that were taken out."""


def render(
    body: str,
    *,
    markdown: bool,
    base_url: str,
    id_prefix: str,
    dialect: str,
    context: LiquidContext,
    body_line: int = 1,
    unsafe_html: bool = False,
) -> Rendered:
    """Render the body of a post.

    ``markdown``: Markdown, else HTML (a fragment, or the body of a document). ``base_url``: absolute URL of the post,
    against which relative links are resolved. ``id_prefix``: put before every id, so that ids of two posts in one page differ.
    ``body_line``: the file's line that the body begins on. ``unsafe_html``: keep every element and attribute as it is.
    """
    text, removed = xml_text(body)
    text, problems = _expand(text, dialect, context, body_line)
    if markdown:
        text = prepared(open_blocks(text) if dialect in _ATTRIBUTE_LISTS else text, dialect)
        # Braces mean something to most dialects, and what they mean is read in the form that the long way gives.
        braced = dialect not in {"plain", "eleventy"} and "{" in text
        if not unsafe_html and not braced and dialect not in {"pelican", "zola"}:
            html = _plain(text, dialect, base_url)
            if html is not None:
                html, more = xml_text(_finished(html, dialect, base_url, id_prefix))
                return Rendered(html=html.strip(), problems=_few(problems), removed=removed + more)
        text = markdown_to_html(text, dialect)
        if _has_wide_row(body):
            problems.append(_warning("content.table", f"a table has more than {WIDEST_TABLE} columns", "divide it"))
    if dialect in {"pelican", "zola"}:
        page_path = str(context.page.get("path", ""))
        text, further = resolve_links(text, dialect=dialect, post_urls=context.post_urls, page_path=page_path)
        problems += further
    text, was_deep = shallow(text)
    if was_deep:
        message = f"elements are nested more than {DEEPEST} deep; the inner ones were taken away and their text kept"
        problems.append(_warning("content.nesting", message, "close the elements that are left open"))
    if unsafe_html:
        html = _normalised(text, base_url, id_prefix)
    else:
        html, further = _sanitised(text, base_url, id_prefix, _Lines(body, body_line))
        problems += further
    html, more = xml_text(_finished(html, dialect, base_url, id_prefix))
    return Rendered(html=html.strip(), problems=_few(problems), removed=removed + more)


def _finished(html: str, dialect: str, base_url: str, id_prefix: str) -> str:
    """Do what the sanitiser does not: attribute lists, links to own ids, the URLs that it leaves alone."""
    if dialect in _HEADING_IDS and ("{#" in html or "{." in html or "{:" in html):
        html = apply_heading_ids(html, id_prefix)
    if dialect in _ATTRIBUTE_LISTS and "{:" in html:
        html = without_attribute_lists(html)
    if dialect == "jekyll" and "<p>^</p>" in html:
        html = without_block_ends(html)
    if " id=" in html or " name=" in html:
        html = link_own_ids(html, _page_of(base_url), id_prefix)
    if "<p></p>" in html:
        html = html.replace("<p></p>", "")
    return finish_urls(named_hosts(html), base_url)


def _few(problems: list[Problem]) -> tuple[Problem, ...]:
    """Return at most ``MOST_WARNINGS`` of them: a text full of braces is one mistake, not thousands."""
    if len(problems) <= MOST_WARNINGS:
        return tuple(problems)
    rest = len(problems) - MOST_WARNINGS
    message = f"{rest} more warnings of this post are not shown"
    return (*problems[:MOST_WARNINGS], _warning("content.warnings", message, "look at the first ones"))


def _engine_options(*, table: bool, definitions: bool) -> comrak.ExtensionOptions:
    options = comrak.ExtensionOptions()
    options.table = table
    options.tasklist = True
    options.strikethrough = True
    options.autolink = True
    options.footnotes = True
    options.cjk_friendly_emphasis = True
    options.description_lists = definitions
    return options


def _render_options() -> comrak.RenderOptions:
    options = comrak.RenderOptions()
    options.unsafe_ = True
    return options


_PARSE = comrak.ParseOptions()
_RENDER = _render_options()
_SAFE = comrak.RenderOptions()
_EXTENSIONS = {
    (table, definitions): _engine_options(table=table, definitions=definitions)
    for table in (False, True)
    for definitions in (False, True)
}


def markdown_to_html(text: str, dialect: str = "plain") -> str:
    """Return the HTML of Markdown: CommonMark with tables, task lists, strikethrough, autolinks, footnotes, CJK emphasis.

    What the generator of the dialect reads otherwise is read so here. Raw HTML passes as it is.
    """
    return _engine(text, dialect, _RENDER)


def _engine(text: str, dialect: str, options: comrak.RenderOptions) -> str:
    """Ask the engine; this is the one place that knows it."""
    extensions = _EXTENSIONS[not _has_wide_row(text), has_definitions(text, dialect)]
    kept = lone_tildes_kept(text, dialect) if "~" in text else text
    html = comrak.render_markdown(kept, extensions, _PARSE, options)
    return _unticked(html if kept is text else lone_tildes(html))


def _plain(text: str, dialect: str, base_url: str) -> str | None:
    """Return the finished HTML of a text that is Markdown through and through, None for any other."""
    if _has_wide_row(text):
        return None
    html = _engine(text, dialect, _SAFE)
    return None if shallow(html)[1] else plainmark.finished(html, base_url)


def _unticked(html: str) -> str:
    return html.replace(_CHECKED, "☑").replace(_UNCHECKED, "☐") if "<input " in html else html


def _has_wide_row(text: str) -> bool:
    return text.count("|") > WIDEST_TABLE and any(line.count("|") > WIDEST_TABLE for line in text.splitlines())


def _expand(text: str, dialect: str, context: LiquidContext, line: int) -> tuple[str, list[Problem]]:
    """Expand the template language of the dialect; in other dialects braces are text."""
    problems: tuple[Problem, ...] = ()
    if dialect in {"jekyll", "eleventy"} and ("{%" in text or "{{" in text):
        text, problems = expand_liquid(text, context, line=line)
    elif dialect == "hugo" and ("{{<" in text or "{{%" in text):
        text, problems = expand_hugo(text, context, line=line)
    elif dialect == "zola" and ("{{" in text or "{%" in text):
        text, problems = expand_zola(text, line=line)
    return text, list(problems)


def _sanitised(html: str, base_url: str, id_prefix: str, lines: _Lines) -> tuple[str, tuple[Problem, ...]]:
    problems: list[Problem] = []
    drawn = _DRAWING.search(html) is not None
    if "<math" in html:
        html = math_to_text(html)
    if any(found.search(html) is not None for found in (_EMBED, _LAZY, _STYLED_CELL)):
        # First as the parser reads it, then changed, then sanitised: what the change lets through is looked at again.
        html = nh3.clean(
            html,
            tags=_EMBED_TAGS,
            clean_content_tags=_DROPPED - _EMBED_TAGS,
            attributes=_EMBED_ATTRIBUTES,
            url_schemes=SCHEMES | {"data", "about"},
            link_rel=None,
        )
        html, embedded = replace_embeds(html, lines.of)
        problems += embedded
    if drawn:
        message, hint = "an inline SVG drawing was left out", "refer to a picture file: feeds show no inline SVG"
        problems.append(_warning("content.svg", message, hint, lines.of("<svg")))
    html = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=_DROPPED,
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        url_schemes=SCHEMES,
        url_relative=("rewrite_with_base", base_url),
        id_prefix=id_prefix,
        link_rel=None,
    )
    if "<img" in html and _BARE_IMAGE.search(html) is not None:
        html = _BARE_IMAGE.sub("", html)
        message, hint = "a picture without a web address was left out", "refer to a picture file: feeds show no data: URLs"
        problems.append(_warning("content.picture", message, hint, lines.of("<img") or lines.of("data:")))
    return html, tuple(problems)


def _normalised(html: str, base_url: str, id_prefix: str) -> str:
    """Return HTML that is well-formed, with all that its author wrote still in it."""
    return nh3.clean(
        html,
        tags={name.lower() for name in _TAG_NAME.findall(html)} - {"plaintext"},
        clean_content_tags=set(),
        attributes={},
        generic_attribute_prefixes=_ANY_ATTRIBUTE,
        strip_comments=False,
        url_schemes=SCHEMES | {scheme.lower() for scheme in _ANY_SCHEME.findall(html)},
        url_relative=("rewrite_with_base", base_url),
        id_prefix=id_prefix,
        link_rel=None,
    )


def _page_of(base_url: str) -> str:
    """Return the URL of the page as the sanitiser writes it in an attribute."""
    link = nh3.clean('<a href="#">', url_relative=("rewrite_with_base", base_url), link_rel=None)
    return link.partition('"')[2].partition("#")[0]


def _warning(rule: str, message: str, hint: str, line: int | None = None) -> Problem:
    return Problem(rule=rule, severity=Severity.WARNING, message=message, hint=hint, line=line)


@dataclasses.dataclass(frozen=True, slots=True)
class _Lines:
    """Finds the line of something in the author's file."""

    body: str
    first: int

    def of(self, text: str, nth: int = 1) -> int | None:
        """Return the line of the ``nth`` occurrence of ``text``, which is in lower case."""
        body, position = self.body.lower(), -1
        for _ in range(nth):
            position = body.find(text, position + 1)
            if position < 0:
                break
        return None if position < 0 else self.first + self.body.count("\n", 0, position)
