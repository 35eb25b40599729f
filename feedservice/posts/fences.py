"""Template text that becomes Markdown: literal pieces and code blocks, each block on lines of its own."""

from __future__ import annotations

import re

_TILDES = re.compile(r"~{3,}")


class MarkdownWriter:
    """Joins the pieces of an expanded post; a code block gets its fence on a line of its own, indented as its opening is."""

    def __init__(self, source: str) -> None:
        """Take the whole source, so that no line of it can close a fence."""
        self._fence = "~" * (1 + max((len(run) for run in _TILDES.findall(source)), default=2))
        self._parts: list[str] = []
        self._line = ""
        self._indent = ""
        self._pending = False

    def text(self, text: str) -> str:
        """Add a piece and return it as it was added: without the line end that a fence has written already."""
        if self._pending and text:
            text = text.removeprefix("\r").removeprefix("\n")
            self._pending = False
        if text:
            self._add(text)
        return text

    def template(self, text: str, visible: str) -> None:
        """Add a piece that is written as ``text`` and stands for ``visible``."""
        self._pending = False
        self._parts.append(text)
        self._line += visible if not self._line.strip() else ""

    def protected(self, text: str) -> None:
        """Add a piece that Liquid must not read."""
        text = self.text(text)
        if "{{" in text or "{%" in text or text.endswith("{"):
            self._parts[-1] = f"{{% raw %}}{text}{{% endraw %}}"

    def open_fence(self, language: str) -> None:
        """Begin a code block; what follows is its content."""
        self._indent = self._line if not self._line.strip() else ""
        if self._line.strip():
            self._add("\n\n")
        self._add(f"{self._fence}{language}\n")
        self._pending = True

    def close_fence(self) -> None:
        """End the code block."""
        self._pending = False
        if self._line.strip():
            self._add("\n" + self._indent)
        self._add(f"{self._fence}\n")
        self._pending = True

    def joined(self) -> str:
        """Return all pieces as one text."""
        return "".join(self._parts)

    def _add(self, text: str) -> None:
        self._parts.append(text)
        _, newline, last = text.rpartition("\n")
        # Of a line only this matters: how it is indented, and whether there is anything on it.
        if newline:
            self._line = last
        elif not self._line.strip():
            self._line += text
