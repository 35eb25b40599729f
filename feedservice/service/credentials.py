"""Keys and tokens of the configured targets, read from files of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from feedservice.config import Loaded
from feedservice.model import Problem, Severity
from feedservice.push import indexnow, mail, signing
from feedservice.push.kinds import Terms
from feedservice.push.signing import Key


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What requests are signed and authorised with."""

    keys: Mapping[str, tuple[Key, ...]] = dataclasses.field(default_factory=dict)
    """URL of a webhook → keys."""
    tokens: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    """URL of a webhook → access token; of the server of e-mail → password."""
    indexnow_key: str = ""
    indexnow_location: str = ""
    problems: tuple[Problem, ...] = ()
    """Files that cannot be read, or hold no key: what they are for is sent without, and refused by the other side."""

    def terms(self, now: datetime) -> Terms:
        """Return what a request made now needs."""
        return Terms(
            now=now,
            keys=self.keys,
            tokens=self.tokens,
            indexnow_key=self.indexnow_key,
            indexnow_location=self.indexnow_location,
        )


def read(loaded: Loaded) -> Credentials:
    """Read every file that the section ``announce`` names."""
    settings = loaded.config.announce
    keys: dict[str, tuple[Key, ...]] = {}
    tokens: dict[str, str] = {}
    problems: list[Problem] = []
    for hook in settings.webhooks:
        if hook.secret_file is None:
            continue
        text = _text(loaded.root / hook.secret_file, hook.secret_file, problems)
        if text is None:
            continue
        if hook.format == "standard":
            keys[hook.url], wrong = signing.read_keys(text, path=hook.secret_file)
            problems += wrong
        else:
            tokens[hook.url] = text.strip()
    if settings.email.password_file is not None:
        text = _text(loaded.root / settings.email.password_file, settings.email.password_file, problems)
        if text is not None:
            tokens[mail.server(settings.email)] = text.rstrip("\r\n")
    key, location = "", ""
    if settings.indexnow.key_file is not None:
        key = (_text(loaded.root / settings.indexnow.key_file, settings.indexnow.key_file, problems) or "").strip()
        if key and not indexnow.is_key(key):
            problems.append(_problem("the key of IndexNow has 8 to 128 letters, digits and hyphens", settings.indexnow.key_file))
            key = ""
        parts = urlsplit(loaded.config.site.url)
        location = settings.indexnow.key_location or f"{parts.scheme}://{parts.netloc}/{key}.txt"
    return Credentials(keys=keys, tokens=tokens, indexnow_key=key, indexnow_location=location, problems=tuple(problems))


def _text(file: Path, path: str, problems: list[Problem]) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        problems.append(_problem(f"the file cannot be read: {error.strerror}", path))
    except UnicodeDecodeError:
        problems.append(_problem("the file is no text in UTF-8", path))
    return None


def _problem(message: str, path: str) -> Problem:
    hint = "write the key into this file, readable for the user that runs feedservice only"
    return Problem(rule="announce.key", severity=Severity.ERROR, message=message, hint=hint, path=path)
