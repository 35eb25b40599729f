from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice import config
from feedservice.config import document, importers
from feedservice.config.importers import IMPORTERS, import_hugo, import_pelican, import_zola
from feedservice.errors import ConfigError

HUGO = """\
baseURL = "https://example.org/blog/"
title = "Aoi's notes"
languageCode = "en-gb"
timeZone = "Europe/London"
copyright = "© Aoi"
buildFuture = true
mainSections = ["posts"]

[params]
description = "Notes"
[params.author]
name = "Aoi"
email = "aoi@example.org"

[permalinks.page]
posts = "/:year/:slug/"
recipes = "/r/:slug/"

[services.rss]
limit = 15

[taxonomies]
category = "topics"
series = "series"
"""


def hugo(text: str) -> config.Config:
    return config.Config.model_validate(import_hugo(text, format="toml").values)


def test_hugo() -> None:
    read = hugo(HUGO)
    assert (read.site.url, read.site.title, read.site.description) == ("https://example.org/blog", "Aoi's notes", "Notes")
    assert (read.site.language, read.site.timezone, read.site.copyright) == ("en-gb", "Europe/London", "© Aoi")
    assert read.site.author is not None
    assert read.site.author.email == "aoi@example.org"
    assert (read.content.directory, read.content.dialect, read.content.permalink) == ("content", "hugo", "/:path/")
    assert [(one.path, one.values) for one in read.content.defaults] == [
        ("/posts/", {"url": "/:year/:slug/"}),
        ("/recipes/", {"url": "/r/:slug/"}),
    ]
    assert (read.content.include, read.content.future) == ([], True)
    assert (read.feeds.ids, read.feeds.window, read.feeds.tags) == ("hugo", 15, False)
    assert read.feeds.all.paths == {"rss": "/blog/index.xml"}
    assert read.feeds.paths == {"category": {"rss": "/blog/topics/{slug}/index.xml"}}
    assert [(one.key, one.include, one.paths) for one in read.feeds.define] == [
        ("sections/posts", [{"path": "/posts/"}], {"rss": "/blog/posts/index.xml"})
    ]
    assert read.feeds.opml == "/blog/feeds.opml"
    notes = "\n".join(import_hugo(HUGO, format="toml").notes)
    assert "the pages of every section" in notes
    assert "content.include: [/posts/]" in notes
    assert "a feed for every section, `/NAME/index.xml`" in notes
    assert "`series` has no counterpart" in notes


def test_hugo_reads_yaml_and_json_alike() -> None:
    data = {"baseurl": "https://example.org", "title": "A", "DefaultContentLanguage": "ja", "params": {"mainSections": ["blog"]}}
    yaml = import_hugo(document.dump(data), format="yaml")
    assert yaml == import_hugo(json.dumps(data), format="json")
    read = config.Config.model_validate(yaml.values)
    assert (read.site.language, read.content.include) == ("ja", [])
    assert (read.content.permalink, read.feeds.opml) == ("/:path/", "/feeds.opml")
    assert read.feeds.tags is True
    assert read.feeds.paths == {
        "category": {"rss": "/categories/{slug}/index.xml"},
        "tag": {"rss": "/tags/{slug}/index.xml"},
    }


@pytest.mark.parametrize(
    ("text", "home", "terms"),
    [
        ("", True, True),
        ('disableKinds = ["RSS"]', False, False),
        ('disableKinds = ["taxonomy", "term"]', True, False),
        ('[outputs]\nhome = ["HTML"]', False, True),
        ('[outputs]\nhome = ["HTML", "RSS"]\nterm = ["HTML"]', True, False),
    ],
)
def test_hugo_feeds_that_were_switched_off(text: str, home: bool, terms: bool) -> None:
    read = hugo('baseURL = "https://example.org"\ntitle = "A"\n' + text)
    assert (read.feeds.all.paths == {"rss": "/index.xml"}) is home
    assert bool(read.feeds.paths != "{key}.{format}") is terms
    assert read.feeds.category_feeds is terms


def test_hugo_feed_name_and_ugly_urls() -> None:
    read = hugo('baseURL = "https://example.org"\nuglyURLs = true\n[outputFormats.RSS]\nbaseName = "feed"\n')
    assert read.feeds.all.paths == {"rss": "/feed.xml"}
    assert read.content.permalink == "/:path.html"
    ugly = hugo('baseURL = "https://example.org"\nuglyURLs = true\n[permalinks]\nposts = "/p/:title/"\n')
    assert [one.values for one in ugly.content.defaults] == [{"url": "/p/:title.html"}]


def test_languages_of_hugos_file_names() -> None:
    text = "baseURL: https://example.org/\ndefaultContentLanguage: de\nlanguages: {de: {}, fr: {title: F}, 'no tag': {}}\n"
    imported = import_hugo(text, format="yaml")
    made = config.Config.model_validate(imported.values)
    assert (made.site.language, made.content.languages) == ("de", ["de", "fr"])
    assert any("`post.fr.md` is read as that language" in note for note in imported.notes)


@pytest.mark.parametrize(
    ("settings", "undated", "words"),
    [
        ('date = [":filename", ":default"]', True, "the front matter's is the date"),
        ('date = [":default", ":filename"]', True, "write `slug` into it"),
        ('lastmod = [":git"]', False, "was not taken over"),
        ("", False, ""),
    ],
)
def test_dates_of_hugo_in_file_names(settings: str, undated: bool, words: str) -> None:
    text = f'baseURL = "https://example.org"\n[frontmatter]\n{settings}\n'
    assert hugo(text).content.undated_slugs is undated
    assert words in "\n".join(import_hugo(text, format="toml").notes)


def test_permalinks_of_hugo_that_cannot_be_taken_over_are_named() -> None:
    text = 'baseURL = "https://example.org"\n[permalinks]\nposts = "/:sectionslug/:slug/"\n"/" = "/:slug/"\n'
    assert hugo(text).content.defaults == []
    notes = "\n".join(import_hugo(text, format="toml").notes)
    assert "unknown token `:sectionslug`" in notes
    assert "the permalink of `/`" in notes
    targets = 'baseURL = "https://example.org"\n[[permalinks]]\npattern = "/:slug/"\n'
    assert any("permalinks` with targets" in note for note in import_hugo(targets, format="toml").notes)


ZOLA = """\
base_url = "https://example.org/log"
title = "A log"
description = "Of things"
default_language = "ja"
author = "Aoi"
generate_feeds = true
feed_filenames = ["atom.xml", "rss.xml"]
feed_limit = 30
ignored_content = ["*.draft.md"]
taxonomies = [{name = "categories", feed = true}, {name = "tags"}, {name = "people", feed = true}]
"""


def test_zola() -> None:
    imported = import_zola(ZOLA)
    read = config.Config.model_validate(imported.values)
    assert (read.site.url, read.site.language, read.site.timezone) == ("https://example.org/log", "ja", "UTC")
    assert (read.content.directory, read.content.dialect, read.feeds.ids) == ("content", "zola", "permalink")
    assert read.content.ignore == ["_index.*", "*.draft.md"]
    assert read.feeds.all.paths == {"atom": "/log/atom.xml", "rss": "/log/rss.xml"}
    assert read.feeds.paths == {"category": {"atom": "/log/categories/{slug}/atom.xml", "rss": "/log/categories/{slug}/rss.xml"}}
    assert (read.feeds.window, read.feeds.tags) == (30, False)
    assert any("`people` has no counterpart" in note for note in imported.notes)


def test_zola_without_feeds() -> None:
    read = config.Config.model_validate(import_zola('base_url = "https://example.org"\n').values)
    assert read.site.title == "example.org"
    assert read.feeds.all.paths == {}


PELICAN = """\
import os
from sitelib import *

AUTHOR = 'Aoi'
SITENAME: str = 'Notes of ' + AUTHOR
HOST = "example.org"
SITEURL = f"https://{HOST}/n"
TIMEZONE = 'Asia/Tokyo'
DEFAULT_LANG = 'ja'
PATH = 'content'
ARTICLE_PATHS = ['blog']
ARTICLE_URL = '{date:%Y/%m/%d}/{slug}.html'
DEFAULT_CATEGORY = 'misc'
DEFAULT_METADATA = {'status': 'draft'}
WITH_FUTURE_DATES = False
FEED_ALL_ATOM = 'feeds/all.atom.xml'
FEED_RSS = 'rss.xml'
CATEGORY_FEED_ATOM = 'feeds/%s.atom.xml'
AUTHOR_FEED_ATOM = None
AUTHOR_FEED_RSS = None
TAG_FEED_RSS = 'tag/{slug}.rss'
FEED_MAX_ITEMS = 20
SUMMARY_MAX_LENGTH = int(os.environ['LENGTH'])
CATEGORY_URL = 'c/%s/' % '{slug}'
if os.environ.get('X'):
    SITESUBTITLE = 'x'
"""


def test_pelican() -> None:
    imported = import_pelican(PELICAN)
    read = config.Config.model_validate(imported.values)
    assert (read.site.title, read.site.url) == ("Notes of Aoi", "https://example.org/n")
    assert (read.site.language, read.site.timezone) == ("ja", "Asia/Tokyo")
    assert (read.content.directory, read.content.include) == ("content", ["/blog/"])
    assert (read.content.permalink, read.content.future) == ("/:year/:month/:day/:slug.html", False)
    assert [one.values for one in read.content.defaults] == [{"status": "draft", "category": "misc"}]
    assert (read.feeds.ids, read.feeds.window, read.feeds.tags, read.feeds.authors) == ("pelican", 20, True, False)
    assert read.feeds.all.paths == {"atom": "/n/feeds/all.atom.xml", "rss": "/n/rss.xml"}
    assert read.feeds.paths == {"category": {"atom": "/n/feeds/{slug}.atom.xml"}, "tag": {"rss": "/n/tag/{slug}.rss"}}
    assert read.feeds.category_home == "/n/c/{slug}/"
    assert read.content.category_directories is None
    assert import_pelican(PELICAN + "USE_FOLDER_AS_CATEGORY = False\n").values["content"]["category_directories"] is False  # type: ignore[index]
    notes = "\n".join(imported.notes)
    for words in ("imported from `sitelib`", "`SUMMARY_MAX_LENGTH` is computed", "`SITESUBTITLE` is set under a condition"):
        assert words in notes


def test_pelicans_defaults() -> None:
    imported = import_pelican("SITENAME = 'A'\nSITEURL = ''\n")
    read = config.Config.model_validate(imported.values)
    assert (read.site.url, read.content.future) == ("http://localhost", True)
    assert read.content.ignore == ["/pages/"]
    assert read.feeds.all.paths == {"atom": "/feeds/all.atom.xml"}
    assert any("same paths as category feeds" in note for note in imported.notes)


def test_pelican_while_writing_has_no_feeds() -> None:
    imported = import_pelican("FEED_ALL_ATOM = None\nCATEGORY_FEED_ATOM = None\nAUTHOR_FEED_ATOM = AUTHOR_FEED_RSS = None\n")
    read = config.Config.model_validate(imported.values)
    assert (read.feeds.all.paths, read.feeds.category_feeds, read.feeds.authors) == ({}, False, False)
    assert any("publishconf.py" in note for note in imported.notes)


@pytest.mark.parametrize(
    ("url", "permalink"),
    [
        ("posts/{date:%Y}/{date:%b}/{slug}/", "/posts/:year/:short_month/:slug/"),
        ("{category}/{slug}", "/:slugified_categories/:slug"),
        ("{author}/{slug}", "/:year/:month/:day/:title/"),
        ("{date:%Q}/{slug}", "/:year/:month/:day/:title/"),
    ],
)
def test_article_urls(url: str, permalink: str) -> None:
    read = config.Config.model_validate(import_pelican(f"ARTICLE_URL = {url!r}").values)
    assert read.content.permalink == permalink


def test_pelican_slugs_from_file_names() -> None:
    read = config.Config.model_validate(import_pelican("SLUGIFY_SOURCE = 'basename'").values)
    assert read.content.permalink == "/:slugorfilename.html"


@pytest.mark.parametrize(
    "expression",
    [
        "open('/etc/passwd').read()",
        "__import__('os').getcwd()",
        "'%9999999999d' % 1",
        "'a' * 10**9",
        "[x for x in 'ab']",
        "missing",
        "-1",
        "b'x'",
        "f'{AUTHOR!r:>9}'",
        "f'{AUTHOR:>999999999}'",
        "{**{}}",
    ],
)
def test_nothing_of_a_settings_file_is_run(expression: str) -> None:
    imported = import_pelican(f"AUTHOR = 'A'\nSITENAME = {expression}\n")
    assert imported.values["site"] == {
        "title": "localhost",
        "url": "http://localhost",
        "language": "en",
        "timezone": "UTC",
        "author": "A",
    }
    assert any("line 2: `SITENAME` is computed" in note for note in imported.notes)


def test_values_do_not_grow_without_end() -> None:
    text = "SITENAME = 'aaaaaaaa'\n" + "SITENAME = SITENAME + SITENAME\n" * 60
    assert len(str(import_pelican(text).values)) < 1000


@pytest.mark.parametrize(
    ("name", "text", "dialect"),
    [
        ("site/config.toml", ZOLA, "zola"),
        ("config.toml", HUGO, "hugo"),
        ("hugo.toml", HUGO, "hugo"),
        ("pelicanconf.py", PELICAN, "pelican"),
        ("a\\_config.yml", "title: A", "jekyll"),
    ],
)
def test_files_are_told_by_name_and_content(name: str, text: str, dialect: str) -> None:
    imported = importers.read(name, text)
    assert imported.dialect == dialect
    content = imported.values["content"]
    assert isinstance(content, dict)
    assert content["dialect"] == dialect


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("blog/hugo.toml", 'a = 1\nb = "\n', (2, 6)),
        ("hugo.json", '{"a": }', (1, 7)),
        ("hugo.json", "[]", (None, None)),
        ("hugo.json", "[" * 100000, (None, None)),
        ("hugo.yaml", "a: [\n", (2, 1)),
        ("pelicanconf.py", "A = \n", (1, 5)),
        ("pelicanconf.py", "A = '\0'", (None, None)),
        ("unknown.ini", "", (None, None)),
    ],
)
def test_what_cannot_be_imported_is_an_error_with_its_place(name: str, text: str, place: tuple[int | None, int | None]) -> None:
    with pytest.raises(ConfigError) as caught:
        importers.read(name, text)
    (problem,) = caught.value.problems
    assert (problem.rule, problem.path) == ("config.import", name)
    assert (problem.line, problem.column) == place
    assert problem.hint


KEYS = st.sampled_from(
    [
        "title",
        "url",
        "baseURL",
        "baseurl",
        "base_url",
        "author",
        "email",
        "name",
        "lang",
        "timezone",
        "timeZone",
        "permalink",
        "permalinks",
        "collections",
        "posts",
        "defaults",
        "scope",
        "values",
        "path",
        "feed",
        "categories",
        "content_categories",
        "slug",
        "tags",
        "only",
        "outputs",
        "home",
        "term",
        "taxonomies",
        "category",
        "params",
        "mainSections",
        "exclude",
        "plugins",
        "feed_filenames",
        "generate_feeds",
        "languages",
        "services",
        "rss",
        "limit",
        "excerpt_separator",
        "jekyll-archives",
        "enabled",
        "description",
        "logo",
    ]
)
LEAVES = st.one_of(
    st.booleans(),
    st.integers(-3, 99),
    st.sampled_from(["", "a", "ja", "https://a.org/x?", "../..", "{key}", "jekyll-feed", "/:title", "/"]),
)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=15)


@given(st.dictionaries(KEYS, TREES, max_size=8), st.sampled_from(["_config.yml", "hugo.yaml"]))
def test_what_is_imported_is_always_valid(data: dict[str, object], name: str) -> None:
    imported = importers.read(name, document.dump(data))
    assert config.parse(config.commented(imported.values), name="c", environ={}).content.dialect == imported.dialect


@given(
    st.dictionaries(
        st.sampled_from(
            ["SITENAME", "SITEURL", "ARTICLE_URL", "FEED_ALL_ATOM", "CATEGORY_FEED_ATOM", "PATH", "AUTHOR", "PAGE_PATHS"]
        ),
        TREES,
    )
)
def test_what_is_imported_from_pelican_is_always_valid(data: dict[str, object]) -> None:
    imported = import_pelican("".join(f"{key} = {value!r}\n" for key, value in data.items()))
    assert config.Config.model_validate(imported.values)


@given(st.text(), st.sampled_from(sorted(IMPORTERS)))
def test_no_text_crashes_an_importer(text: str, name: str) -> None:
    try:
        values = importers.read(name, text).values
    except ConfigError:
        return
    assert config.Config.model_validate(values)
