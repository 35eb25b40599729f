"""What people see: the pages and the XML in Chromium, judged by axe-core and by measuring the layout.

Needs ``chromium`` and ``chromedriver`` (Debian packages of these names) and a copy of axe-core: the file that ``AXE_JS`` names,
``node_modules/axe-core/axe.min.js``, or the one in the PyPI package ``axe-core-python``.
"""

from __future__ import annotations

import base64
import http.client
import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from feedservice.feeds import pages
from feedservice.model import Category, Enclosure, Entry, FeedKind, FeedSpec, Person

pytestmark = pytest.mark.judge

ROOT = Path(__file__).parents[2]
WIDTHS = (1280, 360, 320)
SCHEMES = ("light", "dark")
NOON = datetime(2025, 11, 17, 4, 42, 9, tzinfo=UTC)
TITLES = (
    "生成AIの評価指針、来春に試行　「説明できること」を柱に",
    "地方銀行の連合、与信審査に小型モデル",
    "港の物流を夜間に平準化",
)
LONG = "https://example.org/" + "a" * 300
HTML = f"""<p>検討会は17日、<strong>「説明できること」</strong>を柱とする<a href="https://example.org/">指針</a>をまとめた。</p>
<h2>数字</h2>
<table><thead><tr>{"<th>年度の見込み</th>" * 14}</tr></thead><tbody><tr>{"<td>1,840億円</td>" * 14}</tr></tbody></table>
<pre><code>print({"1234567890" * 20})</code></pre>
<p>{LONG}</p>
<p><img alt="図" width="2400" height="80" src="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='2400' height='80'/%3E"></p>
<blockquote><p>現場の声が要る。</p></blockquote>"""


class Browser:
    """One Chromium, driven by chromedriver's W3C WebDriver protocol: JSON over a loopback socket."""

    def __init__(self, port: int, session: str) -> None:
        self.port = port
        self.session = session

    def call(self, method: str, command: str, body: dict[str, Any] | None = None) -> Any:
        return request(self.port, method, f"/session/{self.session}/{command}", body)

    def devtools(self, command: str, **params: Any) -> Any:
        return self.call("POST", "goog/cdp/execute", {"cmd": command, "params": params})

    def run(self, script: str, *args: Any) -> Any:
        return self.call("POST", "execute/sync", {"script": script, "args": list(args)})

    def show(self, url: str, *, width: int = 1280, scheme: str = "light", script: bool = True) -> None:
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]
        self.devtools("Emulation.setEmulatedMedia", features=features)
        self.devtools("Emulation.setScriptExecutionDisabled", value=not script)
        self.call("POST", "url", {"url": url})

    def press(self, key: str) -> None:
        keys = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.call("POST", "actions", {"actions": [{"type": "key", "id": "keyboard", "actions": keys}]})

    def picture(self) -> bytes:
        """The whole page as PNG, for people who look at it."""
        taken = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(taken["data"])

    def complaints(self) -> list[dict[str, Any]]:
        """What the browser wrote to its console since the last call."""
        written: list[dict[str, Any]] = self.call("POST", "se/log", {"type": "browser"})
        return written


def request(port: int, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())["value"]
    finally:
        connection.close()
    if isinstance(answer, dict) and "error" in answer:
        raise AssertionError(f"{method} {path}: {answer['error']}: {answer['message']}")
    return answer


def axe_source() -> str | None:
    found = importlib.util.find_spec("axe_core_python")
    packaged = [Path(place) / "axe.min.js" for place in (found.submodule_search_locations or ())] if found else []
    named = os.environ.get("AXE_JS")
    candidates = [Path(named)] if named else [ROOT / "node_modules/axe-core/axe.min.js", *packaged]
    return next((path.read_text(encoding="utf-8") for path in candidates if path.is_file()), None)


@pytest.fixture(scope="module")
def axe() -> str:
    source = axe_source()
    if source is None:
        pytest.skip("axe-core is absent: set AXE_JS to an axe.min.js, or install axe-core-python (PyPI) or axe-core (npm)")
    return source


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium or chromedriver is absent (Debian: apt-get install chromium chromium-driver)")
    profile = tmp_path_factory.mktemp("profile")
    arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        # No name resolves: a page that asked for anything outside would fail here.
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={profile}",
    ]
    wanted = {"goog:chromeOptions": {"binary": chromium, "args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}
    with subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if "successfully on port" in line)
            port = int(line.rsplit(" ", 1)[1].strip(" .\n"))
            started = request(port, "POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            yield Browser(port, started["sessionId"])
            request(port, "DELETE", f"/session/{started['sessionId']}")
        finally:
            process.terminate()


def spec(key: str, kind: FeedKind, title: str, language: str = "ja") -> FeedSpec:
    return FeedSpec(
        key=key,
        kind=kind,
        title=title,
        description="決算と市場の動きを数字から読み解きます。" if language == "ja" else "Selected reports.",
        language=language,
        zone="Asia/Tokyo",
        window=50,
        full=True,
        home_url="https://example.org/",
        urls={form: f"https://feeds.example.org/feeds/{key}.{form}" for form in ("atom", "rss", "json")},
        paths={},
    )


SPECS = (
    spec("all", FeedKind.ALL, "AIコンパス"),
    spec("investment", FeedKind.CATEGORY, "投資分析 – AIコンパス"),
    spec("english", FeedKind.LANGUAGE, "AI Compass in English", "en"),
    spec("empty-with-a-rather-long-key-for-a-narrow-screen", FeedKind.TAG, "まだ空のフィード – AIコンパス"),
)


def entry(number: int, language: str) -> Entry:
    return Entry(
        id=f"tag:example.org,2025:{number}",
        id_is_permalink=False,
        url=f"https://example.org/{number}/",
        title=TITLES[number % 3] if language == "ja" else f"A quiet year, part {number}",
        html=HTML,
        summary="政府の検討会は、評価指針をまとめた。" if language == "ja" else "Orders rose for the first time.",
        published=NOON - timedelta(hours=number),
        updated=NOON,
        zone="Asia/Tokyo",
        authors=(Person(name="佐藤 花子", url="https://example.org/sato"),),
        categories=(Category(term="policy", label="政策と制度"),),
        language=language,
        enclosures=(Enclosure(url="https://example.org/1.mp3", type="audio/mpeg", length=12_345_678),),
    )


def shown(feed: FeedSpec) -> pages.Preview:
    entries = [] if feed.key.startswith("empty") else [entry(number, feed.language) for number in range(5)]
    return pages.Preview(spec=feed, updated=NOON if entries else None, entries=entries, total=len(entries) * 3)


ATOM = """<?xml version="1.0" encoding="utf-8"?>
<?xml-stylesheet type="text/css" href="feed.css"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ja"><title>投資分析</title><subtitle>数字から読み解きます。</subtitle>
<id>tag:example.org,2025:machine-name</id><updated>2025-11-17T13:42:09+09:00</updated><author><name>編集部</name></author>
<link rel="self" href="https://feeds.example.org/feeds/investment.atom"/><link rel="alternate" href="https://example.org/"/>
<entry><title>港の物流</title><id>tag:example.org,2025:1</id><link rel="alternate" href="https://example.org/1/"/>
<published>2025-11-17T13:42:09+09:00</published><updated>2025-11-17T13:42:09+09:00</updated><summary>夜間に平準化する。</summary>
<content type="html">&lt;p&gt;machine text&lt;/p&gt;</content></entry></feed>"""
RSS = """<?xml version="1.0" encoding="utf-8"?>
<?xml-stylesheet type="text/css" href="feed.css"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel><title>投資分析</title>
<link>https://example.org/</link><description>数字から読み解きます。</description><generator>machine-name</generator>
<itunes:title>machine title</itunes:title><atom:link rel="self" href="https://feeds.example.org/feeds/investment.rss"/>
<item><title>港の物流</title><link>https://example.org/1/</link><guid>tag:example.org,2025:machine-name</guid>
<pubDate>Mon, 17 Nov 2025 13:42:09 +0900</pubDate><description>夜間に平準化する。</description>
<content:encoded>&lt;p&gt;machine text&lt;/p&gt;</content:encoded></item></channel></rss>"""


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages in Japanese, the index in English and German too, and two feeds with their style sheet."""
    directory = tmp_path_factory.mktemp("public")
    for language in ("ja", "en", "de"):
        site = pages.SitePage(
            title="AIコンパス" if language == "ja" else "AI Compass",
            description="人工知能と社会のいまを、毎日。" if language == "ja" else "Every day.",
            url="https://example.org/",
            language=language,
            timezone="Asia/Tokyo",
            opml_url="https://feeds.example.org/feeds.opml",
            index_url="index.html",
            preview_urls={feed.key: f"{feed.key}.html" for feed in SPECS},
        )
        (directory / f"index-{language}.html").write_bytes(pages.index(site, [shown(feed) for feed in SPECS]))
        if language == "ja":
            (directory / "feed.css").write_bytes(pages.xml_stylesheet(site, SPECS))
            for feed in SPECS:
                (directory / f"{feed.key}.html").write_bytes(pages.preview(site, shown(feed), SPECS))
    (directory / "atom.xml").write_text(ATOM, encoding="utf-8")
    (directory / "rss.xml").write_text(RSS, encoding="utf-8")
    return directory


HTML_PAGES = ("index-ja", "index-en", "index-de", "all", "english", SPECS[-1].key)

AXE = """
const wanted = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
return axe.run(document, {runOnly: {type: "tag", values: wanted}, resultTypes: ["violations"]}).then(
  (found) => found.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html + " " + n.failureSummary).join(" | ")));
"""
WIDER = """
const room = document.documentElement.clientWidth;
return {page: document.documentElement.scrollWidth - room,
        parts: [...document.querySelectorAll("body *")].filter((e) => !e.closest(".unseen, .body") && e.getBoundingClientRect().right > room + 1)
          .map((e) => e.outerHTML.slice(0, 120))};
"""
# What a person can see of an XML document: the text of every element that has a box, and what the style sheet adds.
VISIBLE = """
const seen = [];
for (const element of document.querySelectorAll("*")) {
  if (!element.getClientRects().length) continue;
  for (const pseudo of ["::before", "::after"]) {
    const content = getComputedStyle(element, pseudo).content;
    if (content !== "none" && content !== "normal") seen.push(content);
  }
  seen.push([...element.childNodes].filter((n) => n.nodeType === Node.TEXT_NODE).map((n) => n.data).join("").trim());
}
return seen.join("\\n");
"""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [WIDTHS[0], WIDTHS[-1]])
@pytest.mark.parametrize("page", HTML_PAGES)
def test_axe_finds_nothing(browser: Browser, axe: str, public: Path, page: str, width: int, scheme: str) -> None:
    browser.show((public / f"{page}.html").as_uri(), width=width, scheme=scheme)
    browser.run(axe)
    assert browser.run(AXE) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", HTML_PAGES)
def test_nothing_is_wider_than_the_screen(browser: Browser, public: Path, page: str, width: int) -> None:
    browser.show((public / f"{page}.html").as_uri(), width=width)
    browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert browser.run(WIDER) == {"page": 0, "parts": []}


@pytest.mark.parametrize("page", HTML_PAGES)
def test_the_policy_lets_the_page_itself_through(browser: Browser, public: Path, page: str) -> None:
    browser.complaints()
    browser.show((public / f"{page}.html").as_uri())
    assert browser.complaints() == []
    assert browser.run("return getComputedStyle(document.querySelector('.masthead')).borderBottomStyle") == "double"
    assert browser.run("return document.querySelectorAll('button:not([hidden])').length") > 0


def test_the_copy_button_says_that_it_copied_or_leaves_the_address_selected(browser: Browser, public: Path) -> None:
    browser.show((public / "index-en.html").as_uri())
    browser.devtools("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    copy = "const b = document.querySelectorAll('button')[1]; b.focus(); b.click(); const said = document.getElementById('said');"
    wait = "return new Promise((done) => { const look = () => said.textContent ? done(said.textContent) : setTimeout(look, 10); look(); });"
    assert browser.run(copy + wait) == "Copied"
    assert browser.run("return navigator.clipboard.readText()") == "https://feeds.example.org/feeds/all.rss"

    browser.show((public / "index-en.html").as_uri())
    browser.run("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    assert browser.run(copy + wait) == "Selected: please copy by hand"
    assert browser.run("return String(getSelection())") == "https://feeds.example.org/feeds/all.rss"


def test_without_javascript_every_address_is_there_and_no_dead_button(browser: Browser, public: Path) -> None:
    browser.show((public / "index-ja.html").as_uri(), script=False)
    look = """return {addresses: [...document.querySelectorAll(".addresses code")].filter((e) => e.getClientRects().length).length,
                      buttons: [...document.querySelectorAll("button")].filter((e) => e.getClientRects().length).length};"""
    assert browser.run(look) == {"addresses": 3 * len(SPECS), "buttons": 0}


def test_the_first_tab_stop_skips_to_the_content(browser: Browser, public: Path) -> None:
    browser.show((public / "index-ja.html").as_uri())
    browser.press("\ue004")
    box = "const box = document.activeElement.getBoundingClientRect(); return document.activeElement.className + ' ' + (box.top >= 0);"
    assert browser.run(box) == "skip true"
    browser.press("\ue007")
    assert browser.run("return document.activeElement.id") == "main"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("form", ["atom", "rss"])
def test_an_xml_feed_is_readable(browser: Browser, public: Path, form: str, width: int, scheme: str) -> None:
    browser.complaints()
    browser.show((public / f"{form}.xml").as_uri(), width=width, scheme=scheme)
    text = browser.run(VISIBLE)
    for wanted in (
        "これはフィードです",
        "This is a feed",
        "investment.html",
        "投資分析",
        "数字から読み解きます。",
        "港の物流",
        "夜間に平準化する。",
    ):
        assert wanted in text
    assert "machine" not in text
    assert browser.complaints() == []
    assert browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
