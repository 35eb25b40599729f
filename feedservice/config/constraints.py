"""What makes one value of the configuration acceptable, beyond its type: each function returns None or the fault it found."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from feedservice import dates

PLACEHOLDERS = ("key", "slug", "name", "format", "language")
"""What patterns of feed paths may contain, in braces."""

_LANGUAGE = re.compile(
    r"""(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}              # language, extended language
        (?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?    # script, region
        (?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*     # variants
        (?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*          # extensions
        (?:-x(?:-[a-z0-9]{1,8})+)?
        |x(?:-[a-z0-9]{1,8})+)""",
    re.IGNORECASE | re.VERBOSE,
)
# Country codes that are no language of ISO 639-1 and are often typed as one.
_COUNTRIES = {"jp": "ja", "cn": "zh", "cz": "cs", "dk": "da", "gr": "el", "ua": "uk", "vn": "vi"}
_LABEL = 63
_HOST = 253
_BRACES = re.compile(r"\{([^{}]*)\}")


class Fault(NamedTuple):
    """A value that cannot be used: stable rule, what is wrong, what to do."""

    rule: str
    message: str
    hint: str = ""


def quoted(text: str, longest: int = 60) -> str:
    """Return text as it is shown in messages: in backquotes, visible and not too long."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[: longest + 1])
    return f"`{shown[:longest]}…`" if len(shown) > longest else f"`{shown}`"


def web_url(text: str) -> Fault | None:
    """Check that text is an absolute http or https URL with a valid host (RFC 9110 §4.2); host names may be IDN."""
    return _url(text)[1]


def base_url(text: str) -> Fault | None:
    """Check that other URLs can be made by appending a path: as ``web_url``, without query and fragment."""
    parts, fault = _url(text)
    if fault is not None or parts is None:
        return fault
    if "?" in text or "#" in text:
        bare = parts._replace(query="", fragment="").geturl()
        return Fault(
            "config.url", f"{quoted(text)} has a query or fragment; paths are appended to this URL", f"write {quoted(bare)}"
        )
    return None


def database(text: str) -> Fault | None:
    """Check that text is the URL of a PostgreSQL database, without a password: the configuration is no place for one."""
    hint = "write it as postgresql+psycopg://user@host/name"
    try:
        parts = urlsplit(text)
        password = parts.password
    except ValueError as error:
        return Fault("config.database", f"{quoted(text)} is no URL: {error}", hint)
    if parts.scheme != "postgresql+psycopg" or not parts.path.strip("/"):
        return Fault("config.database", f"{quoted(text)} names no PostgreSQL database", hint)
    if password is not None:
        return Fault("config.database", "the URL of the database has a password in it", "set PGPASSWORD, or write ~/.pgpass")
    return None


def ascii_url(text: str) -> str:
    """Return a base URL as it stands in feeds: its host by IDNA, its path percent-encoded (RFC 3987 §3.1)."""
    if text.isascii():
        return text
    parts = urlsplit(text)
    host = parts.hostname or ""
    netloc = parts.netloc.lower().replace(host, host.encode("idna").decode("ascii"), 1)
    return urlunsplit(parts._replace(netloc=netloc, path=quote(parts.path, safe="/-._~!$&'()*+,;=:@%")))


def _url(text: str) -> tuple[SplitResult | None, Fault | None]:
    message, hint = "", "write it as https://example.org"
    parts = None
    if any(c.isspace() or unicodedata.category(c) == "Cc" for c in text) or "\\" in text:
        message, hint = "contains white space, control characters or a backslash", "write spaces as %20"
    else:
        try:
            parts = urlsplit(text)
            message, hint = _authority(text, parts)
        except ValueError as error:
            message = f"is no URL: {error}"
    return (None, Fault("config.url", f"{quoted(text)} {message}", hint)) if message else (parts, None)


def _authority(text: str, parts: SplitResult) -> tuple[str, str]:
    """Return what is wrong with scheme and authority, and a hint; raises ValueError for a port that is none."""
    if parts.scheme not in {"http", "https"}:
        start = text.lstrip("/").split("/", 1)[0]
        bare = "." in start and _host_is_valid(start)
        return (
            "is no absolute http or https URL",
            f"write https://{text.lstrip('/')}" if bare else "write it as https://example.org",
        )
    if "@" in parts.netloc:
        return "contains a user name or password", "take out what stands before the @"
    if not _host_is_valid(parts.hostname or "") or parts.port == 0:
        return "has no valid host", "write it as https://example.org"
    return "", ""


def _host_is_valid(host: str) -> bool:
    if ":" in host or re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    labels = host.removesuffix(".").split(".")
    return len(host) <= _HOST and all(_label_is_valid(label) for label in labels)


def _label_is_valid(label: str) -> bool:
    letters = all(c.isalnum() or c in "-_" or (not c.isascii() and unicodedata.category(c)[0] in "LMN") for c in label)
    return 0 < len(label) <= _LABEL and letters and not label.startswith("-") and not label.endswith("-")


def zone(name: str) -> Fault | None:
    """Check that name is an IANA time zone."""
    if dates.is_zone(name):
        return None
    near = " or ".join(f"`{one}`" for one in dates.suggest_zones(name))
    hint = f"did you mean {near}?" if near else "write an IANA name such as `Asia/Tokyo` or `UTC`"
    return Fault("config.timezone", f"there is no time zone {quoted(name)}", hint)


def language(tag: str) -> Fault | None:
    """Check that tag is a well-formed BCP 47 language tag (RFC 5646 §2.2.9); the registry is not consulted."""
    country = _COUNTRIES.get(tag[:2].lower()) if tag[2:3] in {"", "-", "_"} else None
    if country is not None:
        return Fault("config.language", f"{quoted(tag)} begins with a country, not with a language", f"did you mean `{country}`?")
    if _LANGUAGE.fullmatch(tag):
        return None
    dashed = tag.split(".", 1)[0].replace("_", "-")
    hint = f"write `{dashed}`" if dashed != tag and _LANGUAGE.fullmatch(dashed) else "write it as `ja`, `en` or `pt-BR`"
    return Fault("config.language", f"{quoted(tag)} is no language tag (BCP 47)", hint)


def email(address: str) -> Fault | None:
    """Check that address could be one: something, one @, a host."""
    name, at, host = address.rpartition("@")
    if at and name and _host_is_valid(host) and not any(c.isspace() or c in "<>" for c in address):
        return None
    return Fault("config.email", f"{quoted(address)} is no e-mail address", "write only the address: name@example.org")


def path_pattern(pattern: str, placeholders: Collection[str] = PLACEHOLDERS) -> Fault | None:
    """Check the pattern of an output path: known placeholders only, and a path that stays below the output directory."""
    unknown = placeholder(pattern, placeholders)
    if unknown is not None:
        return unknown
    if "://" in pattern:
        return Fault("config.path", f"{quoted(pattern)} is a URL", "write only the path; `feeds.url` is put before it")
    if any(unicodedata.category(c) == "Cc" for c in pattern) or set("?#\\") & set(pattern) or pattern != pattern.strip():
        return Fault("config.path", f"{quoted(pattern)} cannot be a path: it has one of ? # \\, or blanks at its ends")
    segments = pattern.removeprefix("/").removesuffix("/").split("/")
    if {"", ".", ".."} & set(segments):
        return Fault("config.path", f"{quoted(pattern)} has an empty segment, `.` or `..`", "write it as feed/{key}.xml")
    return None


def placeholder(pattern: str, known: Collection[str]) -> Fault | None:
    """Check that the placeholders of a pattern are known and its braces closed."""
    listed = "known are " + " ".join("{" + name + "}" for name in known) if known else "none is known here"
    for name in _BRACES.findall(pattern):
        if name not in known:
            return Fault("config.placeholder", f"{quoted(pattern)} has the unknown placeholder `{{{name}}}`", listed)
    if set("{}") & set(_BRACES.sub("", pattern)):
        return Fault("config.placeholder", f"{quoted(pattern)} has a brace without its partner", listed)
    return None


def feed_key(key: str) -> Fault | None:
    """Check a key or slug that stands in paths."""
    fault = path_pattern(key, ())
    if fault is not None or key.startswith("/") or key.endswith("/"):
        return Fault("config.key", f"{quoted(key)} cannot stand in a path", "use letters, digits and hyphens")
    return None
