"""What the documents name is there: places in the code, files, images, and what runs."""

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


PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *REPOSITORY.glob("docs/*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text()
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, heading = target.partition("#")
        other = page.parent / path if path else page
        assert other.exists(), target
        if heading:
            headings = re.findall(r"(?m)^#+ (.+)$", other.read_text())
            assert heading in [title.lower().replace(" ", "-") for title in headings], target


def test_the_simulator_runs_as_the_readme_says():
    blocks = re.findall(r"```python\n(.*?)```", PAGES[0].read_text(), re.DOTALL)
    scope, sizes = {}, []
    for block in blocks:
        if "gymnasium.make" in block:
            exec(block, scope)
            sizes.append(scope["env"].reset(seed=0)[0].shape)
    assert sizes == [(60,), (60,)]
    assert scope["level_0"].reset(seed=0)[0].shape == (28,)
