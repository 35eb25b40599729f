"""The short way for Markdown that holds nothing but Markdown: most posts, and a third of the time.

The engine's own safe mode writes no HTML that an author typed and no ``javascript:`` link. When its output shows that there was
none to leave out, and every link is plainly harmless, the sanitiser would change nothing but the form; so it is not asked.
Whatever is not plain in this sense is nobody's loss: it goes the long way.
"""

from __future__ import annotations

import re
from urllib.parse import urljoin

_BEFORE_PATH = 2
"""Slashes of a URL in front of its path."""
_OMITTED = "<!-- raw HTML omitted -->"
_URL = re.compile(r' (?:href|src)="([^"]*)"')
_HARMLESS = re.compile(
    r"(?:https?://[A-Za-z0-9.-]+(?::\d{1,4})?(?:[/?#]|\Z)|mailto:)(?:[A-Za-z0-9/._~!$'()*+,;=:@?#-]|&amp;|%[0-9A-Fa-f]{2})*"
)
_RELATIVE = re.compile(r"(?:/|\.{1,2}/)?[A-Za-z0-9_~%.-][A-Za-z0-9/._~%-]*(?:\?[A-Za-z0-9=&;._~%-]*)?(?:#[A-Za-z0-9._~%-]*)?|/")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LANGUAGE = '<code class="language-'


def finished(html: str, base_url: str) -> str | None:
    """Return the engine's safe output with absolute links in the form of the long way, or None when it must go that way."""
    if _OMITTED in html or ' id="' in html or "<input" in html:
        return None

    relative = False
    for value in _URL.findall(html):
        if _HARMLESS.fullmatch(value):
            continue
        if not _RELATIVE.fullmatch(value) or value.startswith("//") or _PERCENT.search(value):
            return None
        relative = True

    origin = base_url[: base_url.find("/", base_url.find("//") + 2)] if base_url.count("/") > _BEFORE_PATH else base_url

    def absolute(match: re.Match[str]) -> str:
        value = match[1]
        if value.startswith("/") and "/." not in value:
            # By far the commonest, and what RFC 3986 §5.2 makes of it is plain.
            return f'{match[0][: -len(value) - 1]}{origin}{value}"'
        return match[0] if _HARMLESS.fullmatch(value) else f'{match[0][: -len(value) - 1]}{urljoin(base_url, value)}"'

    if relative:
        html = _URL.sub(absolute, html)
    if html.count('class="') != html.count(_LANGUAGE):
        return None
    return html.replace(" />", ">") if " />" in html else html
