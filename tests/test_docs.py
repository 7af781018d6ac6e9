"""What `docs/differences.md` says of places in the code is there."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
TABLE = (REPOSITORY / "docs" / "differences.md").read_text().partition("\n## ")[0]
ROWS = [line.strip("| ").split(" | ") for line in TABLE.splitlines() if line.startswith("| ")]
ROWS = ROWS[2:]  # Below the heading and its rule.
PLACES = {place for row in ROWS for place in re.findall(r"`(\S+\.py): (\S+)`", row[4])}


def symbols(path):
    """The names that a module defines, and below them those of its classes, with dots."""

    def walk(nodes, prefix):
        for node in nodes:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                yield prefix + node.name
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from (prefix + ast.unparse(target) for target in targets)
            if isinstance(node, ast.ClassDef):
                yield from walk(node.body, f"{prefix}{node.name}.")

    return set(walk(ast.parse(path.read_text()).body, ""))


def test_every_difference_is_told_whole():
    assert len(ROWS) > 30
    for row in ROWS:
        assert len(row) == 6, row[0]
        assert all(row), row[0]
        assert re.fullmatch(r"`\S+\.py: \S+`(, `\S+\.py: \S+`)*", row[4]), row[0]


@pytest.mark.parametrize(("path", "symbol"), sorted(PLACES))
def test_every_place_named_is_there(path, symbol):
    assert symbol in symbols(REPOSITORY / path)
