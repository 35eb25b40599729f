from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.feeds import lint, readback
from feedservice.feeds.formats import FORMATS, render_all
from feedservice.model import Category, Enclosure, Image, Person, Severity

if TYPE_CHECKING:
    from conftest import Make

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
"""Every code point, lone surrogates and control characters included."""
INSTANTS = st.datetimes(timezones=st.just(UTC))
ZONES = st.sampled_from(["UTC", "Asia/Tokyo", "America/St_Johns", "+05:45", "author"])
URLS = st.text("abc/-_~%", max_size=8).map(lambda tail: f"https://example.org/{tail.replace('%', '%E3')}")


@st.composite
def entries(draw: st.DrawFn, make: Make, number: int) -> Any:
    return make.entry(
        number,
        id=f"tag:example.org,2025:{number}{draw(ANY_TEXT)}",
        atom_id=f"tag:example.org,2025:{number}",
        url=draw(URLS),
        title=draw(ANY_TEXT),
        html=draw(ANY_TEXT),
        summary=draw(ANY_TEXT),
        published=draw(INSTANTS),
        updated=draw(INSTANTS),
        authors=tuple(
            Person(name=name, email=email) for name, email in draw(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=2))
        ),
        categories=tuple(Category(term=text, label=draw(ANY_TEXT)) for text in draw(st.lists(ANY_TEXT, max_size=2))),
        language=draw(st.sampled_from(["ja", "en"])),
        image=draw(st.none() | st.builds(Image, url=URLS, alt=ANY_TEXT)),
        enclosures=draw(
            st.lists(
                st.builds(
                    Enclosure,
                    url=URLS,
                    type=st.sampled_from(["audio/mpeg", ""]),
                    length=st.none() | st.integers(0),
                    title=ANY_TEXT,
                ),
                max_size=2,
            ).map(tuple)
        ),
    )


@given(data=st.data())
def test_whatever_the_text_documents_have_no_errors_and_agree(data: st.DataObject, make: Make) -> None:
    found = [data.draw(entries(make, number)) for number in range(2)]
    profile = make.profile(zone=data.draw(ZONES), full=data.draw(st.booleans()), podcast=data.draw(st.booleans()))
    texts = {name: data.draw(ANY_TEXT) for name in ("title", "description", "copyright")}
    newest = max(max(entry.updated, entry.published) for entry in found)
    head = make.head(**texts, updated=newest, zone=profile.zone, authors=(Person(name=data.draw(ANY_TEXT)),))
    read = {}
    for name in FORMATS:
        body = make.body(name, found, head, make.profile(zone=profile.zone, full=profile.full))
        problems = lint.check(make.document(name, body))
        assert [problem for problem in problems if problem.severity is Severity.ERROR] == []
        read[name] = readback.read(name, body)

    assert read["rss"].head.titles == read["atom"].head.titles == read["json"].head.titles
    for rss, atom, item in zip(*(read[name].entries for name in ("rss", "atom", "json")), strict=True):
        assert rss.titles == atom.titles == item.titles
        assert rss.ids == item.ids


@given(data=st.data())
def test_work_shared_between_formats_changes_no_byte(data: st.DataObject, make: Make) -> None:
    entry = data.draw(entries(make, 1))
    profile = make.profile(zone=data.draw(ZONES), full=data.draw(st.booleans()))
    names = data.draw(st.lists(st.sampled_from(tuple(FORMATS)), unique=True))

    assert render_all(entry, profile, names) == {name: FORMATS[name].entry(entry, profile) for name in names}
    assert list(render_all(entry, profile, names)) == names


def test_formats_are_named_as_they_are_found() -> None:
    assert {name: (one.name, one.extension, one.media_type) for name, one in FORMATS.items()} == {
        "atom": ("atom", "atom", "application/atom+xml; charset=utf-8"),
        "rss": ("rss", "rss", "application/rss+xml; charset=utf-8"),
        "json": ("json", "json", "application/feed+json; charset=utf-8"),
    }


def test_a_reader_finds_the_same_in_every_format(make: Make) -> None:
    found = [
        make.entry(1, title="AT&T の「話」: 1 < 2", html="<p>一 &amp; <code>a &lt; b</code></p>"),
        make.entry(2, id="https://example.org/2/", id_is_permalink=True, html="<p>二</p>\n<p>two</p>"),
        make.entry(3, published=datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), updated=datetime(2001, 2, 3, tzinfo=UTC)),
    ]
    head = make.head(title="AIコンパス & Co")
    parsed = {
        name: feedparser.parse(make.body(name, found, head), sanitize_html=False, resolve_relative_uris=False)
        for name in ("atom", "rss")
    }
    items = json.loads(make.body("json", found, head))["items"]

    assert [one.bozo for one in parsed.values()] == [False, False]
    for feed in parsed.values():
        assert feed.feed.title == "AIコンパス & Co"
        assert [one.id for one in feed.entries] == [item["id"] for item in items]
        assert [one.title for one in feed.entries] == [item["title"] for item in items]
        assert [one.link for one in feed.entries] == [item["url"] for item in items]
        assert [one.content[0].value for one in feed.entries] == [item["content_html"] for item in items]
        assert [one.content[0].type for one in feed.entries] == ["text/html"] * 3
        assert [datetime(*one.published_parsed[:6], tzinfo=UTC) for one in feed.entries] == [
            datetime.fromisoformat(item["date_published"]) for item in items
        ]
    assert [datetime(*one.updated_parsed[:6], tzinfo=UTC) for one in parsed["atom"].entries] == [
        datetime.fromisoformat(item["date_modified"]) for item in items
    ]


RENDER = """
import hashlib, locale, runpy, sys
from pathlib import Path
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
from feedservice.feeds.formats import FORMATS
total = hashlib.sha256()
for case in sorted(Path(sys.argv[1]).glob("*/case.py")):
    values = runpy.run_path(str(case))
    for written in FORMATS.values():
        total.update(written.document(values["HEAD"], [written.entry(entry, values["PROFILE"]) for entry in values["ENTRIES"]]))
print(total.hexdigest())
"""
PLACES = [("UTC", "C", "0"), ("Asia/Tokyo", "ja_JP.UTF-8", "1"), ("America/St_Johns", "tr_TR.UTF-8", "2")]


@pytest.mark.parametrize(("zone", "language", "seed"), PLACES)
def test_the_bytes_are_the_same_wherever_they_are_made(zone: str, language: str, seed: str) -> None:
    cases = Path(__file__).parent / "golden"
    environment = os.environ | {"TZ": zone, "LC_ALL": language, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    run = subprocess.run([sys.executable, "-c", RENDER, str(cases)], env=environment, capture_output=True, text=True, check=True)
    expected = hashlib.sha256()
    for case in sorted(cases.glob("*/case.py")):
        for name in FORMATS:
            expected.update(case.with_name(f"expected.{name}").read_bytes())

    assert run.stdout.strip() == expected.hexdigest()
