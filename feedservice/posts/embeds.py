"""What a feed cannot show becomes what it can: players and frames turn into links, lazy pictures into pictures.

The HTML is read as the sanitiser writes it (see ``links``), with these elements still in it, and is sanitised again afterwards.
"""

from __future__ import annotations

import html as entities
import re
from collections import Counter
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

from feedservice.model import Problem, Severity

_TOKEN = re.compile(
    r"<iframe\b(?P<frame>[^<>]*)>.*?</iframe>"
    r"|<noscript>(?P<noscript>.*?)</noscript>"
    r"|<(?P<name>embed|object|param|input|img|td|th|p)\b(?P<attributes>[^<>]*)>"
    r"|</(?P<end>p|object)>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r' ([^\s="<>]+)="([^"]*)"')
_ALIGNMENT = re.compile(r"(?:^|;)\s*text-align\s*:\s*(left|right|center)", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"(?:placeholder|blank|spacer|loading|loader|lazy|pixel|transparent|1x1)[^/]*\.(?:gif|png|svg)", re.IGNORECASE
)
_LAZY_SOURCES = ("data-src", "data-original", "data-lazy-src")
_LAZY_LISTS = ("data-srcset", "data-lazy-srcset")

_MATH = re.compile(r"<math\b(?:(?!<math\b).)*?</math>", re.DOTALL | re.IGNORECASE)
_TEX = re.compile(r"<annotation\b[^<>]*application/x-tex[^<>]*>([^<>]*)<", re.IGNORECASE)
_MATH_TAG = re.compile(r"<(annotation(?:-xml)?)\b[^<>]*>.*?</\1>|<[^<>]*>", re.DOTALL | re.IGNORECASE)

LineOf = Callable[[str, int], int | None]
Watch = Callable[[str, Mapping[str, list[str]]], str | None]


def _moved(pattern: str, target: str) -> Watch:
    def watch(path: str, _: Mapping[str, list[str]]) -> str | None:
        match = re.match(pattern, path)
        return match.expand(target) if match else None

    return watch


def _asked(*names: str, target: str = "{}") -> Watch:
    def watch(_: str, query: Mapping[str, list[str]]) -> str | None:
        return next((target.format(query[name][0]) for name in names if query.get(name)), None)

    return watch


def _youtube(path: str, query: Mapping[str, list[str]]) -> str | None:
    if query.get("list") and path.rstrip("/").endswith("/videoseries"):
        return f"https://www.youtube.com/playlist?list={query['list'][0]}"
    return _moved(r"/(?:embed|v|shorts)/([\w-]+)", r"https://www.youtube.com/watch?v=\1")(path, query)


_PLAYERS: tuple[tuple[str, str, Watch], ...] = (
    ("youtube.com", "YouTube", _youtube),
    ("youtube-nocookie.com", "YouTube", _youtube),
    ("player.vimeo.com", "Vimeo", _moved(r"/video/(\d+)", r"https://vimeo.com/\1")),
    ("w.soundcloud.com", "SoundCloud", _asked("url")),
    ("open.spotify.com", "Spotify", _moved(r"/embed(?:-podcast)?/(.+)", r"https://open.spotify.com/\1")),
    ("embed.podcasts.apple.com", "Apple Podcasts", _moved(r"/(.+)", r"https://podcasts.apple.com/\1")),
    ("embed.music.apple.com", "Apple Music", _moved(r"/(.+)", r"https://music.apple.com/\1")),
    ("bandcamp.com", "Bandcamp", _moved(r"(/.+)", r"https://bandcamp.com\1")),
    ("codepen.io", "CodePen", _moved(r"/([^/]+)/embed/(?:preview/)?([^/]+)", r"https://codepen.io/\1/pen/\2")),
    ("platform.twitter.com", "Post on X", _asked("id", target="https://x.com/i/status/{}")),
    ("embed.nicovideo.jp", "ニコニコ動画", _moved(r"/watch/(\w+)", r"https://www.nicovideo.jp/watch/\1")),
    ("dailymotion.com", "Dailymotion", _moved(r"/embed/video/(\w+)", r"https://www.dailymotion.com/video/\1")),
    ("player.bilibili.com", "bilibili", _asked("bvid", target="https://www.bilibili.com/video/{}")),
    ("player.twitch.tv", "Twitch", _asked("channel", target="https://www.twitch.tv/{}")),
    ("facebook.com", "Facebook", _asked("href")),
    ("hatenablog-parts.com", "", _asked("url")),
    ("instagram.com", "Instagram", _moved(r"/(p|reel)/([\w-]+)", r"https://www.instagram.com/\1/\2/")),
    ("speakerdeck.com", "Speaker Deck", _moved(r"(/.+)", r"https://speakerdeck.com\1")),
    ("docs.google.com", "Google Docs", _moved(r"(/.+)/embed", r"https://docs.google.com\1/pub")),
)


def frame_link(url: str, title: str = "") -> tuple[str, str] | None:
    """Return (URL to link to, text) for what a frame shows; None when the frame has no web address."""
    if url.startswith("//"):
        url = f"https:{url}"
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    if parts.scheme not in {"", "http", "https"} or not (host or parts.path.strip("/")) or url.startswith("about:"):
        return None
    for domain, name, watch in _PLAYERS:
        if host == domain or host.endswith(f".{domain}"):
            found = watch(parts.path, parse_qs(parts.query))
            if found is not None and found.startswith(("https://", "http://")):
                return found, title or name or urlsplit(found).netloc
    return url, title or host or url


def math_to_text(html: str) -> str:
    """Return HTML, as its author wrote it, with MathML as TeX when the formula carries that, else as its characters."""
    return _MATH.sub(_formula, html)


def _formula(match: re.Match[str]) -> str:
    tex = _TEX.search(match[0])
    if tex is not None:
        return f"<code>{tex[1].strip()}</code>"
    return " ".join(_MATH_TAG.sub("", match[0]).split())


def replace_embeds(html: str, line_of: LineOf) -> tuple[str, tuple[Problem, ...]]:
    """Return HTML with frames and players as links, lazy pictures loaded, check boxes as ☑ and ☐, cells with ``align``.

    ``line_of`` tells the line of an element's n-th occurrence in the author's file, for the warnings.
    """
    repair = _Repair(line_of)
    return _TOKEN.sub(repair.token, html), tuple(repair.problems)


class _Repair:
    """Walks over the elements of one text; knows whether a paragraph is open and what an object has shown so far."""

    def __init__(self, line_of: LineOf) -> None:
        self.problems: list[Problem] = []
        self._line_of = line_of
        self._paragraph = False
        self._lazy = False
        self._seen: Counter[str] = Counter()
        self._objects: list[dict[str, str]] = []

    def token(self, match: re.Match[str]) -> str:
        if match["frame"] is not None:
            attributes = _attributes(match["frame"])
            source = attributes.get("src") or attributes.get("data-src") or attributes.get("data-lazy-src", "")
            return self._link("iframe", source, attributes.get("title", ""))
        if match["noscript"] is not None:
            # It repeats the lazy picture before it; otherwise a reader without scripts shows it.
            return "" if self._lazy and "<img" in match["noscript"] else match["noscript"]
        if match["end"] == "p":
            self._paragraph = False
            return match[0]
        if match["end"] == "object":
            last = self._objects.pop() if self._objects else {}
            return self._link("object", last["data"], last["title"]) if last.get("data") else ""
        return self._element(match["name"], _attributes(match["attributes"]), match[0])

    def _element(self, name: str, attributes: dict[str, str], written: str) -> str:
        match name:
            case "embed":
                if self._objects:
                    self._objects[-1]["data"] = ""
                return self._link("embed", attributes.get("src", ""), attributes.get("title", ""))
            case "object" | "param":
                self._object(name, attributes)
                return ""
            case "input":
                mark = "☑" if "checked" in attributes else "☐"
                return mark if attributes.get("type") == "checkbox" else ""
            case "img":
                return self._picture(attributes, written)
            case "td" | "th":
                alignment = _ALIGNMENT.search(attributes.get("style", ""))
                return written if alignment is None else f'{written[:-1]} align="{alignment[1].lower()}">'
        self._paragraph = True
        return written

    def _object(self, name: str, attributes: dict[str, str]) -> None:
        if name == "object":
            self._objects.append({"data": attributes.get("data", ""), "title": attributes.get("title", "")})
        elif self._objects and attributes.get("name") in {"movie", "src"}:
            self._objects[-1]["data"] = self._objects[-1]["data"] or attributes.get("value", "")

    def _picture(self, attributes: dict[str, str], written: str) -> str:
        source = attributes.get("src", "")
        real = next((attributes[name] for name in _LAZY_SOURCES if attributes.get(name)), "")
        listed = next((attributes[name] for name in _LAZY_LISTS if attributes.get(name)), "")
        hidden = not source or source.startswith(("data:", "about:")) or _PLACEHOLDER.search(source) is not None
        if not (real or listed) or not hidden:
            return written
        self._lazy = True
        if not real:
            real = listed.split(maxsplit=1)[0].rstrip(",")
        shown = {**attributes, "src": real}
        if listed:
            shown["srcset"] = listed
        return "<img" + "".join(f' {name}="{entities.escape(value)}"' for name, value in shown.items()) + ">"

    def _link(self, element: str, source: str, title: str) -> str:
        self._seen[element] += 1
        found = frame_link(source, title)
        if found is None:
            self.problems.append(
                Problem(
                    rule="content.embed",
                    severity=Severity.WARNING,
                    message=f"an {element} without a web address was left out",
                    hint="feeds show no frames: write a link to what it shows",
                    line=self._line_of(f"<{element}", self._seen[element]),
                )
            )
            return ""
        link = f'<a href="{entities.escape(found[0])}">{entities.escape(found[1])}</a>'
        return link if self._paragraph else f"<p>{link}</p>"


def _attributes(text: str) -> dict[str, str]:
    return {name: entities.unescape(value) for name, value in _ATTRIBUTE.findall(text)}
