"""Old entries ↔ our posts: which post each entry of a feed that people subscribe to already is.

::

    Source (a feed, its archives) ─match→ Matched: pairs, doubts, what is left ─takeover→ rows of the ledger

The same id, the same link, the same path on another host, the same title on the same day, the same text: each step takes what
it is sure of and leaves the rest to the next. One entry is one post and one post one entry; where two are as likely, nothing
is chosen, and a person is asked.
"""

from __future__ import annotations

import dataclasses
import html
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from urllib.parse import parse_qsl, quote, unquote, urljoin, urlsplit

from feedservice.feeds import resemblance
from feedservice.feeds.foreign import OldEntry
from feedservice.feeds.identity import Named
from feedservice.model import Post

_FORMER = ("aliases", "alias", "redirectfrom")
"""Front-matter keys, folded."""
_DAY = timedelta(hours=36)
"""Between two dates of one post, when one of the programs took a time of day to be in another zone, or left it out."""
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|xhtml|php|aspx?)$", re.IGNORECASE)
_SUFFIX = re.compile(r"\.(?:html?|xhtml|php|aspx?)$", re.IGNORECASE)
_TRACKING = re.compile(r"utm_|mc_|fbclid$|gclid$|ref$|source$", re.IGNORECASE)
_HOST = re.compile(r"[^/?]*")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_NO_LETTER = re.compile(r"[\W_]+")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A feed with the documents that continue it."""

    name: str
    """Its address, or the name of its file."""
    format: str
    """``rss``, ``atom`` or ``json``."""
    entries: tuple[OldEntry, ...]
    shown: int = 0
    """How many of them the first document has: what somebody who subscribed today has seen."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An entry and the post that it is."""

    entry: OldEntry
    named: Named
    by: str
    """What both have in common, in words."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """An entry that nothing is done with until a person has looked."""

    entry: OldEntry
    paths: tuple[str, ...]
    """Of the posts that it may be, the likeliest first; empty when that is not the question."""
    why: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What became of every entry of a source."""

    source: Source
    pairs: tuple[Pair, ...]
    doubts: tuple[Doubt, ...]
    left: tuple[OldEntry, ...]
    """Entries that are no post of ours."""


def match(source: Source, posts: Sequence[Named]) -> Matched:
    """Return which post each entry of a source is. ``posts`` are all that could be read, with the ids that they would have."""
    return _Matching(source, posts).result()


def address(url: str) -> str:
    """Return what is left of a link when everything that does not matter is taken away: host and path, and a query.

    Scheme, ``www.``, port, percent-encoding, Unicode form, ``index.html``, ``.html``, the slash at the end, the fragment and what
    campaigns add do not matter. Empty for what is no address of the web.
    """
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return ""
    if parts.scheme.lower() not in {"http", "https"} or not host:
        return ""
    query = sorted(each for each in parse_qsl(parts.query) if not _TRACKING.match(each[0]))
    asked = "&".join(f"{name}={value}" for name, value in query)
    return _ascii_host(host) + _path(parts.path) + (f"?{asked}" if asked else "")


def _ascii_host(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _path(path: str) -> str:
    # Unquoted and quoted again: `%7e` and `~`, `%E3%81%82` and `あ` are the same.
    plain = unicodedata.normalize("NFC", unquote(path, errors="replace"))
    plain = _SUFFIX.sub("", _INDEX.sub("/", plain)).rstrip("/")
    return quote(plain, safe="/", errors="replace")


def place(url: str) -> str:
    """Return an address without its host; empty for a home page, where every site has something else."""
    return _HOST.sub("", address(url), count=1)


def heading(title: str) -> str:
    """Return what titles are compared by: their letters and digits, whatever marks, tags and spaces stand between."""
    plain = html.unescape(_TAG.sub("", html.unescape(title)))
    folded = unicodedata.normalize("NFKC", plain).casefold()
    return _NO_LETTER.sub("", folded) or "".join(folded.split())


def lines(markup: str) -> str:
    """Return the text of HTML, a line for each block: what a sketch of it is made of."""
    text = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>|<!--.*?-->", "", markup)
    text = re.sub(
        r"(?i)</?(?:p|div|br|li|[ou]l|h[1-6]|pre|blockquote|t[rdh]|table|section|figure|hr|d[tdl])\b[^<>]*>", "\n", text
    )
    return html.unescape(_TAG.sub("", text))


class _Matching:
    """One matching; ``pairs`` grows, and what is free shrinks."""

    def __init__(self, source: Source, posts: Sequence[Named]) -> None:
        self.source = source
        self.posts = posts
        self.pairs: dict[str, Pair] = {}
        """Path of the post → its pair, in the order in which they were found."""
        self.doubts: list[Doubt] = []
        self.unsure: dict[str, Doubt] = {}
        """By what an entry is known → the first doubt about it, while it is free."""
        self.entries: dict[str, OldEntry] = {}
        """By what they are known → entries, in the order of the feed."""
        self.nameless: list[OldEntry] = []
        self.free: dict[str, OldEntry] = {}

    def result(self) -> Matched:
        self._read()
        self.free = dict(self.entries)
        self._step("the same id", lambda entry: [entry.known_by], lambda each: [each.post.guid, each.id])
        self._step("the same link", _addresses, lambda each: map(address, _links(each)))
        self._step("the same path on another host", _places, lambda each: map(place, _links(each)))
        self._step("the same title and date", lambda entry: _told(entry.title, entry.published), _telling)
        self._step("the same title on the same day", lambda entry: [heading(entry.title)], _titles, near=True)
        self._by_text()
        self._by_title_alone()
        left = [entry for known, entry in self.free.items() if known not in self.unsure]
        return Matched(
            source=self.source,
            pairs=tuple(self.pairs.values()),
            doubts=(*self.doubts, *(self.unsure[known] for known in self.free if known in self.unsure)),
            left=(*left, *self.nameless),
        )

    def _read(self) -> None:
        for entry in self.source.entries:
            first = self.entries.setdefault(entry.known_by, entry)
            if not entry.known_by.strip():
                self.entries.pop(entry.known_by)
                self.nameless.append(entry)
            elif first is not entry and address(first.link) != address(entry.link):
                why = f"the feed has the id {entry.known_by!r} twice; the first, {first.link}, is taken for its owner"
                self.doubts.append(Doubt(entry=entry, paths=(), why=why))

    def _waiting(self) -> list[Named]:
        return [each for each in self.posts if each.post.path not in self.pairs]

    def _take(self, entry: OldEntry, named: Named, by: str) -> None:
        self.pairs[named.post.path] = Pair(entry=entry, named=named, by=by)
        del self.free[entry.known_by]

    def _doubt(self, entry: OldEntry, paths: tuple[str, ...], why: str) -> None:
        """Note a doubt. The first one counts: the steps go from the surest to the least sure."""
        self.unsure.setdefault(entry.known_by, Doubt(entry=entry, paths=paths, why=why))

    def _step(
        self,
        by: str,
        of_entry: Callable[[OldEntry], Iterable[Hashable]],
        of_post: Callable[[Named], Iterable[Hashable]],
        *,
        near: bool = False,
    ) -> None:
        """Pair entries and posts that have something in common; ``near``: and lie within a day and a half of each other."""
        found: dict[Hashable, list[Named]] = defaultdict(list)
        for each in self._waiting():
            for key in filter(None, set(of_post(each))):
                found[key].append(each)
        likely: dict[str, list[Named]] = {}
        for known, entry in self.free.items():
            several = {each.post.path: each for key in filter(None, of_entry(entry)) for each in found.get(key, ())}
            candidates = [each for each in several.values() if not near or _close(entry, each.post)]
            if candidates:
                likely[known] = candidates
        self._settle(by, likely)

    def _settle(self, by: str, likely: Mapping[str, list[Named]]) -> None:
        """Take the pairs that are each other's one best choice; note the others."""
        wanted: dict[str, list[str]] = defaultdict(list)
        choices: dict[str, list[Named]] = {}
        for known, candidates in likely.items():
            choices[known] = _best(self.entries[known], candidates)
            for each in choices[known]:
                wanted[each.post.path].append(known)
        for known, best in choices.items():
            entry = self.entries[known]
            if len(best) > 1:
                paths = tuple(sorted(each.post.path for each in best))
                self._doubt(entry, paths, f"{len(best)} posts have {by}")
                continue
            rivals = [self.entries[other] for other in wanted[best[0].post.path] if len(choices[other]) == 1]
            strongest = _strongest(rivals, best[0])
            if strongest == [entry]:
                self._take(entry, best[0], by)
            else:
                why = f"{by} as another entry of the feed, {strongest[0].known_by!r}"
                self._doubt(entry, (best[0].post.path,), why)

    def _by_text(self) -> None:
        """Pair what is left by everything that it has in common, texts above all."""
        rows = {
            known: _Row(
                path=known,
                title=heading(entry.title),
                link=address(entry.link),
                sketch=entry.sketch,
                date=entry.published,
                gone=None,
            )
            for known, entry in self.free.items()
        }
        waiting = {each.post.path: each for each in self._waiting()}
        torn: set[str] = set()
        posts = [
            dataclasses.replace(each.post, title=heading(each.post.title), link=address(each.post.link))
            for each in waiting.values()
        ]
        for _, group in groupby(resemblance.pairs(posts, list(rows.values())), key=lambda each: each.evidence):
            free = [each for each in group if each.row.path in self.free and each.post.path not in self.pairs]
            entries, places = Counter(each.row.path for each in free), Counter(each.post.path for each in free)
            for each in free:
                known, path = each.row.path, each.post.path
                if each.same and entries[known] == places[path] == 1 and known not in torn and path not in torn:
                    self._take(self.free[known], waiting[path], "the same text" if self.free[known].sketch else "title and date")
                    continue
                # What is as like to another is not decided by something that is less like.
                torn |= {known, path}
                why = f"{each.evidence:.0%} alike" if entries[known] == places[path] == 1 else "two that are as much alike"
                self._doubt(self.free[known], (path,), why)

    def _by_title_alone(self) -> None:
        """Note what has the title of a post and nothing else."""
        titles: dict[str, list[str]] = defaultdict(list)
        for each in self._waiting():
            titles[heading(each.post.title)].append(each.post.path)
        for known, entry in self.free.items():
            paths = titles.get(heading(entry.title), [])
            if paths and known not in self.unsure and heading(entry.title):
                said = f"its date is {entry.published:%Y-%m-%d}" if entry.published else "the feed gives it no date"
                self._doubt(entry, tuple(sorted(paths)), f"the same title, but {said}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """An old entry as ``resemblance`` wants it."""

    path: str
    title: str
    link: str
    sketch: str
    date: datetime | None
    gone: datetime | None


def _links(named: Named) -> Iterable[str]:
    """Return the addresses of a post: its page, those it had before, its original, and the id when that is one (``/?p=12``)."""
    post = named.post
    return filter(None, (post.link, post.canonical, post.guid, named.id, *_former(post)))


def _former(post: Post) -> Iterable[str]:
    """Yield the addresses that redirect to a post, as generators and their plugins have them in the front matter."""
    for key in _FORMER:
        said = post.metadata.get(key)
        for each in said if isinstance(said, list) else [said]:
            if isinstance(each, str) and each.strip():
                try:
                    yield urljoin(post.link, each.strip())
                except ValueError:
                    continue


def _addresses(entry: OldEntry) -> Iterable[str]:
    return map(address, (entry.link, entry.id))


def _places(entry: OldEntry) -> Iterable[str]:
    return map(place, (entry.link, entry.id))


def _told(title: str, date: datetime | None) -> list[Hashable]:
    return [(heading(title), date)] if date is not None and heading(title) else []


def _telling(named: Named) -> list[Hashable]:
    return _told(named.post.title, named.post.published)


def _titles(named: Named) -> list[Hashable]:
    return [heading(named.post.title)]


def _close(entry: OldEntry, post: Post) -> bool:
    return entry.published is not None and abs(entry.published - post.published) <= _DAY


def _score(entry: OldEntry, named: Named) -> tuple[bool, bool, bool]:
    post = named.post
    return (
        address(entry.link) == address(post.link),
        heading(entry.title) == heading(post.title),
        entry.published == post.published,
    )


def _best(entry: OldEntry, candidates: Sequence[Named]) -> list[Named]:
    scores = [sum(_score(entry, each)) for each in candidates]
    return [each for each, score in zip(candidates, scores, strict=True) if score == max(scores)]


def _strongest(entries: Sequence[OldEntry], named: Named) -> list[OldEntry]:
    scores = [sum(_score(each, named)) for each in entries]
    return [each for each, score in zip(entries, scores, strict=True) if score == max(scores)]
