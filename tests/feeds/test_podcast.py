from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxml import etree

from feedservice.feeds import lint
from feedservice.model import Enclosure, Episode, Image, Person, Podcast, Transcript

if TYPE_CHECKING:
    from conftest import Make

ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
PODCAST = "{https://podcastindex.org/namespace/1.0}"
OWNER = Person(name="Ada", email="ada@example.org")


def channel(make: Make, podcast: Podcast, *entries: Any, **head: Any) -> Any:
    return etree.fromstring(make.body("rss", entries, make.head(podcast=podcast, **head), make.profile(podcast=True)))[0]


def own(parent: Any) -> list[tuple[str, str | None, dict[str, str]]]:
    """Return (name, text, attributes) of the children in the two namespaces."""
    return [
        (child.tag.replace(ITUNES, "itunes:").replace(PODCAST, "podcast:"), child.text, dict(child.attrib))
        for child in parent
        if child.tag.startswith((ITUNES, PODCAST))
    ]


def test_a_show(make: Make) -> None:
    show = Podcast(guid="g-u-i-d", categories=("News",), owner=OWNER, kind="serial", locked=False)
    found = channel(make, show, image="https://example.org/cover.jpg")

    assert own(found) == [
        ("itunes:author", "編集部", {}),
        ("itunes:image", None, {"href": "https://example.org/cover.jpg"}),
        ("itunes:category", None, {"text": "News"}),
        ("itunes:explicit", "false", {}),
        ("itunes:type", "serial", {}),
        ("itunes:owner", "\n      ", {}),
        ("podcast:guid", "g-u-i-d", {}),
        ("podcast:locked", "no", {"owner": "ada@example.org"}),
        ("podcast:medium", "podcast", {}),
    ]
    assert [child.text for child in found.find(f"{ITUNES}owner")] == ["Ada", "ada@example.org"]


def test_a_show_without_much(make: Make) -> None:
    assert own(channel(make, Podcast(guid="g"), authors=())) == [
        ("itunes:author", "AIコンパス", {}),
        ("itunes:explicit", "false", {}),
        ("itunes:type", "episodic", {}),
        ("podcast:guid", "g", {}),
        ("podcast:medium", "podcast", {}),
    ]
    nameless = channel(make, Podcast(guid="g", owner=Person(name="Ada"), locked=True), authors=())
    assert own(nameless)[0] == ("itunes:author", "Ada", {})
    assert own(nameless)[-2] == ("podcast:locked", "yes", {})


def test_subcategories_lie_in_their_category(make: Make) -> None:
    found = channel(make, Podcast(guid="g", categories=("Arts > Books", "News", "Arts>Food", "Arts")))

    assert [(top.get("text"), [sub.get("text") for sub in top]) for top in found.findall(f"{ITUNES}category")] == [
        ("Arts", ["Books", "Food"]),
        ("News", []),
    ]


def test_an_episode(make: Make) -> None:
    episode = Episode(
        duration=3725,
        season=1,
        number=2,
        kind="bonus",
        explicit=True,
        transcripts=(
            Transcript(url="https://example.org/t.vtt", type="text/vtt", language="ja"),
            Transcript(url="https://example.org/t", type="text/html"),
        ),
        chapters="https://example.org/c.json",
    )
    entry = make.entry(episode=episode, image=Image(url="https://example.org/e.jpg"))

    assert own(channel(make, Podcast(guid="g"), entry).find("item")) == [
        ("itunes:duration", "3725", {}),
        ("itunes:image", None, {"href": "https://example.org/e.jpg"}),
        ("itunes:season", "1", {}),
        ("podcast:season", "1", {}),
        ("itunes:episode", "2", {}),
        ("podcast:episode", "2", {}),
        ("itunes:episodeType", "bonus", {}),
        ("itunes:explicit", "true", {}),
        ("podcast:transcript", None, {"url": "https://example.org/t.vtt", "type": "text/vtt", "language": "ja"}),
        ("podcast:transcript", None, {"url": "https://example.org/t", "type": "text/html"}),
        ("podcast:chapters", None, {"url": "https://example.org/c.json", "type": "application/json+chapters"}),
    ]


def test_a_post_with_an_enclosure_is_an_episode_of_its_length(make: Make) -> None:
    entry = make.entry(enclosures=(Enclosure(url="https://example.org/a.mp3", type="audio/mpeg", length=1, duration=61),))

    assert own(channel(make, Podcast(guid="g"), entry).find("item")) == [("itunes:duration", "61", {})]
    assert own(channel(make, Podcast(guid="g"), make.entry(episode=Episode(explicit=False))).find("item")) == [
        ("itunes:explicit", "false", {})
    ]


def test_only_podcasts_and_only_rss_have_these_elements(make: Make) -> None:
    entry = make.entry(episode=Episode(number=1))
    head = make.head(podcast=Podcast(guid="g"))

    assert b"itunes" not in make.body("rss", [entry])
    assert b"itunes" not in make.body("atom", [entry], head, make.profile(podcast=True))


def test_a_show_that_directories_refuse_is_named(make: Make) -> None:
    head = make.head(podcast=Podcast(guid="g"))
    problems = lint.check(make.document("rss", make.body("rss", [], head, make.profile(podcast=True))))

    assert [(problem.rule, problem.message.split(";")[0]) for problem in problems] == [
        ("feed.podcast", "the podcast has no itunes:image"),
        ("feed.podcast", "the podcast has no itunes:category"),
        ("feed.podcast", "the podcast has no itunes:owner"),
    ]
