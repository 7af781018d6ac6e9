"""Table 3 of the paper three ways: published, of our runs, and the difference (Appendix H).

All are normalised by the published PPO after the short run, so that they can be compared; where
every task has three seeds of our own PPO, a table normalised by that is there too. With each group
of runs goes a table of statistics over tasks and seeds that outliers move little (Agarwal et al.
2021): interquartile means (mean and median in the CSV) with intervals by a stratified bootstrap,
and the share of confirmed runs that keep their cost budget with its Wilson interval.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd

from la_mbda import config
from la_mbda.runs.files import METRICS
from plotting.aggregate import (
    LEVEL,
    RESAMPLES,
    STATISTICS,
    arranged,
    normalise,
    over_seeds,
    statistic,
    stratified_bootstrap,
    wilson_interval,
)
from plotting.drawing import TABLE3_ALGORITHMS, Outcome, missing_scores
from plotting.looks import in_order, label
from plotting.notes import (
    budget_notes,
    changed_note,
    compared_runs,
    count_seeds,
    own_budget_notes,
    scale_of,
    score_notes,
    seed_notes,
    slug_of,
    uneven,
)
from plotting.results import Results
from plotting.table import (
    INCOMPLETE,
    LABELS,
    Divisor,
    Table,
    benchmark,
    divisor_notes,
    in_bold,
    own_divisor,
    pivot,
    published_divisor,
    show,
    tasks_of,
)

DOGGO = "DoggoGoal1"
AVERAGE = "SG6 average"
WITHOUT_DOGGO = f"without {DOGGO}"


def table_3(results: Results) -> Outcome:
    """Table 3 in its ways and the robust statistics, and what is missing of it."""
    divisor, own = published_divisor(results), own_divisor(results)
    outcome = Outcome(made=[table3_published(results)])
    for runs, scores in results.groups():
        if benchmark(runs).empty:
            text = "no SG6 task is finished, hence no Table 3 of it"
            outcome.notes.append(f"{scale_of(runs)}: {text}")
            continue
        outcome.made.append(table3_ours(runs, scores, divisor))
        if own is not None:
            outcome.made.append(table3_ours(runs, scores, own, own=True))
        difference = table3_difference(runs, scores, results)
        if difference is None:
            outcome.notes.append(
                f"{scale_of(runs)}: no difference from the published Table 3, which takes runs of "
                "the paper preset with its settings unchanged, of algorithms that it has"
            )
        else:
            outcome.made.append(difference)
        outcome.made.append(robust_table(runs, scores, divisor))
    outcome.missing += missing_scores("Table 3, ours", results)
    return outcome


def table3_published(results: Results) -> Table:
    """Return the paper's Table 3, to every printed digit."""
    divisor = published_divisor(results)
    scores = over_seeds(results.published("paper"))
    scores = arranged(scores, algorithm=TABLE3_ALGORITHMS)
    numbers = normalise(scores, divisor.scores)
    notes = (
        "Each cell: J̄, J̄_c, ρ̄_c (Appendix H), normalised by PPO after 1M/2M env steps.",
        "Scores: the authors' score files; LAMBDA from pixels, the baselines from vectors.",
        *_doggo_notes(numbers, divisor),
    )
    return _table3("table3_published", "Table 3, published", numbers, divisor, notes)


def table3_ours(
    runs: pd.DataFrame, scores: pd.DataFrame, divisor: Divisor, own: bool = False
) -> Table:
    """Table 3 from finished runs, all of one preset and one source, some on SG6 tasks.

    Args:
        own: whether the divisor is our own PPO, as the table's name and title then say.
    """
    numbers = normalise(over_seeds(benchmark(scores)), divisor.scores)
    found = benchmark(runs)
    notes = (
        "Each cell: J̄, J̄_c, ρ̄_c (Appendix H).",
        *own_budget_notes(found),
        *score_notes(found),
        *seed_notes(found),
        *divisor_notes(divisor, tasks_of(found)),
        *_doggo_notes(numbers, divisor),
    )
    others = sorted(set(runs["task"]) - set(config.SG6_TASKS))
    if others:
        notes += (f"Not in SG6, hence not in this table: {', '.join(others)}.",)
    name, title = f"table3_{slug_of(runs)}", f"Table 3, {scale_of(found)}"
    if own:
        name, title = f"{name}_own_ppo", f"{title}, normalised by our own PPO"
    return _table3(name, title, numbers, divisor, notes, rivals=not uneven(found))


def table3_difference(runs: pd.DataFrame, scores: pd.DataFrame, results: Results) -> Table | None:
    """Table 3 of finished runs minus the published one, both normalised by the published PPO.

    Args:
        runs: all of one preset and one source.

    Returns:
        None where no run is of the published budget with the preset's settings.
    """
    theirs = over_seeds(results.published("paper"))
    runs, changed = compared_runs(runs[runs["preset"] == "paper"], theirs)
    if runs.empty:
        return None
    divisor = published_divisor(results)
    numbers = normalise(over_seeds(scores[scores["run"].isin(runs.index)]), divisor.scores)
    cells = ["task", "algorithm", "metric"]
    theirs = normalise(theirs, divisor.scores).set_index(cells)["value"]
    # The published ones, whose standard errors are not known, count as exact.
    numbers["value"] -= theirs.reindex(pd.MultiIndex.from_frame(numbers[cells])).to_numpy()
    notes = ("Each cell: J̄, J̄_c, ρ̄_c of these runs minus the published ones.",)
    notes += (*score_notes(runs), *seed_notes(runs), *changed_note(changed))
    notes += (*divisor_notes(divisor, tasks_of(runs)),)
    title = f"Table 3, difference from the published, {scale_of(runs)}"
    name = f"table3_difference_{slug_of(runs)}"
    return _table3(name, title, numbers, divisor, notes, rivals=False)


def _doggo_notes(numbers: pd.DataFrame, divisor: Divisor) -> list[str]:
    """Where DoggoGoal1, on which PPO returns little, outweighs all other tasks together."""
    notes = []
    returns = arranged(numbers[numbers["metric"] == "return"], algorithm=_columns(numbers))
    for algorithm, own in returns.groupby("algorithm", sort=False):
        values = own.set_index("task")["value"]
        if DOGGO not in values or values.isna().any() or values.min() < 0:
            continue
        share = values[DOGGO] / values.sum() if values.sum() else 0.0
        if len(values) > 1 and share > 0.5:
            notes.append(
                f"{DOGGO} alone makes {share:.0%} of {label(algorithm)}'s average J̄: Ĵ of PPO, "
                f"by which it is divided, is only {divisor.scores[DOGGO, 'return']:.2f} there."
            )
    return notes


def _table3(
    name: str,
    title: str,
    numbers: pd.DataFrame,
    divisor: Divisor,
    notes: tuple[str, ...],
    rivals: bool = True,
) -> Table:
    """Args: rivals: whether the algorithms' numbers can be better or worse than one another."""
    algorithms = _columns(numbers)
    numbers = arranged(numbers, algorithm=algorithms, task=config.SG6_TASKS)
    averages = _averages(numbers)
    rows = [*tasks_of(numbers), *averages["task"].unique()]
    numbers = numbers.assign(normalised_by=divisor.source)
    found = arranged(pd.concat([numbers, averages]), algorithm=algorithms)
    for algorithm in algorithms:
        notes += _average_notes(algorithm, numbers[numbers["algorithm"] == algorithm])
    cells, latex = pivot(arranged(found, task=rows), algorithms)
    records = found[["task", "algorithm", "metric", "value", "normalised_by"]]
    records = records.assign(algorithm=records["algorithm"].map(label))
    return Table(name, title, cells, notes, records, latex if rivals else None)


def _columns(numbers: pd.DataFrame) -> list[str]:
    """Put the paper's algorithms last, so that LAMBDA stays where the eye looks for it."""
    return in_order(numbers["algorithm"], TABLE3_ALGORITHMS)


def _averages(numbers: pd.DataFrame) -> pd.DataFrame:
    """Rows of the averages over tasks: of SG6, and without DoggoGoal1; what is n/a is left out."""
    rest = [task for task in config.SG6_TASKS if task != DOGGO]
    among = {AVERAGE: (f"average, {INCOMPLETE}", config.SG6_TASKS)}
    if DOGGO in set(numbers["task"]):  # Else it is the average once more.
        among[WITHOUT_DOGGO] = (f"{WITHOUT_DOGGO}, {INCOMPLETE}", rest)
    found = []
    for row, (partial, tasks) in among.items():
        own = numbers[numbers["task"].isin(tasks)]
        counts = own.groupby("algorithm")["task"].nunique()
        counts = counts.reindex(numbers["algorithm"].unique(), fill_value=0)
        values = own.groupby(["algorithm", "metric"])["value"].mean()
        cells = pd.MultiIndex.from_product([counts.index, METRICS], names=["algorithm", "metric"])
        rows = values.reindex(cells).reset_index()
        rows["task"] = row if (counts == len(tasks)).all() else partial
        found.append(rows)
    return pd.concat(found, ignore_index=True)


def _average_notes(algorithm: str, numbers: pd.DataFrame) -> tuple[str, ...]:
    """Return what the average of an algorithm does not hold."""
    notes: tuple[str, ...] = ()
    tasks = numbers["task"].unique()
    missing = [task for task in config.SG6_TASKS if task not in tasks]
    name = label(algorithm)
    if missing:
        count = f"{len(tasks)} of {len(config.SG6_TASKS)} tasks"
        notes += (f"{name}: the average is over {count}, without {', '.join(missing)}.",)
    for metric in ("return", "cost_regret"):
        absent = numbers.loc[(numbers["metric"] == metric) & numbers["value"].isna(), "task"]
        if len(absent):
            text = f"the average of {LABELS[metric].normalised} leaves out n/a: {', '.join(absent)}"
            notes += (f"{name}: {text}.",)
    return notes


def robust_table(runs: pd.DataFrame, scores: pd.DataFrame, divisor: Divisor) -> Table:
    """Summarise finished runs of one preset and one source, some on SG6 tasks."""
    runs, scores = benchmark(runs), benchmark(scores[scores["constraint"] == 1])
    numbers = normalise(scores, divisor.scores)
    algorithms = in_order(runs["algorithm"])
    records = pd.DataFrame(
        record | {"algorithm": label(algorithm)}
        for algorithm in algorithms
        for record in _records(*(f[f["algorithm"] == algorithm] for f in (numbers, runs)))
    )
    columns = ["algorithm", "metric", "statistic", "value", "low", "high", "runs"]
    records = records[columns].astype({"value": float, "low": float, "high": float})
    each = (_robust_notes(label(a), runs[runs["algorithm"] == a]) for a in algorithms)
    notes = (
        "Interquartile means over tasks and seeds of scores normalised per seed (Appendix H), with "
        f"{LEVEL:.0%} intervals by a bootstrap of seeds within each task ({RESAMPLES:,} resamples, "
        "the divisor held fixed).",
        "Within budget: confirmed runs that keep their budget, and their share's "
        f"{LEVEL:.0%} Wilson interval.",
        *own_budget_notes(runs),
        *budget_notes(runs),
        *score_notes(runs),
        *divisor_notes(divisor, tasks_of(runs)),
        *dict.fromkeys(note for notes in each for note in notes),
        *seed_notes(runs),
    )
    cells, latex = _robust_cells(records)
    tasks = runs.groupby("algorithm")["task"].agg(frozenset)
    # Over other tasks, or of other budgets, nothing is better.
    latex = latex if tasks.nunique() == 1 and not uneven(runs) else None
    title = f"Robust statistics over SG6, {scale_of(runs)}"
    return Table(f"robust_{slug_of(runs)}", title, cells, notes, records, latex)


def _records(numbers: pd.DataFrame, runs: pd.DataFrame) -> Iterator[dict]:
    """Yield an algorithm's statistics with their intervals, and how many runs they are of."""
    for metric, name in product(METRICS, STATISTICS):
        found = numbers[numbers["metric"] == metric].groupby("task", sort=False)["value"]
        strata = [values.to_numpy() for _, values in found]
        what = {"metric": metric, "statistic": name, "runs": sum(map(len, strata))}
        low, high = stratified_bootstrap(strata, name) or (None, None)
        yield what | {"value": statistic(name, np.concatenate(strata)), "low": low, "high": high}
    kept = runs["kept"].dropna().tolist()
    what = {"metric": "within_budget", "statistic": "share", "runs": len(kept)}
    # Of no confirmed run, the share has no value.
    low, high = wilson_interval(sum(kept), len(kept)) if kept else (None, None)
    yield what | {"value": sum(kept) / len(kept) if kept else None, "low": low, "high": high}


def _robust_cells(records: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make a row per algorithm, and the same as LaTeX with the best of each column in bold."""
    shown = records[records["statistic"].isin(("IQM", "share"))]
    names = {metric: f"IQM {label.normalised}" for metric, label in LABELS.items()}
    names["within_budget"] = "within budget"
    shown = shown.assign(text=shown.apply(_robust_text, axis="columns"))
    cells, values = (
        shown.pivot(index="algorithm", columns="metric", values=what)
        .reindex(index=shown["algorithm"].unique(), columns=list(names))
        .rename(columns=names)
        for what in ("text", "value")
    )
    values *= [1.0, -1.0, -1.0, 1.0]  # Less cost is better.
    best = (values == values.max()) & (values.count() > 1)
    found = (cells, in_bold(cells, best))
    cells, latex = (frame.rename_axis(columns=None).reset_index() for frame in found)
    return cells, latex


def _robust_text(record: pd.Series) -> str:
    """Format a number with its interval; of a share, as a count."""
    value, low, high = record[["value", "low", "high"]]
    if record["statistic"] == "share":
        if record["runs"] == 0:
            return "n/a: not confirmed"
        return f"{round(value * record['runs'])} of {record['runs']} [{low:.2f}, {high:.2f}]"
    ends = "n/a: one seed" if pd.isna(low) else f"{show(low)}, {show(high)}"
    return f"{show(value)} [{ends}]"


def _robust_notes(name: str, runs: pd.DataFrame) -> list[str]:
    """Return what an algorithm's row does not hold, or holds unevenly."""
    seeds = arranged(runs, task=config.SG6_TASKS).groupby("task", sort=False).size()
    notes = []
    if len(seeds) < len(config.SG6_TASKS):
        count = f"{len(seeds)} of {len(config.SG6_TASKS)} tasks"
        notes.append(f"{name}: {count}: {', '.join(seeds.index)}.")
    if seeds.min() == 1:
        notes.append("No interval where a task has one seed, of whose spread nothing is known.")
    if seeds.min() < seeds.max():
        span = f"{seeds.min()} to {count_seeds(seeds.max())}"
        notes.append(f"{name}: {span} per task; tasks with more weigh more.")
    return notes
