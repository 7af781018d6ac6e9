"""What all tables share: their form, and whose PPO divides scores (Appendix H)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from la_mbda import config
from plotting.aggregate import PAPER_COST_BUDGET, arranged, over_seeds
from plotting.looks import label
from plotting.notes import count_seeds
from plotting.results import Results

NO_CELL = "–"
OWN_PPO_SEEDS = 3
"""Seeds of our own PPO on each task, at least, for a table normalised by it."""
_SYMBOLS = {
    "Ĵ": r"\hat{J}",
    "J̄": r"\bar{J}",
    "ρ̄": r"\bar{\rho}",
    "ρ": r"\rho",
    "λ": r"\lambda",
    "γ": r"\gamma",
    "δ": r"\delta",
    "ε": r"\varepsilon",
    "μ": r"\mu",
}
# A symbol with its index, which is escaped by then.
_FORMULA = re.compile(f"({'|'.join(_SYMBOLS)})" + r"(?:\\(_\w))?")
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")
_ESCAPES = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"–": "--", "−": "$-$", "≤": r"$\leq$", "±": r"$\pm$"}
)


class Label(NamedTuple):
    """How a metric is called in tables and figures."""

    name: str
    symbol: str
    normalised_name: str
    normalised: str
    """Its symbol, normalised as Appendix H has it."""
    unit: tuple[str, str]
    """What, and per what."""


LABELS = {
    "return": Label("Return", "Ĵ", "Return", "J̄", ("return", "per episode")),
    "cost_return": Label("Cost return", "Ĵ_c", "Excess cost", "J̄_c", ("cost", "per episode")),
    "cost_regret": Label(
        "Cost regret", "ρ_c", "Cost regret", "ρ̄_c", ("cost", "per environment step")
    ),
}
INCOMPLETE = "incomplete"
"""What the label of an average over fewer tasks than it should be ends with."""


@dataclass(frozen=True)
class Table:
    """Cells as text, row by row, under a title; notes follow; records hold the numbers."""

    name: str
    """Of its files, without suffix."""
    title: str
    cells: pd.DataFrame
    notes: tuple[str, ...]
    records: pd.DataFrame
    latex_cells: pd.DataFrame | None = None
    """The same cells as LaTeX, the best numbers in bold; None where none is better."""

    def markdown(self) -> str:
        """Format with aligned columns, to be read as it is or rendered."""
        body = self.cells.to_markdown(index=False, tablefmt="github", disable_numparse=True)
        notes = "".join(f"\n- {note}" for note in self.notes)
        return f"### {self.title}\n\n{body}\n" + (f"{notes}\n" if notes else "")

    def latex(self) -> str:
        """Format as a float of LaTeX with booktabs' rules, caption and label; notes as comments.

        The first note, which says what the cells are, is in the caption.
        """
        cells = self.cells.map(latex_text) if self.latex_cells is None else self.latex_cells
        styler = cells.set_axis(map(latex_text, cells.columns), axis="columns").style
        caption = ". ".join([self.title, *self.notes[:1]]).rstrip(".") + "."
        text = styler.hide(axis="index").to_latex(
            column_format="l" * len(cells.columns),
            hrules=True,
            position="t",
            position_float="centering",
            caption=latex_text(caption),
            label=f"tab:{self.name}",
        )
        head = [r"\usepackage{booktabs} has to stand before \begin{document}.", *self.notes[1:]]
        return "".join(f"% {line}\n" for line in head) + text

    def write(self, folder: Path) -> None:
        """Write the table into a folder as Markdown, LaTeX and CSV."""
        csv = self.records.to_csv(index=False, lineterminator="\n")
        for suffix, text in (("md", self.markdown()), ("tex", self.latex()), ("csv", csv)):
            (folder / f"{self.name}.{suffix}").write_text(text, encoding="utf-8")


def pivot(numbers: pd.DataFrame, algorithms: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row per `task`, a column per algorithm, with the texts of its metrics in each cell.

    Args:
        numbers: rows of `task`, `algorithm`, `metric`, `value`, `se`, in the order of the tasks.

    Returns:
        The cells, and the same as LaTeX with the best of each row in bold: the highest return, the
        lowest costs. Incomplete averages, which are over different tasks, have none.
    """
    signed = numbers["value"].where(numbers["metric"] == "return", -numbers["value"])
    rivals = signed.groupby([numbers["task"], numbers["metric"]])
    best = (signed == rivals.transform("max")) & (rivals.transform("count") > 1)
    best &= ~numbers["task"].str.endswith(INCOMPLETE)
    texts = numbers.apply(lambda row: show(row["value"], row["se"]), axis="columns")
    found = []
    for text in (texts, in_bold(texts, best)):
        cells = text.groupby([numbers["task"], numbers["algorithm"]], sort=False).agg(", ".join)
        wide = cells.unstack().reindex(index=numbers["task"].unique(), columns=list(algorithms))
        wide = wide.fillna(NO_CELL).rename(columns=label)
        found.append(wide.rename_axis(columns=None).reset_index())
    return found[0], found[1].replace(NO_CELL, latex_text(NO_CELL))


def in_bold(texts: pd.DataFrame, best: pd.DataFrame) -> pd.DataFrame:
    """Return texts as LaTeX, the best of them in bold; of a series too."""
    latex = texts.map(latex_text)
    return latex.mask(best, r"\textbf{" + latex + "}")


def show(value: float | None, error: float | None = None) -> str:
    """Format a score as the paper does, with its standard error where that is known; else n/a."""
    if pd.isna(value):
        return "n/a"
    text = "0.0" if value == 0 else f"{value:z.3f}" if abs(value) < 1e5 else f"{value:.3g}"
    return text if pd.isna(error) else f"{text} ± {show(error)}"


def latex_text(text: str) -> str:
    """Plain text for LaTeX: our symbols and minus signs as formulas, special signs escaped."""
    escaped = _MINUS.sub("−", text).translate(_ESCAPES)
    return _FORMULA.sub(lambda found: f"${_SYMBOLS[found[1]]}{found[2] or ''}$", escaped)


class Divisor(NamedTuple):
    """The PPO scores that others are normalised by, and whose they are."""

    scores: pd.Series
    """By task and metric."""
    source: str


def published_divisor(results: Results) -> Divisor:
    """Return the published PPO after the short run, by which every quotient has a meaning.

    All its returns and cost rates are positive, and its costs above the budget.
    """
    scores = results.published("paper")
    scores = scores[scores["algorithm"] == "ppo"].set_index(["task", "metric"])["value"]
    return Divisor(scores, "the published PPO (short: 1M/2M env steps)")


def own_divisor(results: Results) -> Divisor | None:
    """Our own PPO at the paper's scale, ours before shipped, where every task has enough seeds."""
    for runs, scores in results.groups():
        runs = runs[(runs["algorithm"] == "ppo") & (runs["preset"] == "paper")]
        runs = runs[runs["comparable"]]
        seeds = runs["task"].value_counts().reindex(config.SG6_TASKS, fill_value=0)
        if seeds.min() >= OWN_PPO_SEEDS:
            owner = "the shipped" if (runs["source"] == "shipped").all() else "our own"
            found = over_seeds(scores[scores["run"].isin(runs.index)])
            source = f"{owner} PPO (paper preset, {count_seeds(seeds.min())} or more)"
            return Divisor(found.set_index(["task", "metric"])["value"], source)
    return None


def divisor_notes(divisor: Divisor, tasks: Sequence[str]) -> list[str]:
    """Whose PPO divides on which task, and where that has no meaning or a special one."""
    scores, source = divisor
    notes = [f"Normalised by {source}: {', '.join(tasks)}."]
    for task in tasks:
        if scores[task, "return"] <= 0:
            value = scores[task, "return"]
            notes.append(f"{task}: J̄ is n/a, as Ĵ of {source} is {value:.3g}, not positive.")
        if scores[task, "cost_regret"] <= 0:
            notes.append(f"{task}: ρ̄_c is n/a, as ρ_c of {source} is not positive.")
        if scores[task, "cost_return"] <= PAPER_COST_BUDGET:
            text = f"J̄_c is over 1e-6, as Ĵ_c of {source} is not above the budget"
            notes.append(f"{task}: {text}.")
    return notes


def benchmark(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what is of the SG6 tasks, over which averages are taken."""
    return frame[frame["task"].isin(config.SG6_TASKS)]


def tasks_of(frame: pd.DataFrame) -> list[str]:
    """Return the SG6 tasks that runs or scores are of, in their order."""
    return list(arranged(frame, task=config.SG6_TASKS)["task"].unique())
