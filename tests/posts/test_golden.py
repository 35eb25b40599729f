"""Posts with a trap in them, found by name: what becomes of ``golden/<dialect>/<post>.in`` is in the ``.out`` beside it.

New expectations: ``pytest --update-golden tests/posts``, then read the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feedservice import dates
from feedservice.config.schema import Config
from feedservice.model import Post, Problem, Source
from feedservice.posts import body
from feedservice.posts.parse import Context, parse

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(GOLDEN.rglob("*.in"))
SITE = {"title": "Site", "url": "https://e.example/blog", "timezone": "Asia/Tokyo", "language": "ja"}


def shown(problems: tuple[Problem, ...]) -> Iterator[str]:
    for problem in sorted(problems, key=lambda each: (each.line or 0, each.column or 0, each.rule)):
        place = ":".join(str(part) for part in (problem.line, problem.column) if part is not None)
        yield f"{problem.severity} {problem.rule} {place}".rstrip()
        yield f"    {problem.message}"


def told(post: Post) -> Iterator[str]:
    yield f"title: {post.title}"
    yield f"published: {dates.rfc3339(post.published, post.zone)} {post.zone}"
    yield f"link: {post.link}"
    for name in ("categories", "tags"):
        if labels := getattr(post, name):
            yield f"{name}: {' | '.join(labels)}"
    if post.authors:
        yield f"authors: {' | '.join(person.name for person in post.authors)}"


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.relative_to(GOLDEN).with_suffix("").as_posix())
def test_a_trap_catches_nothing(case: Path, golden: Callable[[Path, bytes], None]) -> None:
    config = Config.model_validate({"site": SITE, "content": {"permalink": "/:title/"}})
    dialect, _, path = case.relative_to(GOLDEN).with_suffix("").as_posix().partition("/")
    context = Context(site=config.site, content=config.content, dialect=dialect)
    source = Source(path=path, data=case.read_bytes())
    parsed = parse(source, context)
    lines, problems = [], parsed.problems
    if parsed.post is not None:
        made = body.render(source.data, parsed.post, context, post_urls={})
        problems += made.problems
        lines = [*told(parsed.post), f"summary: {made.summary}", "", made.html]
    text = "\n".join([*shown(problems), *([""] if problems and lines else []), *lines]) + "\n"
    golden(case.with_suffix(".out"), text.encode("utf-8", "backslashreplace"))
