"""A site leaves its generator: its feeds are adopted, and whatever is done to it then, no reader shows an old entry as new."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from click.testing import CliRunner

from feedservice.cli import group
from feedservice.config import load
from feedservice.service import publish
from tests.scenarios.readers import Feedparser, Newsboat, ReaderLibrary, Subscriber

SITES = Path(__file__).parent / "migrations"
NOW = datetime(2025, 1, 1, 9, 0, tzinfo=UTC)
SHOWN, ALL = 8, 12

SETTINGS = """\
site: {{title: Small hours, url: "{url}", timezone: Asia/Tokyo, language: en, author: {{name: Hanako}}}}
content: {{directory: "{folder}", dialect: {dialect}, permalink: "{permalink}"}}
feeds: {{pages: false, compress: [], window: {window}, ids: tag}}
"""


@dataclasses.dataclass(frozen=True)
class Kind:
    folder: str
    permalink: str
    formats: tuple[str, ...]


KINDS = {
    "jekyll": Kind(".", "/:year/:month/:title/", ("atom",)),
    "hugo": Kind("content", "/:year/:month/:slugorcontentbasename/", ("rss",)),
    "pelican": Kind("content", "/:year/:month/:slug/", ("atom", "rss")),
}


class Site:
    """What moves: files, a configuration, and the address at which its feeds stay."""

    def __init__(self, root: Path, generator: str) -> None:
        self.root = root
        self.generator = generator
        self.kind = KINDS[generator]
        self.url = "http://old.example"
        self.permalink = self.kind.permalink
        self.window = SHOWN
        self.now = NOW
        self.www = root / "www"
        self.www.mkdir()
        shutil.copytree(SITES / generator / "site", root / "site")
        self.configure()

    @property
    def posts(self) -> list[Path]:
        return sorted((self.root / "site" / self.kind.folder).rglob("*.md"))

    def old(self, what: str) -> list[Path]:
        return [SITES / self.generator / "old" / f"{what}.{name}" for name in self.kind.formats]

    def serve_old(self, what: str) -> None:
        for file in self.old(what):
            shutil.copy(file, self.www / f"feed.{file.suffix[1:]}")

    def configure(self) -> None:
        text = SETTINGS.format(
            url=self.url, folder=self.kind.folder, dialect=self.generator, permalink=self.permalink, window=self.window
        )
        (self.root / "site" / "config.yaml").write_text(text, encoding="utf-8")

    def adopt(self, *more: str, files: Sequence[Path] = ()) -> str:
        old = [str(file) for file in files or self.old("recent")]
        done = CliRunner().invoke(group, ["--config", str(self.root / "site" / "config.yaml"), "adopt", *old, *more])
        assert done.exit_code == 0, done.output
        return done.output

    def build(self) -> None:
        self.now += timedelta(days=1)
        out = self.root / "public"
        report = publish.build(load(self.root / "site" / "config.yaml", {}), now=self.now, out=out)
        assert [each for each in report.problems if each.severity == "error"] == []
        paths = {each.format: each.path for each in report.published if each.feed == "all"}
        for name in self.kind.formats:
            shutil.copy(out / paths[name], self.www / f"feed.{name}")

    def write(self) -> None:
        """Write a post that nobody has seen."""
        day = f"{self.now:%Y-%m-%d}"
        text = f'---\ntitle: "Awake"\ndate: {day} 12:00:00+09:00\n---\nThis one is new, and nothing like the others.\n'
        if self.generator == "pelican":
            text = f"Title: Awake\nDate: {day} 12:00\n\nThis one is new, and nothing like the others.\n"
        (self.posts[0].parent / f"{day}-awake.md").write_text(text, encoding="utf-8")

    # What people do to a site

    def rename(self) -> None:
        for file in self.posts:
            file.rename(file.with_name(f"{file.stem}-again.md" if self.generator != "jekyll" else f"{file.stem}x.md"))

    def new_links(self) -> None:
        self.permalink = "/articles/:title/" if self.generator == "jekyll" else "/articles/:slug/"
        self.configure()

    def new_titles(self) -> None:
        for file in self.posts:
            text = file.read_text(encoding="utf-8")
            file.write_text(re.sub(r'(?mi)^(title: "?)', r"\1Again: ", text, count=1), encoding="utf-8")

    def edit(self) -> None:
        for file in self.posts:
            file.write_text(file.read_text(encoding="utf-8").replace("goes on for a while", "goes on"), encoding="utf-8")

    def https(self) -> None:
        self.url = "https://old.example"
        self.configure()

    def new_domain(self) -> None:
        self.url = "https://new.example/blog"
        self.configure()


MOVES: list[Callable[[Site], None]] = [
    Site.rename,
    Site.new_links,
    Site.new_titles,
    Site.https,
    Site.edit,
    Site.new_domain,
]


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = {".atom": "application/atom+xml", ".rss": "application/rss+xml", ".json": "application/feed+json"}  # noqa: RUF012

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def send_header(self, keyword: str, value: str) -> None:
        # Files that are copied within one second have one date: no reader is to be told 304 by mistake.
        if keyword != "Last-Modified":
            super().send_header(keyword, value)


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    return Site(tmp_path, request.param)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def served(site: Site) -> Iterator[str]:
    with serving(site.www) as url:
        yield url


def subscribers(kind: Callable[[str, Path], Subscriber], site: Site, served: str) -> list[Subscriber]:
    found = []
    for name in site.kind.formats:
        folder = site.root / f"reader-{name}"
        folder.mkdir()
        found.append(kind(f"{served}/feed.{name}", folder))
    return found


JUDGES = [Feedparser, Newsboat, ReaderLibrary]


@pytest.mark.judge
@pytest.mark.parametrize("judge", JUDGES)
def test_nothing_becomes_unread(site: Site, served: str, judge: Callable[[str, Path], Subscriber]) -> None:
    site.serve_old("recent")
    readers = subscribers(judge, site, served)
    assert [reader.poll() for reader in readers] == [SHOWN] * len(readers)
    site.adopt("--write")
    site.build()
    assert [reader.poll() for reader in readers] == [0] * len(readers)
    for move in MOVES:
        move(site)
        site.build()
        assert [reader.poll() for reader in readers] == [0] * len(readers), move
    # They are awake: what is new they show.
    site.write()
    site.build()
    assert [reader.poll() for reader in readers] == [1] * len(readers)


@pytest.mark.judge
@pytest.mark.parametrize("judge", JUDGES)
def test_nothing_becomes_unread_when_everything_moves_before_the_feeds_are_adopted(
    site: Site, served: str, judge: Callable[[str, Path], Subscriber]
) -> None:
    site.serve_old("recent")
    readers = subscribers(judge, site, served)
    assert [reader.poll() for reader in readers] == [SHOWN] * len(readers)
    for move in (Site.rename, Site.new_links, Site.https, Site.edit, Site.new_domain):
        move(site)
    site.adopt("--write")
    site.build()
    assert [reader.poll() for reader in readers] == [0] * len(readers)
    site.write()
    site.build()
    assert [reader.poll() for reader in readers] == [1] * len(readers)


@pytest.mark.judge
@pytest.mark.parametrize("judge", JUDGES)
def test_early_subscribers_know_more_than_the_old_feed_shows(
    site: Site, served: str, judge: Callable[[str, Path], Subscriber]
) -> None:
    site.serve_old("whole")
    readers = subscribers(judge, site, served)
    assert [reader.poll() for reader in readers] == [ALL] * len(readers)
    # The old site named by its own rule, at its own address; what is adopted shows eight entries, the new feed all of them.
    site.window = ALL
    site.configure()
    told = site.adopt("--write")
    assert "4 older posts named by the rule of the other ids" in told
    site.build()
    assert [reader.poll() for reader in readers] == [0] * len(readers)
    site.write()
    site.build()
    assert [reader.poll() for reader in readers] == [1] * len(readers)


def test_without_adoption_everything_is_unread(site: Site, served: str) -> None:
    site.serve_old("recent")
    readers = subscribers(Feedparser, site, served)
    for reader in readers:
        reader.poll()
    site.build()
    assert [reader.poll() for reader in readers] == [SHOWN] * len(readers)


def test_nothing_changes_without_write(site: Site) -> None:
    told = site.adopt()
    assert "8 matched" in told
    assert "Nothing was changed" in told
    assert not (site.root / "site" / ".feedservice").exists()


def test_adopting_again_changes_nothing(site: Site) -> None:
    site.adopt("--write")
    ledger = site.root / "site" / ".feedservice" / "ledger.jsonl"
    assert "the ledger says all this already" in site.adopt("--write")
    site.build()
    after = ledger.read_bytes()
    site.adopt("--write")
    assert ledger.read_bytes() == after


ODD = [
    # isPermaLink (None: not said), guid (None: none), link
    (None, "https://old.example/a%2Fb/?x=1&y=2#c", "https://old.example/1/"),
    (None, "post/2", "https://old.example/2/"),
    (None, "/3/", "https://old.example/3/"),
    (None, "https://日本語.example/4/", "https://old.example/4/"),
    (None, "\n      https://old.example/five/\n    ", "https://old.example/5/"),
    ("true", "HTTPS://Old.Example:443/six/../6", "https://old.example/6/"),
    ("false", "seven & <7>", "https://old.example/7/"),
    ("false", "8", "https://old.example/8/"),
    ("false", "投稿 九", "https://old.example/9/"),
    (None, "urn:uuid:1225C695-CFB8-4EBB-AAAA-80DA344EFA6A", "https://old.example/10/"),
    (None, None, "https://old.example/eleven?id=11"),
    (None, "  ", "https://old.example/12/"),
]


NAMELESS = sum(not (guid or "").strip() for _, guid, _ in ODD)


def odd_feed() -> str:
    items = []
    for number, (permalink, guid, link) in enumerate(ODD, 1):
        said = f' isPermaLink="{permalink}"' if permalink else ""
        named = "" if guid is None else f"<guid{said}>{escape(guid)}</guid>"
        dated = f"<pubDate>{number:02} Mar 2024 12:{number:02}:00 +0900</pubDate>"
        items.append(
            f"<item><title>Odd {number}</title><link>{escape(link)}</link>{named}{dated}<description>x</description></item>"
        )
    return f'<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel><title>Odd</title><link>https://old.example/</link><description>x</description>{"".join(items)}</channel></rss>'


ODD_ATOM = [
    "post-1",
    "/2/",
    "\n  tag:old.example,2024:three\n",
    "四",
    "tag:old.example,2024:five six",
    "URN:x:6",
    "a&b<c>#d",
    "mailto:h@old.example",
]
ODD_JSON = [1, 2.5, "drei", "https://old.example/4/#x", "五 ", "tag:old.example,2024:6", "a\tb", "9007199254740993"]


def odd_atom() -> str:
    entries = "".join(
        f"<entry><title>Odd {number}</title><id>{escape(each)}</id><link href='{number}/'/><updated>2024-03-{number:02}T12:{number:02}:00+09:00"
        f"</updated><published>2024-03-{number:02}T12:{number:02}:00+09:00</published><summary>x</summary></entry>"
        for number, each in enumerate(ODD_ATOM, 1)
    )
    return f"<feed xmlns='http://www.w3.org/2005/Atom'><title>Odd</title><id>x</id><updated>2024-03-09T12:00:00Z</updated>{entries}</feed>"


def odd_json() -> str:
    items = [
        {"id": each, "title": f"Odd {number}", "url": f"https://old.example/{number}/", "content_text": "x"}
        | {"date_published": f"2024-03-{number:02}T12:{number:02}:00+09:00"}
        for number, each in enumerate(ODD_JSON, 1)
    ]
    return json.dumps({"version": "https://jsonfeed.org/version/1", "title": "Odd", "items": items})


@dataclasses.dataclass(frozen=True)
class Odd:
    format: str
    text: str
    count: int
    nameless: int = 0


ODDS = [
    Odd("rss", odd_feed(), len(ODD), NAMELESS),
    Odd("atom", odd_atom(), len(ODD_ATOM)),
    Odd("json", odd_json(), len(ODD_JSON)),
]


@pytest.mark.judge
@pytest.mark.parametrize(
    ("odd", "judge"),
    # Of these only the library reads JSON Feed.
    [(odd, judge) for odd in ODDS for judge in JUDGES if odd.format != "json" or judge is ReaderLibrary],
    ids=lambda each: each.format if isinstance(each, Odd) else each.__name__,
)
def test_odd_ids(tmp_path: Path, judge: Callable[[str, Path], Subscriber], odd: Odd) -> None:
    site = Site(tmp_path, "hugo")
    site.kind = dataclasses.replace(site.kind, formats=(odd.format,))
    for file in site.posts:
        file.unlink()
    for number in range(1, odd.count + 1):
        text = f'---\ntitle: "Odd {number}"\ndate: 2024-03-{number:02}T12:{number:02}:00+09:00\n---\nText {number}.\n'
        (site.root / "site" / "content" / f"odd-{number}.md").write_text(text, encoding="utf-8")
    site.window = odd.count
    site.url = "https://new.example"
    site.configure()
    old = tmp_path / f"old.{odd.format}"
    old.write_text(odd.text, encoding="utf-8")
    shutil.copy(old, site.www / f"feed.{odd.format}")
    with serving(site.www) as served:
        (reader,) = subscribers(judge, site, served)
        assert reader.poll() == odd.count
        site.adopt("--write", files=[old])
        site.build()
        # Newsboat knows an item without guid by its link and date in one, which is no other reader's id.
        assert reader.poll() == (odd.nameless if judge is Newsboat else 0)
        for move in (Site.rename, Site.new_titles, Site.new_domain):
            move(site)
            site.build()
            assert reader.poll() == 0, move
