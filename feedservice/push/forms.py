"""Bodies of ``application/x-www-form-urlencoded``, as WebSub §5.1 and rssCloud have them: UTF-8, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

FORM = "application/x-www-form-urlencoded"
LONGEST = 16 * 1024
"""Bytes of a body that is read."""
_MOST = 100
"""Parameters."""
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s";]+)"?', re.IGNORECASE)


class FormError(ValueError):
    """The body is no form that can be read; the text says why, for the one who sent it."""


def read(content_type: str, body: bytes) -> Mapping[str, tuple[str, ...]]:
    """Return name → values in order, blank ones included. Raises ``FormError``."""
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise FormError(f"the body must be {FORM}")
    charset = _CHARSET.search(content_type)
    if charset is not None and charset[1].lower() not in {"utf-8", "utf8"}:
        raise FormError("the body must be in UTF-8")
    if len(body) > LONGEST:
        raise FormError(f"the body is longer than {LONGEST} bytes")
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_MOST)
    except UnicodeDecodeError as error:
        raise FormError("the body is not in UTF-8") from error
    except ValueError as error:
        raise FormError(f"the body has more than {_MOST} parameters") from error
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        found[name] = (*found.get(name, ()), value)
    return found


def written(**fields: str) -> bytes:
    """Return a body with these fields; ``_`` in a name is a dot."""
    return urlencode([(name.replace("_", "."), value) for name, value in fields.items()]).encode("ascii")
