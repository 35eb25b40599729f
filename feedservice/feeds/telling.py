"""What readers would see, in words: for a terminal, and as HTML for a pull request or a page."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

from feedservice.feeds.difference import Difference, Shown
from feedservice.feeds.guard import Verdict, day

LISTED = 20
"""Entries of one kind that are listed."""

_WORDS = (
    ("new", "+", "new"),
    ("back", "+", "back again"),
    ("renamed", "!", "unread again under another id"),
    ("updated", "~", "changed"),
    ("retitled", "~", "with another title"),
    ("edited", "~", "edited, without a new date"),
    ("moved", "~", "in another place"),
    ("gone", "-", "withdrawn"),
    ("slid", " ", "older than the window"),
)
"""Field of ``Difference`` → mark, and what the entries are."""


def told(difference: Difference) -> Iterator[tuple[str, str, tuple[Shown, ...]]]:
    """Yield (mark, what they are, entries) of every kind there is."""
    for field, mark, word in _WORDS:
        found = getattr(difference, field)
        entries = tuple(each[1] if isinstance(each, tuple) else each for each in found)
        if entries:
            yield mark, word, entries


def summary(difference: Difference) -> str:
    """Return one line: how many entries of which kind."""
    if difference.nothing:
        return "nothing"
    if not difference.held:
        return f"a feed of {difference.shown} entries that nobody reads yet"
    return ", ".join(f"{len(entries)} {word}" for _, word, entries in told(difference))


def lines(verdict: Verdict, zone: str) -> Iterator[str]:
    """Yield the lines for a terminal; dates are those of a zone."""
    difference = verdict.difference
    yield f"{difference.feed}: {summary(difference)}"
    for reason in verdict.reasons:
        yield f"  held: {reason.text}"
    if not difference.held:
        return
    for mark, word, entries in told(difference):
        for each in entries[:LISTED]:
            yield f"  {mark} {each.title} ({day(each.published, zone)})  {word}"
        if len(entries) > LISTED:
            yield f"  {mark} and {len(entries) - LISTED} more {word}"


def page(verdicts: Sequence[Verdict], title: str, zone: str) -> str:
    """Return HTML without styles or scripts, that code hosts show in a comment: a heading, a line per feed, lists to unfold."""
    changed = [each for each in verdicts if not each.difference.nothing]
    held = sum(each.held for each in changed)
    parts = [f"<h3>{html.escape(title)}</h3>"]
    if not changed:
        parts.append("<p>Subscribers would see nothing new.</p>")
    if held:
        parts.append(f"<p><strong>{_count(held, 'feed')} would be held.</strong></p>")
    parts += [part for each in changed for part in _section(each, zone)]
    return "\n".join(parts) + "\n"


def _section(verdict: Verdict, zone: str) -> Iterable[str]:
    difference = verdict.difference
    name = html.escape(difference.feed)
    yield f"<details{' open' if verdict.held else ''}><summary><b>{name}</b>: {html.escape(summary(difference))}</summary>"
    yield "<ul>"
    for reason in verdict.reasons:
        yield f"<li><strong>held:</strong> {html.escape(reason.text)}</li>"
    for _, word, entries in told(difference) if difference.held else ():
        for each in entries[:LISTED]:
            link = f'<a href="{html.escape(each.url)}">{html.escape(each.title)}</a>'
            yield f"<li>{word}: {link} ({day(each.published, zone)})</li>"
        if len(entries) > LISTED:
            yield f"<li>and {len(entries) - LISTED} more {word}</li>"
    yield "</ul>"
    yield "</details>"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
