"""Where a post lives on its site: the path that its generator gives it.

A template such as ``/:year/:month/:day/:title/`` is filled with the tokens of Jekyll or Hugo; Jekyll's named styles work too.
Date tokens are read in the *site's* zone: 17:25 UTC on the 29th is the 30th in Tokyo.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from urllib.parse import urljoin, urlsplit

from feedservice.taxonomy import encode_path

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

STYLES: Mapping[str, str] = {
    "date": "/:categories/:year/:month/:day/:title:output_ext",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "ordinal": "/:categories/:year/:y_day/:title:output_ext",
    "weekdate": "/:categories/:year/W:week/:short_day/:title:output_ext",
    "none": "/:categories/:title:output_ext",
}
"""Jekyll's named styles."""

_TOKEN = re.compile(r":([a-z_]+)")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a template is filled with."""

    path: str
    """``Source.path``."""
    slug: str | None
    """The author's slug."""
    title: str
    local: datetime
    """The post's date as local time in the site's zone."""
    categories: Sequence[str]
    hugo: bool = False
    """Read ``:title`` and ``:slug`` as Hugo does: made from the title, not from the file's name."""


def name_of(path: str) -> str:
    """Return the base name of a post without ending; of ``trip/index.md`` it is ``trip``."""
    parts = path.split("/")
    stem = parts[-1].rsplit(".", 1)[0]
    return parts[-2] if stem == "index" and len(parts) > 1 else stem


def undated(name: str) -> str:
    """Return a base name without its leading date: ``2025-11-17-hello`` → ``hello``."""
    match = _DATED.match(name)
    return match.group(1) if match else name


_DATED = re.compile(r"\d{2,4}-\d{1,2}-\d{1,2}(?:-\d\d-\d\d-\d\d)?[-_T](.+)\Z", re.DOTALL)


def jekyll_slug(text: str, *, pretty: bool, cased: bool) -> str:
    """Return Jekyll's slug: letters, marks and decimal digits of every script stay, runs of others become one hyphen."""
    if text.isascii() and text.replace("-", "").isalnum():
        joined = re.sub("-{2,}", "-", text)
        joined = joined.removeprefix("-").removesuffix("-")
        return joined if cased else joined.lower()
    keep = "._~!$&'()+,;=@" if pretty else ""
    # Written with a character test instead of a regular expression: ``re`` knows no ``\\p{M}``.
    out = [c if c in keep or unicodedata.category(c)[0] in "LM" or unicodedata.category(c) == "Nd" else "\0" for c in text]
    joined = re.sub("\0+", "-", "".join(out))
    joined = joined.removeprefix("-").removesuffix("-")
    return joined if cased else joined.lower()


def hugo_slug(text: str) -> str:
    """Return Hugo's ``urlize``: lower case, white space to hyphens, punctuation out, scripts kept."""
    kept = "".join(c for c in text.strip() if c in " -_.+~/" or unicodedata.category(c)[0] in "LMN")
    return re.sub(r"-{2,}", "-", re.sub(r"\s+", "-", kept)).lower()


def check(template: str) -> str | None:
    """Return the first token of a template that does not exist, or None when all do."""
    for name in _TOKEN.findall(STYLES.get(template, template)):
        if name not in TOKENS and name.rstrip("_") not in TOKENS:
            return str(name)
    return None


def path_of(template: str, place: Place) -> str:
    """Fill a template or named style; the result is an unencoded path that begins with ``/``."""

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        tail = ""
        while name not in TOKENS and name.endswith("_"):
            name, tail = name[:-1], tail + "_"
        return TOKENS[name](place) + tail if name in TOKENS else match.group(0)

    filled = _TOKEN.sub(fill, STYLES.get(template, template))
    # Jekyll's sanitize_url, which also turns the empty :categories of its styles into nothing.
    return re.sub("/{2,}", "/", ("/" + filled).replace("..", "/").replace("./", ""))


def url_of(site_url: str, path: str) -> str:
    """Return the absolute, percent-encoded URL of an unencoded path below ``site_url``."""
    return site_url.rstrip("/") + encode_path(path)


def own_url(site_url: str, typed: str) -> str:
    """Return the absolute URL of what an author typed as ``permalink``, ``url`` or ``path``.

    A path is meant below the site; ``https://…`` stands for itself. What is percent-encoded already stays so.
    """
    typed = unicodedata.normalize("NFC", typed.strip())
    if re.match(r"https?://", typed):
        return absolute(typed, "")
    path = typed if typed.startswith("/") else "/" + typed
    return site_url.rstrip("/") + _encode_rest(path)


def absolute(base: str, reference: str) -> str:
    """Resolve a reference an author typed against a base URL, percent-encoded (RFC 3986 §5); empty when it is no URL at all."""
    try:
        joined = urljoin(base, unicodedata.normalize("NFC", reference.strip()))
        urlsplit(joined)
    except ValueError:
        return ""
    return _encode_rest(joined)


_RAW = re.compile(r"[^A-Za-z0-9/\-._~!$&'()*+,;=:@%?#\[\]]+")


def _encode_rest(url: str) -> str:
    return _RAW.sub(lambda match: encode_path(match.group(0)), url)


def _stem(place: Place) -> str:
    return undated(name_of(place.path))


def _sections(place: Place) -> list[str]:
    parts = place.path.split("/")[:-1]
    if place.path.rsplit("/", 1)[-1].startswith("index.") and parts:
        parts = parts[:-1]
    return [part for part in parts if part != "_posts"]


def _categories(place: Place) -> str:
    return "/".join(dict.fromkeys(category.lower() for category in place.categories))


TOKENS: Mapping[str, Callable[[Place], str]] = {
    "year": lambda p: f"{p.local.year:04}",
    "short_year": lambda p: f"{p.local.year % 100:02}",
    "month": lambda p: f"{p.local.month:02}",
    "i_month": lambda p: str(p.local.month),
    "short_month": lambda p: _MONTHS[p.local.month - 1][:3],
    "long_month": lambda p: _MONTHS[p.local.month - 1],
    "monthname": lambda p: _MONTHS[p.local.month - 1].lower(),
    "day": lambda p: f"{p.local.day:02}",
    "i_day": lambda p: str(p.local.day),
    "y_day": lambda p: f"{p.local.timetuple().tm_yday:03}",
    "yearday": lambda p: str(p.local.timetuple().tm_yday),
    "w_year": lambda p: f"{p.local.isocalendar().year:04}",
    "week": lambda p: f"{p.local.isocalendar().week:02}",
    "w_day": lambda p: str(p.local.isoweekday()),
    "weekday": lambda p: str(p.local.isoweekday() % 7),
    "weekdayname": lambda p: _DAYS[p.local.weekday()].lower(),
    "short_day": lambda p: _DAYS[p.local.weekday()][:3],
    "long_day": lambda p: _DAYS[p.local.weekday()],
    "hour": lambda p: f"{p.local.hour:02}",
    "minute": lambda p: f"{p.local.minute:02}",
    "second": lambda p: f"{p.local.second:02}",
    "title": lambda p: hugo_slug(p.title) if p.hugo else jekyll_slug(p.slug or _stem(p), pretty=True, cased=True),
    "slug": lambda p: hugo_slug(p.slug or p.title) if p.hugo else jekyll_slug(p.slug or _stem(p), pretty=False, cased=False),
    "slugorfilename": lambda p: hugo_slug(p.slug or _stem(p)),
    "slugorcontentbasename": lambda p: hugo_slug(p.slug or _stem(p)),
    "filename": lambda p: hugo_slug(_stem(p)),
    "contentbasename": lambda p: hugo_slug(_stem(p)),
    "name": lambda p: jekyll_slug(name_of(p.path), pretty=False, cased=True),
    "path": lambda p: "/".join([*_sections(p), _stem(p)]),
    "collection": lambda _: "posts",
    "output_ext": lambda _: ".html",
    "categories": _categories,
    "slugified_categories": lambda p: "/".join(dict.fromkeys(jekyll_slug(c, pretty=False, cased=False) for c in p.categories)),
    "section": lambda p: (_sections(p) or [""])[0],
    "sections": lambda p: "/".join(_sections(p)),
}
"""Token → its text: Jekyll's and Hugo's."""
