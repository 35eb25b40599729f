"""What is remembered of a post, as the bytes of ``PostRow.record``: JSON, compact, read a hundred thousand times at a start.

A record belongs to its ``PostRow.context``, which changes with the shape of ``Post``: a record is never read as another shape.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from feedservice.model import Enclosure, Episode, Fingerprint, Image, Person, Post, Problem, Severity, Transcript
from feedservice.posts.parse import Parsed
from feedservice.service.roster import NEVER, Settled
from feedservice.store import PostRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_POST = tuple(field.name for field in dataclasses.fields(Post))
_PROBLEM = tuple(field.name for field in dataclasses.fields(Problem))
_INSTANTS = ("published", "updated", "expires")
_LISTS = ("categories", "tags", "feeds")
_AT = {name: at for at, name in enumerate(_POST)}
"""Field of a post → its place in a record."""
_READ = json.JSONDecoder().raw_decode

Looked = tuple[tuple[str, int | None], ...]
"""Files that were asked for while a post was read → bytes, None for no such file."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A post's file as it was when last read."""

    fingerprint: Fingerprint
    parsed: Parsed
    looked: Looked = ()
    """Other files that its meaning depends on."""
    good: Post | None = None
    """The last post that the file held while it could be used, when it cannot be used now."""
    settled: Settled = NEVER

    @property
    def post(self) -> Post | None:
        """Return the post, or None when the file cannot be used."""
        return self.parsed.post


def context(of_the_site: str) -> str:
    """Return the ``PostRow.context`` of records: their shape, and a hash of everything else that they depend on."""
    nouns = (Post, Parsed, Problem, Enclosure, Episode, Transcript, Known)
    shape = repr([[field.name for field in dataclasses.fields(each)] for each in nouns])
    return f"{hashlib.blake2b(shape.encode(), digest_size=4).hexdigest()}-{of_the_site}"


def shape_of(context: str) -> str:
    """Return the shape of the records of a context: those of another cannot be read."""
    return context.partition("-")[0]


def encode(known: Known) -> bytes:
    """Return the record of what is known."""
    parsed = known.parsed
    values = [
        _post_out(parsed.post),
        [[getattr(problem, name) for name in _PROBLEM] for problem in parsed.problems],
        parsed.undated,
        parsed.refers,
        known.looked,
        _post_out(known.good),
        _instant_out(known.settled.out),
        _instant_out(known.settled.over),
    ]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _instant_out(value: datetime | None) -> int | None:
    return None if value is None else (value - _EPOCH) // _MICROSECOND


def _post_out(post: Post | None) -> list[object] | None:
    if post is None:
        return None
    values: dict[str, object] = {name: getattr(post, name) for name in _POST}
    for name in _INSTANTS:
        values[name] = _instant_out(getattr(post, name))
    values["authors"] = [(each.name, each.email, each.url) for each in post.authors]
    values["image"] = post.image and (post.image.url, post.image.alt)
    values["enclosures"] = [dataclasses.asdict(each) for each in post.enclosures]
    values["episode"] = post.episode and dataclasses.asdict(post.episode)
    values["metadata"] = dict(post.metadata)
    return list(values.values())


class Decoder:
    """Reads records; what many posts have in common is held once."""

    def __init__(self) -> None:
        """Begin with nothing in common."""
        self._texts: dict[str, str] = {}
        self._tuples: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._people: dict[tuple[tuple[str | None, ...], ...], tuple[Person, ...]] = {}
        self._nothing: dict[str, Any] = {}

    def decode(self, row: PostRow) -> Known:
        """Return what is known. Raises ``ValueError`` for bytes that ``encode`` did not make."""
        try:
            post, problems, undated, refers, looked, good, out, over = _values(row.record)
            published = post[_AT["published"]] if post is not None else None
            parsed = Parsed(
                path=row.path,
                post=self._post(row.path, post),
                problems=tuple(map(_problem, problems)) if problems else (),
                undated=undated,
                refers=refers,
            )
            return Known(
                fingerprint=row.fingerprint,
                parsed=parsed,
                looked=tuple((path, size) for path, size in looked) if looked else (),
                good=self._post(row.path, good),
                settled=_settled(parsed.post, published, out, over),
            )
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
            raise ValueError(f"what is remembered of {row.path} is damaged: {error}") from error

    def _post(self, path: str, stored: list[Any] | None) -> Post | None:
        if stored is None:
            return None
        if len(stored) != len(_POST):
            raise ValueError(f"a post of {len(stored)} fields")
        stored[_AT["path"]] = path
        for name in _INSTANTS:
            value = stored[_AT[name]]
            if value is not None:
                stored[_AT[name]] = _EPOCH + timedelta(microseconds=value)
        for name in _LISTS:
            value = stored[_AT[name]]
            if value is not None:
                stored[_AT[name]] = self._labels(value) if value else ()
        for name in ("zone", "language"):
            value = stored[_AT[name]]
            if value is not None:
                stored[_AT[name]] = self._texts.setdefault(value, value)
        value = stored[_AT["authors"]]
        stored[_AT["authors"]] = self._authors(value) if value else ()
        _media(stored)
        stored[_AT["metadata"]] = stored[_AT["metadata"]] or self._nothing
        return Post(**dict(zip(_POST, stored, strict=True)))

    def _labels(self, stored: list[str]) -> tuple[str, ...]:
        labels = tuple([self._texts.setdefault(each, each) for each in stored])
        return self._tuples.setdefault(labels, labels)

    def _authors(self, stored: list[list[str | None]]) -> tuple[Person, ...]:
        key = tuple(map(tuple, stored))
        if key not in self._people:
            self._people[key] = tuple(Person(name=name or "", email=email, url=url) for name, email, url in stored)
        return self._people[key]


def _values(record: bytes) -> list[Any]:
    text = record.decode("utf-8", "surrogatepass")
    values, end = _READ(text)
    if end != len(text):
        raise ValueError("there is something behind it")
    return list(values)


def _media(stored: list[Any]) -> None:
    image, enclosures, episode = stored[_AT["image"]], stored[_AT["enclosures"]], stored[_AT["episode"]]
    if image is not None:
        stored[_AT["image"]] = Image(url=image[0], alt=image[1])
    stored[_AT["enclosures"]] = tuple(Enclosure(**each) for each in enclosures) if enclosures else ()
    if episode is not None:
        transcripts = tuple(Transcript(**each) for each in episode.pop("transcripts"))
        stored[_AT["episode"]] = Episode(**episode, transcripts=transcripts)


def _settled(post: Post | None, published: int | None, out: int | None, over: int | None) -> Settled:
    if out is None and over is None:
        return NEVER
    # The usual case is that the post is out with the date it has: one object for both.
    return Settled(out=post.published if post is not None and out == published else _instant(out), over=_instant(over))


def _instant(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def problem_out(problem: Problem) -> list[object]:
    """Return a problem as JSON holds it."""
    return [getattr(problem, name) for name in _PROBLEM]


def _problem(stored: list[Any]) -> Problem:
    values = dict(zip(_PROBLEM, stored, strict=True))
    return Problem(**values | {"severity": Severity(values["severity"])})


def problem_in(stored: list[Any]) -> Problem:
    """Return a problem that ``problem_out`` wrote. Raises ``ValueError`` or ``TypeError`` for anything else."""
    return _problem(stored)
