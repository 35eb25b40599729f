"""The errors that reach a person, each with what it is about and what to do.

::

    FeedserviceError
    ├── ConfigError     config.yaml (or the environment) cannot be used; carries every problem at once
    ├── RefusedError    nothing was done: strict mode, a lock held by another builder
    └── StoreError      (``store``) the store cannot be opened, read or written

Expected failures of one post, host or file are values (``model.Problem``), not exceptions. Anything else that is
raised is a bug and is allowed to look like one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feedservice.model import Problem


class FeedserviceError(Exception):
    """Base of all errors that are meant for the person at the terminal."""


class ConfigError(FeedserviceError):
    """The configuration is invalid; ``problems`` names every mistake with its place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep the problems; the message is their plain text."""
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))


class RefusedError(FeedserviceError):
    """Nothing was done, and why; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep the hint beside the message."""
        self.hint = hint
        super().__init__(message)
