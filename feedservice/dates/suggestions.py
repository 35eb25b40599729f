"""Which zone was meant: hints for names that are no zone, or that mean several things."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Mapping
from types import MappingProxyType

from feedservice.dates import zones

_MEANT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ACDT": ("Australia/Adelaide",),
        "ACST": ("Australia/Darwin", "Australia/Adelaide"),
        "ADT": ("America/Halifax",),
        "AEDT": ("Australia/Sydney",),
        "AEST": ("Australia/Brisbane", "Australia/Sydney"),
        "AKDT": ("America/Anchorage",),
        "AKST": ("America/Anchorage",),
        "ART": ("America/Argentina/Buenos_Aires",),
        "AST": ("America/Halifax", "America/Puerto_Rico"),
        "AWST": ("Australia/Perth",),
        "BRT": ("America/Sao_Paulo",),
        "BST": ("Europe/London",),
        "CAT": ("Africa/Maputo",),
        "CDT": ("America/Chicago",),
        "CEST": ("Europe/Berlin", "Europe/Paris"),
        "CET": ("Europe/Berlin", "Europe/Paris"),
        "CST": ("America/Chicago", "Asia/Shanghai"),
        "CST6CDT": ("America/Chicago",),
        "EAT": ("Africa/Nairobi",),
        "EDT": ("America/New_York",),
        "EEST": ("Europe/Helsinki", "Europe/Athens"),
        "EET": ("Europe/Helsinki", "Europe/Athens"),
        "EST": ("America/New_York",),
        "EST5EDT": ("America/New_York",),
        "GB": ("Europe/London",),
        "HKT": ("Asia/Hong_Kong",),
        "HST": ("Pacific/Honolulu",),
        "ICT": ("Asia/Bangkok",),
        "IST": ("Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin"),
        "JST": ("Asia/Tokyo",),
        "KST": ("Asia/Seoul",),
        "MDT": ("America/Denver",),
        "MET": ("Europe/Berlin",),
        "MSK": ("Europe/Moscow",),
        "MST": ("America/Denver", "America/Phoenix"),
        "MST7MDT": ("America/Denver",),
        "NDT": ("America/St_Johns",),
        "NST": ("America/St_Johns",),
        "NZ": ("Pacific/Auckland",),
        "NZDT": ("Pacific/Auckland",),
        "NZST": ("Pacific/Auckland",),
        "PDT": ("America/Los_Angeles",),
        "PHT": ("Asia/Manila",),
        "PKT": ("Asia/Karachi",),
        "PRC": ("Asia/Shanghai",),
        "PST": ("America/Los_Angeles",),
        "PST8PDT": ("America/Los_Angeles",),
        "ROC": ("Asia/Taipei",),
        "ROK": ("Asia/Seoul",),
        "SAST": ("Africa/Johannesburg",),
        "SGT": ("Asia/Singapore",),
        "TRT": ("Europe/Istanbul",),
        "WAT": ("Africa/Lagos",),
        "WEST": ("Europe/Lisbon",),
        "WET": ("Europe/Lisbon",),
        "WIB": ("Asia/Jakarta",),
        "Z": ("UTC",),
        "日本": ("Asia/Tokyo",),
        "日本時間": ("Asia/Tokyo",),
        "日本標準時": ("Asia/Tokyo",),
        "東京": ("Asia/Tokyo",),
    }
)
_SHIFTED = re.compile(r"(?:UTC|GMT|Z)?\s*([+-][0-9]{1,2}(?::?[0-9]{2})?)", re.IGNORECASE)
_LONGEST = 64
_LIKE = 0.8


def suggest_zones(name: str) -> tuple[str, ...]:
    """Name up to three zones that may be meant, likeliest first: for the hint of a problem, never to be taken silently.

    Abbreviations (``JST`` → ``Asia/Tokyo``), distances from UTC (``GMT+9`` → ``+09:00``), cities (``Tokyo``) and typing
    mistakes (``Asia/Tokio``). Every name returned is a valid zone; the answer is empty when nothing comes near.
    """
    return _suggest(name.strip()[:_LONGEST])


@functools.lru_cache(maxsize=256)
def _suggest(name: str) -> tuple[str, ...]:
    if name.upper() in _MEANT:
        return _MEANT[name.upper()]
    if shifted := _SHIFTED.fullmatch(name):
        delta = zones.fixed_offset(shifted[1])
        return (zones.fixed_name(delta),) if delta is not None and zones.within_reach(delta) else ()
    known = zones.canonical_zone(name)
    if known is not None:
        return (known,)
    typed = "_".join(name.lower().split())
    names = zones.zone_names()
    by_city = [full for full in names if full.lower().rpartition("/")[2] == typed]
    if typed and by_city:
        return tuple(by_city[:3])
    by_name = {full.lower(): full for full in names}
    near = [by_name[lower] for lower in difflib.get_close_matches(typed, by_name, n=3, cutoff=_LIKE)]
    if near or "/" in typed:
        return tuple(near)
    cities = {lower.rpartition("/")[2]: full for lower, full in by_name.items() if "/" in lower}
    return tuple(cities[city] for city in difflib.get_close_matches(typed, cities, n=3, cutoff=_LIKE))
