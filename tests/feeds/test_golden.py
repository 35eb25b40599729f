"""Golden documents, found by name: a folder with a ``case.py`` is a case. New bytes: ``pytest --update-golden``."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from feedservice.feeds import lint
from feedservice.feeds.formats import FORMATS
from feedservice.model import Document

if TYPE_CHECKING:
    from conftest import Make

CASES = sorted((Path(__file__).parent / "golden").glob("*/case.py"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("name", FORMATS)
def test_document_is_as_expected_and_has_no_errors(
    case: Path, name: str, golden: Callable[[Path, bytes], None], make: Make
) -> None:
    values = runpy.run_path(str(case))
    head, profile, entries = values["HEAD"], values["PROFILE"], values["ENTRIES"]
    body = make.body(name, entries, head, profile)
    document = Document(
        feed=head.spec.key,
        format=name,
        url=head.spec.urls[name],
        path="",
        media_type="",
        body=body,
        etag="",
        last_modified=head.updated,
        entries=(),
    )

    assert [problem.message for problem in lint.check(document) if problem.rule != "feed.enclosure-length"] == []
    golden(case.with_name(f"expected.{name}"), body)
