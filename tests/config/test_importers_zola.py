from __future__ import annotations

import pytest

from feedservice import config
from feedservice.config.importers import Imported, import_zola
from feedservice.errors import ConfigError

BASE = 'base_url = "https://example.org"\ntitle = "T"\n'


def read(text: str) -> tuple[config.Config, str]:
    imported: Imported = import_zola(BASE + text)
    assert imported.dialect == "zola"
    return config.Config.model_validate(imported.values), "\n".join(imported.notes)


def test_what_every_site_gets() -> None:
    made, notes = read("")
    assert (made.content.directory, made.content.dialect) == ("content", "zola")
    assert (made.content.permalink, made.content.ignore) == ("/:sections/:slugorfilename/", ["_index.*"])
    assert (made.feeds.ids, made.site.language, made.site.timezone) == ("permalink", "en", "UTC")
    assert "which Zola reads dates in; write the zone your dates are meant in" in notes
    assert "the site had no feed of its own (`generate_feeds`): the new one is under `feeds.url`" in notes
    assert "feeds of single sections (`generate_feeds` in _index.md) were not taken over" in notes


@pytest.mark.parametrize(
    ("settings", "paths"),
    [
        ("generate_feeds = true", {"atom": "/atom.xml"}),
        ("generate_feed = true", {"atom": "/atom.xml"}),
        ('generate_feed = true\nfeed_filename = "rss.xml"', {"rss": "/rss.xml"}),
        ('generate_feeds = true\nfeed_filenames = ["rss.xml", "feed.xml"]', {"rss": "/rss.xml", "atom": "/feed.xml"}),
        ('generate_feeds = true\nfeed_filenames = ["feed.json"]', {"json": "/feed.json"}),
        ("generate_feeds = false\ngenerate_feed = true", {}),
        ('feed_filenames = ["rss.xml"]', {}),
    ],
)
def test_the_feed_of_the_site_keeps_its_address(settings: str, paths: dict[str, str]) -> None:
    made, _ = read(settings)
    assert made.feeds.all.paths == paths


def test_a_second_feed_in_one_format_is_named() -> None:
    made, notes = read('generate_feeds = true\nfeed_filenames = ["atom.xml", "feed.xml"]')
    assert made.feeds.all.paths == {"atom": "/atom.xml"}
    assert "`feed.xml` is another feed in atom: add it under `feeds.all.aliases`" in notes


def test_a_site_below_a_path_has_its_feeds_there() -> None:
    imported = import_zola(
        'base_url = "https://example.org/log/"\ngenerate_feeds = true\ntaxonomies = [{name = "tags", feed = true}]'
    )
    made = config.Config.model_validate(imported.values)
    assert made.feeds.all.paths == {"atom": "/log/atom.xml"}
    assert made.feeds.paths == {"tag": {"atom": "/log/tags/{slug}/atom.xml"}}
    assert made.feeds.opml == "/log/feeds.opml"


@pytest.mark.parametrize(("limit", "window"), [("feed_limit = 7", 7), ("", 50), ("feed_limit = 0", 50), ('feed_limit = "7"', 50)])
def test_the_limit_is_the_window(limit: str, window: int) -> None:
    made, notes = read(f"generate_feeds = true\n{limit}")
    assert made.feeds.window == window
    assert ("Zola's feed had every post" in notes) is (window == 50)


@pytest.mark.parametrize(
    ("listed", "paths", "tags", "authors"),
    [
        ('[{name = "categories", feed = true}]', {"category": {"atom": "/categories/{slug}/atom.xml"}}, False, False),
        ('[{name = "tags", feed = true}]', {"tag": {"atom": "/tags/{slug}/atom.xml"}}, True, False),
        ('[{name = "Authors", feed = true}]', {"author": {"atom": "/Authors/{slug}/atom.xml"}}, False, True),
        ('[{name = "tags"}, {name = "authors", feed = false}]', {}, False, False),
        ('[{name = "tags", feed = true, render = false}]', {}, False, False),
        ('"tags"', {}, False, False),
        ('["tags", 3]', {}, False, False),
    ],
)
def test_taxonomies_with_a_feed(listed: str, paths: dict[str, dict[str, str]], tags: bool, authors: bool) -> None:
    made, _ = read(f"taxonomies = {listed}")
    assert (made.feeds.paths, made.feeds.tags, made.feeds.authors) == (paths or "{key}.{format}", tags, authors)


@pytest.mark.parametrize(
    ("settings", "note"),
    [
        ('taxonomies = [{name = "people", feed = true}]', "the taxonomy `people` has no counterpart"),
        ("[languages.fr]\ntitle = 'F'", "the site has several languages"),
        ("[slugify]\npaths = 'off'", "`slugify.paths = off` was not taken over"),
        ("[slugify]\npaths = 'safe'", "`slugify.paths = safe` was not taken over"),
    ],
)
def test_what_is_not_taken_over_is_named(settings: str, note: str) -> None:
    assert note in read(settings)[1]
    assert note not in read("[slugify]\npaths = 'on'")[1]


def test_languages_of_file_names() -> None:
    made, notes = read("default_language = 'de'\n[languages.fr]\ntitle = 'F'\n[languages.'no tag']\n")
    assert (made.site.language, made.content.languages) == ("de", ["de", "fr"])
    assert "`post.fr.md` is read as that language" in notes
    assert read("")[0].content.languages == []


def test_authors_and_ignored_content() -> None:
    made, _ = read('author = "Zoe"\nignored_content = ["*.draft.md", "notes/**"]')
    assert made.site.author is not None
    assert made.site.author.name == "Zoe"
    assert made.content.ignore == ["_index.*", "*.draft.md", "notes/**"]


def test_what_is_no_toml_is_an_error_with_its_place() -> None:
    with pytest.raises(ConfigError) as caught:
        import_zola("base_url = \n")
    assert [(problem.path, problem.rule, problem.line) for problem in caught.value.problems] == [
        ("config.toml", "config.import", 1)
    ]
