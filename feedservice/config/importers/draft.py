"""What importing makes: values for ``config.yaml``, and notes about the rest."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from feedservice import dates
from feedservice.config import consistency, constraints, document, mistakes
from feedservice.config.schema import Dialect
from feedservice.errors import ConfigError
from feedservice.model import Problem, Severity

_KANA = re.compile("[ぁ-ゖァ-ヺ]")
_TRUE, _FALSE = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What another generator's configuration says in the terms of ours; ``values`` are valid."""

    values: dict[str, object]
    notes: tuple[str, ...]
    """What was guessed or could not be taken over, and what to do."""
    dialect: Dialect


class Draft:
    """Values and notes while they are collected; ``finish`` judges them."""

    def __init__(self, dialect: Dialect) -> None:
        """Begin with nothing."""
        self._dialect: Dialect = dialect
        self._values: dict[str, object] = {}
        self._notes: list[str] = []

    def put(self, *path: str, value: object) -> None:
        """Set a value; None, empty text and empty collections are left out."""
        if value is None or value in ("", [], {}):
            return
        here = self._values
        for key in path[:-1]:
            inner = here.setdefault(key, {})
            if not isinstance(inner, dict):
                inner = here[key] = {}
            here = inner
        here[path[-1]] = value

    def note(self, text: str) -> None:
        """Add a note."""
        if text not in self._notes:
            self._notes.append(text)

    def site(self, *, title: str | None, url: str | None, description: str | None, base_path: str = "") -> str:
        """Set title, URL and description; returns the path of the site's URL, without a slash at its end."""
        base = (url or "").strip().rstrip("/")
        if not base:
            base = "http://localhost"
            self.note("the file has no public URL: `site.url` is http://localhost until you write the real one")
        elif "://" not in base:
            base = "https://" + base.lstrip("/")
            self.note(f"the URL had no scheme: `site.url` is {base}")
        base += ("/" + base_path.strip("/")).rstrip("/")
        if constraints.base_url(base) is not None:
            self.note(f"`{base}` is no usable URL: `site.url` is http://localhost until you write the real one")
            base = "http://localhost"
        self.put("site", "title", value=title or urlsplit(base).hostname)
        if not title:
            self.note("the file has no title: `site.title` is the name of the host")
        self.put("site", "url", value=base)
        self.put("site", "description", value=description)
        path = urlsplit(base).path.rstrip("/")
        # A site below a path may write nothing beside it.
        self.put("feeds", "opml", value=f"{path}/feeds.opml" if path else None)
        return path

    def language(self, tag: str | None, *texts: str | None) -> None:
        """Set the language; without a usable tag it is Japanese when a text has kana, else English."""
        written = (tag or "").split(".", 1)[0].replace("_", "-")
        if written and constraints.language(written) is None:
            self.put("site", "language", value=written)
            return
        guess = "ja" if any(_KANA.search(text or "") for text in texts) else "en"
        reason = f"`{tag}` is no language tag" if tag else "the file names no language"
        self.note(f"{reason}: `site.language` is `{guess}`, guessed from the title; correct it if it is wrong")
        self.put("site", "language", value=guess)

    def languages(self, listed: object, default: object) -> None:
        """Set the languages that file names may end in; those without a usable tag are noted."""
        if not isinstance(listed, Mapping) or not listed:
            return
        tags = [str(tag) for tag in (default, *listed) if tag]
        usable = [tag for tag in dict.fromkeys(tags) if constraints.language(tag) is None]
        self.put("content", "languages", value=usable)
        self.note(
            "the site has several languages: a file such as `post.fr.md` is read as that language; each is a feed with "
            "`feeds.languages: true`; titles and directories per language were not taken over"
        )

    def timezone(self, name: str | None, default: str) -> None:
        """Set the zone; ``default`` says whose default UTC is."""
        if name and dates.is_zone(name):
            self.put("site", "timezone", value=name)
            return
        reason = f"there is no time zone `{name}`" if name else "the file names no time zone"
        self.note(f"{reason}: `site.timezone` is UTC, {default}; write the zone your dates are meant in")
        self.put("site", "timezone", value="UTC")

    def author(self, value: object, email: str | None = None) -> None:
        """Set the author from a name or a mapping with name, email and url or uri."""
        if isinstance(value, Mapping):
            name, url = text(value.get("name")), text(value.get("url")) or text(value.get("uri"))
            email = text(value.get("email")) or email
            if not name:
                self.note("the author has no name: write one under `site.author`")
                return
        else:
            name, url = text(value), None
        if name and email:
            self.note("`site.author.email` is published in the feeds; take it out if it should not be")
        person = {key: one for key, one in (("name", name), ("email", email), ("url", url)) if one}
        if name:
            self.put("site", "author", value=person if len(person) > 1 else name)

    def finish(self) -> Imported:
        """Take out what cannot be used, with a note each, and return the rest."""
        self.put("content", "dialect", value=self._dialect)
        salvaged = mistakes.salvage(self._values)
        found = salvaged.mistakes
        while True:
            for mistake in found:
                hint = f"; {mistake.hint}" if mistake.hint else ""
                self.note(f"not taken over: {mistake.message}{hint}")
            found = list(consistency.mistakes(salvaged.config))
            if not found:
                break
            for mistake in reversed(found):
                mistakes.take_out(salvaged.values, mistake.path)
            salvaged = mistakes.salvage(salvaged.values)
        return Imported(values=salvaged.values, notes=tuple(self._notes), dialect=self._dialect)


def text(value: object) -> str | None:
    """Return a scalar as text, or None for everything else and for nothing."""
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def flag(value: object) -> bool | None:
    """Return a truth value, also one written as a word of YAML 1.1."""
    if isinstance(value, str):
        return True if value.lower() in _TRUE else False if value.lower() in _FALSE else None
    return value if isinstance(value, bool) else None


def count(value: object) -> int | None:
    """Return a whole number above zero, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def mapping(value: object) -> dict[str, object]:
    """Return a mapping, or an empty one."""
    return value if isinstance(value, dict) else {}


def texts(value: object) -> list[str]:
    """Return a list's scalars as texts; one text is a list of one."""
    items = value if isinstance(value, list) else [value]
    return [one for one in map(text, items) if one]


def refuse(name: str, message: str, hint: str, line: int | None = None, column: int | None = None) -> ConfigError:
    """Return the error for a file that cannot be read at all."""
    problem = Problem(
        rule="config.import", severity=Severity.ERROR, message=message, hint=hint, path=name, line=line, column=column
    )
    return ConfigError([problem])


def read_yaml(source: str, name: str, draft: Draft) -> dict[str, object]:
    """Return the mapping that a YAML file is; what cannot be read of it is noted."""
    read = document.read(source)
    if not isinstance(read.values, dict):
        flaw = (
            read.flaws[0]
            if read.flaws
            else document.Flaw(rule="", message="the file is no mapping", hint="is it the right file?")
        )
        raise refuse(name, flaw.message, flaw.hint, flaw.line, flaw.column)
    for flaw in read.flaws:
        draft.note(f"line {flaw.line}: {flaw.message}; {flaw.hint}")
    return read.values
