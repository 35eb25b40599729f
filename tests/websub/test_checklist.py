"""Every row of the checklists of WebSub has a test that is named by it: P1–P9 for publishers, H1–H37 for hubs.

The rows are the clauses of the Recommendation of 2 June 2026 that a publisher or a hub can break, in their order.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROWS = {*(f"p{number}" for number in range(1, 10)), *(f"h{number}" for number in range(1, 38))}


def test_every_row_has_a_test() -> None:
    names = {
        node.name
        for path in Path(__file__).parent.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    named = {row for name in names for row in re.findall(r"(?<=_)[hp]\d+(?=_)", name)}
    assert ROWS - named == set()
    assert named - ROWS == set()
