"""Front-matter values become typed values: people, lists, pictures, media, episodes.

Every function takes what the author typed and returns what is meant, with a problem for what is not understood: nothing is
dropped in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from feedservice.model import Enclosure, Image, Person, Transcript, Value
from feedservice.posts.keys import PARTS, Field
from feedservice.posts.permalink import absolute

Note = Callable[..., None]
"""Reports a problem: ``note(rule, message, hint, key=…, severity=…)``."""

_MEDIA_TYPES: Mapping[str, str] = {
    "aac": "audio/aac",
    "avif": "image/avif",
    "epub": "application/epub+zip",
    "flac": "audio/flac",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "m3u8": "application/vnd.apple.mpegurl",
    "m4a": "audio/mp4",
    "m4b": "audio/mp4",
    "m4v": "video/mp4",
    "mka": "audio/x-matroska",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "pdf": "application/pdf",
    "png": "image/png",
    "srt": "application/x-subrip",
    "svg": "image/svg+xml",
    "torrent": "application/x-bittorrent",
    "vtt": "text/vtt",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "zip": "application/zip",
}
"""Own table: the system's ``mime.types`` differs from machine to machine, feeds must not."""

_TRANSCRIPT_TYPES: Mapping[str, str] = {
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "json": "application/json",
    "html": "text/html",
}
_ADDRESS = re.compile(r"[^<>@\s]+@[^<>@\s]+")
_MAIL = re.compile(r"\A(?P<name>[^<>]*?)\s*<\s*(?P<mail>[^<>\s]+@[^<>\s]+)\s*>\s*\Z")
TEXT = ("text", "write it on one line, in quotes if it begins with [ or {")
DURATION = ("duration", "write seconds, 62:05, 1:02:05 or PT1H2M5S")
NUMBER = ("whole number", "write digits only")
YES_OR_NO = ("yes or no", "write true or false")
EPISODE_KIND = ("kind of episode", "write full, trailer or bonus")
_EPISODE_KINDS = frozenset({"full", "trailer", "bonus"})
_TRUE = frozenset({"true", "yes", "on", "1", "explicit"})
_FALSE = frozenset({"false", "no", "off", "0", "clean"})


def flag(value: Value) -> bool | None:
    """Return what a value says as yes or no; None when it says neither."""
    if isinstance(value, bool):
        return value
    word = value.strip().casefold() if isinstance(value, str) else ""
    return True if word in _TRUE else False if word in _FALSE else None


def scalar(value: Value) -> str | None:
    """Return a scalar as text; None for lists, mappings and nothing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.strip() if isinstance(value, str) else None


def part(value: Mapping[str, Value], meaning: str, name: str) -> str | None:
    """Return a part of a mapping as text, under whichever of its keys says something; ``meaning`` is a key of ``PARTS``."""
    return next((found for key in PARTS[meaning][name] if (found := scalar(value.get(key)))), None)


def unreadable(key: str, value: Value, wanted: tuple[str, str], note: Note) -> None:
    """Report a value that is left out. ``wanted``: what it should be, and how that is written."""
    what, hint = wanted
    note("value.unreadable", f"{key}: {_shown(value)} is no {what}; it is left out", hint, key=key)


def items(value: Value) -> list[Value]:
    """Return a list as it is and anything else as a list of one."""
    return value if isinstance(value, list) else [value]


def labels(field: Field, *, split: str, note: Note) -> list[str]:
    """Return the labels of a category or tag field.

    ``split``, for a value of one string: ``none``, ``space``, ``comma``, or ``list`` as Pelican divides (``divided``).
    """
    value = field.value
    if isinstance(value, str):
        parts = [value]
        if split != "none":
            parts = value.split() if split == "space" else re.split(r"[,、，]", value) if split == "comma" else divided(value)
        return [label for part in parts if (label := part.strip())]
    found: list[str] = []
    for item in items(value):
        text = scalar(item)
        if text is None and isinstance(item, dict):
            text = scalar(item.get("name")) or scalar(item.get("title"))
        if isinstance(item, list):
            found += [inner for each in item if (inner := scalar(each))]
        elif text:
            found.append(text)
        elif item is not None:
            note("label.unreadable", f"{field.key}: {_shown(item)} is no name", "write a word or a list of words", key=field.key)
    return found


def divided(text: str) -> list[str]:
    """Return the items of a list in one string as Pelican divides it: at semicolons when there is one, else at commas."""
    return re.split(r"[;；]", text) if re.search(r"[;；]", text) else re.split(r"[,、，]", text)


def people(fields: Iterable[Field], *, base: str, split: str | None, note: Note) -> tuple[Person, ...]:
    """Return authors from ``name``, ``name <mail>``, a mapping with ``name``, ``email``, ``url``, or a list of these.

    A path as ``url`` is one below ``base``; what is no address (RFC 4287 §3.2.2 wants an IRI) is left out. ``split`` is the key
    whose one string may hold several of them, as ``divided`` finds.
    """
    found: dict[str, Person] = {}
    for field in fields:
        for item in items(field.value):
            person = None
            if isinstance(item, dict):
                name, email, url = (part(item, "author", one) for one in ("name", "email", "url"))
                person = Person(name=name, email=_mail(field, email, note), url=_page(field, url, base, note)) if name else None
            elif (text := scalar(item)) is not None:
                for typed in divided(text) if field.key.lower() == split else [text]:
                    match = _MAIL.match(typed)
                    name = match["name"] if match and match["name"] else typed.strip()
                    if name:
                        found.setdefault(name, Person(name=name, email=match["mail"] if match else None))
                continue
            if person is None:
                note(
                    "author.unreadable",
                    f"{field.key}: {_shown(item)} has no name",
                    "write the name, or name, email and url",
                    key=field.key,
                )
            else:
                found.setdefault(person.name, person)
    return tuple(found.values())


def _mail(field: Field, typed: str | None, note: Note) -> str | None:
    if typed is None or _ADDRESS.fullmatch(typed):
        return typed
    unreadable(field.key, typed, ("e-mail address", "write it as name@example.org"), note)
    return None


def _page(field: Field, typed: str | None, base: str, note: Note) -> str | None:
    if typed is None:
        return None
    # A number or a word is a path to nobody's page.
    url = _http(absolute(base, typed)) if "/" in typed else None
    if url is None:
        unreadable(field.key, typed, ("web address", "write it as https://example.org/about/, or as a path"), note)
    return url


def image(field: Field | None, *, base: str, note: Note) -> Image | None:
    """Return the picture of a post from a URL, a path or a mapping with ``path``/``url``/``src`` and ``alt``."""
    if field is None:
        return None
    value = items(field.value)[0] if items(field.value) else None
    alt = ""
    if isinstance(value, dict):
        alt = part(value, "image", "alt") or ""
        value = part(value, "image", "url")
    text = scalar(value)
    if text in {"false", "true"}:
        return None
    if not text:
        note(
            "image.unreadable",
            f"{field.key}: no path or URL in {_shown(field.value)}",
            "write the path of the picture",
            key=field.key,
        )
        return None
    url = _http(absolute(base, text))
    if url is None:
        note("image.unreadable", f"{field.key}: {text!r} is no http or https URL", "write a path or an https URL", key=field.key)
        return None
    return Image(url=url, alt=alt)


def media_type(url: str) -> str | None:
    """Return the media type that the ending of a URL's path names."""
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower().lstrip(".")
    return _MEDIA_TYPES.get(suffix)


def enclosures(fields: Iterable[Field], *, base: str, sizes: Callable[[str], int | None], note: Note) -> tuple[Enclosure, ...]:
    """Return the media of a post from URLs, paths or mappings with ``url``, ``length``, ``type``, ``duration``, ``title``.

    ``sizes`` gives the length of a file of the site in bytes, by its absolute URL.
    """
    found: dict[str, Enclosure] = {}
    for field in fields:
        for item in items(field.value):
            made = _enclosure(field, item, base=base, sizes=sizes, note=note)
            # Apple's directory ignores a second enclosure with the same URL, and so does every deduplicating reader.
            if made is not None:
                found.setdefault(made.url, made)
    return tuple(found.values())


def _enclosure(field: Field, item: Value, *, base: str, sizes: Callable[[str], int | None], note: Note) -> Enclosure | None:
    options: Mapping[str, Value] = item if isinstance(item, dict) else {"url": item}
    text = part(options, "enclosure", "url")
    url = _http(absolute(base, text)) if text else None
    if url is None:
        shown = _shown(item)
        note(
            "enclosure.unreadable",
            f"{field.key}: no URL or path in {shown}",
            "write the URL of the file, or url, length and type",
            key=field.key,
        )
        return None
    kind = part(options, "enclosure", "type") or media_type(url)
    if kind is None or "/" not in kind:
        kind = "application/octet-stream"
        note("enclosure.type", f"{field.key}: the type of {url} is unknown", "add type: audio/mpeg or the like", key=field.key)
    typed = part(options, "enclosure", "length")
    length = int(typed.replace("_", "").replace(",", "")) if typed and re.fullmatch(r"\d[\d_,]{0,17}", typed) else None
    measured = sizes(url)
    if typed is not None and length is None:
        note(
            "enclosure.length",
            f"{field.key}: the length {typed!r} is no number of bytes",
            "write the size in bytes",
            key=field.key,
        )
    if measured is not None and length is not None and measured != length:
        message = f"{field.key}: the length is given as {length} bytes, the file has {measured}"
        note("enclosure.length", message, "remove the length: it is measured", key=field.key)
    length = measured if measured is not None else length
    if length is None:
        message = f"{field.key}: the length of {url} is not known"
        note("enclosure.length", message, "add length: with the size in bytes; some podcast players refuse 0", key=field.key)
    duration = seconds(options.get("duration"))
    if duration is None and (said := options.get("duration")) is not None:
        unreadable(field.key, said, DURATION, note)
    return Enclosure(url=url, type=kind, length=length, duration=duration, title=part(options, "enclosure", "title") or "")


def transcripts(field: Field | None, *, base: str, note: Note) -> tuple[Transcript, ...]:
    """Return ``podcast:transcript`` links from URLs, paths or mappings with ``url``, ``type`` and ``language``."""
    if field is None:
        return ()
    found = []
    for item in items(field.value):
        options: Mapping[str, Value] = item if isinstance(item, dict) else {"url": item}
        text = part(options, "transcript", "url")
        url = _http(absolute(base, text)) if text else None
        if url is None:
            note(
                "transcript.unreadable",
                f"{field.key}: no URL or path in {_shown(item)}",
                "write the URL of the transcript",
                key=field.key,
            )
            continue
        suffix = PurePosixPath(urlsplit(url).path).suffix.lower().lstrip(".")
        kind = part(options, "transcript", "type") or _TRANSCRIPT_TYPES.get(suffix, "text/plain")
        found.append(Transcript(url=url, type=kind, language=part(options, "transcript", "language")))
    return tuple(found)


def link(field: Field | None, *, base: str, note: Note) -> str | None:
    """Return the absolute http URL of a field, or None."""
    if field is None:
        return None
    text = scalar(field.value)
    url = _http(absolute(base, text)) if text else None
    if url is None:
        note(
            "link.unreadable",
            f"{field.key}: {_shown(field.value)} is no http or https URL",
            "write an absolute URL or a path",
            key=field.key,
        )
    return url


def seconds(value: Value) -> int | None:
    """Return a duration in seconds: ``3725``, ``62:05``, ``1:02:05``, ``PT1H2M5S``."""
    text = scalar(value)
    if not text:
        return None
    iso = re.fullmatch(r"P?T?(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,9})(?:[.,]\d+)?S)?", text.upper())
    if iso and any(iso.groups()):
        hours, minutes, rest = (int(part or 0) for part in iso.groups())
        return hours * 3600 + minutes * 60 + rest
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return int(text.split(".")[0])
    parts = text.split(":")
    if len(parts) in {2, 3} and all(re.fullmatch(r"\d{1,5}", part) for part in parts):
        total = 0
        for part in parts:
            total = total * 60 + int(part)
        return total
    return None


def number(value: Value) -> int | None:
    """Return a small whole number, or None."""
    text = scalar(value)
    return int(text) if text and re.fullmatch(r"\d{1,7}", text) else None


def episode_kind(value: Value) -> str | None:
    """Return ``full``, ``trailer`` or ``bonus``, or None."""
    word = (scalar(value) or "").lower()
    return word if word in _EPISODE_KINDS else None


def file_of(url: str, site_url: str) -> str | None:
    """Return the path that a URL of the site has below it, decoded; None for other hosts."""
    base = site_url.rstrip("/") + "/"
    return unquote(urlsplit(url[len(base) :]).path) if url.startswith(base) else None


def _http(url: str) -> str | None:
    return url if urlsplit(url).scheme in {"http", "https"} and urlsplit(url).netloc else None


_SHOWN = 60
"""Characters of a value that a message shows."""


def _shown(value: Value) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
