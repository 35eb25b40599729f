from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice import config
from feedservice.config import constraints


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "http://localhost:8080",
        "https://example.org/blog/",
        "https://日本語.jp/ブログ",
        "https://xn--wgv71a119e.jp",
        "https://127.0.0.1:8443",
        "http://[::1]:8080/x",
        "https://a_b.example.org.",
        "HTTPS://EXAMPLE.ORG",
    ],
)
def test_good_base_urls(url: str) -> None:
    assert constraints.base_url(url) is None


@pytest.mark.parametrize(
    ("url", "words", "hint"),
    [
        ("", "no absolute http or https URL", "https://example.org"),
        ("example.org/x", "no absolute http or https URL", "https://example.org/x"),
        ("//example.org", "no absolute http or https URL", "https://example.org"),
        ("/blog", "no absolute http or https URL", "https://example.org"),
        ("ftp://example.org", "no absolute http or https URL", "https://example.org"),
        ("https://", "no valid host", ""),
        ("https:///x", "no valid host", ""),
        ("https://-a.org", "no valid host", ""),
        ("https://a..org", "no valid host", ""),
        ("https://" + "a" * 64 + ".org", "no valid host", ""),
        ("https://1.2.3", "no valid host", ""),
        ("https://a.org:x", "is no URL", ""),
        ("https://a.org:99999", "is no URL", ""),
        ("https://[::1", "is no URL", ""),
        ("https://me:pw@a.org", "user name", "before the @"),
        ("https://a.org?x=1", "query or fragment", "`https://a.org`"),
        ("https://a.org/#", "query or fragment", "`https://a.org/`"),
        ("https://a.org/a b", "white space", "%20"),
        ("https://a.org/\x07", "white space, control", ""),
        ("https:\\\\a.org", "backslash", ""),
    ],
)
def test_bad_base_urls(url: str, words: str, hint: str) -> None:
    fault = constraints.base_url(url)
    assert fault is not None
    assert fault.rule == "config.url"
    assert words in fault.message
    assert hint in fault.hint


def test_a_hub_may_have_a_query() -> None:
    assert constraints.web_url("https://hub.example.org/?a=b") is None


@pytest.mark.parametrize(
    "tag", ["ja", "en-US", "zh-Hant-TW", "pt-BR", "sl-rozaj-biske", "de-CH-1996", "en-u-ca-gregory", "x-klingon", "es-419"]
)
def test_good_language_tags(tag: str) -> None:
    assert constraints.language(tag) is None


@pytest.mark.parametrize(
    ("tag", "hint"),
    [
        ("ja_JP", "write `ja-JP`"),
        ("en_US.UTF-8", "write `en-US`"),
        ("jp", "did you mean `ja`?"),
        ("cn-Hans", "did you mean `zh`?"),
        ("english", "`pt-BR`"),
        ("日本語", "`pt-BR`"),
        ("", "`pt-BR`"),
        ("en-", "`pt-BR`"),
    ],
)
def test_bad_language_tags(tag: str, hint: str) -> None:
    fault = constraints.language(tag)
    assert fault is not None
    assert hint in fault.hint


def test_zones() -> None:
    assert constraints.zone("Asia/Tokyo") is None
    fault = constraints.zone("Asia/Tokio")
    assert fault is not None
    assert "`Asia/Tokyo`" in fault.hint


@pytest.mark.parametrize(
    "pattern", ["{key}.{format}", "/feed.xml", "feed/{slug}/index.xml", "/category/{name}/feed/", "{language}/{key}.atom"]
)
def test_good_patterns(pattern: str) -> None:
    assert constraints.path_pattern(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [
        ("{kye}.xml", "config.placeholder"),
        ("{}.xml", "config.placeholder"),
        ("{key.xml", "config.placeholder"),
        ("key}.xml", "config.placeholder"),
        ("https://a.org/feed.xml", "config.path"),
        ("../feed.xml", "config.path"),
        ("a//b.xml", "config.path"),
        ("", "config.path"),
        ("/", "config.path"),
        ("feed.xml?x", "config.path"),
        (" feed.xml", "config.path"),
        ("feed\n.xml", "config.path"),
        ("a\\b.xml", "config.path"),
    ],
)
def test_bad_patterns(pattern: str, rule: str) -> None:
    fault = constraints.path_pattern(pattern)
    assert fault is not None
    assert fault.rule == rule


@pytest.mark.parametrize("address", ["a@b.org", "名前@日本語.jp", "a.b+c@x.example"])
def test_good_addresses(address: str) -> None:
    assert constraints.email(address) is None


@pytest.mark.parametrize("address", ["", "a", "@b.org", "a@", "Me <a@b.org>", "a b@c.org"])
def test_bad_addresses(address: str) -> None:
    assert constraints.email(address) is not None


@pytest.mark.parametrize("key", ["", "..", "a/../b", "/a", "a/", "{key}", "a?b"])
def test_bad_keys(key: str) -> None:
    assert constraints.feed_key(key) is not None


@given(st.text())
def test_every_text_is_judged(text: str) -> None:
    for check in (constraints.base_url, constraints.language, constraints.path_pattern, constraints.email, constraints.feed_key):
        fault = check(text)
        assert fault is None or (fault.rule.startswith("config.") and fault.message and fault.message.isprintable())


def test_long_and_invisible_text_is_shown_safely() -> None:
    assert constraints.quoted("x" * 100) == "`" + "x" * 60 + "…`"
    assert constraints.quoted("a\x1b[31m") == "`a\\x1b[31m`"


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("https://example.org/a%20b", "https://example.org/a%20b"),
        ("https://日本語.jp/ブログ", "https://xn--wgv71a119e.jp/%E3%83%96%E3%83%AD%E3%82%B0"),
        ("http://日本語.jp:8080", "http://xn--wgv71a119e.jp:8080"),
        ("https://例え.jp/é%C3%A9/", "https://xn--r8jz45g.jp/%C3%A9%C3%A9/"),
    ],
)
def test_a_base_url_stands_in_feeds_as_a_uri(typed: str, written: str) -> None:
    assert constraints.ascii_url(typed) == written
    loaded = config.parse(f"site: {{title: T, url: '{typed}'}}\nfeeds: {{url: '{typed}'}}", name="c", environ={})
    assert (loaded.site.url, loaded.feeds.url) == (written, written)


def test_a_host_that_has_no_ascii_form_is_refused() -> None:
    fault = constraints.base_url("https://" + "長" * 60 + ".jp/")
    assert fault is not None
    assert "has no valid host" in fault.message
