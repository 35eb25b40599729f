"""URLs in sanitised HTML: absolute and percent-encoded wherever the sanitiser leaves them as the author wrote them.

Every function here reads HTML as the sanitiser writes it: attribute values stand in double quotes, and no ``<`` or ``>`` stands
in a value or in text. That is why expressions find tags exactly.
"""

from __future__ import annotations

import html as entities
import re
from urllib.parse import quote, unquote, urljoin, urlsplit

SCHEMES = frozenset({
    "http", "https", "mailto", "tel", "sms", "smsto", "ftp", "ftps", "sftp", "irc", "ircs", "xmpp", "magnet", "news", "nntp",
    "geo", "sip", "sips", "webcal", "feed", "bitcoin", "openpgp4fpr", "matrix", "acct", "at",
})  # fmt: skip
"""URL schemes that a feed may carry; without ``javascript``, ``vbscript``, ``data`` and ``file``."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_URI = "!#$%&'()*+,/:;=?@[]~"
"""Characters beside letters, digits, ``-._~`` that RFC 3986 allows in some part of a URI."""
_BLANK = re.compile(r"[\t\n\r]")

_TAG = re.compile(r"<(?!/)(?:(?P<raw>script|style)\b[^<>]*>.*?</(?P=raw)>|!--.*?-->|[a-z][^<>]*>)", re.DOTALL)
_LIST = re.compile(r' (srcset|data-srcset|imagesrcset)="([^"]*)"')
_ONE = re.compile(r' (href|src|poster|cite|data|action|data-src|data-original|data-lazy-src)="([^"]*)"')
_STYLE = re.compile(r' style="([^"]*)"')
_CSS_URL = re.compile(r"""url\(\s*(&quot;|'|)([^"'()<>]*?)\1\s*\)""")
# A host that is no ASCII, as the engine writes it.
_ESCAPED_HOST = re.compile(r'="([Hh][Tt][Tt][Pp][Ss]?)://([^/"?#%]*%[89A-Fa-f][^/"?#]*)')
_WRITTEN_RAW = re.compile(r'="[Hh][Tt][Tt][Pp][Ss]?:[!#-~]*[^!-~]')

_ID = re.compile(r'<[a-z][^<>]*? id="([^"]*)"')
_NAMED = re.compile(r'<a((?: [^<>]*?)?) name="([^"]*)"([^<>]*)>')


def absolute_url(url: str, base: str) -> str | None:
    """Return ``url`` resolved against ``base`` (RFC 3986 §5) and percent-encoded; None when it is none or not for a feed."""
    url = _BLANK.sub("", url).strip()
    scheme = _SCHEME.match(url)
    if scheme is not None and scheme[1].lower() not in SCHEMES:
        return None
    try:
        url = urljoin(base, url)
        parts = urlsplit(url)
        host = parts.hostname
        if host and not host.isascii():
            url = url.replace(parts.netloc, parts.netloc.lower().replace(host, host.encode("idna").decode("ascii")), 1)
    except ValueError:
        return None
    # A per cent sign that begins no escape is one itself.
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", quote(url, safe=_URI))


def absolute_srcset(value: str, base: str) -> str:
    """Return a ``srcset`` with absolute URLs (HTML §4.8.4.2.1): a URL may hold commas, but not end with one."""
    candidates: list[str] = []
    position = 0
    while (match := _CANDIDATE.match(value, position)) is not None:
        position = match.end()
        url, descriptor = match[1], ""
        if url.endswith(","):
            url = url.rstrip(",")
        else:
            end = value.find(",", position)
            end = len(value) if end < 0 else end
            descriptor = " ".join(value[position:end].split())
            position = end
        absolute = absolute_url(url, base)
        if absolute is not None:
            # A comma at either end would be read as a separator.
            candidates.append(f"{absolute} {descriptor}".strip())
    return ", ".join(candidates)


_CANDIDATE = re.compile(r"[\s,]*([^\s,]\S*)")


def named_hosts(html: str) -> str:
    """Return HTML with hosts by IDNA where the engine has percent-encoded them: that would be another name."""
    return _ESCAPED_HOST.sub(_named_host, html) if "%" in html else html


def _named_host(match: re.Match[str]) -> str:
    try:
        return f'="{match[1]}://{unquote(match[2], errors="strict").lower().encode("idna").decode("ascii")}'
    except UnicodeError:
        return match[0]


def finish_urls(html: str, base: str) -> str:
    """Return sanitised HTML with the URLs absolute that the sanitiser does not resolve, and with the others percent-encoded."""
    lists = "srcset=" in html
    if not (lists or " cite=" in html or _WRITTEN_RAW.search(html) is not None or " data-" in html or "url(" in html):
        return html

    def one(match: re.Match[str]) -> str:
        url = absolute_url(entities.unescape(match[2]), base)
        if url is None:
            # What the sanitiser let pass stays: with the author's own HTML that may be anything.
            return match[0] if match[1] in {"href", "src", "data", "action"} else ""
        return f' {match[1]}="{entities.escape(url)}"'

    def many(match: re.Match[str]) -> str:
        value = absolute_srcset(entities.unescape(match[2]), base)
        return f' {match[1]}="{entities.escape(value)}"' if value else ""

    def css(match: re.Match[str]) -> str:
        url = absolute_url(entities.unescape(match[2]), base)
        return match[0] if url is None else f"url('{entities.escape(url)}')"

    def tag(match: re.Match[str]) -> str:
        if match["raw"] or match[0].startswith("<!"):
            return match[0]
        text = _ONE.sub(one, match[0])
        if "srcset=" in text:
            text = _LIST.sub(many, text)
        if "url(" in text:
            text = _STYLE.sub(lambda style: f' style="{_CSS_URL.sub(css, style[1])}"', text)
        return text

    return _TAG.sub(tag, html)


def link_own_ids(html: str, page: str, id_prefix: str) -> str:
    """Return HTML in which links to ids of this very text carry their prefix, as the ids do already; ``<a name>`` becomes an id.

    ``page`` is the post's URL as the sanitiser writes it, without fragment and escaped. A link to an id that is not in the text
    leads to the post's page as before.
    """

    def name(match: re.Match[str]) -> str:
        before, value, after = match.groups()
        return f"<a{before}{after}>" if " id=" in before + after else f'<a{before} id="{id_prefix}{value}"{after}>'

    if " name=" in html:
        html = _NAMED.sub(name, html)
    own = {unquote(entities.unescape(name)) for name in _ID.findall(html) if name.startswith(id_prefix)}
    if not own:
        return html

    def link(match: re.Match[str]) -> str:
        prefixed = id_prefix + unquote(entities.unescape(match[2]))
        return f"{match[1]}{id_prefix}{match[2]}" if prefixed in own else match[0]

    return re.sub(rf'(<a [^<>]*?href="{re.escape(page)}#)([^"]*)', link, html)
