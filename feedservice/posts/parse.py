"""Source → Post: the one entrance of this wing.

``parse`` reads what a post says of itself and remembers no body: bodies are large, and most posts of an archive are in no
feed's window. ``posts.body`` renders one when an entry of the post is needed.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from feedservice import dates
from feedservice.config.schema import Content, Rule, Site
from feedservice.model import Person, Post, Problem, Severity, Source, Value
from feedservice.posts import address, defaults, fields, frontmatter, htmlmeta, media, permalink
from feedservice.posts.keys import Field, Fields, Origin
from feedservice.posts.sketch import sketch
from feedservice.posts.text import plain_title, xml_text
from feedservice.taxonomy import fold_key, identity

_REFERENCES = {
    "jekyll": (b"post_url", b"link "),
    "zola": (b"@/",),
    "pelican": (b"{filename}", b"|filename|"),
    "hugo": (b"ref ",),
}
"""Dialect → what stands in a body that links to other posts by their files."""
HTML_ENDINGS = (".html", ".htm")
"""Endings of posts that are HTML and no Markdown."""

_SPLIT = {"jekyll": "space", "pelican": "list"}
"""Dialect → how several labels in one string are divided; elsewhere at commas."""
_HIDDEN = frozenset({"draft", "hidden", "skip", "private", "pending", "unpublished"})
_ATX = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$", re.MULTILINE)
_ATTRIBUTES = re.compile(r"[ \t]*\{:?[ \t]*[#.][^{}]*\}$")
_HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>|<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_FENCED = re.compile(r"^ {0,3}(```|~~~).*?^ {0,3}\1", re.MULTILINE | re.DOTALL)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything about the site that the meaning of a post depends on."""

    site: Site
    content: Content
    dialect: str
    """Never ``auto``."""
    zones: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Category identity → zone of its naive dates."""
    files: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Media below the content directory: path → bytes."""
    kept: frozenset[str] = frozenset()
    """Folded front-matter keys that are kept as ``Post.metadata``."""
    first_seen: Mapping[str, datetime] = dataclasses.field(default_factory=dict)
    """Path → when a post without a date was first seen, UTC; used when ``content.missing_dates`` says so."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A post, or none and why, and whatever else its author should know."""

    path: str
    post: Post | None
    problems: tuple[Problem, ...]
    undated: bool = False
    """The post has no date and got the time it was first seen."""
    refers: bool = False
    """The body may link to other posts by their files: rendering it needs to know where they live."""


def digest(data: bytes) -> str:
    """Return the hex BLAKE2b-128 of a file."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def kept_keys(rules: Sequence[Rule]) -> frozenset[str]:
    """Return the folded front-matter keys that are kept of every post.

    Those that rules ask for; ``announce``, which decides who is told of a post; and its former addresses, which are ``aliases``
    in Hugo and Zola, ``alias`` in Hexo, ``redirect_from`` with jekyll-redirect-from.
    """
    asked = (fold_key(key) for rule in rules for key in rule)
    return frozenset({"announce", "alias", "aliases", "redirectfrom", *asked})


def parse(source: Source, context: Context) -> Parsed:
    """Return the post that a file holds; a file that cannot be used gives no post and at least one error."""
    if len(source.data) > context.content.max_post_bytes:
        message = f"the file has {len(source.data):,} bytes, {context.content.max_post_bytes:,} are allowed"
        return _refused(source, _error("post.too-large", message, "raise content.max_post_bytes"))
    if not source.data.strip():
        return _refused(source, _error("post.empty", "the file is empty", "write the post, or delete the file"))
    read = frontmatter.read(source.data, dialect=context.dialect, max_bytes=context.content.max_front_matter_bytes)
    if isinstance(read, tuple):
        return _refused(source, *read)
    if context.dialect == "pelican" and source.path.lower().endswith(HTML_ENDINGS):
        read = htmlmeta.completed(read)
    reader = _Reader(source, read, context)
    post = reader.post()
    refers = any(mark in source.data for mark in _REFERENCES.get(context.dialect, ()))
    return Parsed(path=source.path, post=post, problems=tuple(reader.problems), undated=reader.seen, refers=refers)


@functools.lru_cache(maxsize=4096)
def _label(text: str) -> str:
    """Return the text itself, the same object for all posts: a hundred thousand of them have some hundred labels."""
    return text


@functools.lru_cache(maxsize=4096)
def _labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return them, as ``_label`` does."""
    return labels


def _error(rule: str, message: str, hint: str) -> Problem:
    return Problem(rule=rule, severity=Severity.ERROR, message=message, hint=hint)


def _refused(source: Source, *problems: Problem) -> Parsed:
    placed = tuple(dataclasses.replace(problem, path=source.path) for problem in problems)
    return Parsed(path=source.path, post=None, problems=placed)


class _Reader:
    """Reads one post; collects problems on the way."""

    def __init__(self, source: Source, read: frontmatter.FrontMatter, context: Context) -> None:
        self.source = source
        self.read = read
        self.context = context
        self.fields = Fields(read.metadata, defaults.for_path(source.path, context.content), context.content.keys)
        self.problems = [dataclasses.replace(problem, path=source.path) for problem in read.problems]
        self.place, self.tongue = permalink.spoken(source.path, context.content.languages)
        self.failed = False
        self.seen = False

    def note(self, rule: str, message: str, hint: str, *, key: str | None = None, severity: Severity = Severity.WARNING) -> None:
        line = self.read.lines.get(key) if key is not None else None
        self.failed = self.failed or severity is Severity.ERROR
        self.problems.append(Problem(rule=rule, severity=severity, message=message, hint=hint, path=self.source.path, line=line))

    def post(self) -> Post | None:
        context, get = self.context, self.fields.get
        categories = self.labels("category", "categories", directories=True)
        zone = self.zone(categories)
        shown, published = self.moments(zone)
        updated, expires = self.instant("updated", zone), self.instant("expires", zone)
        title = self.title()
        if self.failed or published is None or shown is None:
            return None
        slug = address.slug(
            self.fields, self.place, dialect=context.dialect, undated=context.content.undated_slugs, note=self.note
        )
        link = self.link(shown, title, categories, slug)
        draft = self.draft(zone)
        if link is None:
            return None
        enclosures, episode = media.read(
            self.fields, path=self.source.path, link=link, site_url=context.site.url, files=context.files, note=self.note
        )
        if updated is not None and updated.instant < published.instant:
            updated = None
        return Post(
            path=self.source.path,
            digest=digest(self.source.data),
            sketch=sketch(self.read.body),
            title=title,
            link=link,
            canonical=fields.link(get("canonical"), base=context.site.url, note=self.note),
            guid=self.text("guid"),
            legacy_id=self.legacy(link, slug),
            published=published.instant,
            zone=published.zone,
            updated=updated.instant if updated else None,
            expires=expires.instant if expires else None,
            draft=draft,
            categories=categories,
            tags=self.labels("tag", "tags"),
            authors=self.authors(),
            language=self.language(),
            summary=self.summary(),
            image=fields.image(get("image"), base=link, note=self.note),
            enclosures=enclosures,
            episode=episode,
            feeds=self.feeds(),
            metadata=self.fields.values(context.kept),
        )

    def title(self) -> str:
        field = self.fields.get("title")
        text = fields.scalar(field.value) if field else None
        if field is not None and text is None:
            message = f"{field.key}: the title is no text"
            self.note("title.unreadable", message, "put it in quotes", key=field.key, severity=Severity.ERROR)
        if text is None and self.context.dialect != "jekyll":
            text = self.heading()
        if text is None:
            name = permalink.undated(permalink.name_of(self.place))
            text = " ".join(part.capitalize() for part in name.split("-")) or name
        return self.clean(plain_title(text), "title") or self.source.path

    def heading(self) -> str | None:
        if self.source.path.lower().endswith(HTML_ENDINGS):
            match = _HEADING.search(self.read.body)
            return next((part for part in match.groups() if part), None) if match else None
        # A comment in a shell example is no heading.
        match = _ATX.search(_FENCED.sub("", self.read.body[:20_000]))
        known = self.context.dialect not in {"plain", "eleventy"}
        return (_ATTRIBUTES.sub("", match[1]) if known else match[1]) if match else None

    def clean(self, text: str, what: str) -> str:
        clean, removed = xml_text(text)
        if removed:
            message = f"the {what} has {removed} characters that XML 1.0 cannot hold; they are left out"
            self.note("text.characters", message, "remove them")
        return clean

    def zone(self, categories: Sequence[str]) -> str:
        field = self.fields.get("timezone")
        if field is not None:
            text = fields.scalar(field.value) or ""
            if (zone := dates.canonical_zone(text)) is not None:
                return zone
            near = dates.suggest_zones(text)
            hint = f"did you mean {' or '.join(near)}?" if near else "write an IANA name such as Asia/Tokyo"
            message = f"{field.key}: there is no time zone {text!r}"
            self.note("zone.unknown", message, hint, key=field.key, severity=Severity.ERROR)
        zones = self.context.zones
        named = (zones[key] for category in categories if (key := identity(category)) in zones)
        return next(named, self.context.site.timezone)

    def instant(self, meaning: str, zone: str) -> dates.Reading | None:
        field = self.fields.get(meaning)
        return None if field is None else self.read_date(field, zone)

    def read_date(self, field: Field, zone: str) -> dates.Reading | None:
        text = fields.scalar(field.value)
        if text is None or isinstance(field.value, bool):
            hint = "write it like 2025-11-17 13:42:09 +09:00"
            self.note("date.unreadable", f"{field.key}: no date in {field.value!r}", hint, key=field.key, severity=Severity.ERROR)
            return None
        return self.checked(dates.read(text, zone=zone, naive=self.context.content.naive_dates), field.key)

    def checked(self, reading: dates.Reading | Problem, key: str | None) -> dates.Reading | None:
        if isinstance(reading, Problem):
            message = f"{key}: {reading.message}" if key else reading.message
            self.note(reading.rule, message, reading.hint, key=key, severity=Severity.ERROR)
            return None
        for problem in reading.problems:
            message = f"{key}: {problem.message}" if key else problem.message
            self.note(problem.rule, message, problem.hint, key=key, severity=problem.severity)
        return reading

    def moments(self, zone: str) -> tuple[dates.Reading | None, dates.Reading | None]:
        """Return the date that stands in permalinks and the one that the post is published at; Hugo has two."""
        date, publish = self.fields.get("date"), self.fields.get("publish")
        if date is None and publish is None:
            published = self.fields.get("published")
            date = published if published is not None and fields.flag(published.value) is None else None
        shown = self.read_date(date, zone) if date else None
        appears = self.read_date(publish, zone) if publish else None
        if date is not None or publish is not None:
            return shown or appears, appears or shown
        return (self.undated(zone),) * 2

    def undated(self, zone: str) -> dates.Reading | None:
        names = [self.place.rsplit("/", 1)[-1].rsplit(".", 1)[0], permalink.name_of(self.place)]
        if (path := self.fields.text("path")) is not None:
            names.append("-".join(path.strip("/").split("/")))
        for name in names:
            found = dates.file_name_date(name)
            if found is not None:
                return self.checked(dates.read(found[0], zone=zone, naive="site"), None)
        if self.context.content.missing_dates == "first-seen" and self.source.path in self.context.first_seen:
            self.seen = True
            return dates.Reading(instant=self.context.first_seen[self.source.path], zone=zone, has_time=True, problems=())
        hint = (
            "add date: 2025-11-17 13:42, or name the file 2025-11-17-name.md; with content.missing_dates: first-seen it has the "
            "time at which it was first seen; list a page that is no post under content.ignore"
        )
        self.note("date.missing", "the post has no date", hint, severity=Severity.ERROR)
        return None

    def text(self, meaning: str) -> str | None:
        for field in self.fields.each(meaning):
            if isinstance(field.value, str):
                return field.value.strip()
            # `summary: false` says that there is none.
            if not isinstance(field.value, bool):
                fields.unreadable(field.key, field.value, fields.TEXT, self.note)
        return None

    def summary(self) -> str | None:
        text = self.text("excerpt")
        return plain_title(self.clean(text, "summary")) if text is not None else None

    def link(self, shown: dates.Reading, title: str, categories: Sequence[str], slug: str | None) -> str | None:
        site, dialect = self.context.site, self.context.dialect
        own = site.language.lower()
        place = permalink.Place(
            path=self.place,
            slug=slug,
            title=(self.fields.text("title") or title) if dialect == "hugo" else title,
            # Hugo and Pelican write the day as it was typed, Jekyll that of the site.
            local=dates.local(shown.instant, shown.zone if dialect in {"hugo", "pelican"} else site.timezone),
            categories=categories,
            dialect=dialect,
            sections=address.sections(self.place, self.context.files) if dialect == "hugo" else None,
            language="" if self.tongue is None or self.tongue.lower() in {own, own.partition("-")[0]} else self.tongue,
        )
        return address.link(self.fields, place, site_url=site.url, pattern=self.context.content.permalink, note=self.note)

    def legacy(self, link: str, slug: str | None) -> str | None:
        if self.context.dialect == "jekyll":
            return address.jekyll_id(slug or permalink.undated(permalink.name_of(self.place)), link)
        return self.text("wordpress")

    def draft(self, zone: str) -> bool:
        """Tell whether the post is held back; what says neither yes nor no holds it back too: publishing cannot be undone."""
        for meaning in ("draft", "published"):
            field = self.fields.get(meaning)
            said = fields.flag(field.value) if field is not None else None
            if said is (meaning == "draft"):
                return True
            if field is not None and said is None and not (meaning == "published" and self.is_date(field.value, zone)):
                message = f"{field.key}: {field.value!r} says neither yes nor no; the post is held back as a draft"
                self.note("draft.unreadable", message, "write true or false", key=field.key)
                return True
        status = self.fields.get("status")
        return status is not None and (fields.scalar(status.value) or "").casefold() in _HIDDEN

    def is_date(self, value: Value, zone: str) -> bool:
        text = fields.scalar(value)
        return text is not None and isinstance(dates.read(text, zone=zone, naive="site"), dates.Reading)

    def labels(self, singular: str, plural: str, *, directories: bool = False) -> tuple[str, ...]:
        content, dialect = self.context.content, self.context.dialect
        found: list[str] = []
        above, folder, _ = ("/" + self.source.path).rpartition("/_posts/")
        from_directories = content.category_directories
        from_directories = dialect in {"jekyll", "pelican"} if from_directories is None else from_directories
        if directories and from_directories and dialect == "pelican":
            found += self.folder()
        elif directories and from_directories and folder:
            found += [part for part in above.split("/") if part and part != "_posts"]
        split = content.category_split
        for meaning in (singular, plural):
            field = self.fields.get(meaning)
            if field is None or (found and field.origin is Origin.SITE and dialect == "pelican"):
                continue
            how = _SPLIT.get(dialect, "comma") if split == "auto" else split
            if split == "auto" and (meaning == "category" or (meaning == singular and dialect != "pelican")):
                how = "none"
            found += fields.labels(field, split=how, note=self.note)
            if dialect == "jekyll" and split == "auto":
                break
        unique: dict[str, str] = {}
        for typed in found:
            if label := self.clean(typed, singular):
                unique.setdefault(identity(label), label)
        return _labels(tuple(map(_label, unique.values())))

    def folder(self) -> list[str]:
        """Return what Pelican takes for the category of a post that names none: the directory it lies in."""
        named = [field for meaning in ("category", "categories") for field in self.fields.each(meaning)]
        parts = self.source.path.split("/")[:-1]
        return parts[-1:] if all(field.origin is Origin.SITE for field in named) else []

    def authors(self) -> tuple[Person, ...]:
        both = [field for meaning in ("authors", "author") if (field := self.fields.get(meaning)) is not None]
        split = "authors" if self.context.dialect == "pelican" else None
        people = fields.people(both, base=self.context.site.url, split=split, note=self.note)
        return tuple(dataclasses.replace(person, name=self.clean(person.name, "author")) for person in people)

    def language(self) -> str | None:
        field = self.fields.get("language")
        text = (fields.scalar(field.value) or "").replace("_", "-") if field else ""
        if field is None or _LANGUAGE.fullmatch(text):
            return text or self.tongue
        hint = "write a BCP 47 tag such as ja, en or pt-BR"
        self.note("language.unreadable", f"{field.key}: {text!r} is no language tag", hint, key=field.key)
        return None

    def feeds(self) -> tuple[str, ...] | None:
        # Eleventy writes no page for such a post, so there is nothing that an entry could link to.
        if self.context.dialect == "eleventy" and any(each.value is False for each in self.fields.each("permalink")):
            return ()
        field = self.fields.get("feed")
        if field is None or isinstance(field.value, dict):
            return None
        said = fields.flag(field.value)
        if said is not None:
            return None if said else ()
        return tuple(text for item in fields.items(field.value) if (text := fields.scalar(item)))
