from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from feedservice.feeds import pages
from feedservice.model import Category, Enclosure, Entry, FeedKind, FeedSpec, Person

NOON = datetime(2025, 11, 17, 4, 42, 9, tzinfo=UTC)
VOID = frozenset({"meta", "link", "br", "hr", "img", "wbr", "input"})
NASTY = "\"><script>alert(1)</script>&amp;'{{ 7*7 }}"


def spec(key: str = "all", **changes: object) -> FeedSpec:
    values: dict[str, object] = {
        "key": key,
        "kind": FeedKind.CATEGORY,
        "title": f"{key} – AIコンパス",
        "description": "数字から読み解きます。",
        "language": "ja",
        "zone": "Asia/Tokyo",
        "window": 50,
        "full": True,
        "home_url": "https://example.org/",
        "urls": {form: f"https://example.org/feeds/{key}.{form}" for form in ("atom", "rss", "json")},
        "paths": {},
    }
    return FeedSpec(**(values | changes))  # type: ignore[arg-type]


def entry(number: int = 0, **changes: object) -> Entry:
    values: dict[str, object] = {
        "id": f"tag:example.org,2025:{number}",
        "id_is_permalink": False,
        "url": f"https://example.org/{number}/",
        "title": f"記事{number}",
        "html": f"<p>本文{number}</p>",
        "summary": f"要約{number}",
        "published": NOON - timedelta(hours=number),
        "updated": NOON - timedelta(hours=number),
        "zone": "Asia/Tokyo",
        "language": "ja",
    }
    return Entry(**(values | changes))  # type: ignore[arg-type]


def shown(feed: FeedSpec | None = None, entries: Sequence[Entry] = (), total: int | None = None) -> pages.Preview:
    return pages.Preview(
        spec=feed or spec(),
        updated=NOON if entries else None,
        entries=entries,
        total=len(entries) if total is None else total,
    )


def site(specs: Sequence[FeedSpec] = (), **changes: object) -> pages.SitePage:
    values: dict[str, object] = {
        "title": "AIコンパス",
        "description": "人工知能と社会のいまを、毎日。",
        "url": "https://example.org/",
        "language": "ja",
        "timezone": "Asia/Tokyo",
        "opml_url": "https://example.org/feeds.opml",
        "index_url": "https://example.org/feeds/",
        "preview_urls": {feed.key: f"https://example.org/feeds/{feed.key}/" for feed in (spec(), *specs)},
    }
    return pages.SitePage(**(values | changes))  # type: ignore[arg-type]


FEEDS = (spec(title="AIコンパス", kind=FeedKind.ALL), spec("投資"), spec("english", language="en", title="AI Compass in English"))
POSTS = [entry(number) for number in range(7)]


def both(feeds: Sequence[FeedSpec] = FEEDS, posts: Sequence[Entry] = POSTS, **changes: object) -> list[bytes]:
    values = site(feeds, **changes)
    return [
        pages.index(values, [shown(feed, posts) for feed in feeds]),
        pages.preview(values, shown(feeds[0], posts), feeds),
    ]


class Balance(HTMLParser):
    """Names of elements that are closed in another order than they were opened, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.wrong += [f"{tag} {name} twice" for name in set(names) if names.count(name) > 1]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def unbalanced(page: bytes) -> list[str]:
    parser = Balance()
    parser.feed(page.decode())
    parser.close()
    return parser.wrong + parser.open + [f"id {value} twice" for value in parser.ids if parser.ids.count(value) > 1]


def tree(page: bytes) -> html.HtmlElement:
    return html.document_fromstring(page.decode())


def texts(page: bytes, path: str) -> list[str]:
    return [" ".join(found.text_content().split()) for found in tree(page).xpath(path)]


def test_a_page_is_well_formed_html_with_each_id_once() -> None:
    for page in both():
        assert page.startswith(b"<!doctype html>\n<html ")
        assert unbalanced(page) == []


def test_the_check_of_well_formedness_sees_what_is_wrong() -> None:
    assert unbalanced(b"<p><b>x</p></b>") == ["p", "b"]
    assert unbalanced(b'<p id="a"></p><p id="a" class="" class=""></p>') == ["p class twice", "id a twice", "id a twice"]


def test_every_feed_is_linked_in_every_format_with_a_title_of_its_own() -> None:
    wanted = {(url, pages.media_type(form)) for feed in FEEDS for form, url in feed.urls.items()}
    for page in (*both(), b"<head>" + pages.snippet(FEEDS) + b"</head>"):
        links = tree(page).xpath("//head/link[@rel='alternate']")
        assert {(link.get("href"), link.get("type")) for link in links} == wanted
        assert len({link.get("title") for link in links}) == len(links) == len(wanted)


def test_a_preview_names_its_own_feed_first_and_itself_not_among_the_others() -> None:
    page = pages.preview(site(FEEDS), shown(FEEDS[1], POSTS), FEEDS)
    assert tree(page).xpath("//head/link[@rel='alternate']/@href")[:3] == list(FEEDS[1].urls.values())
    assert tree(page).xpath("//nav[@aria-labelledby='siblings']//a/@href") == [
        "/feeds/all/",
        "/feeds/english/",
    ]
    assert tree(page).xpath("//nav[@class='way']//a/@href") == ["https://example.org/", "/feeds/"]


def test_the_index_shows_of_each_feed_its_newest_posts_its_addresses_and_its_preview() -> None:
    page = pages.index(site(FEEDS), [shown(feed, POSTS, total=128) for feed in FEEDS])
    articles = tree(page).xpath("//main/article")
    assert [article.xpath("string(.//h2)") for article in articles] == ["AIコンパス", "投資", "AI Compass in English"]
    for article, feed in zip(articles, FEEDS, strict=True):
        assert [found.text_content() for found in article.xpath(".//ol//a")] == ["記事0", "記事1", "記事2", "記事3"]
        assert [found.text_content() for found in article.xpath(".//code")] == list(feed.urls.values())
        # To copy: what subscribers need. To follow: what is on this host, whichever it is.
        assert [f"https://example.org{found.get('href')}" for found in article.xpath(".//dt/a")] == list(feed.urls.values())
        assert article.xpath(".//h2/a/@href") == [f"/feeds/{feed.key}/"]
        assert "128件" in article.text_content()


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("https://example.org/feeds/all/", "/feeds/all/"),
        ("http://example.org:8080/feeds/%E6%8A%95.atom?x=/y", "/feeds/%E6%8A%95.atom?x=/y"),
        ("https://feeds.example.org/", "/"),
        ("https://feeds.example.org", "/"),
        ("index.html", "index.html"),
    ],
)
def test_a_link_to_another_page_stays_on_the_host_that_it_is_followed_on(url: str, here: str) -> None:
    assert pages.here(url) == here


def test_every_copy_button_names_an_address_on_the_page() -> None:
    for page in both():
        found = tree(page)
        targets = found.xpath("//button/@data-copy")
        assert [found.xpath(f"count(//code[@id='{target}'])") for target in targets] == [1.0] * len(targets)
        assert len(targets) == len(found.xpath("//code"))
        assert found.xpath("//button[not(@hidden)]") == []


def test_a_preview_shows_all_entries_as_subscribers_get_them() -> None:
    post = entry(
        html="<p>本文<b>太字</b></p>",
        authors=(Person(name="佐藤", url="https://example.org/sato"), Person(name="鈴木", url="javascript:alert(1)")),
        categories=(Category(term="policy", label="政策"),),
        tags=(Category(term="llm", label="言語モデル"),),
        enclosures=(Enclosure(url="https://example.org/a/%E9%9F%B3.mp3?x=1", type="audio/mpeg", length=12_345_678),),
        updated=NOON + timedelta(hours=1),
    )
    page = pages.preview(site(), shown(spec(), [post, *POSTS[1:]], total=20), [])
    found = tree(page)
    assert [h.text_content() for h in found.xpath("//article//h2")] == ["記事0", *(post.title for post in POSTS[1:])]
    assert b"<p>\xe6\x9c\xac\xe6\x96\x87<b>\xe5\xa4\xaa\xe5\xad\x97</b></p>" in page
    assert found.xpath("//article[1]//dd//a/@href") == ["https://example.org/sato"]
    assert texts(page, "//article[1]//dl//dd") == ["佐藤", "鈴木", "政策", "言語モデル"]
    assert texts(page, "//article[1]//div[@class='files']//li") == ["音.mp3 audio/mpeg, 12.3 MB"]
    assert texts(page, "//article[1]//time") == ["2025年11月17日 13:42", "2025年11月17日 14:42"]
    assert "全20件のうち、新しい7件" in found.text_content()


@pytest.mark.parametrize(
    ("letters", "full", "expected"), [(100, True, 20), (5_000, True, 17), (50_000, True, 5), (50_000, False, 20)]
)
def test_a_preview_is_no_longer_than_people_wait_for(letters: int, full: bool, expected: int) -> None:
    posts = [entry(number, html=f"<p>{'あ' * letters}</p>") for number in range(20)]
    page = pages.preview(site(), shown(spec(full=full), posts, total=50), [])
    found = tree(page)
    assert len(found.xpath("//article")) == expected
    assert f"全50件のうち、新しい{expected}件" in found.text_content()


def test_a_feed_of_summaries_shows_no_full_text() -> None:
    page = pages.preview(site(), shown(spec(full=False), POSTS), []).decode()
    assert "要約3" in page
    assert "本文3" not in page


def test_a_post_without_a_title_is_called_by_its_summary_once() -> None:
    page = pages.preview(site(), shown(spec(), [entry(title=" ")]), [])
    assert texts(page, "//article//h2") == ["要約0"]
    assert texts(page, "//p[@class='summary']") == []


@pytest.mark.parametrize(
    ("language", "zone", "written", "stamp"),
    [
        ("ja", "Asia/Tokyo", "2025年11月17日 13:42", "2025-11-17T13:42:09+09:00"),
        ("ja-JP", "UTC", "2025年11月17日 04:42", "2025-11-17T04:42:09Z"),
        ("en", "Europe/London", "17 November 2025, 04:42", "2025-11-17T04:42:09+00:00"),
        ("fr", "America/New_York", "16 November 2025, 23:42", "2025-11-16T23:42:09-05:00"),
    ],
)
def test_times_are_in_the_zone_and_language_of_the_site(language: str, zone: str, written: str, stamp: str) -> None:
    page = pages.preview(site(language=language, timezone=zone), shown(spec(), POSTS[:1]), [])
    found = tree(page).xpath("//article//time")[0]
    assert (found.text_content(), found.get("datetime")) == (written, stamp)
    assert zone in tree(page).xpath("string(//footer)")


@pytest.mark.parametrize(
    ("language", "page_language", "title_language", "heading"),
    [
        ("ja", "ja", None, "フィード一覧"),
        ("ja-JP", "ja-JP", None, "フィード一覧"),
        ("JA", "JA", None, "フィード一覧"),
        ("en-GB", "en-GB", None, "Feeds"),
        ("fr", "en", "fr", "Feeds"),
        ("pt_BR", "en", "pt_BR", "Feeds"),
    ],
)
def test_a_page_is_in_the_language_of_its_words(
    language: str, page_language: str, title_language: str | None, heading: str
) -> None:
    page = pages.index(site(language=language), [])
    assert tree(page).get("lang") == page_language
    assert tree(page).xpath("//h1/a")[0].get("lang") == title_language
    assert texts(page, "//h1/span") == [heading]


def test_text_in_another_language_says_so() -> None:
    post = entry(language="en", title="In English")
    page = pages.preview(site(), shown(spec(language="en"), [post, entry(1)]), [])
    found = tree(page)
    assert found.xpath("//article[1]//h2/a/@lang") == ["en"]
    assert found.xpath("//article[1]//div[@class='body']/@lang") == ["en"]
    assert found.xpath("//h1/a/@lang") == ["en"]
    assert found.xpath("//article[2]//@lang") == []
    assert found.xpath("//article[1]//p[@class='when']//@lang") == []


def test_what_authors_and_owners_type_is_text() -> None:
    feed = spec(title=NASTY, description=NASTY, language='ja"x', urls={"atom": f"https://example.org/{NASTY}"})
    post = entry(
        title=NASTY,
        summary=NASTY,
        url="javascript:alert(1)",
        html="",
        authors=(Person(name=NASTY, url=f"https://example.org/{NASTY}"),),
        categories=(Category(term="x", label=NASTY),),
        enclosures=(Enclosure(url="data:text/html,x", type=NASTY, title=NASTY),),
    )
    for page in both([feed], [post], title=NASTY, description=NASTY, copyright=NASTY, generator=NASTY):
        found = tree(page)
        assert len(found.xpath("//script")) == 1
        assert unbalanced(page) == []
        assert NASTY in found.xpath("string(//article//h2)") + found.xpath("string(//article//ol)")
        assert NASTY in found.xpath("string(//h1)")
        assert not [url for url in found.xpath("//body//@href") if url.startswith(("javascript:", "data:"))]
    assert tree(b"<head>" + pages.snippet([feed]) + b"</head>").xpath("//link/@title") == [f"{NASTY} (Atom)"]


TEXT = st.text(max_size=30)


@settings(max_examples=60)
@given(title=TEXT, description=TEXT, name=TEXT, label=TEXT, own=TEXT)
def test_no_text_breaks_a_page(title: str, description: str, name: str, label: str, own: str) -> None:
    feed = spec(title=title, description=description)
    post = entry(title=name, summary=description, categories=(Category(term="x", label=label),))
    for page in both([feed], [post], title=own, description=label):
        assert unbalanced(page) == []
        assert page.count(b"<script") == 1
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", page.decode())


@given(
    st.lists(
        st.tuples(st.text(alphabet="ab", max_size=3), st.sampled_from(["x", "y", "x [b]", "x (Atom)"])),
        unique_by=lambda pair: pair[0],
    )
)
def test_no_two_alternates_have_one_title(feeds: list[tuple[str, str]]) -> None:
    found = pages.alternates([spec(key, title=title) for key, title in feeds])
    assert len({link.title for link in found}) == len(found) == 3 * len(feeds)


def test_a_title_that_is_unique_stays_as_it_is() -> None:
    assert [
        link.title for link in pages.alternates([spec("a", title="甲"), spec("b", title="乙", urls={"json": "https://x/"})])
    ] == [
        "甲 (Atom)",
        "甲 (RSS)",
        "甲 (JSON Feed)",
        "乙 (JSON Feed)",
    ]


def test_nothing_is_loaded_from_anywhere() -> None:
    for page in both():
        found = tree(page)
        assert found.xpath("//@src | //@srcset | //iframe | //object | //embed | //style[contains(., '@import')]") == []
        assert {link.get("rel") for link in found.xpath("//link")} == {"alternate", "icon"}
        assert found.xpath("string(//link[@rel='icon']/@href)").startswith("data:image/svg+xml,")
        assert b"url(" not in page
    assert b"url(" not in pages.xml_stylesheet(site(FEEDS), FEEDS)
    assert b"@import" not in pages.xml_stylesheet(site(FEEDS), FEEDS)


def test_the_policy_allows_exactly_what_is_inline() -> None:
    for page in both():
        policy = tree(page).xpath("string(//meta[@http-equiv='Content-Security-Policy']/@content)")
        assert policy == pages.content_security_policy(site())
        for directive, tag in (("script-src", "script"), ("style-src", "style")):
            (inline,) = re.findall(f"<{tag}>(.*?)</{tag}>".encode(), page, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(inline).digest()).decode()
            assert f"{directive} 'sha256-{digest}';" in policy
            assert pages.csp_hashes()[directive] == f"'sha256-{digest}'"
        assert tree(page).xpath("//@style | //@*[starts-with(name(), 'on')]") == []


def test_a_style_sheet_of_the_sites_own_is_loaded_after_ours_and_allowed() -> None:
    page = pages.index(site(stylesheet_url="https://example.org/a;b,c.css?v=1"), [])
    (link,) = tree(page).xpath("//style/following-sibling::link[@rel='stylesheet']")
    assert link.get("href") == "https://example.org/a;b,c.css?v=1"
    policy = tree(page).xpath("string(//meta[@http-equiv='Content-Security-Policy']/@content)")
    (styles,) = [part for part in policy.split("; ") if part.startswith("style-src")]
    assert styles.endswith("' https://example.org/a%3Bb%2Cc.css")


def test_the_same_values_are_the_same_bytes() -> None:
    before = [*both(), pages.snippet(FEEDS), pages.xml_stylesheet(site(FEEDS), FEEDS)]
    pages._environment.cache_clear()
    assert [*both(), pages.snippet(FEEDS), pages.xml_stylesheet(site(FEEDS), FEEDS)] == before


def test_pages_without_feeds_or_posts_say_so() -> None:
    assert "まだフィードがありません。" in pages.index(site(), []).decode()
    assert "まだ記事がありません。" in pages.index(site(), [shown()]).decode()
    assert "No posts yet." in pages.preview(site(language="en"), shown(), []).decode()
    assert pages.snippet([]) == b""


def test_a_preview_without_a_url_and_a_total_below_the_entries_are_bugs() -> None:
    with pytest.raises(jinja2.UndefinedError, match="unknown"):
        pages.index(site(), [shown(spec("unknown"))])
    with pytest.raises(ValueError, match="at least 7, got 6"):
        shown(spec(), POSTS, total=6)


def headings(page: bytes) -> Iterator[int]:
    for found in tree(page).xpath("//h1 | //h2 | //h3 | //h4 | //h5 | //h6"):
        yield int(found.tag[1])


def test_headings_are_in_order_and_landmarks_are_there() -> None:
    for page in both():
        levels = list(headings(page))
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        found = tree(page)
        assert [len(found.xpath(f"//{tag}")) for tag in ("main", "footer", "header")] == [1, 1, 1]
        assert found.xpath("//body/a[1]/@href") == [f"#{found.xpath('string(//main/@id)')}"]
        for label in found.xpath("//@aria-labelledby"):
            assert found.xpath(f"count(//*[@id='{label}'])") == 1.0


@pytest.mark.parametrize(
    ("length", "written"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (12_345_678, "12.3 MB"),
        (5 * 10**9, "5.0 GB"),
    ],
)
def test_sizes(length: int, written: str) -> None:
    assert pages.size(length) == written


@pytest.mark.parametrize(
    ("title", "short"),
    [
        ("投資分析 – AIコンパス", "投資分析"),
        ("投資分析｜AIコンパス", "投資分析"),
        ("AIコンパス", "AIコンパス"),
        ("– AIコンパス", "– AIコンパス"),
        ("生成AIコンパス", "生成AIコンパス"),
        ("AIコンパス: 投資", "AIコンパス: 投資"),
    ],
)
def test_the_sites_name_at_the_end_of_a_title_is_left_out_on_its_own_pages(title: str, short: str) -> None:
    assert pages.short_title(spec(title=title), "AIコンパス") == short


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/a/b.mp3?x=/y#/z", "b.mp3"),
        ("https://example.org/a/", "https://example.org/a/"),
        ("https://[broken/b.mp3", "b.mp3"),
    ],
)
def test_a_media_file_without_a_title_is_called_by_its_address(url: str, name: str) -> None:
    assert pages.file_name(Enclosure(url=url, type="audio/mpeg")) == name


def test_the_style_sheet_of_xml_says_what_a_feed_is_and_where_the_preview_of_each_is() -> None:
    css = pages.xml_stylesheet(site(FEEDS), FEEDS).decode()
    assert "これはフィードです。" in css
    assert "This is a feed." in css
    assert '"https://example.org/feeds/"' in css
    for feed in FEEDS:
        for address in feed.urls.values():
            assert f"[href={pages.css_string(address)}]" in css
        assert f"--preview: {pages.css_string(f'https://example.org/feeds/{feed.key}/')};" in css
    english = [dataclasses.replace(feed, language="en") for feed in FEEDS]
    plain = pages.xml_stylesheet(dataclasses.replace(site(FEEDS), language="en"), english).decode()
    assert "This is a feed." in plain
    assert "フィード" not in plain
    bare = pages.xml_stylesheet().decode()
    assert "これはフィードです。" in bare
    assert "--preview" not in bare
    assert bare.count("{") == bare.count("}")
    assert css.count("{") == css.count("}")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_css_string_is_read_back_as_it_was(text: str) -> None:
    token = pages.css_string(text)
    inside = token[1:-1]
    assert not re.search('["\n\r\f<{}]', inside)
    assert re.sub(r"\\([0-9a-f]{1,6}) ", lambda match: chr(int(match[1], 16)), inside) == text
