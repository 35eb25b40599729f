"""Whatever stands in a file, the whole way holds: it is refused with a reason, or becomes documents that read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedservice.config.schema import Config
from feedservice.feeds import assemble, entries, lint, specs
from feedservice.feeds.formats import FORMATS, render_all
from feedservice.feeds.identity import Named, iri, namer
from feedservice.model import Document, Severity, Source
from feedservice.posts import body
from feedservice.posts.parse import Context, parse

DIALECTS = ("plain", "jekyll", "hugo", "zola", "eleventy", "pelican")
SITE = Config.model_validate({
    "site": {"title": "S & <b>", "url": "https://example.org/b", "timezone": "Asia/Tokyo", "language": "ja"},
    "feeds": {"all": {"podcast": {"categories": ["News"]}}},
})  # fmt: skip

PIECES = (
    "**「重要」**です", "# 見出し\n", "[a](b c)", "![](/x.png){: .wide}", "[^1]\n\n[^1]: note\n", "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "```\n{{ code }}\n```\n", "{% highlight ruby %}x{% endhighlight %}", "{% raw %}{{ x }}{% endraw %}", "{{ site.title }}",
    "{% include 'x' %}", "{% post_url 2025-01-01-a %}", '{{< ref "a.md" >}}', "<!--more-->", "<script>x</script>", "<b", "]]>",
    '<img src=x onerror=y srcset="a 1x, b 2x">', '<iframe src="https://www.youtube.com/embed/a"></iframe>', "&#0;", "&nbsp;",
    "👨‍👩‍👧‍👦", "\u202e", "\x0b", "\ufffe", "\x00", "が", "\n\n", "    code", "- [ ] x\n", "<!--", "-->", "<![CDATA[", "---\n", "+++\n",
)  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=12).map("".join)
SCALAR = TEXT | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False)
VALUE = (
    SCALAR
    | st.lists(SCALAR, max_size=3)
    | st.dictionaries(st.sampled_from(["url", "name", "src", "alt", "length", "type", "duration"]), SCALAR, max_size=4)
)
KEY = st.sampled_from([
    "title", "updated", "expires", "draft", "slug", "permalink", "url", "path", "canonical_url", "category", "categories", "tags",
    "author", "authors", "excerpt", "image", "cover", "enclosure", "enclosures", "audio", "lang", "id", "guid", "timezone", "feed",
    "weight", "duration", "season", "episode", "episodeType", "explicit", "transcript", "chapters", "templateEngineOverride",
])  # fmt: skip


def published(data: bytes, dialect: str, path: str) -> list[Document]:
    """Take one file all the way; no document when it is refused, and then with a reason."""
    context = Context(site=SITE.site, content=SITE.content, dialect=dialect)
    parsed = parse(Source(path=path, data=data), context)
    if parsed.post is None:
        assert [problem.message for problem in parsed.problems if problem.severity is Severity.ERROR]
        return []
    rendered = body.render(data, parsed.post, context, post_urls={})
    own = parsed.post.guid
    made = own or namer("tag", SITE.site.url, SITE.site.timezone)(parsed.post)
    named = Named(post=parsed.post, id=made, atom_id=iri(made, SITE.site.url))
    plan = specs.plan(SITE, [named])
    entry = entries.entry(named, html=rendered.html, summary=rendered.summary, config=SITE, plan=plan)
    documents = []
    for spec in plan.specs:
        podcast = assemble.podcast(spec, SITE) is not None
        written = render_all(entry, entries.profile(spec, podcast=podcast), tuple(FORMATS))
        for name, data_of_entry in written.items():
            part = assemble.fragment(named.id, data_of_entry)
            documents.append(assemble.document(assemble.head(spec, [named], SITE), name, [part]))
    assert documents
    return documents


def sound(documents: list[Document]) -> None:
    wrong = [(found.rule, found.message) for one in documents for found in lint.check(one) if found.severity is Severity.ERROR]
    assert wrong == []
    for one in documents:
        (span,) = one.entries
        assert one.body[span.start : span.end]


@given(data=st.binary(max_size=300), dialect=st.sampled_from(DIALECTS), ending=st.sampled_from(["md", "html"]))
def test_bytes(data: bytes, dialect: str, ending: str) -> None:
    sound(published(data, dialect, f"_posts/2025-01-01-a.{ending}"))


@given(front=st.dictionaries(KEY, VALUE, max_size=6), text=TEXT, dialect=st.sampled_from(DIALECTS))
@example(front={"permalink": "{% x %}/50%off", "image": "/a[1] 5%.png", "id": "x:50%"}, text="", dialect="plain")
@example(front={"title": "<b>]]></b>\x00", "id": "a b"}, text="", dialect="plain")
def test_what_authors_type(front: Mapping[str, object], text: str, dialect: str) -> None:
    typed = "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in {"date": "2025-01-05", **front}.items())
    data = f"---\n{typed}\n---\n{text}".encode("utf-8", "surrogatepass")
    sound(published(data, dialect, "a.md"))


@given(front=st.text(max_size=120), dialect=st.sampled_from(DIALECTS))
def test_text_in_the_place_of_front_matter(front: str, dialect: str) -> None:
    sound(published(f"---\n{front}\n---\nbody".encode("utf-8", "surrogatepass"), dialect, "2025-01-01-a.md"))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_piece_together(dialect: str) -> None:
    documents = published(("---\ntitle: x\ndate: 2025-01-05\n---\n" + "\n\n".join(PIECES)).encode(), dialect, "a.md")
    assert documents
    sound(documents)
    assert all(one.last_modified == datetime(2025, 1, 4, 15, tzinfo=UTC) for one in documents)
