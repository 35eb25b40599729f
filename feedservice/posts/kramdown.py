"""Kramdown's attribute lists (``{: .class}``) and Markdown's heading attributes (``{#id}``), taken out of rendered HTML."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"<[^<>]*>")
_NAME = r"[\w-]+"
_ATTRIBUTE = rf"""(?:[.#]{_NAME}|{_NAME}=(?:"[^"{{}}]*"|'[^'{{}}]*'|“[^”{{}}]*”)|(?:toc|no_toc|refdef)(?![\w-]))"""
_LIST = rf"\{{::?(?:\s*{_ATTRIBUTE})+\s*\}}"
# After an element, or at the end of a line: `{:ok, pid}` is no list, and one in the middle of a sentence is about kramdown.
_AFTER_ELEMENT = re.compile(rf"\A(?:{_LIST})+")
_AT_LINE_END = re.compile(rf"{_LIST}(?:[ \t]*{_LIST})*[ \t]*(?=\n|\Z)")
_EXTENSION = re.compile(r"\{:(?:/\w*|:(?:options|nomarkdown)[^{}]*)/?\}")
_COMMENT = re.compile(r"^\{::comment\}.*?^\{:/(?:comment)?\}[ \t]*$", re.MULTILINE | re.DOTALL)
_TOC = re.compile(r"<(ul|ol)>\s*<li>(?:<p>)?[^<>{}]*\{:\s*toc\s*\}[^<>{}]*(?:</p>)?\s*</li>\s*</\1>\n?")
# GitHub's tables take the line below them for a row.
_BELOW_TABLE = re.compile(rf"<tr>\s*<t[dh][^<>]*>(?:{_LIST})+</t[dh]>\s*(?:<t[dh][^<>]*></t[dh]>\s*)*</tr>\n?")
_EMPTY_BODY = re.compile(r"<tbody>\s*</tbody>\n?")
_END_OF_BLOCK = re.compile(r"<p>\^</p>\n?")
_EMPTY = re.compile(r"<p>\s*</p>\n?")
_MARKDOWN_BLOCK = re.compile(
    r"""^( {0,3}<(?:div|section|article|aside|details|figure|blockquote|header|footer)\b[^<>\n]*?)"""
    r"""(?<=\s)markdown=["']?(?:1|block|span)["']?([^<>\n]*>)[ \t]*""",
    re.MULTILINE,
)
_HEADING_ID = re.compile(
    r"<(h[1-6])((?: [^<>]*)?)>((?:(?!</h[1-6]>|\{[#.:]).)*?)\s*\{:?((?:\s*[#.][\w-]+)+)\s*\}</\1>", re.DOTALL
)


def open_blocks(markdown: str) -> str:
    """Return the source so that CommonMark reads what kramdown does: ``<div markdown="1">`` holds Markdown, comments go."""
    if "{::comment" in markdown and "{:/" in markdown:
        markdown = _COMMENT.sub("", markdown)
    if "markdown=" in markdown:
        markdown = _MARKDOWN_BLOCK.sub(r"\1\2\n\n", markdown)
    return markdown


def without_attribute_lists(html: str) -> str:
    """Return sanitised HTML without kramdown's attribute lists; ``pre`` and ``code`` keep theirs, and so does prose."""
    html = _TOC.sub("", html)
    if "</table>" in html:
        html = _EMPTY_BODY.sub("", _BELOW_TABLE.sub("", html))
    parts: list[str] = []
    end = depth = 0
    for tag in _TOKEN.finditer(html):
        text = html[end : tag.start()]
        if "{:" in text and not depth:
            text = _clean(text, after_element=bool(parts), closing=tag[0].startswith("</"))
        parts += (text, tag[0])
        end = tag.end()
        if tag[0].startswith(("<pre", "<code")):
            depth += 1
        elif tag[0] in {"</pre>", "</code>"}:
            depth = max(0, depth - 1)
    parts.append(_clean(html[end:], after_element=bool(parts), closing=True))
    return _EMPTY.sub("", "".join(parts))


def _clean(text: str, *, after_element: bool, closing: bool) -> str:
    if after_element:
        text = _AFTER_ELEMENT.sub("", text)
    cleaned = _EXTENSION.sub("", _AT_LINE_END.sub("", text))
    return cleaned.rstrip() if closing and cleaned != text else cleaned


def without_block_ends(html: str) -> str:
    """Return HTML without kramdown's mark for the end of a block: a ``^`` that is a paragraph."""
    return _END_OF_BLOCK.sub("", html)


def apply_heading_ids(html: str, id_prefix: str) -> str:
    """Move ``{#id}`` at the end of a heading into its ``id``, with the prefix; classes there are left out."""

    def heading(match: re.Match[str]) -> str:
        name, attributes, content, listed = match[1], match[2], match[3], match[4]
        found = re.search(r"#([\w-]+)", listed)
        if found is not None and " id=" not in attributes:
            attributes = f' id="{id_prefix}{found[1]}"{attributes}'
        return f"<{name}{attributes}>{content}</{name}>"

    return _HEADING_ID.sub(heading, html)
