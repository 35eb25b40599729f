from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.model import Enclosure, Image, Person, Transcript, Value
from feedservice.posts import fields
from feedservice.posts.keys import Field

BASE = "https://e.example/post/"


class Notes:
    """Collects what is reported."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str | None]] = []
        self.messages: list[str] = []

    def __call__(self, rule: str, message: str, hint: str, *, key: str | None = None, severity: object = None) -> None:
        del severity
        assert message
        assert hint
        self.found.append((rule, key))
        self.messages.append(message)


@pytest.fixture
def note() -> Notes:
    return Notes()


def field(value: Value, key: str = "k") -> Field:
    return Field(key=key, value=value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, True), (False, False), ("TRUE", True), (" yes ", True), ("On", True), ("1", True), ("explicit", True),
        ("no", False), ("OFF", False), ("0", False), ("clean", False), ("", None), ("maybe", None), (None, None), (["true"], None), ({}, None),
    ],
)  # fmt: skip
def test_yes_and_no(value: Value, said: bool | None) -> None:
    assert fields.flag(value) is said


@pytest.mark.parametrize(
    ("value", "text"), [(" a ", "a"), (True, "true"), (False, "false"), (None, None), ([], None), ({}, None)]
)
def test_scalars(value: Value, text: str | None) -> None:
    assert fields.scalar(value) == text


@pytest.mark.parametrize(
    ("value", "split", "found"),
    [
        ("a b, c", "none", ["a b, c"]),
        ("a b,  c", "space", ["a", "b,", "c"]),
        ("a b, c、d，e,", "comma", ["a b", "c", "d", "e"]),
        ("a, b; c", "list", ["a, b", "c"]),
        ("a, b、c", "list", ["a", "b", "c"]),
        ("  ", "comma", []),
        (["a b", " c ", None, True], "comma", ["a b", "c", "true"]),
        ([["a", "b"], {"name": "c"}, {"title": "d"}], "none", ["a", "b", "c", "d"]),
        ({"name": "x"}, "none", ["x"]),
    ],
)
def test_labels(note: Notes, value: Value, split: str, found: list[str]) -> None:
    assert fields.labels(field(value), split=split, note=note) == found
    assert note.found == []


def test_a_label_that_is_none_is_named(note: Notes) -> None:
    assert fields.labels(field([{"weight": "1"}, "a"], "tags"), split="none", note=note) == ["a"]
    assert note.found == [("label.unreadable", "tags")]
    assert note.messages == ["tags: {'weight': '1'} is no name"]


@pytest.mark.parametrize(
    ("value", "people"),
    [
        ("Hanako", [Person(name="Hanako")]),
        ("Hanako <h@e.example>", [Person(name="Hanako", email="h@e.example")]),
        ("山田 花子<h@e.example> ", [Person(name="山田 花子", email="h@e.example")]),
        ("<h@e.example>", [Person(name="<h@e.example>", email="h@e.example")]),
        ("A < B", [Person(name="A < B")]),
        (
            {"name": "J", "email": "j@e.example", "homepage": "/j/"},
            [Person(name="J", email="j@e.example", url="https://e.example/j/")],
        ),
        ({"display_name": "J", "uri": "https://j.example/"}, [Person(name="J", url="https://j.example/")]),
        (["A", {"name": "B"}, "A <a@e.example>"], [Person(name="A"), Person(name="B")]),
        (["", " "], []),
    ],
)
def test_people(note: Notes, value: Value, people: list[Person]) -> None:
    assert fields.people([field(value, "author")], base="https://e.example/", split=None, note=note) == tuple(people)
    assert note.found == []


def test_several_people_in_one_string_are_a_matter_of_the_key(note: Notes) -> None:
    both = [field("A, B", "authors"), field("C, D", "author")]
    names = [person.name for person in fields.people(both, base=BASE, split="authors", note=note)]
    assert names == ["A", "B", "C, D"]
    last_first = fields.people([field("Yamada, H; Suzuki, I", "Authors")], base=BASE, split="authors", note=note)
    assert [person.name for person in last_first] == ["Yamada, H", "Suzuki, I"]


@pytest.mark.parametrize(
    ("value", "person", "rule"),
    [
        ({"name": "A", "email": "nobody"}, Person(name="A"), "value.unreadable"),
        ({"name": "A", "url": "about"}, Person(name="A"), "value.unreadable"),
        ({"name": "A", "url": "ftp://e.example/"}, Person(name="A"), "value.unreadable"),
        ({"email": "a@e.example"}, None, "author.unreadable"),
        (["x"], None, "author.unreadable"),
        (None, None, "author.unreadable"),
    ],
)
def test_what_is_unreadable_of_a_person_is_named_and_left_out(
    note: Notes, value: Value, person: Person | None, rule: str
) -> None:
    found = fields.people([field([value], "author")], base=BASE, split=None, note=note)
    assert found == ((person,) if person else ())
    assert note.found == [(rule, "author")]


@pytest.mark.parametrize(
    ("value", "image"),
    [
        ("a.png", Image(url="https://e.example/post/a.png")),
        ("/i/日本 a.png", Image(url="https://e.example/i/%E6%97%A5%E6%9C%AC%20a.png")),
        ("//cdn.example/a.png", Image(url="https://cdn.example/a.png")),
        ("https://日本語.jp:81/画.png", Image(url="https://xn--wgv71a119e.jp:81/%E7%94%BB.png")),
        ({"path": "/a.png", "alt": " Alt "}, Image(url="https://e.example/a.png", alt="Alt")),
        ({"src": "https://o.example/a.webp?x=1"}, Image(url="https://o.example/a.webp?x=1")),
        ({"feature": "a.png"}, Image(url="https://e.example/post/a.png")),
        (["a.png", "b.png"], Image(url="https://e.example/post/a.png")),
        (False, None),
        ("true", None),
    ],
)
def test_images(note: Notes, value: Value, image: Image | None) -> None:
    assert fields.image(field(value), base=BASE, note=note) == image
    assert note.found == []


@pytest.mark.parametrize(
    "value", [[], {}, {"alt": "x"}, [None], "data:image/png;base64,AA", "javascript:x", "mailto:a@b.example"]
)
def test_an_image_that_is_none_is_named(note: Notes, value: Value) -> None:
    assert fields.image(field(value, "cover"), base=BASE, note=note) is None
    assert note.found == [("image.unreadable", "cover")]


def test_no_field_is_nothing_to_report(note: Notes) -> None:
    assert fields.image(None, base=BASE, note=note) is None
    assert fields.link(None, base=BASE, note=note) is None
    assert fields.transcripts(None, base=BASE, note=note) == ()
    assert note.found == []


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://e.example/a.MP3?x=1#t=2", "audio/mpeg"),
        ("https://e.example/a.m4a", "audio/mp4"),
        ("https://e.example/a.tar.gz", None),
        ("https://e.example/a", None),
        ("https://e.example/mp3", None),
    ],
)
def test_media_types_follow_the_ending_and_no_table_of_the_system(url: str, kind: str | None) -> None:
    assert fields.media_type(url) == kind


def enclosures(note: Notes, *values: Value, sizes: dict[str, int] | None = None) -> tuple[Enclosure, ...]:
    return fields.enclosures([field(value, "audio") for value in values], base=BASE, sizes=(sizes or {}).get, note=note)


def test_enclosures(note: Notes) -> None:
    whole: Value = {"src": "/a.mp3", "bytes": "1_234", "mime_type": "audio/x", "duration": "1:02", "title": "T"}
    assert enclosures(note, whole, [{"url": "b.ogg", "length": "12,345"}]) == (
        Enclosure(url="https://e.example/a.mp3", type="audio/x", length=1234, duration=62, title="T"),
        Enclosure(url="https://e.example/post/b.ogg", type="audio/ogg", length=12345),
    )
    assert note.found == []


def test_a_url_that_stands_twice_counts_once_and_a_file_is_measured(note: Notes) -> None:
    sizes = {"https://e.example/post/a.mp3": 7}
    assert enclosures(note, "a.mp3", {"url": "a.mp3", "length": "7", "title": "again"}, sizes=sizes) == (
        Enclosure(url="https://e.example/post/a.mp3", type="audio/mpeg", length=7),
    )
    assert note.found == []
    assert enclosures(note, {"url": "a.mp3", "length": "8"}, sizes=sizes)[0].length == 7
    assert note.messages == ["audio: the length is given as 8 bytes, the file has 7"]


@pytest.mark.parametrize(
    ("value", "rules", "found"),
    [
        ("b.mp3", ["enclosure.length"], Enclosure(url="https://e.example/post/b.mp3", type="audio/mpeg")),
        ({"url": "b", "length": "1"}, ["enclosure.type"], Enclosure(url="https://e.example/post/b", type="application/octet-stream", length=1)),
        ({"url": "b.mp3", "length": "1", "type": "mp3"}, ["enclosure.type"], Enclosure(url="https://e.example/post/b.mp3", type="application/octet-stream", length=1)),
        ({"url": "b.mp3", "length": "1 MB"}, ["enclosure.length", "enclosure.length"], Enclosure(url="https://e.example/post/b.mp3", type="audio/mpeg")),
        ({"url": "b.mp3", "length": "-1"}, ["enclosure.length", "enclosure.length"], Enclosure(url="https://e.example/post/b.mp3", type="audio/mpeg")),
        ({"url": "b.mp3", "length": "1", "duration": "long"}, ["value.unreadable"], Enclosure(url="https://e.example/post/b.mp3", type="audio/mpeg", length=1)),
        ({"title": "x"}, ["enclosure.unreadable"], None),
        ("ftp://e.example/a.mp3", ["enclosure.unreadable"], None),
        (None, ["enclosure.unreadable"], None),
    ],
)  # fmt: skip
def test_what_is_missing_of_an_enclosure_is_named(note: Notes, value: Value, rules: list[str], found: Enclosure | None) -> None:
    assert enclosures(note, [value]) == ((found,) if found else ())
    assert note.found == [(rule, "audio") for rule in rules]


def test_transcripts(note: Notes) -> None:
    value: Value = [
        "t.vtt",
        {"url": "/t.srt", "language": "ja"},
        {"src": "t", "type": "text/html"},
        "t.JSON",
        "t.txt",
        {"type": "x"},
    ]
    assert fields.transcripts(field(value, "transcript"), base=BASE, note=note) == (
        Transcript(url="https://e.example/post/t.vtt", type="text/vtt"),
        Transcript(url="https://e.example/t.srt", type="application/x-subrip", language="ja"),
        Transcript(url="https://e.example/post/t", type="text/html"),
        Transcript(url="https://e.example/post/t.JSON", type="application/json"),
        Transcript(url="https://e.example/post/t.txt", type="text/plain"),
    )
    assert note.found == [("transcript.unreadable", "transcript")]


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("/x", "https://e.example/x"),
        ("https://o.example/日", "https://o.example/%E6%97%A5"),
        ("mailto:a@b.example", None),
        ([], None),
        ("", None),
    ],
)
def test_links(note: Notes, value: Value, url: str | None) -> None:
    assert fields.link(field(value, "canonical_url"), base=BASE, note=note) == url
    assert note.found == ([] if url else [("link.unreadable", "canonical_url")])


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("3725", 3725), ("3725.9", 3725), ("62:05", 3725), ("1:02:05", 3725), ("01:02:05", 3725), ("PT1H2M5S", 3725), ("1h2m5s", 3725),
        ("PT5.5S", 5), ("2M", 120), ("PT", None), ("", None), ("1:2:3:4", None), ("a:b", None), ("-5", None), (None, None), (["1"], None),
        ("9" * 10, None), ("５", 5),
    ],
)  # fmt: skip
def test_durations(value: Value, found: int | None) -> None:
    assert fields.seconds(value) == found


@pytest.mark.parametrize(
    ("value", "found"), [("7", 7), ("007", 7), ("7.0", None), ("-7", None), ("12345678", None), (None, None), (True, None)]
)
def test_numbers(value: Value, found: int | None) -> None:
    assert fields.number(value) == found


@pytest.mark.parametrize(
    ("value", "found"), [("Full", "full"), ("trailer", "trailer"), ("bonus", "bonus"), ("extra", None), (None, None)]
)
def test_kinds_of_episodes(value: Value, found: str | None) -> None:
    assert fields.episode_kind(value) == found


@pytest.mark.parametrize(
    ("url", "site", "path"),
    [
        ("https://e.example/b/a%20c.mp3?x", "https://e.example/b/", "a c.mp3"),
        ("https://e.example/b/a.mp3", "https://e.example/b", "a.mp3"),
        ("https://e.example/bb/a.mp3", "https://e.example/b", None),
        ("https://o.example/b/a.mp3", "https://e.example/b", None),
    ],
)
def test_files_of_the_site(url: str, site: str, path: str | None) -> None:
    assert fields.file_of(url, site) == path


def test_a_long_value_is_shown_short(note: Notes) -> None:
    fields.unreadable("k", "x" * 200, fields.NUMBER, note)
    assert note.messages == [f"k: '{'x' * 58}… is no whole number; it is left out"]


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.text(max_size=12) | st.sampled_from(["a.mp3", "/x", "https://[", "1:2", "a@b", "//", "http://"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["url", "name", "email", "length", "alt", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(VALUES)
def test_no_value_is_too_odd(value: Value) -> None:
    note = Notes()
    found = (
        fields.labels(field(value), split="comma", note=note),
        fields.people([field(value)], base=BASE, split="k", note=note),
        fields.image(field(value), base=BASE, note=note),
        enclosures(note, value),
        fields.transcripts(field(value), base=BASE, note=note),
        fields.link(field(value), base=BASE, note=note),
        fields.seconds(value),
        fields.number(value),
    )
    assert len(found) == 8
