from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from feedservice.config.schema import Config
from feedservice.model import Source
from feedservice.posts import frontmatter
from feedservice.posts.htmlmeta import completed
from feedservice.posts.parse import Context, Parsed, parse

DOCUMENT = """<!DOCTYPE html>
<html><head><title>A &amp; B</title>
<meta charset="utf-8">
<META name="Date" content="2025-01-05 10:00" />
<meta content='t1, t2; t3' name=keywords>
<meta name="category" content="Q&amp;A">
<meta name="authors" content="Yamada, H">
<meta name="summary" content="  ">
</head><body><meta name="date" content="1999-01-01"><p>Text.</p></body></html>
"""


def post(text: str, dialect: str = "pelican", path: str = "a.html") -> Parsed:
    site = {"title": "S", "url": "https://example.org", "timezone": "Asia/Tokyo"}
    config = Config.model_validate({"site": site})
    return parse(Source(path=path, data=text.encode()), Context(site=config.site, content=config.content, dialect=dialect))


def test_the_head_is_the_front_matter_of_an_html_post() -> None:
    found = post(DOCUMENT).post
    assert found is not None
    assert (found.title, found.published) == ("A & B", datetime(2025, 1, 5, 1, tzinfo=UTC))
    assert (found.categories, found.tags) == (("Q&A",), ("t1, t2", "t3"))
    assert ([person.name for person in found.authors], found.summary) == (["Yamada", "H"], None)


def test_only_pelican_has_it_and_only_in_html() -> None:
    assert post(DOCUMENT, "plain").post is None
    assert post(DOCUMENT, path="a.md").post is None


def test_a_mistake_has_the_line_of_its_element() -> None:
    (problem,) = post(DOCUMENT.replace("2025-01-05 10:00", "soon")).problems
    assert (problem.rule, problem.line) == ("date.unreadable", 4)


def test_a_header_above_the_document_wins() -> None:
    found = post(f"---\ndate: 2024-02-03\n---\n{DOCUMENT}").post
    assert found is not None
    assert (found.published.year, found.categories) == (2024, ("Q&A",))


@given(
    st.lists(
        st.sampled_from(
            ["<head>", "</head>", "<meta ", "name=", "content=", '"', "'", ">", "date", "2025", "\n", "<", "&amp;", " "]
        )
    )
)
def test_any_text_is_read(parts: list[str]) -> None:
    read = frontmatter.read("".join(parts).encode(), dialect="pelican", max_bytes=65_536)
    if not isinstance(read, tuple):
        assert all(key == key.lower() for key in completed(read).metadata)
