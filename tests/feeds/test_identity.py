from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feedservice.feeds.identity import Named, iri, namer, shared_links
from feedservice.model import Post

SITE = "https://example.org/base"


def post(path: str = "news/2025-01-01-a.md", **changes: object) -> Post:
    values: dict[str, object] = {
        "path": path,
        "digest": "0" * 32,
        "title": "A",
        "link": f"{SITE}/2025/01/01/a/",
        "published": datetime(2024, 12, 31, 20, 0, tzinfo=UTC),
        "zone": "Asia/Tokyo",
    }
    return Post(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scheme", "changes", "expected"),
    [
        # 20:00 UTC on the last day of the year is the first day of the next one in Tokyo.
        ("tag", {}, "tag:example.org,2025-01-01:news/2025-01-01-a"),
        ("tag", {"path": "trip/index.md"}, "tag:example.org,2025-01-01:trip"),
        ("tag", {"path": "日記/一.md"}, "tag:example.org,2025-01-01:%E6%97%A5%E8%A8%98/%E4%B8%80"),
        ("permalink", {}, f"{SITE}/2025/01/01/a/"),
        ("hugo", {}, f"{SITE}/2025/01/01/a/"),
        ("jekyll", {"legacy_id": f"{SITE}/2025/01/01/a"}, f"{SITE}/2025/01/01/a"),
        # What Pelican 4.12 writes for posts with these slugs.
        ("pelican", {}, "tag:example.org,2025-01-01:/base/2025/01/01/a/"),
        ("pelican", {"link": "https://example.org/a/#b"}, "tag:example.org,2025-01-01:/a//b"),
        ("pelican", {"link": "https://example.org/%E6%9D%B1%E4%BA%AC/"}, "tag:example.org,2025-01-01:/東京/"),
        ("wordpress", {"legacy_id": "123"}, f"{SITE}/?p=123"),
        ("wordpress", {}, "tag:example.org,2025-01-01:news/2025-01-01-a"),
    ],
)
def test_schemes(scheme: str, changes: dict[str, object], expected: str) -> None:
    made = namer(scheme, SITE, "Asia/Tokyo")(post(**changes))
    assert made == iri(made, SITE) == expected


@pytest.mark.parametrize(
    ("guid", "atom_id"),
    [
        ("https://old.example/?p=1", "https://old.example/?p=1"),
        ("urn:isbn:123", "urn:isbn:123"),
        ("1DA4617F-761a-415d-92fc-9156455377c9", "urn:uuid:1da4617f-761a-415d-92fc-9156455377c9"),
        ("42", f"{SITE}/#42"),
        ("two words", f"{SITE}/#two%20words"),
    ],
)
def test_atom_gets_an_iri_whatever_the_author_wrote(guid: str, atom_id: str) -> None:
    assert iri(guid, SITE) == atom_id


def test_equal_links_name_both_posts() -> None:
    warnings = shared_links([Named(post=post(path), id=path, atom_id=path) for path in ("a.md", "b.md")])
    assert [(problem.rule, problem.path) for problem in warnings] == [("link.duplicate", "b.md")]
    assert "a.md" in warnings[0].message
