"""Statistics over tasks and seeds that outliers move little (Agarwal et al. 2021), with intervals.

A table per preset: the interquartile mean of normalised scores (mean and median in the CSV) with
an interval by a stratified bootstrap, and the share of confirmed runs that keep their cost budget
with its Wilson interval.
"""

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from la_mbda import config
from plotting.aggregate import normalise, reported
from plotting.results import METRICS, Run, Scores
from plotting.table import Table, show
from plotting.table3 import Divisor, divisor_notes, published_divisors, tasks_of
from plotting.tables import (
    benchmark_runs,
    budget_notes,
    count_seeds,
    scale_of,
    score_notes,
    seed_notes,
    slug_of,
)

LEVEL = 0.95
RESAMPLES = 5_000
SYMBOLS = dict(zip(METRICS, ("J̄", "J̄_c", "ρ̄_c"), strict=True))
ONE_SEED = "n/a: one seed"
NOT_CONFIRMED = "n/a: not confirmed"

Statistic = Callable[[np.ndarray], np.ndarray]


def interquartile_mean(values: np.ndarray) -> np.ndarray:
    """The mean `[…]` of values `[…, n]` without the n // 4 least and the n // 4 largest."""
    ordered = np.sort(values, axis=-1)
    count = ordered.shape[-1]
    cut = count // 4
    return ordered[..., cut : count - cut].mean(-1)


STATISTICS: dict[str, Statistic] = {
    "IQM": interquartile_mean,
    "median": lambda values: np.median(values, axis=-1),
    "mean": lambda values: np.mean(values, axis=-1),
}


def stratified_bootstrap(
    strata: Sequence[np.ndarray], statistic: Statistic, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """The percentile interval of a statistic, seeds drawn anew within each task.

    Args:
        strata: scores `[seeds]` of each task.
        statistic: of values `[…, n]`, as `[…]`.

    Returns:
        Its ends; None where a task has one seed, as nothing is known of its spread then.
    """
    if any(len(scores) < 2 for scores in strata):
        return None
    rng = np.random.default_rng(seed)
    drawn = [scores[rng.integers(len(scores), size=(resamples, len(scores)))] for scores in strata]
    found = statistic(np.concatenate(drawn, axis=1))
    low, high = np.percentile(found, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The interval of a share (Wilson 1927).

    Raises:
        ValueError: there are no trials.
    """
    if trials < 1:
        raise ValueError("trials is 0: there is no share")
    z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
    share, weight = successes / trials, z**2 / trials
    middle = (share + weight / 2) / (1 + weight)
    half = z * np.sqrt(share * (1 - share) / trials + weight / (4 * trials)) / (1 + weight)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def robust_table(runs: Sequence[Run], published: dict[str, Scores]) -> Table:
    """Of finished runs of one preset and one source, some on SG6 tasks."""
    runs = benchmark_runs(runs)
    divisors = published_divisors(tasks_of(runs), published)
    rows, records, notes = [], [], []
    for algorithm, name in config.ALGORITHMS.items():
        found = [run for run in runs if run.algorithm == algorithm]
        if found:
            own = _statistics(found, divisors)
            cells = [_cell(own[metric, "IQM"]) for metric in METRICS]
            rows.append((name, *cells, _share(own["within_budget", "share"])))
            records += [
                {"algorithm": name, "metric": metric, "statistic": statistic} | numbers
                for (metric, statistic), numbers in own.items()
            ]
            notes += _notes(name, found, divisors)
    notes = (
        "Interquartile means over tasks and seeds of scores normalised per seed (Appendix H), with "
        f"{LEVEL:.0%} intervals by a bootstrap of seeds within each task ({RESAMPLES:,} resamples, "
        "the divisor held fixed).",
        "Within budget: confirmed runs that keep their budget, and their share's "
        f"{LEVEL:.0%} Wilson interval.",
        *budget_notes(runs),
        *score_notes(runs),
        *divisor_notes(divisors),
        *dict.fromkeys(notes),
        *seed_notes(runs),
    )
    columns = ("algorithm", *(f"IQM {symbol}" for symbol in SYMBOLS.values()), "within budget")
    title = f"Robust statistics over SG6, {scale_of(runs)}"
    return Table(f"robust_{slug_of(runs)}", title, columns, rows, notes, records)


def _statistics(
    runs: Sequence[Run], divisors: dict[str, Divisor]
) -> dict[tuple[str, str], dict[str, float | int | None]]:
    """Of one algorithm: by metric and statistic; at the end the share of runs within the budget.

    That is of confirmed runs; of none, it has no value.
    """
    found = {}
    for metric in METRICS:
        strata = _strata(runs, divisors, metric)
        for name, statistic in STATISTICS.items():
            found[metric, name] = _numbers(strata, statistic)
    kept = [run.keeps_budget for run in runs if run.keeps_budget is not None]
    share = {"value": None, "low": None, "high": None, "runs": 0}
    if kept:
        low, high = wilson_interval(sum(kept), len(kept))
        share = {"value": sum(kept) / len(kept), "low": low, "high": high, "runs": len(kept)}
    return found | {("within_budget", "share"): share}


def _strata(runs: Sequence[Run], divisors: dict[str, Divisor], metric: str) -> list[np.ndarray]:
    """Normalised scores of each task's seeds; tasks whose divisor has no meaning are left out."""
    strata: dict[str, list[float]] = {}
    for run in runs:
        value = normalise(reported(run), divisors[run.task].scores, run.cost_budgets[0])[metric]
        if value is not None:
            strata.setdefault(run.task, []).append(value)
    return [np.array(values) for values in strata.values()]


def _numbers(strata: list[np.ndarray], statistic: Statistic) -> dict[str, float | int | None]:
    if not strata:
        return {"value": None, "low": None, "high": None, "runs": 0}
    low, high = stratified_bootstrap(strata, statistic) or (None, None)
    value = float(statistic(np.concatenate(strata)))
    return {"value": value, "low": low, "high": high, "runs": sum(map(len, strata))}


def _notes(name: str, runs: Sequence[Run], divisors: dict[str, Divisor]) -> list[str]:
    """What an algorithm's row does not hold, or holds unevenly."""
    seeds = {task: sum(run.task == task for run in runs) for task in config.SG6_TASKS}
    ran = [task for task, count in seeds.items() if count]
    notes = []
    if len(ran) < len(config.SG6_TASKS):
        notes.append(f"{name}: {len(ran)} of {len(config.SG6_TASKS)} tasks: {', '.join(ran)}.")
    counts = sorted({seeds[task] for task in ran})
    if counts[0] == 1:
        notes.append("No interval where a task has one seed, of whose spread nothing is known.")
    if len(counts) > 1:
        span = f"{counts[0]} to {count_seeds(counts[-1])}"
        notes.append(f"{name}: {span} per task; tasks with more weigh more.")
    for metric in ("return", "cost_regret"):
        absent = [task for task in ran if divisors[task].scores[metric].value <= 0]
        if absent:
            notes.append(f"{name}: {SYMBOLS[metric]} leaves out n/a: {', '.join(absent)}.")
    return notes


def _share(numbers: dict) -> str:
    if numbers["value"] is None:
        return NOT_CONFIRMED
    safe = round(numbers["value"] * numbers["runs"])
    return f"{safe} of {numbers['runs']} [{numbers['low']:.2f}, {numbers['high']:.2f}]"


def _cell(numbers: dict) -> str:
    if numbers["value"] is None:
        return show(None)
    ends = (show(numbers["low"]), show(numbers["high"]))
    interval = ONE_SEED if numbers["low"] is None else ", ".join(ends)
    return f"{show(numbers['value'])} [{interval}]"
