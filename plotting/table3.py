"""Table 3 of the paper three ways: published, of our runs, and the difference (Appendix H).

All are normalised by the published PPO after the short run, so that they can be compared; where
every task has three seeds of our own PPO, a table normalised by that is there too.
"""

from collections.abc import Sequence
from typing import NamedTuple

from la_mbda import config
from plotting.aggregate import mean, normalise_spread, score_estimates
from plotting.results import METRICS, PAPER_COST_BUDGET, Estimate, Run, Scores
from plotting.table import Table, show_with_error
from plotting.tables import (
    benchmark_runs,
    changed_note,
    count_seeds,
    scale_of,
    score_notes,
    seed_notes,
    slug_of,
)

DOGGO = "DoggoGoal1"
AVERAGE = "SG6 average"
WITHOUT_DOGGO = f"without {DOGGO}"
TABLE3_ALGORITHMS = ("trpo_lagrangian", "ppo_lagrangian", "cpo", "lambda")
OWN_PPO_SEEDS = 3
"""Seeds of our own PPO on each task, at least, for a table normalised by it."""
_NAMES = config.ALGORITHMS

# Task → metric → normalised score, of one algorithm.
Normalised = dict[str, dict[str, Estimate | None]]


class Divisor(NamedTuple):
    """The PPO scores that a task's are normalised by, and whose they are."""

    scores: dict[str, Estimate]
    source: str


def table3_published(published: dict[str, Scores]) -> Table:
    """The paper's Table 3, to every printed digit."""
    divisors = published_divisors(config.SG6_TASKS, published)
    columns = _normalised(published["short"] | published["paper"], divisors, TABLE3_ALGORITHMS)
    notes = (
        "Each cell: J̄, J̄_c, ρ̄_c (Appendix H), normalised by PPO after 1M/2M env steps.",
        "Scores: the authors' score files; LAMBDA from pixels, the baselines from vectors.",
        *_doggo_notes(columns, divisors),
    )
    sources = {task: divisor.source for task, divisor in divisors.items()}
    return _table3("table3_published", "Table 3, published", columns, sources, notes)


def table3_ours(runs: Sequence[Run], divisors: dict[str, Divisor], own: bool = False) -> Table:
    """Table 3 from finished runs, all of one preset and one source, some on SG6 tasks.

    Args:
        own: whether the divisors are our own PPO's, as the table's name and title then say.
    """
    benchmark = benchmark_runs(runs)
    scores = score_estimates(benchmark)
    found = {algorithm for _, algorithm in scores}
    divisors = {task: divisors[task] for task in tasks_of(benchmark)}
    columns = _normalised(scores, divisors, [a for a in _table3_order() if a in found])
    notes = (
        "Each cell: J̄, J̄_c, ρ̄_c (Appendix H).",
        *score_notes(benchmark),
        *seed_notes(benchmark),
        *divisor_notes(divisors),
        *_doggo_notes(columns, divisors),
    )
    others = sorted({run.task for run in runs} - set(config.SG6_TASKS))
    if others:
        notes += (f"Not in SG6, hence in Table 2 only: {', '.join(others)}.",)
    sources = {task: divisor.source for task, divisor in divisors.items()}
    name, title = f"table3_{slug_of(runs)}", f"Table 3, {scale_of(benchmark)}"
    if own:
        name, title = f"{name}_own_ppo", f"{title}, normalised by our own PPO"
    return _table3(name, title, columns, sources, notes)


def table3_difference(runs: Sequence[Run], published: dict[str, Scores]) -> Table | None:
    """Table 3 of finished runs minus the published one, both normalised by the published PPO.

    Args:
        runs: all of one preset and one source.

    Returns:
        None where no run is of the published budget with the preset's settings.
    """
    theirs = published["short"] | published["paper"]
    finished = [run for run in runs if run.score is not None and run.preset == "paper"]
    kept = [run for run in finished if (run.task, run.algorithm) in theirs]
    changed = [run for run in kept if not run.comparable]
    kept = [run for run in kept if run.comparable]
    if not kept:
        return None
    ours = score_estimates(kept)
    divisors = published_divisors(tasks_of(kept), published)
    order = [algorithm for algorithm in _table3_order() if any(algorithm == a for _, a in ours)]
    mine, yours = _normalised(ours, divisors, order), _normalised(theirs, divisors, order)
    columns = {
        algorithm: {task: _minus(value, yours[algorithm][task]) for task, value in column.items()}
        for algorithm, column in mine.items()
    }
    notes = ("Each cell: J̄, J̄_c, ρ̄_c of these runs minus the published ones.",)
    notes += score_notes(kept) + seed_notes(kept) + changed_note(changed) + divisor_notes(divisors)
    sources = {task: divisor.source for task, divisor in divisors.items()}
    title = f"Table 3, difference from the published, {scale_of(kept)}"
    return _table3(f"table3_difference_{slug_of(kept)}", title, columns, sources, notes)


def lacking_cells(runs: Sequence[Run], preset: str | None) -> list[tuple[str, str]]:
    """Algorithms and SG6 tasks of Table 3 that have no finished run of ours at a preset."""
    algorithms = TABLE3_ALGORITHMS
    if preset == "paper_long":
        algorithms = tuple(a for a in algorithms if a in config.BASELINES)
    finished = {
        (run.algorithm, run.task)
        for run in runs
        if run.preset == preset and not run.shipped and run.score is not None
    }
    needed = [(algorithm, task) for algorithm in algorithms for task in config.SG6_TASKS]
    return [cell for cell in needed if cell not in finished]


def tasks_of(runs: Sequence[Run]) -> list[str]:
    """The SG6 tasks that runs are of, in their order."""
    return [task for task in config.SG6_TASKS if any(run.task == task for run in runs)]


def published_divisors(tasks: Sequence[str], published: dict[str, Scores]) -> dict[str, Divisor]:
    """The published PPO after the short run."""
    source = "the published PPO (short: 1M/2M env steps)"
    return {task: Divisor(published["short"][task, "ppo"], source) for task in tasks}


def own_divisors(runs: Sequence[Run]) -> dict[str, Divisor] | None:
    """Our own PPO at the paper's scale, ours before shipped, where every task has enough seeds."""
    for shipped in (False, True):
        found = [
            run
            for run in runs
            if (run.algorithm, run.preset, run.shipped) == ("ppo", "paper", shipped)
            and run.score is not None
            and run.comparable
        ]
        seeds = {task: sum(run.task == task for run in found) for task in config.SG6_TASKS}
        least = min(seeds.values())
        if least >= OWN_PPO_SEEDS:
            owner = "the shipped" if shipped else "our own"
            source = f"{owner} PPO (paper preset, {count_seeds(least)} or more)"
            scores = score_estimates(found)
            return {task: Divisor(scores[task, "ppo"], source) for task in config.SG6_TASKS}
    return None


def divisor_notes(divisors: dict[str, Divisor]) -> tuple[str, ...]:
    """Whose PPO divides on which task, and where that has no meaning or a special one."""
    notes: tuple[str, ...] = ()
    for source in dict.fromkeys(divisor.source for divisor in divisors.values()):
        tasks = [task for task in divisors if divisors[task].source == source]
        notes += (f"Normalised by {source}: {', '.join(tasks)}.",)
    for task, (scores, source) in divisors.items():
        if scores["return"].value <= 0:
            value = scores["return"].value
            notes += (f"{task}: J̄ is n/a, as Ĵ of {source} is {value:.3g}, not positive.",)
        if scores["cost_regret"].value <= 0:
            notes += (f"{task}: ρ̄_c is n/a, as ρ_c of {source} is not positive.",)
        if scores["cost_return"].value <= PAPER_COST_BUDGET:
            notes += (f"{task}: J̄_c is over 1e-6, as Ĵ_c of {source} is not above the budget.",)
    return notes


def _doggo_notes(columns: dict[str, Normalised], divisors: dict[str, Divisor]) -> tuple[str, ...]:
    """Where DoggoGoal1, on which PPO returns little, outweighs all other tasks together."""
    notes: tuple[str, ...] = ()
    for algorithm, column in columns.items():
        found = [values["return"] for values in column.values()]
        if DOGGO not in column or None in found or min(found)[0] < 0:
            continue
        returns = [estimate.value for estimate in found]
        share = column[DOGGO]["return"].value / sum(returns) if sum(returns) else 0.0
        if len(returns) > 1 and share > 0.5:
            divisor = divisors[DOGGO].scores["return"].value
            notes += (
                f"{DOGGO} alone makes {share:.0%} of {_NAMES[algorithm]}'s average J̄: "
                f"Ĵ of PPO, by which it is divided, is only {divisor:.2f} there.",
            )
    return notes


def _table3(
    name: str,
    title: str,
    columns: dict[str, Normalised],
    sources: dict[str, str],
    notes: tuple[str, ...],
) -> Table:
    """Args: columns of each algorithm by task; sources by task, whose PPO divides."""
    cells: dict[tuple[str, str], str] = {}
    records = []
    tasks = [task for task in config.SG6_TASKS if any(task in c for c in columns.values())]
    rows = _average_rows(columns)
    for algorithm, column in columns.items():
        notes += _average_notes(_NAMES[algorithm], column)
        averages = {
            label: _average({task: column[task] for task in among if task in column})
            for label, among in rows.items()
        }
        for task, values in (column | averages).items():
            cells[task, algorithm] = ", ".join(show_with_error(values[m]) for m in METRICS)
            for metric, estimate in values.items():
                record = {"task": task, "algorithm": _NAMES[algorithm], "metric": metric}
                value = None if estimate is None else estimate.value
                records.append(record | {"value": value, "normalised_by": sources.get(task, "")})
    lines = [(t, *(cells.get((t, a), "–") for a in columns)) for t in (*tasks, *rows)]
    return Table(name, title, ("task", *(_NAMES[a] for a in columns)), lines, notes, records)


def _average_rows(columns: dict[str, Normalised]) -> dict[str, list[str]]:
    """The averages' labels, and the tasks that each is over."""
    rest = [task for task in config.SG6_TASKS if task != DOGGO]
    rows = [(AVERAGE, "average, incomplete", list(config.SG6_TASKS))]
    if any(DOGGO in column for column in columns.values()):  # Else it is the average once more.
        rows.append((WITHOUT_DOGGO, f"{WITHOUT_DOGGO}, incomplete", rest))
    whole = [all(set(among) <= column.keys() for column in columns.values()) for *_, among in rows]
    return {
        label if complete else partial: among
        for complete, (label, partial, among) in zip(whole, rows, strict=True)
    }


def _normalised(
    scores: Scores, divisors: dict[str, Divisor], algorithms: Sequence[str]
) -> dict[str, Normalised]:
    return {
        algorithm: {
            task: normalise_spread(scores[task, algorithm], divisor.scores)
            for task, divisor in divisors.items()
            if (task, algorithm) in scores
        }
        for algorithm in algorithms
    }


def _average(column: Normalised) -> dict[str, Estimate | None]:
    averages = {}
    for metric in METRICS:
        found = [values[metric] for values in column.values()]
        average = mean([estimate.value if estimate else None for estimate in found])
        averages[metric] = None if average is None else Estimate(average)
    return averages


def _average_notes(algorithm: str, columns: Normalised) -> tuple[str, ...]:
    """What the average of an algorithm does not hold."""
    notes: tuple[str, ...] = ()
    missing = [task for task in config.SG6_TASKS if task not in columns]
    if missing:
        count = f"{len(columns)} of {len(config.SG6_TASKS)} tasks"
        notes += (f"{algorithm}: the average is over {count}, without {', '.join(missing)}.",)
    for metric, symbol in (("return", "J̄"), ("cost_regret", "ρ̄_c")):
        absent = [task for task, values in columns.items() if values[metric] is None]
        if absent:
            notes += (f"{algorithm}: the average of {symbol} leaves out n/a: {', '.join(absent)}.",)
    return notes


def _minus(
    mine: dict[str, Estimate | None], yours: dict[str, Estimate | None]
) -> dict[str, Estimate | None]:
    """The published ones, whose standard errors are not known, count as exact."""
    known = {metric: None not in (mine[metric], yours[metric]) for metric in METRICS}
    return {
        m: Estimate(mine[m].value - yours[m].value, error=mine[m].error) if known[m] else None
        for m in METRICS
    }


def _table3_order() -> tuple[str, ...]:
    """The paper's columns last, so that LAMBDA stays where the eye looks for it."""
    return (*(a for a in _NAMES if a not in TABLE3_ALGORITHMS), *TABLE3_ALGORITHMS)
