"""A library that is made again takes over what is as it was, and nothing else."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from feedservice.web import library
from feedservice.web.library import Held
from tests.web.conftest import TERMS, Site

DUE = datetime(2026, 9, 1, tzinfo=UTC)


def held(made: library.Library, path: str) -> Held:
    found = made.find(path)
    assert isinstance(found, Held)
    return found


def test_what_is_as_it_was_is_taken_over(site: Site) -> None:
    quiet = [dataclasses.replace(each, changed=False) for each in site.published]
    first = library.make(quiet, root=site.root, terms=TERMS, due=DUE, memory=site.memory)
    again = library.make(quiet, root=site.root, terms=TERMS, due=DUE, memory=site.memory, before=first)
    assert again == first
    assert all(again.resources[path] is first.resources[path] for path in first.resources)


@pytest.mark.parametrize(
    "other",
    [
        {"changed": True},
        {"etag": "0" * 32},
        {"last_modified": DUE},
        {"links": ()},
        {"codings": {}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_is_other_than_it_was_is_made_anew(site: Site, other: dict[str, Any]) -> None:
    quiet = [dataclasses.replace(each, changed=False) for each in site.published]
    first = library.make(quiet, root=site.root, terms=TERMS)
    changed = [dataclasses.replace(each, **other) if each.path == "feeds/all.atom" else each for each in quiet]
    again = library.make(changed, root=site.root, terms=TERMS, before=first)
    assert again == library.make(changed, root=site.root, terms=TERMS)
    assert held(again, "/feeds/all.atom") is not held(first, "/feeds/all.atom")
    assert held(again, "/feeds/all.rss") is held(first, "/feeds/all.rss")


@pytest.mark.parametrize(
    ("terms", "due"),
    [(dataclasses.replace(TERMS, poll_interval=60), None), (dataclasses.replace(TERMS, browser_type=None), None), (TERMS, DUE)],
)
def test_other_terms_and_another_instant_make_everything_anew(site: Site, terms: Any, due: datetime | None) -> None:
    quiet = [dataclasses.replace(each, changed=False) for each in site.published]
    first = library.make(quiet, root=site.root, terms=TERMS)
    again = library.make(quiet, root=site.root, terms=terms, due=due, before=first)
    assert again == library.make(quiet, root=site.root, terms=terms, due=due)
