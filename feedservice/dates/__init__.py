"""Dates: what an author typed becomes an instant, and an instant becomes what feeds and HTTP write.

::

    text ─forms.read→ Reading(instant, zone) ─formats.rfc3339 / rfc5322 / http_date→ text
              │
              └─ walltime.localize: the one place where gaps and overlaps of a zone are decided
                      │
                      └─ zones: names and offsets; the door of pytz

Everything here is pure: no clock, no locale, no zone of the machine.
"""

from __future__ import annotations

from feedservice.dates.formats import http_date, parse_http_date, rfc3339, rfc5322, typed
from feedservice.dates.forms import file_name_date, read
from feedservice.dates.suggestions import suggest_zones
from feedservice.dates.walltime import Reading, localize
from feedservice.dates.zones import canonical_zone, database, is_zone, local

__all__ = [
    "Reading",
    "canonical_zone",
    "database",
    "file_name_date",
    "http_date",
    "is_zone",
    "local",
    "localize",
    "parse_http_date",
    "read",
    "rfc3339",
    "rfc5322",
    "suggest_zones",
    "typed",
]
