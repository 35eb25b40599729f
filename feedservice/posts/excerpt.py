"""Summaries: what stands before the separator, the plain text of HTML, its first sentences."""

from __future__ import annotations

import html as entities
import re
import unicodedata
from itertools import islice

import regex

ELLIPSIS = "…"
_SHORTEST = 0.4
"""A summary ends with a sentence when one ends after this share of the limit, else in mid-sentence."""
_LONGEST_WORD = 15
"""Graphemes per word that a limit in words allows at most: a text without spaces ends too."""
_LONG_TITLE = 12
"""Letters of a title from which on a part of it is no accident."""

# Scripts that put no space between words, where a line break in the source is no space either. Hangul has spaces.
_UNSPACED = "\u2e80-\u2fdf\u3001-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff"
_CJK_GAP = re.compile(f" (?<=[{_UNSPACED}] )(?=[{_UNSPACED}])")
_CJK_BREAK = re.compile(f"\n(?<=[。．！？」』）】]\n)(?=[{_UNSPACED}])")
_COUNTED_SINGLY = re.compile(f"[{_UNSPACED}\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\uac00-\ud7af]+")
_ADDRESS = re.compile(r"https?://[!-~]*")
_LETTERS = re.compile(r"[^\W\d_]+")
# One code point each is one grapheme each: ASCII, kana, Han, CJK punctuation; without the marks that combine (U+3099, U+FF9E …).
_SIMPLE = re.compile(
    "[\x20-\x7e\u2018-\u201d\u2026\u3000-\u3029\u3030\u3041-\u3096\u309b-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff9d]*"
)

_MORE = re.compile(r"<!--\s*more\s*-->", re.IGNORECASE)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$", re.MULTILINE)
_DEFINITION = re.compile(r"^ {0,3}\[[^\[\]\n]+\]:[ \t]*\S.*$", re.MULTILINE)

_RAW = re.compile(r"<(script|style)\b[^<>]*>.*?</\1>|<!--.*?-->", re.DOTALL)
_NOTE = re.compile(r'<sup class="footnote-ref">.*?</sup>', re.DOTALL)
_DROPPED = re.compile(r"<(/?)(pre|table|figure|rt|rp|video|audio|section class=\"footnotes(?=\")|section|h[1-6])\b[^<>]*>")
_BLOCK = re.compile(
    r"</?(?:address|article|aside|blockquote|br|center|dd|details|div|dl|dt|figcaption|footer|h[1-6]|header|hr|li|main|menu|nav"
    r"|ol|p|section|summary|table|td|th|tr|ul)\b[^<>]*>"
)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")

_CLOSERS = "」』）〕】〉》〙〗\"'”’)\\]»"
_SENTENCE_END = re.compile(
    f"(?:[。．！？‼⁇⁈⁉]+[!?]*|[!?]+(?![\\w=&/])|…+(?![、，。,…])|(?<!\\b[A-Za-z])(?<!\\bMr)(?<!\\bDr)(?<!\\bMrs)(?<!\\bvs)"
    f"\\.(?=[{_CLOSERS}]*(?:\\s+[^\\sa-z]|\\s*$)))[{_CLOSERS}]*"
)


def split_more(body: str, separator: str) -> tuple[str | None, str]:
    """Return (source before the separator, or None without one; body without the separator).

    ``<!--more-->`` is found with spaces and capitals too. A separator in a fenced code block or right after a backtick is code.
    Link reference definitions that stand after the separator are put behind the source before it.
    """
    if not separator:
        return None, body
    blank = not separator.strip()
    start = len(body) - len(body.lstrip()) if blank else 0
    pattern = _MORE if _MORE.fullmatch(separator) else re.compile(re.escape(separator))
    for match in pattern.finditer(body, start):
        if _in_code(body, match.start()):
            continue
        before, after = body[: match.start()], body[match.end() :]
        if not before.strip():
            return None, body if blank else before + after
        definitions = _DEFINITION.findall(after) if "]" in before else []
        return "\n".join((before + "\n" * bool(definitions), *definitions)), body if blank else before + after
    return None, body


def _in_code(body: str, position: int) -> bool:
    if position and body[position - 1] == "`":
        return True
    fence = ""
    for match in _FENCE.finditer(body, 0, position):
        mark, rest = match[1], match[2]
        if not fence:
            fence = "" if mark[0] == "`" and "`" in rest else mark
        elif mark[0] == fence[0] and len(mark) >= len(fence) and not rest.strip():
            fence = ""
    return bool(fence)


def plain_text(html: str) -> str:
    """Return the running text of HTML as ``markup.render`` writes it: one line per block, lines divided by LF.

    Code blocks, tables, figures, players, scripts, ruby readings and footnotes are left out with their content, and so are
    headings when there is other text. Entities are decoded once. White space is collapsed; a space between two CJK characters,
    which is what a line break in the source leaves, is removed.
    """
    if "<script" in html or "<style" in html or "<!--" in html:
        html = _RAW.sub("", html)
    if "footnote-ref" in html:
        html = _NOTE.sub("", html)
    return _lines(_without_dropped(html, headings=False)) or _lines(_without_dropped(html, headings=True))


def _without_dropped(html: str, *, headings: bool) -> str:
    parts: list[str] = []
    kept, outside = 0, ""
    depth = 0
    for match in _DROPPED.finditer(html):
        closing, name = match[1], match[2]
        if outside:
            if name.partition(" ")[0] == outside:
                depth += -1 if closing else 1
                if not depth:
                    kept, outside = match.end(), ""
        elif not closing and name != "section" and not (headings and name[0] == "h"):
            parts.append(html[kept : match.start()])
            if name not in {"rt", "rp"}:
                parts.append("<br>")
            outside, depth = name.partition(" ")[0], 1
    if not outside:
        parts.append(html[kept:])
    return "".join(parts)


def _lines(html: str) -> str:
    html = html.replace("\n", " ").replace("\r", " ")
    text = entities.unescape(_TAG.sub("", _BLOCK.sub("\n", html)))
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return _CJK_GAP.sub("", "\n".join(filter(None, lines)))


def summarize(text: str, *, title: str, characters: int, words: int) -> str:
    """Return the first sentences of ``text`` (as ``plain_text`` gives it) on one line.

    At most ``characters`` graphemes where scripts without word spaces or Hangul prevail, else at most ``words`` words. A first
    line or sentence that repeats the title is skipped. ``…`` is added when the cut is not at the end of a sentence; it is not
    counted. No grapheme cluster (UAX 29) is ever divided.
    """
    text = _without_title(text, title)
    singly = _counted_singly(text)
    budget = characters if singly else words * _LONGEST_WORD
    text = _one_line(text)
    end = _graphemes_end(text, budget)
    if not singly:
        end = min(end, _words_end(text, words))
    if end >= len(text):
        return text
    sentence = 0
    for match in _SENTENCE_END.finditer(text, int(end * _SHORTEST)):
        if match.end() > end:
            break
        sentence = match.end()
    if sentence >= end * _SHORTEST and _is_boundary(text, sentence):
        return text[:sentence]
    if text[end : end + 1] != " " and not _COUNTED_SINGLY.match(text[end - 1 : end]):
        space = text.rfind(" ", int(end * _SHORTEST), end)
        end = space if space > 0 else end
    return text[:end].rstrip(" 、，,;:") + ELLIPSIS


def _is_boundary(text: str, position: int) -> bool:
    """Whether no grapheme reaches over ``position``: a variation selector may follow an exclamation mark."""
    follower = text[position : position + 1]
    return not follower or regex.fullmatch(r"\X", text[position - 1] + follower) is None


def _counted_singly(text: str) -> bool:
    sample = _ADDRESS.sub("", text[:600])
    singly = sum(map(len, _COUNTED_SINGLY.findall(sample)))
    return singly > 0 and singly * 3 >= sum(map(len, _LETTERS.findall(sample)))


def _one_line(text: str) -> str:
    """Join lines with a space, or with nothing after a CJK sentence that a CJK character follows."""
    if "\n" not in text:
        return text
    return _CJK_BREAK.sub("", text).replace("\n", " ")


def _graphemes_end(text: str, limit: int) -> int:
    """Return the index after the first ``limit`` grapheme clusters."""
    simple = _SIMPLE.match(text, 0, limit + 1)
    if simple is not None and simple.end() == min(limit + 1, len(text)):
        return min(limit, len(text))
    last = next(islice(regex.finditer(r"\X", text), limit - 1, None), None)
    return len(text) if last is None else last.end()


def _words_end(text: str, limit: int) -> int:
    last = next(islice(re.finditer(r"\S+", text), limit - 1, None), None)
    return len(text) if last is None else last.end()


def _without_title(text: str, title: str) -> str:
    wanted = _folded(title)
    while wanted and text:
        line, _, rest = text.partition("\n")
        if len(line) <= 3 * len(title) + 20 and _repeats(_folded(line), wanted):
            text = rest
            continue
        sentence = _SENTENCE_END.search(line, 0, 3 * len(title) + 20)
        if sentence is not None and _folded(line[: sentence.end()]) == wanted:
            text = text[sentence.end() :].lstrip()
            continue
        break
    return text


def _repeats(line: str, title: str) -> bool:
    """Whether a line is the title, or the better half of it: titles get words before and after for search engines."""
    return line == title or (len(line) * 2 >= len(title) >= _LONG_TITLE and line in title)


def _folded(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
