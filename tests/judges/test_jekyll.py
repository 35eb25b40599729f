"""Jekyll itself says what the links, ids, dates, titles, categories and tags of a Jekyll site are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from feedservice import config as configuration
from feedservice.config import document, importers
from feedservice.model import Post
from feedservice.service import publish
from feedservice.service.collect import Ask, collect
from feedservice.service.workers import Workers

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
NOW = datetime(2026, 11, 24, tzinfo=UTC)

DUMP = """---
---
[{% for p in site.posts %}{"path": {{ p.path | jsonify }}, "url": {{ p.url | jsonify }}, "id": {{ p.id | absolute_url | jsonify }},
"title": {{ p.title | jsonify }}, "date": {{ p.date | date_to_xmlschema | jsonify }}, "categories": {{ p.categories | jsonify }},
"tags": {{ p.tags | jsonify }}}{% unless forloop.last %},{% endunless %}{% endfor %}]
"""

OWN = {
    "_posts/2025-01-05-Bare-Date.md": "---\ntitle: Bare\ndate: 2025-01-05\n---\nx",
    "_posts/2025-01-06-naive.md": "---\ntitle: Naive\ndate: 2025-01-06 23:30:00\n---\nx",
    "_posts/2025-01-07-offset.md": "---\ntitle: Offset\ndate: 2025-01-07 23:30:00 -0500\ncategories: foo bar\n---\nx",
    "_posts/2025-01-08-file-date_only & more.md": "---\ncategory: Foo Bar\n---\nx",
    "_posts/2025-01-09-日本語の名前.md": "---\ntitle: 日本語\ncategories: [投資, AI]\ntags: [a, b]\n---\nx",
    "en/news/_posts/2025-01-10-in-directories.md": "---\ntitle: Dirs\ncategories: [X]\n---\nx",
    "_posts/2025-01-11-slug.md": "---\ntitle: Slug\nslug: My Own, Slug!\n---\nx",
    "_posts/2025-01-12-permalink.md": "---\ntitle: P\npermalink: /own/:year/:title.html\ncategories: [Q]\n---\nx",
    "_posts/2025-01-13-c++_and-C#.md": "---\ntitle: C++ and C#\ntags: c++ c#\n---\nx",
    "_posts/2025-01-14-Upper Case.md": "---\ntitle: Upper\n---\nx",
    # The page is at the full-width path; the ids that jekyll-feed writes are in NFKC.
    "_posts/2025-01-15-ＡＩ-全角½.md": "---\ntitle: Wide\ncategories: [ＡＩ Ｂ]\n---\nx",
    "_posts/2025-01-16-dots..x v1.2.md": "---\ntitle: Dots\n---\nx",
    "_posts/2025-01-17-a%20b.md": "---\ntitle: Encoded\n---\nx",
    "_posts/below/2025-01-18-Deep.md": "---\ntitle: Deep\n---\nx",
    "_posts/2025-02-28-late.md": "---\ntitle: 2025\ndate: 2025-02-28T20:00:00Z\ncategories: [News, news]\n---\nx",
}


def jekyll(site: Path) -> dict[str, dict[str, Any]]:
    if shutil.which("jekyll") is None:
        pytest.skip("jekyll is not installed")
    (site / "dump.json").write_text(DUMP, encoding="utf-8")
    for post in site.rglob("*.md"):
        for name in re.findall(r"\{% include ([^ ]+)", post.read_text(encoding="utf-8")):
            (site / "_includes" / name).parent.mkdir(parents=True, exist_ok=True)
            (site / "_includes" / name).write_text("", encoding="utf-8")
    # The sites' own plugins are not at hand; none of them changes what is compared.
    settings = (site / "_config.yml").read_text(encoding="utf-8")
    (site / "_config.yml").write_text(re.sub(r"(?m)^plugins:\n(?:  - .*\n)+", "plugins: []\n", settings), encoding="utf-8")
    command = ["jekyll", "build", "--source", str(site), "--destination", str(site / "_site"), "--disable-disk-cache", "--quiet"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return {post["path"]: post for post in json.loads((site / "_site" / "dump.json").read_text(encoding="utf-8"))}


def ours(site: Path) -> dict[str, Post]:
    imported = importers.import_jekyll((site / "_config.yml").read_text(encoding="utf-8"))
    (site / "config.yaml").write_text(configuration.commented(imported.values), encoding="utf-8")
    loaded = configuration.load(site / "config.yaml", {})
    with Workers(1) as pool:
        collected = collect(loaded, Ask(now=NOW), pool=pool, memory=publish.exported(loaded), progress=publish.silent)
    assert [problem for problem in collected.problems if problem.severity == "error"] == []
    return {each.post.path: each.post for each in collected.named}


def yaml_of(site: Path) -> dict[str, Any]:
    values = document.read((site / "_config.yml").read_text(encoding="utf-8")).values
    assert isinstance(values, dict)
    return values


def compare(site: Path) -> int:
    theirs, mine = jekyll(site), ours(site)
    settings = yaml_of(site)
    base = settings["url"].rstrip("/") + (settings.get("baseurl") or "").rstrip("/")
    assert set(mine) == set(theirs)
    for path, post in mine.items():
        expected = theirs[path]
        got = {
            "path": path,
            "link": post.link,
            "id": post.legacy_id,
            "title": post.title,
            "date": post.published,
            "categories": list(post.categories),
            "tags": list(post.tags),
        }
        # One identity of a category is one category here; Jekyll lists both spellings.
        seen: dict[str, str] = {}
        for label in expected["categories"]:
            seen.setdefault(label.casefold(), label)
        expected["title"] = str(expected["title"])
        url = expected.pop("url")
        assert got == {
            **expected,
            # Not through Jekyll's filter, which brings full-width letters into NFKC: the page is where its own URL says.
            "link": f"{base}{url}",
            "date": datetime.fromisoformat(expected["date"]).astimezone(UTC),
            "categories": list(seen.values()),
        }
    return len(mine)


@pytest.mark.judge
@pytest.mark.parametrize(("name", "least"), [("aicompass", 38), ("ruby-lang", 14)])
def test_real_sites(name: str, least: int, tmp_path: Path) -> None:
    if not (SAMPLES / name).is_dir():
        pytest.skip("the shared samples are not beside the checkout")
    site = tmp_path / name
    shutil.copytree(SAMPLES / name, site)
    assert compare(site) >= least


@pytest.mark.judge
@pytest.mark.parametrize(
    "permalink",
    [
        "/:year/:month/:day/:title/",
        "date",
        "pretty",
        "ordinal",
        "weekdate",
        "none",
        "/:categories/:slug.html",
        "/:name/",
        "/x/:path/",
    ],
)
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_corners(permalink: str, zone: str, tmp_path: Path) -> None:
    for name, text in OWN.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    config = f"url: https://example.org\ntitle: T\npermalink: {permalink}\ntimezone: {zone}\nplugins: []\n"
    (tmp_path / "_config.yml").write_text(config, encoding="utf-8")
    assert compare(tmp_path) == len(OWN)
