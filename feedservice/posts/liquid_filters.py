"""Jekyll's own Liquid filters, and bounds for those of Liquid that can make much from little. No clock, no locale."""

from __future__ import annotations

import datetime as dt
import functools
import html
import json
import re
from collections.abc import Callable, Mapping
from email.utils import format_datetime
from urllib.parse import quote, quote_plus, urljoin

LONGEST = 1_000_000
"""Characters that one filter may return."""
LONGEST_RANGE = 10_000
"""Numbers of a range such as ``(1..9)`` that a filter may read."""

_MULTIPLYING = frozenset({"replace", "replace_first", "replace_last", "join"})

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip
_DIRECTIVE = re.compile(r"%(-?)([A-Za-z%])")

Filter = Callable[..., object]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _instant(value: object) -> dt.datetime | None:
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time(), dt.UTC)
    text = re.sub(r"\s+([+-]\d\d):?(\d\d)$", r"\1:\2", _text(value).strip())
    text = text.removesuffix(" UTC")
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _strftime(instant: dt.datetime, pattern: str) -> str:
    """Format with English names whatever the locale; an unknown directive stays as it is."""
    month, day, hour = _MONTHS[instant.month - 1], _DAYS[instant.weekday()], instant.hour
    offset = instant.strftime("%z")
    values = {
        "Y": f"{instant.year:04}", "y": f"{instant.year % 100:02}", "m": f"{instant.month:02}", "d": f"{instant.day:02}",
        "e": f"{instant.day:2}", "j": f"{instant.timetuple().tm_yday:03}", "H": f"{hour:02}", "I": f"{hour % 12 or 12:02}",
        "M": f"{instant.minute:02}", "S": f"{instant.second:02}", "B": month, "b": month[:3], "h": month[:3], "A": day,
        "a": day[:3], "p": "AM" if hour < 12 else "PM", "z": offset, "Z": instant.tzname() or "", "%": "%",  # noqa: PLR2004 - noon
        "F": f"{instant.year:04}-{instant.month:02}-{instant.day:02}", "T": f"{hour:02}:{instant.minute:02}:{instant.second:02}",
        "R": f"{hour:02}:{instant.minute:02}", "D": f"{instant.month:02}/{instant.day:02}/{instant.year % 100:02}",
    }  # fmt: skip

    def directive(match: re.Match[str]) -> str:
        value = values.get(match[2])
        if value is None:
            return match[0]
        return (value.lstrip("0 ") or "0") if match[1] and value.strip().isdigit() else value

    return _DIRECTIVE.sub(directive, pattern)


def _date(pattern: str) -> Filter:
    def write(value: object, *_: object) -> str:
        instant = _instant(value)
        return _text(value) if instant is None else _strftime(instant, pattern)

    return write


def date(value: object, pattern: object = "") -> str:
    """Format a date; ``now`` and ``today`` are nothing, because the output must not depend on the day of the build."""
    instant = _instant(value)
    if instant is None:
        return "" if _text(value) in {"now", "today"} else _text(value)
    return _strftime(instant, _text(pattern)) if _text(pattern) else _text(value)


def _rfc822(value: object) -> str:
    instant = _instant(value)
    return _text(value) if instant is None else format_datetime(instant)


def _xmlschema(value: object) -> str:
    instant = _instant(value)
    return _text(value) if instant is None else instant.isoformat(timespec="seconds")


def _slugify(value: object, *_: object) -> str:
    return re.sub(r"[\W_]+", "-", _text(value).casefold()).strip("-")


def _jsonify(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_text, sort_keys=True)


def _sentence(value: object, connector: object = "and") -> str:
    words = [_text(item) for item in value] if isinstance(value, list | tuple) else [_text(value)]
    if len(words) < 3:  # noqa: PLR2004 - two words have no comma
        return f" {connector} ".join(words)
    return f"{', '.join(words[:-1])}, {connector} {words[-1]}"


def _identity(value: object, *_: object) -> object:
    return value


def jekyll_filters(site: Mapping[str, object]) -> dict[str, Filter]:
    """Return Jekyll's filters by name; ``site`` gives ``url`` and ``baseurl``."""
    base = _text(site.get("baseurl")).strip("/")
    url = _text(site.get("url")).rstrip("/")

    def relative_url(value: object) -> str:
        text = _text(value)
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", text):
            return text
        path = "/".join(part for part in (base, text.lstrip("/")) if part)
        return quote(f"/{path}", safe="/%:?#[]@!$&'()*+,;=~")

    def absolute_url(value: object) -> str:
        return urljoin(f"{url}/", relative_url(value))

    return {
        "relative_url": relative_url,
        "absolute_url": absolute_url,
        "uri_escape": lambda value: quote(_text(value), safe="/%:?#[]@!$&'()*+,;=~"),
        "cgi_escape": lambda value: quote_plus(_text(value)),
        "xml_escape": lambda value: html.escape(_text(value)),
        "date": date,
        "date_to_string": _date("%d %b %Y"),
        "date_to_long_string": _date("%d %B %Y"),
        "date_to_xmlschema": _xmlschema,
        "date_to_rfc822": _rfc822,
        "slugify": _slugify,
        "jsonify": _jsonify,
        "inspect": _jsonify,
        "normalize_whitespace": lambda value: " ".join(_text(value).split()),
        "number_of_words": lambda value, *_: len(_text(value).split()),
        "array_to_sentence_string": _sentence,
        "strip_index": lambda value: re.sub(r"/index\.html?$", "/", _text(value)),
        "to_integer": lambda value: int(found[0]) if (found := re.match(r"\s*[+-]?\d{1,18}", _text(value))) else 0,
        # The result stands in a Markdown post, which is rendered after Liquid: these two have nothing left to do.
        "markdownify": _identity,
        "smartify": _identity,
    }


def bounded(name: str, function: Filter) -> Filter:
    """Return the filter with its work bounded: it raises ``ValueError`` instead of making more than ``LONGEST`` characters."""

    @functools.wraps(function)
    def guarded(value: object, *arguments: object, **options: object) -> object:
        if isinstance(value, range) and len(value) > LONGEST_RANGE:
            raise ValueError(f"the filter {name} would read a range of {len(value)} numbers")
        if name in _MULTIPLYING and arguments:
            items = value if isinstance(value, list | tuple | range) else (value,)
            if sum(len(_text(item)) + 1 for item in items) * (len(_text(arguments[-1])) + 1) > LONGEST * 10:
                raise ValueError(f"the filter {name} could write more than {LONGEST} characters")
        result = function(value, *arguments, **options)
        if isinstance(result, str) and len(result) > LONGEST:
            raise ValueError(f"the filter {name} wrote more than {LONGEST} characters")
        return result

    return guarded
