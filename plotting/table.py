"""What all tables share: their form, what they say of runs, and whose PPO divides scores."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from la_mbda import config
from la_mbda.budget import CONFIDENCE, FEWEST_EPISODES, margin
from plotting.aggregate import PAPER_COST_BUDGET, arranged, over_seeds
from plotting.looks import in_order, is_baseline, label
from plotting.results import Results

NOT_COMPARABLE = "not comparable with the paper"
NO_CELL = "–"
OWN_PPO_SEEDS = 3
"""Seeds of our own PPO on each task, at least, for a table normalised by it."""
EPOCHS = 0.1
"""Share of LAMBDA's budget by which a baseline's last whole epoch may end after it."""
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
    "-": "-",
}
# A symbol with its index, or the minus sign of a number.
_FORMULA = re.compile(r"((?:Ĵ|J̄|ρ̄|ρ|λ|γ|δ|ε|μ)(?:_\w)?|(?<![\w.])-(?=\d))")
_ESCAPES = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"–": "--", "−": "$-$", "≤": r"$\leq$", "±": r"$\pm$", "λ": r"$\lambda$"}
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
    latex = texts.map(latex_text)
    found = []
    for text in (texts, latex.mask(best, r"\textbf{" + latex + "}")):
        cells = text.groupby([numbers["task"], numbers["algorithm"]], sort=False).agg(", ".join)
        wide = cells.unstack().reindex(index=numbers["task"].unique(), columns=list(algorithms))
        wide = wide.fillna(NO_CELL).rename(columns=label)
        found.append(wide.rename_axis(columns=None).reset_index())
    return found[0], found[1].replace(NO_CELL, latex_text(NO_CELL))


def show(value: float | None, error: float | None = None) -> str:
    """Format a score as the paper does, with its standard error where that is known; else n/a."""
    if pd.isna(value):
        return "n/a"
    text = "0.0" if value == 0 else f"{value:z.3f}" if abs(value) < 1e5 else f"{value:.3g}"
    return text if pd.isna(error) else f"{text} ± {show(error)}"


def latex_text(text: str) -> str:
    """Plain text for LaTeX: our symbols and minus signs as formulas, special signs escaped."""
    found = ""
    for part in _FORMULA.split(text):
        symbol, _, index = part.partition("_")
        if symbol in _SYMBOLS:
            found += f"${_SYMBOLS[symbol]}{'_' + index if index else ''}$"
        else:
            found += part.translate(_ESCAPES)
    return found


# ---- What tables say of runs, each one row of `Results.runs`.


def scale_of(runs: pd.DataFrame) -> str:
    """Whose runs of one preset these are, and at what scale."""
    return f"{runs['source'].iloc[0]}: {preset_of(runs)}"


def preset_of(runs: pd.DataFrame) -> str:
    """At what scale runs are, saying so where it is not the paper's."""
    text, changed = f"{runs['preset'].iloc[0]} preset", runs["changed"].map(bool)
    if uneven(runs):
        low, high = runs["env_steps"].min(), runs["env_steps"].max()
        text += f", {low:,.0f} to {high:,.0f} env steps"
    if changed.any():
        text += ", settings changed" + ("" if changed.all() else " in some runs")
    if is_reduced(runs):
        return f"{text} (reduced scale, {NOT_COMPARABLE})"
    if (~runs["comparable"] & runs["task"].isin(config.TASKS)).any():
        return f"{text} ({'' if changed.all() else 'which are '}{NOT_COMPARABLE})"
    return text


def is_reduced(runs: pd.DataFrame) -> bool:
    """Return whether there are runs on the paper's tasks that are smaller than its scale."""
    return bool((runs["reduced"] & runs["task"].isin(config.TASKS)).any())


def uneven(runs: pd.DataFrame) -> bool:
    """Return whether finished runs on one task differ by more in env steps than whole epochs do."""
    steps = runs.groupby("task")["env_steps"]
    return bool((steps.max() > (1.0 + EPOCHS) * steps.min()).any())


def slug_of(runs: pd.DataFrame) -> str:
    """Return what file names say of the source and the preset."""
    return f"{runs['source'].iloc[0]}_{runs['preset'].iloc[0]}"


def seed_notes(runs: pd.DataFrame) -> list[str]:
    """Per algorithm: seeds and environment steps of finished runs, and changed settings."""
    notes = []
    for algorithm in in_order(runs["algorithm"]):
        own = runs[runs["algorithm"] == algorithm]
        texts = own.groupby("task", sort=False)["env_steps"].agg(_seeds_and_steps)
        for text, tasks in texts.groupby(texts, sort=False):
            where = f" ({', '.join(tasks.index)})" if texts.nunique() > 1 else ""
            notes.append(f"{label(algorithm)}: {text}{where}.")
    changed = dict.fromkeys(setting for settings in runs["changed"] for setting in settings)
    if changed:
        notes.append(f"Settings that differ from the preset in some runs: {', '.join(changed)}.")
    return notes


def _seeds_and_steps(steps: pd.Series) -> str:
    ends = dict.fromkeys((steps.min(), steps.max()))
    return f"{count_seeds(len(steps))}, {' to '.join(f'{end:,.0f}' for end in ends)} env steps"


def score_notes(runs: pd.DataFrame) -> list[str]:
    """Say what the scores of finished runs are of: how taken over seeds, over which episodes."""
    baseline = runs["algorithm"].map(is_baseline)
    baselines, others = runs[baseline], runs[~baseline]
    confirmed, rest = others[others["confirmed"]], others[~others["confirmed"]]
    notes = []
    if len(others):
        notes.append("LAMBDA and its variants: medians over seeds.")
    for count, found in confirmed.groupby("n"):
        text = f"Ĵ and Ĵ_c over {count} confirmed episodes, of one seed ± the standard error"
        notes.append(f"{text}: {_which(found, others)}.")
    special = confirmed[confirmed["layouts"] != ""]
    for layouts, found in special.groupby("layouts", sort=False):
        notes.append(f"Confirmed on {layouts}: {_which(found, confirmed)}.")
    if len(rest):
        text = "Ĵ and Ĵ_c of the protocol's evaluation at the end"
        notes.append(f"{text}: {_which(rest, others)}.")
    if len(baselines):
        notes.append(
            "Baselines: means over seeds ± their standard error, of the training episodes of the "
            "last two epochs."
        )
    for count, found in baselines[baselines["early_epochs"] > 0].groupby("early_epochs"):
        text = f"Ended {count} epochs before those of the published score"
        notes.append(f"{text}: {_which(found, baselines)}.")
    return notes


def budget_notes(runs: pd.DataFrame) -> list[str]:
    """Which finished runs keep their budget, by their confirmed episodes."""
    rule = f"of 100 episodes, mean cost + {margin(100):.2f} standard errors ≤ d"
    rule = f"({CONFIDENCE:.0%} confidence; {rule})"
    texts = {
        True: f"Keep their budget {rule}",
        False: f"Do not keep their budget {rule}",
        None: f"Not confirmed by {FEWEST_EPISODES} episodes or more, hence not known whether they "
        "keep their budget",
    }
    groups = {text: runs[runs["kept"].map(lambda k, o=o: k is o)] for o, text in texts.items()}
    return [f"{text}: {_which(found, runs)}." for text, found in groups.items() if len(found)]


def own_budget_notes(runs: pd.DataFrame) -> list[str]:
    """Say of runs on SG6 whose budget is not the paper's what their costs are held against."""
    own = runs[runs["cost_budgets"].map(lambda budgets: budgets[0] != PAPER_COST_BUDGET)]
    return [
        f"J̄_c against their own budget of {budget:g}, not {PAPER_COST_BUDGET:g}: "
        f"{_which(found, runs)}."
        for budget, found in own.groupby(own["cost_budgets"].map(lambda budgets: budgets[0]))
    ]


def changed_note(runs: pd.DataFrame) -> list[str]:
    """Name runs that a comparison leaves out, as their settings are not the preset's."""
    names = [f"{label(r.algorithm)} on {r.task} (seed {r.seed})" for r in runs.itertuples()]
    text = "Left out, with other settings than the preset's"
    return [f"{text}: {', '.join(names)}."] if names else []


def count_seeds(count: int) -> str:
    """Format a number of seeds in words."""
    return f"{count} seed{'s' if count != 1 else ''}"


def _which(runs: pd.DataFrame, whole: pd.DataFrame) -> str:
    """List runs in a line, as `LAMBDA on PointGoal1 (0, 1); …`, or say that they are all."""
    if len(runs) == len(whole) > 1:
        return f"all {len(runs)} of them"
    found = []
    for algorithm, own in runs.groupby("algorithm", sort=False):
        tasks = own.groupby("task", sort=False)["seed"]
        seeds = (f"{task} ({', '.join(map(str, group))})" for task, group in tasks)
        found.append(f"{label(algorithm)} on {', '.join(seeds)}")
    return "; ".join(found)


# ---- Whose PPO divides (Appendix H).


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
