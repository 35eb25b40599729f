"""Source → Post: the one entrance of this wing.

``parse`` reads what a post says of itself and remembers no body: bodies are large, and most posts of an archive are in no
feed's window. ``posts.body`` renders one when an entry of the post is needed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from feedservice import dates, globs
from feedservice.config.schema import Content, Rule, Site
from feedservice.model import Enclosure, Episode, Person, Post, Problem, Severity, Source, Value
from feedservice.posts import fields, frontmatter, permalink
from feedservice.posts.keys import Field, Fields, fold
from feedservice.posts.text import plain_title, xml_text
from feedservice.taxonomy import encode_path, identity

_REFERENCES = {
    "jekyll": (b"post_url", b"link "),
    "zola": (b"@/",),
    "pelican": (b"{filename}", b"|filename|"),
    "hugo": (b"ref ",),
}
"""Dialect → what stands in a body that links to other posts by their files."""
HTML_ENDINGS = (".html", ".htm")
"""Endings of posts that are HTML and no Markdown."""

_HIDDEN = frozenset({"draft", "hidden", "skip", "private", "pending", "unpublished"})
_ATX = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$", re.MULTILINE)
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
    """Folded front-matter keys that rules ask for."""
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
    """Return the folded front-matter keys that rules ask for."""
    return frozenset(fold(key) for rule in rules for key in rule)


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
    reader = _Reader(source, read, context)
    post = reader.post()
    refers = any(mark in source.data for mark in _REFERENCES.get(context.dialect, ()))
    return Parsed(path=source.path, post=post, problems=tuple(reader.problems), undated=reader.seen, refers=refers)


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
        self.fields = Fields(read.metadata, _defaults(source.path, context.content), context.content.keys)
        self.problems = [dataclasses.replace(problem, path=source.path) for problem in read.problems]
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
        link = self.link(shown, title, categories)
        summary = next((text for field in self.fields.each("excerpt") if (text := fields.scalar(field.value))), None)
        if updated is not None and updated.instant < published.instant:
            updated = None
        return Post(
            path=self.source.path,
            digest=digest(self.source.data),
            title=title,
            link=link,
            canonical=fields.link(get("canonical"), base=context.site.url, note=self.note),
            guid=fields.scalar(guid.value) if (guid := get("guid")) else None,
            legacy_id=self.legacy(link),
            published=published.instant,
            zone=published.zone,
            updated=updated.instant if updated else None,
            expires=expires.instant if expires else None,
            draft=self.draft(),
            categories=categories,
            tags=self.labels("tag", "tags"),
            authors=self.authors(),
            language=self.language(),
            summary=self.clean(summary, "summary") if summary is not None else None,
            image=fields.image(get("image"), base=link, note=self.note),
            enclosures=self.enclosures(link),
            episode=self.episode(link),
            feeds=self.feeds(),
            metadata={key: value for key, value in self.read.metadata.items() if fold(key) in context.kept},
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
            name = permalink.undated(permalink.name_of(self.source.path))
            text = " ".join(part.capitalize() for part in name.split("-")) or name
        return self.clean(plain_title(text), "title") or self.source.path

    def heading(self) -> str | None:
        if self.source.path.lower().endswith(HTML_ENDINGS):
            match = _HEADING.search(self.read.body)
            return next((part for part in match.groups() if part), None) if match else None
        # A comment in a shell example is no heading.
        match = _ATX.search(_FENCED.sub("", self.read.body[:20_000]))
        return match[1] if match else None

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
        names = [self.source.path.rsplit("/", 1)[-1].rsplit(".", 1)[0], permalink.name_of(self.source.path)]
        if (path := self.fields.text("path")) is not None:
            names.append("-".join(path.strip("/").split("/")))
        for name in names:
            found = dates.file_name_date(name)
            if found is not None:
                return self.checked(dates.read(found[0], zone=zone, naive="site"), None)
        if self.context.content.missing_dates == "first-seen" and self.source.path in self.context.first_seen:
            self.seen = True
            return dates.Reading(instant=self.context.first_seen[self.source.path], zone=zone, has_time=True, problems=())
        hint = "add date: 2025-11-17 13:42 to the front matter, or name the file 2025-11-17-name.md"
        self.note("date.missing", "the post has no date", hint, severity=Severity.ERROR)
        return None

    def link(self, shown: dates.Reading, title: str, categories: Sequence[str]) -> str:
        url = self.context.site.url
        slug = self.fields.text("slug")
        own = self.fields.text("permalink") or self.fields.text("path")
        local = dates.local(shown.instant, self.context.site.timezone)
        hugo = self.context.dialect in {"hugo", "pelican"}
        place = permalink.Place(path=self.source.path, slug=slug, title=title, local=local, categories=categories, hugo=hugo)
        if own is not None and own.strip().lower() not in {"false", "true"}:
            if ":" in own and not own.startswith("http") and permalink.check(own) is None:
                return permalink.url_of(url, permalink.path_of(own, place))
            if self.context.dialect == "zola" and not own.endswith("/"):
                own += "/"
            return permalink.own_url(url, own)
        return permalink.url_of(url, permalink.path_of(self.context.content.permalink, place))

    def legacy(self, link: str) -> str | None:
        if self.context.dialect == "jekyll":
            # Jekyll's post.id: the directory of its URL and its slug.
            slug = self.fields.text("slug") or permalink.undated(permalink.name_of(self.source.path))
            path, _, rest = slug.partition("#")
            # Its absolute_url filter takes what follows a # for a fragment, and drops an empty one.
            fragment = "#" + encode_path(rest) if rest else ""
            return permalink.url_of(link.rstrip("/").rsplit("/", 1)[0], "/" + path) + fragment
        return self.fields.text("wordpress")

    def draft(self) -> bool:
        for meaning in ("draft", "published", "status"):
            field = self.fields.get(meaning)
            if field is None:
                continue
            said = fields.flag(field.value)
            if (meaning == "draft" and said) or (meaning == "published" and said is False):
                return True
            if meaning == "status" and (fields.scalar(field.value) or "").casefold() in _HIDDEN:
                return True
        return False

    def labels(self, singular: str, plural: str, *, directories: bool = False) -> tuple[str, ...]:
        content, dialect = self.context.content, self.context.dialect
        found: list[str] = []
        above, folder, _ = ("/" + self.source.path).rpartition("/_posts/")
        from_directories = dialect == "jekyll" if content.category_directories is None else content.category_directories
        if directories and from_directories and folder:
            found += [part for part in above.split("/") if part and part != "_posts"]
        split = content.category_split
        for meaning in (singular, plural):
            field = self.fields.get(meaning)
            if field is None:
                continue
            how = split
            if split == "auto":
                how = "none" if meaning == singular and dialect != "pelican" else "space" if dialect == "jekyll" else "comma"
                how = "none" if meaning == "category" else how
            found += fields.labels(field, split=how, note=self.note)
            if dialect == "jekyll" and split == "auto":
                break
        unique: dict[str, str] = {}
        for typed in found:
            if label := self.clean(typed, singular):
                unique.setdefault(identity(label), label)
        return tuple(unique.values())

    def authors(self) -> tuple[Person, ...]:
        both = [field for meaning in ("authors", "author") if (field := self.fields.get(meaning)) is not None]
        people = fields.people(both, split=self.context.dialect == "pelican", note=self.note)
        return tuple(dataclasses.replace(person, name=self.clean(person.name, "author")) for person in people)

    def language(self) -> str | None:
        field = self.fields.get("language")
        text = (fields.scalar(field.value) or "").replace("_", "-") if field else ""
        if field is None or _LANGUAGE.fullmatch(text):
            return text or None
        hint = "write a BCP 47 tag such as ja, en or pt-BR"
        self.note("language.unreadable", f"{field.key}: {text!r} is no language tag", hint, key=field.key)
        return None

    def feeds(self) -> tuple[str, ...] | None:
        field = self.fields.get("feed")
        if field is None or isinstance(field.value, dict):
            return None
        said = fields.flag(field.value)
        if said is not None:
            return None if said else ()
        return tuple(text for item in fields.items(field.value) if (text := fields.scalar(item)))

    def sizes(self, link: str) -> Callable[[str], int | None]:
        """Find a file of the site: below the content directory, or beside the post when it is a bundle."""
        files, folder = self.context.files, self.source.path.rsplit("/", 1)[0] if "/" in self.source.path else ""

        def size(url: str) -> int | None:
            path = fields.file_of(url, self.context.site.url)
            beside = fields.file_of(url, link)
            if path is not None and path in files:
                return files[path]
            return files.get(f"{folder}/{beside}".lstrip("/")) if beside is not None else None

        return size

    def enclosures(self, link: str) -> tuple[Enclosure, ...]:
        given = [field for meaning in ("enclosure", "audio", "video") if (field := self.fields.get(meaning)) is not None]
        if not given:
            return ()
        found = fields.enclosures(given, base=link, sizes=self.sizes(link), note=self.note)
        duration = fields.seconds(field.value) if (field := self.fields.get("duration")) else None
        return tuple(each if each.duration is not None else dataclasses.replace(each, duration=duration) for each in found)

    def episode(self, link: str) -> Episode | None:
        get = self.fields.get
        names = ("season", "episode", "episode_type", "explicit", "duration", "transcript", "chapters")
        asked: dict[str, Value] = {name: field.value for name in names if (field := get(name)) is not None}
        if not asked or not any(get(name) for name in ("enclosure", "audio", "video")):
            return None
        return Episode(
            duration=fields.seconds(asked.get("duration")),
            season=fields.number(asked.get("season")),
            number=fields.number(asked.get("episode")),
            kind=fields.scalar(asked.get("episode_type")),
            explicit=fields.flag(asked.get("explicit")),
            transcripts=fields.transcripts(get("transcript"), base=link, note=self.note),
            chapters=fields.link(chapters, base=link, note=self.note)
            if isinstance((chapters := get("chapters")), Field)
            else None,
        )


def _defaults(path: str, content: Content) -> Mapping[str, Value]:
    """Return the configured defaults for a path; a longer scope wins over a shorter one, a later one over an earlier."""
    if not content.defaults:
        return {}
    found: dict[str, Value] = {}
    for scope in sorted(content.defaults, key=lambda scope: len(scope.path)):
        prefix = scope.path.strip("/")
        if not prefix or path.startswith(prefix + "/") or globs.matches(prefix, path):
            found |= {key: _typed(value) for key, value in scope.values.items()}
    return found


def _typed(value: object) -> Value:
    """Return a configured value in the form front matter has: numbers are text."""
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _typed(item) for key, item in value.items()}
    return value if isinstance(value, bool | str) or value is None else str(value)
