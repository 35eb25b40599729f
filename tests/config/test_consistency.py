from __future__ import annotations

import pytest

from feedservice import config
from feedservice.errors import ConfigError

GOOD = "site: {title: A, url: 'https://example.org/blog'}\n"


def found(text: str) -> list[tuple[str, str]]:
    try:
        config.parse(GOOD + text, name="c", environ={})
    except ConfigError as error:
        return [(problem.rule, problem.message) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ("paths: feed.xml", "`feeds.paths`: `feed.xml` is the path of several formats (atom is one of them)"),
        ("paths: 'feed.{format}'", "`feeds.paths`: every category feed would be written to `feed.{format}`"),
        ("paths: {category: {atom: feed.xml}}", "`feeds.paths.category`: every category feed would be written to `feed.xml`"),
        (
            "{tags: true, paths: {tag: 't/{format}'}}",
            "`feeds.paths.tag`: every tag feed would be written to `t/{format}`",
        ),
        (
            "{category_languages: true, paths: {category-language: '{slug}.{format}'}}",
            "`feeds.paths.category-language`: every category-language feed would be written to `{slug}.{format}`",
        ),
        ("paths: {all: '{key}.xml'}", "`feeds.paths.all`: `{key}.xml` is the path of several formats (atom is one of them)"),
        (
            "all: {paths: {atom: /feed.xml, rss: /feed.xml}}",
            "`feeds.all.paths.rss`: `/feed.xml` is the path of `feeds.all` as rss and of `feeds.all` as atom",
        ),
        (
            "{opml: x.xml, define: [{key: x, paths: {rss: /x.xml}}]}",
            "`feeds.define[0].paths.rss`: `/x.xml` is the path of `feeds.define[0]` as rss and of the list of feeds",
        ),
        (
            "{all: {paths: {rss: /x/all.rss}}, define: [{key: y, paths: {rss: /x}}]}",
            "`feeds.define[0].paths.rss`: `/x/all.rss` (`feeds.all` as rss) lies below `/x`, which is `feeds.define[0]` as rss",
        ),
        (
            "{opml: /x, define: [{key: y, paths: {rss: /x/y.rss}}]}",
            "`feeds.define[0].paths.rss`: `/x/y.rss` (`feeds.define[0]` as rss) lies below `/x`, which is the list of feeds",
        ),
        (
            "{categories: {A: {slug: news}}, define: [{key: news}]}",
            "`feeds.categories.A`: `/blog/feeds/news.atom` is the path of `feeds.categories.A` as atom and of `feeds.define[0]` as atom",
        ),
        (
            "aliases: {/blog/feeds/all.rss: all.rss}",
            '`feeds.aliases["/blog/feeds/all.rss"]`: `/blog/feeds/all.rss` is the path of an alias of all.rss and of `feeds.all` as rss',
        ),
        ("define: [{key: a}, {key: a}]", "`feeds.define[1].key`: the key `a` is also the one of `feeds.define[0]`"),
        ("define: [{key: all}]", "`feeds.define[0].key`: the key `all` is also the one of `feeds.all`"),
        ("categories: {A: {slug: x}, B: {slug: x}}", "`feeds.categories.B.slug`: `x` is also the slug of `A`"),
        ("aliases: {/feed.xml: atom}", "`feeds.aliases`: `/feed.xml` stands for `atom`, which is no feed and format"),
    ],
)
def test_what_contradicts_itself(feeds: str, message: str) -> None:
    text = feeds if feeds.startswith("{") else "{" + feeds + "}"
    messages = [one for _, one in found(f"feeds: {text}\n")]
    assert message in messages


@pytest.mark.parametrize(
    "feeds",
    [
        "{}",
        "{paths: '/{language}/{key}.{format}'}",
        "{formats: [rss], category_feeds: false, paths: /feed.xml}",
        "{paths: {language: '{language}.{format}'}, languages: true}",
        "{paths: {category-language: '{language}/{slug}.{format}'}, category_languages: true}",
        "{paths: {all: {rss: /index.xml}, category: {rss: '/categories/{slug}/index.xml'}}}",
        "{all: {paths: {atom: /feed.xml}, aliases: {/atom.xml: atom}}, aliases: {'/feed/{key}.xml': category.atom, /ai.xml: ai.rss}}",
        "{tags: [a], paths: {tag: 'a.{format}'}}",
        "{define: [{key: a}, {key: b}], categories: {A: {slug: c}, B: , C: {feed: false, slug: a}}}",
    ],
)
def test_what_agrees(feeds: str) -> None:
    assert found(f"feeds: {feeds}\n") == []


@pytest.mark.parametrize("text", ["output: content", "output: ./content/", "state: content", "content: {directory: public}"])
def test_output_and_state_are_not_the_content(text: str) -> None:
    assert [rule for rule, _ in found(text + "\n")] == ["config.path-collision"]
