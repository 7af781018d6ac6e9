"""What figures and tables say of runs, each one row of `Results.runs`: their scale, and notes."""

import pandas as pd

from la_mbda import config
from la_mbda.budget import CONFIDENCE, FEWEST_EPISODES, margin
from plotting.aggregate import PAPER_COST_BUDGET
from plotting.looks import in_order, is_baseline, label

NOT_COMPARABLE = "not comparable with the paper"
EPOCHS = 0.1
"""Share of LAMBDA's budget by which a baseline's last whole epoch may end after it."""


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
    special, early = confirmed[confirmed["layouts"] != ""], baselines[baselines["early_epochs"] > 0]
    notes = ["LAMBDA and its variants: medians over seeds."] if len(others) else []
    text = "Ĵ and Ĵ_c over {} confirmed episodes, of one seed ± the standard error"
    notes += _by(confirmed["n"], text, others)
    notes += _by(special["layouts"], "Confirmed on {}", confirmed)
    if len(rest):
        text = "Ĵ and Ĵ_c of the protocol's evaluation at the end"
        notes.append(f"{text}: {_which(rest, others)}.")
    if len(baselines):
        notes.append(
            "Baselines: means over seeds ± their standard error, of the training episodes of the "
            "last two epochs."
        )
    text = "Ended {} epochs before those of the published score"
    return notes + _by(early["early_epochs"], text, baselines)


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
    budgets = runs["cost_budgets"].map(lambda budgets: budgets[0])
    budgets = budgets[budgets != PAPER_COST_BUDGET]
    text = f"J̄_c against their own budget of {{:g}}, not {PAPER_COST_BUDGET:g}"
    return _by(budgets, text, runs)


def compared_runs(runs: pd.DataFrame, published: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return runs that have published scores: those with the preset's settings, and the others."""
    ours, known = (pd.MultiIndex.from_frame(f[["task", "algorithm"]]) for f in (runs, published))
    runs = runs[ours.isin(known)]
    return runs[runs["comparable"]], runs[~runs["comparable"]]


def changed_note(runs: pd.DataFrame) -> list[str]:
    """Name runs that a comparison leaves out, as their settings are not the preset's."""
    names = [f"{label(r.algorithm)} on {r.task} (seed {r.seed})" for r in runs.itertuples()]
    text = "Left out, with other settings than the preset's"
    return [f"{text}: {', '.join(names)}."] if names else []


def count_seeds(count: int) -> str:
    """Format a number of seeds in words."""
    return f"{count} seed{'s' if count != 1 else ''}"


def _by(values: pd.Series, text: str, whole: pd.DataFrame) -> list[str]:
    """Return a note for each value that some of the runs have: the text with it, and which."""
    groups = whole.loc[values.index].groupby(values)
    return [f"{text.format(value)}: {_which(found, whole)}." for value, found in groups]


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
