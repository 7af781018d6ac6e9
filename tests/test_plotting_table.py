"""The forms of a table: numbers, Markdown and LaTeX."""

import pandas as pd
import pytest

from plotting.table import Table, show


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "n/a"), (0.0, "0.0"), (-0.0001, "0.000"), (-1.2567, "-1.257"), (2.5e7, "2.5e+07")],
)
def test_numbers_as_the_paper_prints_them(value, text):
    assert show(value) == text


def test_latex_escapes_its_signs():
    cells = pd.DataFrame({"a_b & c": ["{x}^~\\#$-2e-05"]})
    latex = Table("t", "50 %", cells, (), pd.DataFrame()).latex()
    assert r"a\_b \& c \\" in latex
    cell = r"\{x\}\textasciicircum{}\textasciitilde{}\textbackslash{}\#\$$-$2e-05 \\"
    assert cell in latex
    assert r"\caption{50 \%.}" in latex


def test_a_table_of_text_keeps_it_as_it_is_in_markdown():
    cells = pd.DataFrame({"name": ["1e5", " 2", "n/a"], "": ["0.50", "–", "1.10"]})
    lines = Table("t", "T", cells, ("A note.",), pd.DataFrame()).markdown().splitlines()
    found = [tuple(part.strip() for part in line.strip("|").split("|")) for line in lines[2:7]]
    assert found[0] == ("name", "")
    assert found[2:] == [("1e5", "0.50"), ("2", "–"), ("n/a", "1.10")]
    assert lines[-1] == "- A note."
