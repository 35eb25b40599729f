from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.posts.embeds import frame_link
from feedservice.posts.links import absolute_srcset, absolute_url
from feedservice.posts.liquid import LiquidContext
from feedservice.posts.markup import render

PAGE = "https://e.example/a/b/"
CONTEXT = LiquidContext(site={}, page={}, post_urls={})


def html_of(body: str) -> str:
    return render(body, markdown=False, base_url=PAGE, id_prefix="p-", dialect="plain", context=CONTEXT).html


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("/x", "https://e.example/x"),
        ("x", "https://e.example/a/b/x"),
        ("../x", "https://e.example/a/x"),
        ("?q=1", "https://e.example/a/b/?q=1"),
        ("#f", "https://e.example/a/b/#f"),
        ("//h.example/x", "https://h.example/x"),
        ("http://h.example/a b", "http://h.example/a%20b"),
        ("http://h.example/日本?q=é#ü", "http://h.example/%E6%97%A5%E6%9C%AC?q=%C3%A9#%C3%BC"),
        ("http://日本.example:8080/x", "http://xn--wgv71a.example:8080/x"),
        ("http://h.example/100%/50%25", "http://h.example/100%25/50%25"),
        (" /x\n/y ", "https://e.example/x/y"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("tel:+81-3", "tel:+81-3"),
        ("javascript:x", None),
        ("java\nscript:x", None),
        ("DATA:text/html,x", None),
        ("http://[bad", None),
        ("http://.日本/", None),
        ("", "https://e.example/a/b/"),
    ],
)
def test_urls_are_absolute_and_encoded(url: str, absolute: str | None) -> None:
    assert absolute_url(url, PAGE) == absolute


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_absolute_url_has_only_uri_characters(url: str) -> None:
    absolute = absolute_url(url, PAGE)
    if absolute is not None:
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~!#$&'()*+,/:;=?@\[\]-]|%[0-9A-Fa-f]{2})*", absolute)
        assert absolute_url(absolute, PAGE) == absolute


@pytest.mark.parametrize(
    "body", ["<https://例え.jp/あ>", "[x](https://例え.jp/あ)", "![x](HTTPS://例え.jp/あ)", "https://例え.jp/あ"]
)
@pytest.mark.parametrize("dialect", ["plain", "jekyll", "hugo"])
def test_a_host_in_markdown_is_named_as_its_page_is(body: str, dialect: str) -> None:
    made = render(body, markdown=True, base_url=PAGE, id_prefix="p-", dialect=dialect, context=CONTEXT).html
    assert '="https://xn--r8jz45g.jp/%E3%81%82"' in made.replace("HTTPS", "https")


@pytest.mark.parametrize(
    ("srcset", "absolute"),
    [
        ("a.png 1x, /b.png 2x", "https://e.example/a/b/a.png 1x, https://e.example/b.png 2x"),
        ("a.png", "https://e.example/a/b/a.png"),
        ("a.png, b.png 2x", "https://e.example/a/b/a.png, https://e.example/a/b/b.png 2x"),
        ("/w_1,h_2/a.png 100w,\n b.png   200w", "https://e.example/w_1,h_2/a.png 100w, https://e.example/a/b/b.png 200w"),
        ("data:image/png;base64,AA== 1x, /b.png 2x", "https://e.example/b.png 2x"),
        (" , ,", ""),
        ("", ""),
        ("日.png 2x", "https://e.example/a/b/%E6%97%A5.png 2x"),
    ],
)
def test_every_candidate_of_a_srcset_is_absolute(srcset: str, absolute: str) -> None:
    assert absolute_srcset(srcset, PAGE) == absolute


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ('<a href="/日本?a=1&b=2">x</a>', '<a href="https://e.example/%E6%97%A5%E6%9C%AC?a=1&amp;b=2">x</a>'),
        ('<a href="http://日本.example/é è">x</a>', '<a href="http://xn--wgv71a.example/%C3%A9%20%C3%A8">x</a>'),
        ('<img src="a b.png" srcset="c.png 2x" alt="1 > 0">', '<img src="https://e.example/a/b/a%20b.png" srcset="https://e.example/a/b/c.png 2x" alt="1 &gt; 0">'),
        ('<picture><source srcset="/a.webp"><img src="/a.png"></picture>', '<picture><source srcset="https://e.example/a.webp"><img src="https://e.example/a.png"></picture>'),
        ('<video src="v.mp4" poster="/p.png" autoplay></video>', '<video src="https://e.example/a/b/v.mp4" poster="https://e.example/p.png"></video>'),
        ('<audio controls src="/a.mp3"></audio>', '<audio controls="" src="https://e.example/a.mp3"></audio>'),
        ('<blockquote cite="/s">q</blockquote>', '<blockquote cite="https://e.example/s">q</blockquote>'),
        ('<q cite="javascript:x">q</q>', "<q>q</q>"),
        ('<code>&lt;img srcset="/a 2x"&gt;</code><img src=/i srcset="/a 2x">', '<code>&lt;img srcset="/a 2x"&gt;</code><img src="https://e.example/i" srcset="https://e.example/a 2x">'),
        ('<img src="data:image/gif;base64,R0" data-src="/real.png" alt="a">', '<img src="https://e.example/real.png" alt="a">'),
        ('<img data-src="/real.png?a=1&amp;b=2">', '<img src="https://e.example/real.png?a=1&amp;b=2">'),
        ('<img src="/img/placeholder.gif" data-original="/real.png">', '<img src="https://e.example/real.png">'),
        ('<img src="/small.jpg" data-src="/large.jpg">', '<img src="https://e.example/small.jpg">'),
        ('<img data-srcset="/a.png 1x, /b.png 2x">', '<img src="https://e.example/a.png" srcset="https://e.example/a.png 1x, https://e.example/b.png 2x">'),
        ('<img data-src="/a.png"><noscript><img src="/a.png"></noscript>', '<img src="https://e.example/a.png">'),
        ('<noscript><img src="/a.png"></noscript>', '<img src="https://e.example/a.png">'),
        ("<img alt=x>", ""),
    ],
)  # fmt: skip
def test_every_url_in_html_is_absolute(body: str, html: str) -> None:
    assert html_of(body) == html


@pytest.mark.parametrize(
    ("frame", "url", "text"),
    [
        ("https://www.youtube.com/embed/a-b_c?start=5", "https://www.youtube.com/watch?v=a-b_c", "YouTube"),
        ("//www.youtube-nocookie.com/embed/abc", "https://www.youtube.com/watch?v=abc", "YouTube"),
        ("https://www.youtube.com/embed/videoseries?list=PL1", "https://www.youtube.com/playlist?list=PL1", "YouTube"),
        ("https://player.vimeo.com/video/12?h=1", "https://vimeo.com/12", "Vimeo"),
        ("https://w.soundcloud.com/player/?url=https%3A//soundcloud.com/a/b", "https://soundcloud.com/a/b", "SoundCloud"),
        ("https://open.spotify.com/embed/track/1?x=2", "https://open.spotify.com/track/1", "Spotify"),
        ("https://bandcamp.com/EmbeddedPlayer/album=1/", "https://bandcamp.com/EmbeddedPlayer/album=1/", "Bandcamp"),
        ("https://codepen.io/u/embed/preview/xyz", "https://codepen.io/u/pen/xyz", "CodePen"),
        ("https://platform.twitter.com/embed/Tweet.html?id=7", "https://x.com/i/status/7", "Post on X"),
        ("https://embed.nicovideo.jp/watch/sm9", "https://www.nicovideo.jp/watch/sm9", "ニコニコ動画"),
        ("https://hatenablog-parts.com/embed?url=https%3A%2F%2Fh.example%2Fx", "https://h.example/x", "h.example"),
        ("https://maps.example/m?a=1", "https://maps.example/m?a=1", "maps.example"),
        ("/local/demo.html", "/local/demo.html", "/local/demo.html"),
        ("https://www.facebook.com/plugins/video.php?href=javascript:x", "https://www.facebook.com/plugins/video.php?href=javascript:x", "facebook.com"),
    ],
)  # fmt: skip
def test_a_player_becomes_a_link_to_what_it_plays(frame: str, url: str, text: str) -> None:
    assert frame_link(frame) == (url, text)


@pytest.mark.parametrize("frame", ["", "about:blank", "javascript:x", "data:text/html,x", "http://[bad"])
def test_a_frame_without_an_address_is_nothing(frame: str) -> None:
    assert frame_link(frame) is None


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ('<iframe src="//youtube.com/embed/a" title="A &amp; B"></iframe>', '<p><a href="https://www.youtube.com/watch?v=a">A &amp; B</a></p>'),
        ('<p>see <iframe src="//youtube.com/embed/a"></iframe> it</p>', '<p>see <a href="https://www.youtube.com/watch?v=a">YouTube</a> it</p>'),
        ('<iframe src="/demo"><p>fallback</p></iframe>x', '<p><a href="https://e.example/demo">/demo</a></p>x'),
        ('<iframe data-src="//youtube.com/embed/a"></iframe>', '<p><a href="https://www.youtube.com/watch?v=a">YouTube</a></p>'),
        ('<object data="/movie"><param name="movie" value="//www.youtube.com/v/a"><embed src="//www.youtube.com/v/a"></object>', '<p><a href="https://www.youtube.com/watch?v=a">YouTube</a></p>'),
        ('<object><param name="movie" value="//www.youtube.com/v/a"></object>', '<p><a href="https://www.youtube.com/watch?v=a">YouTube</a></p>'),
        ('<object data="/doc.pdf">text</object>', 'text<p><a href="https://e.example/doc.pdf">/doc.pdf</a></p>'),
    ],
)  # fmt: skip
def test_players_in_html_become_links(body: str, html: str) -> None:
    assert html_of(body) == html


@given(st.sampled_from(["href", "src"]), st.text("ab/?#.:%&=日 \"'<>[]", max_size=20))
def test_no_relative_url_is_left(name: str, url: str) -> None:
    element = {"href": "a", "src": "img"}[name]
    escaped = url.replace("&", "&amp;").replace('"', "&quot;")
    for found in re.findall(rf' {name}="([^"]*)"', html_of(f'<{element} {name}="{escaped}">x')):
        assert urlsplit(found).scheme
        assert urlsplit(found).netloc
