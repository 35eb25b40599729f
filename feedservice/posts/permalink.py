"""Where a post lives on its site: the path that its generator gives it.

A template such as ``/:year/:month/:day/:title/`` is filled with the tokens of Jekyll or Hugo; Jekyll's named styles work too.
Date tokens are read in the *site's* zone: 17:25 UTC on the 29th is the 30th in Tokyo.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from urllib.parse import unquote, urljoin, urlsplit

from feedservice.posts.slugs import hugo_path, hugo_start, hugo_token, jekyll_slug, pelican_slug
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

_TOKEN = re.compile(r":([a-z_]+|(?=[A-Z0-9])\w+)(\[[^\[\]/]*\])?")
# Behind :sections Hugo may take a part of them.

_PART = re.compile(r"\[(?:(?P<one>\d+|last)|(?P<low>\d*|last):(?P<high>\d*|last))\]")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a template is filled with."""

    path: str
    """``Source.path``, without the language that it names (``spoken``)."""
    slug: str | None
    """The author's slug."""
    title: str
    local: datetime
    """The post's date as local time in the site's zone."""
    categories: Sequence[str]
    dialect: str = "plain"
    """Whose tokens they are: Hugo and Pelican make ``:title`` and ``:slug`` from the title, the others from the file's name."""
    sections: Sequence[str] | None = None
    """The directories that are sections; None: all that the post is in."""
    language: str = ""
    """Directory of the post's language, when it is not that of the site."""


def spoken(path: str, languages: Sequence[str]) -> tuple[str, str | None]:
    """Take the language that a file's name ends in out of a path: ``trip/index.fr.md`` → (``trip/index.md``, ``fr``)."""
    folder, slash, name = path.rpartition("/")
    stem, _, ending = name.rpartition(".")
    base, _, said = stem.rpartition(".")
    language = next((each for each in languages if each.lower() == said.lower()), None) if base else None
    return (path, None) if language is None else (f"{folder}{slash}{base}.{ending}", language)


def name_of(path: str) -> str:
    """Return the base name of a post without ending; of ``trip/index.md`` it is ``trip``."""
    parts = path.split("/")
    stem = parts[-1].rsplit(".", 1)[0]
    return parts[-2] if stem == "index" and len(parts) > 1 else stem


def undated(name: str) -> str:
    """Return a base name without its leading date: ``2025-11-17-hello`` → ``hello``."""
    match = _DATED.match(name)
    return match.group(1) if match else name


_DATED = re.compile(
    r"\d{2,4}-\d{1,2}-\d{1,2}(?:[-T]\d\d-\d\d-\d\d|T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?)?[-_T ](.+)\Z", re.DOTALL
)


def check(template: str) -> str | None:
    """Return the first token of a template that does not exist, with its part, or None when all do."""
    for match in _TOKEN.finditer(STYLES.get(template, template)):
        name, part = match.groups()
        known = name in TOKENS or name.rstrip("_") in TOKENS
        if not known or (part is not None and (name != "sections" or _PART.fullmatch(part) is None)):
            return name + (part or "")
    return None


def path_of(template: str, place: Place) -> str:
    """Fill a template or named style; the result is an unencoded path that begins with ``/``.

    In dialect ``hugo`` it is lower case and ends in ``/`` whatever the template does, unless that ends in ``.html``.
    """
    path = f"/{place.language}" * bool(place.language) + filled(template, place)
    if place.dialect == "hugo":
        safe = unquote(hugo_path(posixpath.normpath("/" + path.strip("/"))))
        return safe if template.endswith(".html") else safe.rstrip("/") + "/"
    if place.dialect != "pelican":
        # Jekyll's sanitize_url, which also turns the empty :categories of its styles into nothing.
        path = path.replace("..", "/").replace("./", "")
    return re.sub("/{2,}", "/", path)


def filled(template: str, place: Place) -> str:
    """Return a template or named style with its tokens filled in, and nothing else done to it; it begins with ``/``."""

    def fill(match: re.Match[str]) -> str:
        name, part = match.groups()
        tail = ""
        while name not in TOKENS and name.endswith("_"):
            name, tail = name[:-1], tail + "_"
        if name == "sections" and part is not None:
            return "/".join(_taken(_sections(place), part))
        return TOKENS[name](place) + tail + (part or "") if name in TOKENS else match.group(0)

    text = _TOKEN.sub(fill, STYLES.get(template, template))
    return text if text.startswith("/") else "/" + text


def _taken(parts: Sequence[str], wanted: str) -> Sequence[str]:
    """Return the part of a list that ``[1:]``, ``[:last]`` or ``[0]`` asks for; what is not there is nothing."""
    match = _PART.fullmatch(wanted)

    def number(text: str) -> int:
        return len(parts) - 1 if text == "last" else int(text)

    if match is None or not parts:
        return ()
    if match["one"] is not None:
        return parts[number(match["one"]) :][:1]
    return parts[number(match["low"] or "0") : number(match["high"]) if match["high"] else len(parts)]


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


_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_RAW = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9/\-._~!$&'()*+,;=:@%?#\[\]]+")
_RAW_BELOW = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9/\-._~!$&'()*+,;=:@%?]+")


def _encode_rest(url: str) -> str:
    """Percent-encode what is not yet: brackets belong to the host alone, and of several ``#`` the first begins the fragment."""
    start = _AUTHORITY.match(url)
    host, rest = (start[0], url[start.end() :]) if start else ("", url)
    before, mark, fragment = rest.partition("#")
    return (
        (_encoded(host, _RAW) if host.isascii() else _ascii_host(host))
        + _encoded(before, _RAW_BELOW)
        + mark
        + _encoded(fragment, _RAW_BELOW)
    )


def _ascii_host(start: str) -> str:
    """Return scheme and host with the host by IDNA: percent-encoded it would be another one."""
    scheme, _, host = start.partition("://")
    try:
        return f"{scheme}://{host.lower().encode('idna').decode('ascii')}"
    except UnicodeError:
        return _encoded(start, _RAW)


def _encoded(text: str, raw: re.Pattern[str]) -> str:
    return raw.sub(lambda match: encode_path(match.group(0)), text)


def _stem(place: Place) -> str:
    return undated(name_of(place.path))


def _directories(place: Place) -> list[str]:
    parts = place.path.split("/")[:-1]
    if place.path.rsplit("/", 1)[-1].startswith("index.") and parts:
        parts = parts[:-1]
    return parts if place.dialect == "hugo" else [part for part in parts if part != "_posts"]


def _sections(place: Place) -> list[str]:
    found = _directories(place) if place.sections is None else list(place.sections)
    return [hugo_token(part.replace(" ", "-")) for part in found] if place.dialect == "hugo" else found


def _path(place: Place) -> str:
    name = name_of(place.path)
    if place.dialect == "hugo":
        last = hugo_start(place.slug) if place.slug else name.replace(" ", "-")
        return "/".join([*(part.replace(" ", "-") for part in _directories(place)), last])
    return "/".join([*_directories(place), name])


def _categories(place: Place) -> str:
    return "/".join(dict.fromkeys(category.lower() for category in place.categories))


def _slugified_categories(place: Place) -> str:
    if place.dialect == "pelican":
        return "/".join(dict.fromkeys(map(pelican_slug, place.categories)))
    return "/".join(dict.fromkeys(jekyll_slug(label, pretty=False, cased=False) for label in place.categories))


def _title(place: Place) -> str:
    if place.dialect == "hugo":
        return hugo_token(re.sub(r"[/\\]", "-", place.title))
    if place.dialect == "pelican":
        return pelican_slug(place.title)
    return jekyll_slug(place.slug or _stem(place), pretty=True, cased=True)


def _slug(place: Place) -> str:
    if place.dialect in {"hugo", "pelican"}:
        return _named(place, place.slug) if place.slug else _title(place)
    return jekyll_slug(place.slug or _stem(place), pretty=False, cased=False)


def _slug_or_name(place: Place) -> str:
    return _named(place, place.slug) if place.slug else _name(place)


def _name(place: Place) -> str:
    """Return the file's name as its generator has it in links: with its date in Hugo and Pelican."""
    if place.dialect == "pelican":
        return pelican_slug(name_of(place.path))
    return _named(place, name_of(place.path) if place.dialect == "hugo" else _stem(place))


def _named(place: Place, text: str) -> str:
    if place.dialect == "pelican":
        return text
    if place.dialect == "zola":
        return jekyll_slug(text, pretty=False, cased=False)
    return hugo_token(text) if place.dialect == "hugo" else hugo_path(text)


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
    "title": _title,
    "slug": _slug,
    "slugorfilename": _slug_or_name,
    "slugorcontentbasename": _slug_or_name,
    "filename": _name,
    "contentbasename": _name,
    "name": lambda p: jekyll_slug(name_of(p.path), pretty=False, cased=False),
    "path": _path,
    "collection": lambda _: "posts",
    "output_ext": lambda _: ".html",
    "categories": _categories,
    "slugified_categories": _slugified_categories,
    "section": lambda p: (_sections(p) or [""])[0],
    "sections": lambda p: "/".join(_sections(p)),
}
"""Token → its text: Jekyll's and Hugo's."""
