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
            post, problems, undated, refers, looked, good, out, over = json.loads(row.record.decode("utf-8", "surrogatepass"))
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
                settled=self._settled(parsed.post, out, over),
            )
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise ValueError(f"what is remembered of {row.path} is damaged: {error}") from error

    def _settled(self, post: Post | None, out: int | None, over: int | None) -> Settled:
        if out is None and over is None:
            return NEVER
        when = _instant(out)
        # The usual case is that the post is out with the date it has: one object for both.
        return Settled(out=post.published if post is not None and post.published == when else when, over=_instant(over))

    def _post(self, path: str, stored: list[Any] | None) -> Post | None:
        if stored is None:
            return None
        values: dict[str, Any] = dict(zip(_POST, stored, strict=True))
        values["path"] = path
        for name in _INSTANTS:
            if values[name] is not None:
                values[name] = _instant(values[name])
        for name in _LISTS:
            if values[name] is not None:
                labels = tuple(values[name])
                values[name] = self._tuples.setdefault(labels, labels)
        values["zone"] = self._texts.setdefault(values["zone"], values["zone"])
        if values["language"] is not None:
            values["language"] = self._texts.setdefault(values["language"], values["language"])
        values["authors"] = self._authors(values["authors"]) if values["authors"] else ()
        if values["image"] is not None:
            values["image"] = Image(url=values["image"][0], alt=values["image"][1])
        values["enclosures"] = tuple(Enclosure(**each) for each in values["enclosures"]) if values["enclosures"] else ()
        if values["episode"] is not None:
            transcripts = tuple(Transcript(**each) for each in values["episode"].pop("transcripts"))
            values["episode"] = Episode(**values["episode"], transcripts=transcripts)
        values["metadata"] = values["metadata"] or self._nothing
        return Post(**values)

    def _authors(self, stored: list[list[str | None]]) -> tuple[Person, ...]:
        key = tuple(map(tuple, stored))
        if key not in self._people:
            self._people[key] = tuple(Person(name=name or "", email=email, url=url) for name, email, url in stored)
        return self._people[key]


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
