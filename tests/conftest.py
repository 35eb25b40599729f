"""What every test may use: one Hypothesis profile, and golden files that can be written anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

Golden = Callable[[Path, bytes], None]

# Before anything imports them: tests of other rooms use what is in them too.
pytest.register_assert_rewrite("tests.store.contract", "tests.store.outbox_contract")

# Same examples in every run, so that a red build is red again tomorrow; no deadline, because a test asserts no duration.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
# `pytest --hypothesis-profile=search` looks further than the repeatable examples.
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the expected files instead of comparing with them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare bytes with the file that holds the expected ones; with ``--update-golden`` write that file."""
    update = bool(request.config.getoption("--update-golden"))

    def compare(path: Path, actual: bytes) -> None:
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(actual)
            return
        assert path.exists(), f"{path} is missing: look at what is new, then run pytest --update-golden"
        assert actual.decode() == path.read_bytes().decode(), (
            f"{path.name} differs; if the change is meant, run pytest --update-golden"
        )

    return compare
