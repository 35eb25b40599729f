"""Feeds → the pages that people look at: an index of all feeds, a preview of each, and what XML looks like in a browser.

The door of ``jinja2``. Everything a page needs is in it: styles and the one script are inline, nothing is loaded from
anywhere but the pictures of the posts themselves, and every address is readable without JavaScript. Texts are in
``words``; templates, styles and the script lie in ``templates/`` and are code like this module is.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import unquote

from markupsafe import Markup

from feedservice import dates
from feedservice.feeds import words as texts
from feedservice.feeds.formats import FORMATS
from feedservice.feeds.text import legal, title_of
from feedservice.model import Enclosure, Entry, FeedSpec

if TYPE_CHECKING:
    import jinja2

LATEST = 4
"""Posts that the index shows of each feed."""

MOST_TEXT = 256 * 1024
"""Bytes of text that the page of a feed has: people read the newest, and a page of a megabyte is slow to come and to show."""
FEWEST = 5
"""Entries that it has however long they are."""

NAMES: Mapping[str, str] = MappingProxyType({"atom": "Atom", "rss": "RSS", "json": "JSON Feed"})
"""Format → what people call it."""

_KILO = 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SitePage:
    """What all pages of a site share; every URL is absolute, or relative to the page that it is used on."""

    title: str
    description: str = ""
    url: str
    """The site's own front page."""
    language: str
    """BCP 47: chooses the words of the page, and is the language of ``title`` and ``description``."""
    timezone: str
    """Zone that times are shown in."""
    opml_url: str | None = None
    index_url: str | None = None
    """The page of all feeds, for the way back from a preview."""
    preview_urls: Mapping[str, str]
    """Feed key → URL of its preview."""
    stylesheet_url: str | None = None
    """A style sheet of the site's own, loaded after the page's."""
    copyright: str | None = None
    generator: str = "feedservice"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One feed as its subscribers see it."""

    spec: FeedSpec
    updated: datetime | None
    """UTC; None for a feed without posts."""
    entries: Sequence[Entry]
    """Newest first."""
    total: int
    """Posts that the feed has, shown or not."""

    def __post_init__(self) -> None:
        """Refuse a total below what is shown: it is a bug, not input."""
        if self.total < len(self.entries):
            raise ValueError(f"total must be at least {len(self.entries)}, got {self.total}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Alternate:
    """One ``<link rel=alternate>`` (HTML, link type ``alternate``)."""

    type: str
    title: str
    href: str


def index(site: SitePage, previews: Sequence[Preview]) -> bytes:
    """Return the page of all feeds, in the order given, each with its newest `LATEST` posts."""
    return _page("index.html.j2", site, alternates([shown.spec for shown in previews]), previews=previews, latest=LATEST)


def preview(site: SitePage, shown: Preview, siblings: Sequence[FeedSpec]) -> bytes:
    """Return the page of one feed; ``siblings`` are the site's feeds, with or without this one.

    It has the entries given as far as their text is no more than ``MOST_TEXT``, and ``FEWEST`` of them anyway.
    """
    shown = dataclasses.replace(shown, entries=_fitting(shown))
    others = [spec for spec in siblings if spec.key != shown.spec.key]
    return _page("preview.html.j2", site, alternates([shown.spec, *others]), shown=shown, siblings=others)


def _fitting(shown: Preview) -> Sequence[Entry]:
    size = 0
    for at, entry in enumerate(shown.entries if shown.spec.full else ()):
        size += len(entry.html.encode("utf-8", "surrogatepass"))
        if size > MOST_TEXT and at >= FEWEST:
            return shown.entries[:at]
    return shown.entries


def snippet(specs: Sequence[FeedSpec]) -> bytes:
    """Return one ``<link rel="alternate">`` a line for every feed and format: to include in the ``<head>`` of a site's pages."""
    return _rendered("snippet.html.j2", alternates=alternates(specs))


def xml_stylesheet(site: SitePage | None = None, specs: Sequence[FeedSpec] = ()) -> bytes:
    """Return the CSS that a feed names in ``<?xml-stylesheet type="text/css"?>``, for Atom and RSS alike.

    It says what a feed is, in the languages of the site and its feeds (without a site, in all there are), and where its preview
    is: for ``specs`` by their ``rel=self`` address, for others the page of all feeds. A feed must not need it: browsers ignore
    it unless the media type is ``application/xml``.
    """
    tags = ["ja", "en"] if site is None else [site.language, *(spec.language for spec in specs)]
    spoken = {texts.chosen(tag).language: texts.chosen(tag) for tag in tags}
    previews = [] if site is None else [(tuple(spec.urls.values()), site.preview_urls[spec.key]) for spec in specs]
    fallback = None if site is None else site.index_url
    said = {
        "explained": "\n".join(each.this_is_a_feed for each in spoken.values()),
        "all_feeds": " / ".join(each.index for each in spoken.values()),
        "readable": " / ".join(each.readable for each in spoken.values()),
    }
    return _rendered("feed.css.j2", previews=previews, index_url=fallback, css_string=css_string, **said)


def alternates(specs: Sequence[FeedSpec]) -> tuple[Alternate, ...]:
    """Return the feeds in all their formats, as given; no two titles are equal as long as no two keys are.

    The title is the feed's with its format; a feed whose title another one has too is told apart by its key.
    """
    times = Counter(spec.title for spec in specs)
    found: list[Alternate] = []
    taken: set[str] = set()
    for spec in specs:
        name = spec.title if times[spec.title] == 1 else f"{spec.title} [{spec.key}]"
        for form, url in spec.urls.items():
            title = f"{name} ({NAMES[form]})"
            while title in taken:
                title = f"{title} [{spec.key}]"
            taken.add(title)
            found.append(Alternate(type=media_type(form), title=title, href=url))
    return tuple(found)


def csp_hashes() -> Mapping[str, str]:
    """Return directive → quoted source (CSP Level 3 §2.3.1) of what the pages have inline: ``script-src`` and ``style-src``."""
    return {"script-src": _hashed(_static("copy.js")), "style-src": _hashed(_static("page.css"))}


def content_security_policy(site: SitePage) -> str:
    """Return the policy that index and previews carry in a ``<meta>``; a server may send the same as a header.

    Posts may bring pictures and media from anywhere; everything else comes from the page itself.
    """
    hashes = csp_hashes()
    styles = hashes["style-src"]
    if site.stylesheet_url is not None:
        styles += " " + site.stylesheet_url.split("?", 1)[0].replace(";", "%3B").replace(",", "%2C")
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {hashes['script-src']}",
            f"style-src {styles}",
            "img-src 'self' https: http: data:",
            "media-src 'self' https: http:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def css_string(text: str) -> str:
    """Return ``text`` as a CSS string token in double quotes (CSS Syntax Level 3 §4.3.5)."""
    # Everything that is no plain letter, digit or punctuation is written as a code point, which no parser can misread.
    return '"' + "".join(c if c.isalnum() or c in "-._~:/?#[]@!$&()*+,;=% 、。" else f"\\{ord(c):x} " for c in text) + '"'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Voice:
    """How one page speaks: its words, its language and the zone of its times."""

    words: texts.Words
    language: str
    """Of the page: the site's own when its words are in it, else that of the words."""
    zone: str

    def lang(self, tag: str) -> Markup:
        """``lang`` and ``dir`` attributes for text in another language than the page's; nothing for the same."""
        if tag.casefold() == self.language.casefold():
            return Markup()
        return Markup(' lang="{}" dir="auto"').format(tag)

    def date(self, instant: datetime) -> str:
        return texts.date(self.words, dates.local(instant, self.zone))

    def date_time(self, instant: datetime) -> str:
        return texts.date_time(self.words, dates.local(instant, self.zone))

    def stamp(self, instant: datetime) -> str:
        return dates.rfc3339(instant, self.zone)

    def count(self, posts: int) -> str:
        return texts.count(self.words, posts)


def _voice(site: SitePage) -> _Voice:
    words = texts.chosen(site.language)
    language = site.language if texts.primary(site.language) == words.language else words.language
    return _Voice(words=words, language=language, zone=site.timezone)


def _page(template: str, site: SitePage, links: Sequence[Alternate], **values: object) -> bytes:
    voice = _voice(site)
    return _rendered(
        template,
        site=site,
        voice=voice,
        words=voice.words,
        alternates=links,
        policy=content_security_policy(site),
        script=Markup(_static("copy.js")),  # noqa: S704 - a file of this package
        style=Markup(_static("page.css")),  # noqa: S704 - a file of this package
        names=NAMES,
        media_type=media_type,
        title_of=title_of,
        autonym=texts.autonym,
        web=web_address,
        here=here,
        size=size,
        file_name=file_name,
        short=partial(short_title, site=site.title),
        safe=Markup,
        **values,
    )


def short_title(spec: FeedSpec, site: str) -> str:
    """Return the feed's title without the site's at its end: on a page of the site it says nothing."""
    label = spec.title.removesuffix(site)
    rest = label.rstrip(" \u3000-–—|｜/／·・:：")
    return rest if rest and rest != label else spec.title


def media_type(form: str) -> str:
    """Return the media type of a format without its charset, as ``type`` attributes have it."""
    return FORMATS[form].media_type.partition(";")[0]


def web_address(url: str | None) -> str:
    """Return ``url`` if it is an absolute http or https URL, else nothing: no other scheme becomes a link."""
    return url if url and url.lower().startswith(("https://", "http://")) else ""


def here(url: str) -> str:
    """Return an address of the feeds' own host without that host; any other text as it is.

    A page that is looked at elsewhere, as on the machine that it is made on, leads to the others that are there.
    """
    return "/" + "".join(url.split("/", 3)[3:]) if web_address(url) else url


def size(length: int) -> str:
    """Return a length in bytes for people, in powers of 1000 (IEC 80000-13): ``980 B``, ``12.3 MB``."""
    if length < _KILO:
        return f"{length} B"
    value = float(length)
    for unit in ("kB", "MB"):
        value /= _KILO
        # What would be written as 1000.0 is the next unit's 1.0.
        if round(value, 1) < _KILO:
            return f"{value:.1f} {unit}"
    return f"{value / _KILO:.1f} GB"


def prepare() -> None:
    """Compile the templates now, a tenth of a second, not when somebody waits for a page."""
    environment = _environment()
    for name in environment.list_templates(extensions=["j2"]):
        environment.get_template(name)


def file_name(enclosure: Enclosure) -> str:
    """Return what to call a media file: its title, or the last part of its address."""
    path = enclosure.url.partition("#")[0].partition("?")[0]
    return enclosure.title or unquote(path.rpartition("/")[2]) or enclosure.url


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _rendered(template: str, **values: object) -> bytes:
    return legal(_environment().get_template(template).render(**values)).encode()


def _static(name: str) -> str:
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


@cache
def _environment() -> jinja2.Environment:
    """Return the package's own templates, compiled on first use as modules are, and the same for ever after."""
    # A start at which no page is another has no use for it.
    import jinja2  # noqa: PLC0415

    return jinja2.Environment(
        loader=jinja2.PackageLoader("feedservice.feeds"),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
