from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feedservice import config
from feedservice.config.importers import Imported, import_jekyll
from feedservice.errors import ConfigError

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"


def sample(name: str) -> Imported:
    file = SAMPLES / name / "_config.yml"
    if not file.exists():
        pytest.skip(f"the sample {name} is not there")
    return import_jekyll(file.read_text("utf-8"))


def made(text: str) -> config.Config:
    return config.Config.model_validate(import_jekyll(text).values)


def notes(text: str) -> str:
    return "\n".join(import_jekyll(text).notes)


@pytest.mark.judge
def test_a_japanese_news_site() -> None:
    imported = sample("aicompass")
    read = config.parse(config.commented(imported.values), name="c", environ={})
    assert read.site.url == "https://ai-media.co.jp"
    assert (read.site.language, read.site.timezone) == ("ja", "Asia/Tokyo")
    assert read.site.author is not None
    assert read.site.author.name == "ALLFORCES編集部"
    assert (read.content.permalink, read.content.naive_dates, read.content.future) == ("/:year/:month/:day/:title/", "utc", True)
    assert read.content.include == ["**/_posts/**"]
    assert "/vendor/bundle/" in read.content.ignore
    assert read.content.defaults == []
    assert read.content.variables["twitter_username"] == "nullpodesu"
    assert read.feeds.all.paths == {"atom": "/feed.xml"}
    assert (read.feeds.ids, read.feeds.window) == ("jekyll", 10)
    assert {name: one.slug for name, one in read.feeds.categories.items() if one}["導入事例"] == "case-studies"
    assert not any("not taken over" in note for note in imported.notes)


@pytest.mark.judge
def test_a_site_without_title_and_plugin() -> None:
    imported = sample("ruby-lang")
    read = config.parse(config.commented(imported.values), name="c", environ={})
    assert (read.site.title, read.site.url) == ("www.ruby-lang.org", "https://www.ruby-lang.org")
    assert (read.content.permalink, read.site.timezone) == ("pretty", "UTC")
    assert read.feeds.all.paths == {}
    assert any("jekyll-feed is not among the plugins" in note for note in imported.notes)


SMALL = "title: Aoi's notes\nurl: https://example.org/\ntimezone: Europe/Berlin\nlang: en\n"


def test_the_defaults_of_jekyll() -> None:
    read = made(SMALL)
    assert (read.content.permalink, read.content.directory, read.content.dialect) == ("date", ".", "jekyll")
    assert (read.content.future, read.content.drafts) == (False, False)
    assert (read.site.title, read.site.url, read.site.timezone) == ("Aoi's notes", "https://example.org", "Europe/Berlin")


def test_the_base_path_goes_into_url_and_feed_paths() -> None:
    read = made(SMALL + "baseurl: /blog/\nplugins: [jekyll-feed]\nfeed: {path: atom.xml, categories: [news]}\n")
    assert read.site.url == "https://example.org/blog"
    assert read.feeds.all.paths == {"atom": "/blog/atom.xml"}
    category = read.feeds.categories["news"]
    assert category is not None
    assert category.paths == {"atom": "/blog/feed/news.xml"}


@pytest.mark.parametrize(
    ("text", "permalink"),
    [
        ("permalink: pretty", "pretty"),
        ("permalink: weekdate", "weekdate"),
        ("permalink: /:title.html", "/:title.html"),
        ("permalink: date\ncollections: {posts: {permalink: '/p/:slug/'}}", "/p/:slug/"),
        ("defaults: [{scope: {path: '', type: posts}, values: {permalink: '/:categories/:title/'}}]", "/:categories/:title/"),
        ("permalink: nonsense", "date"),
    ],
)
def test_permalinks(text: str, permalink: str) -> None:
    assert made(SMALL + text).content.permalink == permalink


def test_feed_settings() -> None:
    read = made(SMALL + "feed: {excerpt_only: true, posts_limit: 25, icon: /i.png, logo: /l.png, tags: true}\n")
    assert (read.feeds.content, read.feeds.window) == ("summary", 25)
    assert (read.site.icon, read.site.image) == ("/i.png", "/l.png")
    assert read.feeds.tags is True
    assert read.feeds.paths == {"tag": {"atom": "/feed/by_tag/{name}.xml"}}


def test_tags_of_a_feed_can_be_listed() -> None:
    text = SMALL + "feed: {tags: {path: 'tagged/', only: [a, b], except: [c]}}\n"
    read = made(text)
    assert read.feeds.tags == ["a", "b"]
    assert read.feeds.paths == {"tag": {"atom": "/tagged/{name}.xml"}}
    assert "`feed.tags.except` has no counterpart" in notes(text)


def test_collections_of_the_feed_plugin() -> None:
    text = SMALL + "feed: {collections: {posts: {path: /p.xml, categories: [x]}, recipes: {}}}\n"
    read = made(text)
    assert read.feeds.all.paths == {"atom": "/p.xml"}
    assert set(read.feeds.categories) == {"x"}
    assert "recipes" in notes(text)


def test_authors() -> None:
    read = made(SMALL + "author: {name: Aoi, email: a@b.org, uri: 'https://b.org'}\n")
    assert read.site.author is not None
    assert (read.site.author.name, read.site.author.email, read.site.author.url) == ("Aoi", "a@b.org", "https://b.org")
    alone = made(SMALL + "author: Aoi\n").site.author
    assert alone is not None
    assert (alone.name, alone.email) == ("Aoi", None)
    assert made(SMALL + "author: {twitter: aoi}\n").site.author is None


def test_defaults_keep_what_means_something() -> None:
    text = """\
defaults:
  - {scope: {path: '', type: posts}, values: {layout: post, lang: ja, sitemap: {priority: 1}, category: [a, b]}}
  - {scope: {path: ja/news}, values: {author: Aoi, sitemap: false}}
  - {scope: {path: '', type: pages}, values: {lang: fr}}
  - {scope: {path: x}, values: {layout: y, permalink: /z/}}
  - nonsense
"""
    read = made(SMALL + text)
    assert [(one.path, one.values) for one in read.content.defaults] == [
        ("", {"lang": "ja", "category": ["a", "b"]}),
        ("ja/news", {"author": "Aoi", "sitemap": False}),
    ]
    assert "the permalink /z/" in notes(SMALL + text)


def test_excluded_directories_are_ignored_and_files_are_not_mentioned() -> None:
    read = made(SMALL + "exclude: [Gemfile, README.md, tmp, ./a/b, .github/, _posts/2020-01-01-x.md]\ndestination: out\n")
    assert read.content.ignore[-4:] == ["/out/", "/tmp/", "/a/b/", "/_posts/2020-01-01-x.md"]


def test_drafts_and_excerpts() -> None:
    read = made(SMALL + "show_drafts: yes\nexcerpt_separator: '<!-- cut -->'\nfuture: true\n")
    assert (read.content.drafts, read.content.future, read.content.excerpt_separator) == (True, True, "<!-- cut -->")
    assert "**/_drafts/**" in read.content.include


def test_secrets_are_left_out_of_the_variables() -> None:
    text = SMALL + "mail_api_key: abc\nversion: 3\nmarkdown: kramdown\n"
    assert made(text).content.variables == {"lang": "en", "version": 3}
    assert "`mail_api_key`" in notes(text)


def test_archives_give_the_page_of_a_category() -> None:
    text = "jekyll-archives: {enabled: [categories], permalinks: {category: '/c/:name/'}}\n"
    assert made(SMALL + text).feeds.category_home == "/c/{slug}/"
    assert made(SMALL + "jekyll-archives: {enabled: [year]}\n").feeds.category_home is None


@pytest.mark.parametrize(
    ("text", "expected", "note"),
    [
        ("title: ひらがな", {"language": "ja", "timezone": "UTC", "url": "http://localhost"}, "guessed from the title"),
        ("title: English", {"language": "en"}, "guessed from the title"),
        ("title: A\nlang: ja_JP", {"language": "ja-JP"}, "no time zone"),
        ("title: A\nlang: english", {"language": "en"}, "`english` is no language tag"),
        ("title: A\ntimezone: Asia/Tokio", {"timezone": "UTC"}, "there is no time zone `Asia/Tokio`"),
        ("title: A\nurl: example.org", {"url": "https://example.org"}, "had no scheme"),
        ("title: A\nurl: 'https://exa mple.org'", {"url": "http://localhost"}, "no usable URL"),
        ("name: B\nurl: https://b.org", {"title": "B"}, ""),
        ("url: https://b.org", {"title": "b.org"}, "no title"),
    ],
)
def test_what_is_missing_is_guessed_and_noted(text: str, expected: dict[str, Any], note: str) -> None:
    site = made(text).site
    assert {key: getattr(site, key) for key in expected} == expected
    assert note in notes(text)


def test_what_cannot_be_used_is_noted_and_left_out() -> None:
    text = (
        SMALL
        + "content_categories: [{name: A, slug: x}, {name: B, slug: x}]\nfeed: {categories: ['a?b']}\nemail: nowhere\nauthor: A\n"
    )
    read = made(text)
    assert set(read.feeds.categories) == {"A", "B", "a?b"}
    assert [one.slug for one in read.feeds.categories.values() if one] == ["x", None, None]
    for words in ("`x` is also the slug of `A`", "`/feed/a?b.xml`", "`nowhere`"):
        assert words in notes(text)


@pytest.mark.parametrize(("text", "line"), [("- a\n", None), ("a: b: c\n", 1), ("title: A\n\tb: c\n", 2)])
def test_a_file_that_cannot_be_read(text: str, line: int | None) -> None:
    with pytest.raises(ConfigError) as caught:
        import_jekyll(text)
    assert (caught.value.problems[0].path, caught.value.problems[0].line) == ("_config.yml", line)
