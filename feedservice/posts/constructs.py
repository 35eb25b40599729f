"""Template constructs in a text: ``{% tag %}``, ``{{ output }}`` and Hugo's ``{{< shortcode >}}``, found in linear time."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

_TAG_NAME = re.compile(r"\s*(#|/?\s*\w[\w-]*)")
_QUOTED = re.compile(r"-?\s*(?:\"[^\"\n]*\"|'[^'\n]*')")
_PARAGRAPH_BREAK = re.compile(r"\n[ \t]*\n")

LIQUID: Mapping[str, str] = {"{%": "%}", "{{": "}}"}
HUGO: Mapping[str, str] = {"{{<": ">}}", "{{%": "%}}"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Construct:
    """One construct: ``text[start:end]`` is all of it, ``inside`` what stands between its marks and white-space hyphens."""

    opening: str
    start: int
    end: int
    inside: str
    trim_before: bool = False
    trim_after: bool = False

    @property
    def name(self) -> str:
        """First word, with ``/`` before a closing shortcode's; empty without one."""
        match = _TAG_NAME.match(self.inside)
        return "".join(match[1].split()) if match else ""

    @property
    def arguments(self) -> str:
        """What follows the name."""
        match = _TAG_NAME.match(self.inside)
        return self.inside[match.end() :].strip() if match else self.inside.strip()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unclosed:
    """An opening mark that nothing closes."""

    opening: str
    start: int

    @property
    def end(self) -> int:
        """Where the mark ends."""
        return self.start + len(self.opening)


class Scanner:
    """Finds the next construct from a position on. Ends that were found or missed are remembered: no text is searched twice."""

    def __init__(self, text: str, marks: Mapping[str, str]) -> None:
        """Keep the text, and its marks: opening → closing."""
        self._text = text
        self._marks = marks
        self._opening = re.compile("|".join(map(re.escape, marks)))
        self._ends: dict[str, int] = {}

    def after(self, position: int) -> Construct | Unclosed | None:
        """Return the first construct that begins at ``position`` or later."""
        match = self._opening.search(self._text, position)
        return None if match is None else self._construct(match[0], match.start())

    def _construct(self, opening: str, start: int) -> Construct | Unclosed:
        closing = self._marks[opening]
        inside = start + len(opening)
        end = self._find(closing, inside)
        if end < 0 or (opening == "{{" and self._is_prose(inside, end)):
            return Unclosed(opening=opening, start=start)
        content = self._text[inside:end]
        hyphens = opening in LIQUID
        before, after = hyphens and content.startswith("-"), hyphens and content.endswith("-") and len(content) > 1
        content = content[before : len(content) - after]
        end += len(closing)
        return Construct(opening=opening, start=start, end=end, inside=content, trim_before=before, trim_after=after)

    def _is_prose(self, start: int, end: int) -> bool:
        """Whether a second opening or an empty line stands before the end: the braces of two sentences are no pair."""
        if _QUOTED.match(self._text, start, end) is not None:
            return False
        return self._text.find("{{", start, end) >= 0 or _PARAGRAPH_BREAK.search(self._text, start, end) is not None

    def _find(self, closing: str, position: int) -> int:
        known = self._ends.get(closing)
        if known is None or 0 <= known < position:
            known = self._ends[closing] = self._text.find(closing, position)
        return known
