"""Tables 1 and 2 of the paper, and our scores beside the published ones, cell by cell."""

from collections.abc import Sequence
from itertools import product
from operator import attrgetter

import numpy as np
import pandas as pd

from la_mbda import config
from la_mbda.presets import make_config
from la_mbda.runs.files import METRICS, read_object
from plotting.aggregate import PAPER_COST_BUDGET, SPREAD, arranged, over_seeds, task_order
from plotting.drawing import Outcome
from plotting.looks import in_order, is_baseline, label
from plotting.notes import (
    budget_notes,
    changed_note,
    compared_runs,
    scale_of,
    score_notes,
    seed_notes,
    slug_of,
)
from plotting.results import PUBLISHED, Results
from plotting.table import (
    LABELS,
    NO_CELL,
    Table,
    benchmark,
    pivot,
    show,
)

_CELLS = "Each cell: Ĵ, Ĵ_c, ρ_c. Percentiles are in the CSV."
COMPARED = ["task", "algorithm", "metric"]
ENDS = ["value", "low", "high"]
PUBLISHED_RANGES = (
    "Published: LAMBDA and CEM-MPC, medians over seeds (LAMBDA: 5) with 5 % and 95 % percentiles; "
    "baselines, means over three runs with ends that lie symmetrically about them."
)


def table_1(results: Results) -> Outcome:
    """Every published setting beside its value in the `paper` preset."""
    return Outcome(made=[table1()])


def table_2(results: Results) -> Outcome:
    """Unnormalised scores, the published ones and each group's; both side by side."""
    outcome = Outcome(made=[] if results.own_tasks_only else table2_published(results))
    for runs, scores in results.groups():
        own = ~runs["task"].isin(config.TASKS)
        for name, title, part in (("table2", "Table 2", ~own), ("own_tasks", "Own tasks", own)):
            if part.any():
                outcome.made.append(table2_ours(name, title, runs[part], scores))
        compared = comparison(runs, scores, results.published(runs["preset"].iloc[0]))
        if compared is not None:
            outcome.made.append(compared)
    return outcome


def lambda_and_published(results: Results) -> Outcome:
    """Put LAMBDA's scores beside the published ones: our largest preset's, else the shipped."""
    for group, scores in results.telling_groups():
        runs = benchmark(group[group["algorithm"] == "lambda"])
        if len(runs):
            return Outcome([_beside_published(runs, scores, results)])
    return Outcome()


def _beside_published(runs: pd.DataFrame, scores: pd.DataFrame, results: Results) -> Table:
    theirs = results.published("paper")
    told = {
        runs["source"].iloc[0]: over_seeds(scores[scores["run"].isin(runs.index)]),
        "published": over_seeds(theirs[theirs["algorithm"] == "lambda"]),
    }
    records = pd.concat([found.assign(source=source) for source, found in told.items()])
    records["text"] = [show(*pair) for pair in zip(records["value"], records["se"], strict=True)]
    texts = records.pivot(index="task", columns=["source", "metric"], values="text")
    places = list(product(told, ("return", "cost_return")))
    cells = texts.reindex(index=config.SG6_TASKS, columns=places).fillna(NO_CELL)
    names = [f"{LABELS[metric].symbol}, {source}" for source, metric in places]
    cells = cells.set_axis(names, axis="columns").rename_axis("task").reset_index()
    notes = (
        f"Published: medians over five seeds, 1M/2M env steps, budget {PAPER_COST_BUDGET:g}.",
        *budget_notes(runs),
        *score_notes(runs),
        *seed_notes(runs),
    )
    records = records[["source", "task", "metric", "value", "se"]]
    title = f"{label('lambda')}, {scale_of(runs)}, and published"
    return Table("lambda_and_published", title, cells, notes, records)


def table1() -> Table:
    """Every published setting beside its value in the `paper` preset."""
    settings = read_object(PUBLISHED.with_name("table1.json"))["settings"]
    values = [(name, symbol, _preset(where), theirs) for name, symbol, theirs, where in settings]
    rows = [
        (name, symbol, _plain(ours), _plain(theirs), "yes" if ours == theirs else "NO")
        for name, symbol, ours, theirs in values
    ]
    columns = ["hyper-parameter", "symbol", "paper preset", "published", "equal"]
    cells = pd.DataFrame(rows, columns=columns)
    # As objects: a column of both kinds would turn whole numbers into others.
    records = pd.DataFrame(values, dtype=object)
    records.columns = ["name", "symbol", "preset", "published"]
    notes = (
        f"{(cells['equal'] == 'yes').sum()} of {len(values)} are equal.",
        "Published: Table 1 and Section 5 of the paper, and the authors' settings.",
    )
    return Table("table1", "Table 1, read off the paper preset", cells, notes, records)


def _preset(where: str) -> float:
    """Return a value of the paper preset: `<group>.<setting>` of PointGoal1, or of `<task>: …`."""
    task, _, setting = where.rpartition(": ")
    preset = make_config("paper", task or "PointGoal1")
    if setting == "update rate":
        training = preset.training
        return training.updates_per_iteration * 1_000 / training.steps_per_iteration
    value = attrgetter(setting)(preset)
    return value[0] if isinstance(value, tuple) else value


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def table2_published(results: Results) -> list[Table]:
    """Return the paper's unnormalised scores: short budget with LAMBDA and CEM-MPC, then long."""
    short, long = (over_seeds(results.published(preset)) for preset in ("paper", "paper_long"))
    title = "Table 2, published: long budget (10M env steps; DoggoGoal1 more)"
    return [
        _table2("table2_published", "Table 2, published: 1M/2M env steps", short, (_CELLS,)),
        _table2("table2_published_long", title, long, (_CELLS,)),
    ]


def table2_ours(name: str, title: str, runs: pd.DataFrame, scores: pd.DataFrame) -> Table:
    """Unnormalised scores of finished runs, all of one preset and one source.

    Args:
        name, title: what the table's begin with.
    """
    parts, scores = [], scores[scores["run"].isin(runs.index)]
    for constraint in range(1, scores["constraint"].max() + 1):
        found = over_seeds(scores, constraint)
        if constraint > 1:
            found["task"] += f", cost {constraint}"
        parts.append(found)
    notes = (_CELLS, *score_notes(runs), *budget_notes(runs), *seed_notes(runs))
    numbers = pd.concat(parts, ignore_index=True)
    where = f"{name}_{slug_of(runs)}", f"{title}, {scale_of(runs)}"
    return _table2(*where, numbers, notes, SPREAD)


def _table2(
    name: str,
    title: str,
    numbers: pd.DataFrame,
    notes: tuple[str, ...],
    spread: Sequence[str] = ENDS,
) -> Table:
    """Args: spread: what of each score is recorded."""
    columns = in_order(numbers["algorithm"])
    numbers = arranged(numbers, task=task_order(numbers["task"]), algorithm=columns)
    cells, latex = pivot(numbers, columns)
    records = numbers[["task", "algorithm", "metric", *spread]].rename(columns={"se": "error"})
    records["algorithm"] = records["algorithm"].map(label)
    return Table(name, title, cells, notes, records, latex)


def comparison(runs: pd.DataFrame, scores: pd.DataFrame, published: pd.DataFrame) -> Table | None:
    """Return ranges of our seeds and of the authors', and whether they overlap.

    Args:
        runs: finished, all of one preset and one source.
        published: those of the same budget.

    Returns:
        None where no run is of a published budget with the preset's settings.
    """
    runs, changed = compared_runs(runs, published)
    if runs.empty:
        return None
    scores = scores[scores["run"].isin(runs.index) & (scores["constraint"] == 1)]
    scores = arranged(scores, task=config.SG6_TASKS, algorithm=config.ALGORITHMS, metric=METRICS)
    theirs = published.set_index(COMPARED)[ENDS].add_prefix("published_")
    found = _ranges(scores).join(theirs, on=COMPARED)
    higher = found["ours_low"] > found["published_high"]
    lower = found["ours_high"] < found["published_low"]
    found["verdict"] = np.select([higher, lower], ["ours higher", "ours lower"], "overlap")
    found["algorithm"] = found["algorithm"].map(label)
    shown = {
        "task": found["task"],
        "algorithm": found["algorithm"],
        "": found["metric"].map(lambda metric: LABELS[metric].symbol),
        "seeds": found["seeds"].astype(str),
        "first epoch": found["first_epoch"].map(show).replace("n/a", NO_CELL),
        "ours": found.apply(_ends, axis="columns", whose="ours"),
        "published": found.apply(_ends, axis="columns", whose="published"),
        "ranges": found["verdict"],
    }
    notes = (
        f"{(found['verdict'] == 'overlap').sum()} of {len(found)} cells overlap.",
        "Ours: the mean over seeds (of LAMBDA and its variants the median), and their least and "
        "largest.",
        "First epoch: the same of a baseline's first epoch, in which its policy is untrained.",
        PUBLISHED_RANGES,
        "A single seed has no range: it overlaps where it lies within the published one.",
        *score_notes(runs),
        *seed_notes(runs),
        *changed_note(changed),
    )
    title = f"Scores beside the published ones, {scale_of(runs)}"
    return Table(f"comparison_{slug_of(runs)}", title, pd.DataFrame(shown), notes, found)


def _ranges(scores: pd.DataFrame) -> pd.DataFrame:
    """Of each cell its seeds, their middle and ends, and the mean of their first epochs."""
    found = scores.groupby(COMPARED, sort=False)
    baseline = found["algorithm"].first().map(is_baseline)
    value = found["value"]
    columns = {
        "seeds": value.size(),
        "first_epoch": found["first_epoch"].mean(skipna=False),
        "ours_value": value.mean().where(baseline, value.median()),
        "ours_low": value.min(),
        "ours_high": value.max(),
    }
    return pd.DataFrame(columns).reset_index()


def _ends(record: pd.Series, whose: str) -> str:
    value, low, high = (show(record[f"{whose}_{name}"]) for name in ("value", "low", "high"))
    if record[f"{whose}_low"] == record[f"{whose}_high"]:
        return value
    return f"{value} ({low} to {high})"
