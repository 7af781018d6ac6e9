"""Statistics over tasks and seeds that outliers move little (Agarwal et al. 2021), with intervals.

A table per preset: the interquartile mean of normalised scores with its interval by a stratified
bootstrap, and the share of runs that keep to the cost budget with its Wilson interval.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from la_mbda import config
from plotting.aggregate import normalise
from plotting.results import METRICS, Estimate, Run, Scores
from plotting.table import Table, show
from plotting.tables import Divisor, find_divisor, scale_of, seed_notes, slug_of

LEVEL = 0.95
RESAMPLES = 5_000
SYMBOLS = dict(zip(METRICS, ("J̄", "J̄_c", "ρ̄_c"), strict=True))


def interquartile_mean(values: np.ndarray) -> np.ndarray:
    """The mean `[…]` of values `[…, n]` without the n // 4 least and the n // 4 largest."""
    ordered = np.sort(values, axis=-1)
    count = ordered.shape[-1]
    cut = count // 4
    return ordered[..., cut : count - cut].mean(-1)


def stratified_bootstrap(
    strata: Sequence[np.ndarray], resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """The percentile interval of the interquartile mean, seeds drawn anew within each task.

    Args:
        strata: scores `[seeds]` of each task.

    Returns:
        Its ends; None where no task has two seeds, as nothing could then vary.
    """
    if all(len(scores) < 2 for scores in strata):
        return None
    rng = np.random.default_rng(seed)
    drawn = [scores[rng.integers(len(scores), size=(resamples, len(scores)))] for scores in strata]
    means = interquartile_mean(np.concatenate(drawn, axis=1))
    low, high = np.percentile(means, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
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


def robust_table(
    runs: Sequence[Run], all_runs: Sequence[Run], published: dict[str, Scores]
) -> Table:
    """Of finished runs of one preset and one source, some on SG6 tasks.

    Args:
        all_runs: among which our own PPO at paper scale is looked for.
    """
    runs = [run for run in runs if run.task in config.SG6_TASKS and run.score is not None]
    tasks = [task for task in config.SG6_TASKS if any(run.task == task for run in runs)]
    divisors = {task: find_divisor(task, all_runs, published) for task in tasks}
    rows, records, notes = [], [], []
    for algorithm, name in config.ALGORITHMS.items():
        found = [run for run in runs if run.algorithm == algorithm]
        if found:
            own = _statistics(found, divisors)
            rows.append((name, *(_cell(own[metric]) for metric in METRICS), _share(found, own)))
            records += [{"algorithm": name, "statistic": key} | own[key] for key in own]
            notes += _task_note(name, found)
    notes = (
        "Interquartile means over tasks and seeds of scores normalised per seed (Appendix H), with "
        f"{LEVEL:.0%} intervals by a bootstrap within each task ({RESAMPLES:,} resamples).",
        "One seed per task has no interval. Budget: runs with Ĵ_c ≤ d, and the Wilson interval.",
        f"Normalised by {' or '.join(dict.fromkeys(d.source for d in divisors.values()))}.",
        *notes,
        *seed_notes(runs),
    )
    columns = ("algorithm", *(f"IQM {symbol}" for symbol in SYMBOLS.values()), "within budget")
    title = f"Robust statistics over SG6, {scale_of(runs)}"
    return Table(f"robust_{slug_of(runs)}", title, columns, rows, notes, records)


def _statistics(runs: Sequence[Run], divisors: dict[str, Divisor]) -> dict[str, dict]:
    """Of one algorithm: by metric, then the share of runs within the budget."""
    found = {metric: _numbers(_strata(runs, divisors, metric)) for metric in METRICS}
    safe = sum(run.score.cost_returns[0] <= run.cost_budgets[0] for run in runs)
    low, high = wilson_interval(safe, len(runs))
    share = {"value": safe / len(runs), "low": low, "high": high, "runs": len(runs)}
    return found | {"within_budget": share}


def _task_note(name: str, runs: Sequence[Run]) -> list[str]:
    ran = [task for task in config.SG6_TASKS if any(run.task == task for run in runs)]
    if len(ran) == len(config.SG6_TASKS):
        return []
    return [f"{name}: {len(ran)} of {len(config.SG6_TASKS)} tasks: {', '.join(ran)}."]


def _strata(runs: Sequence[Run], divisors: dict[str, Divisor], metric: str) -> list[np.ndarray]:
    """Normalised scores of each task's seeds; tasks whose divisor has no meaning are left out."""
    strata: dict[str, list[float]] = {}
    for run in runs:
        score = {
            "return": Estimate(run.score.returns),
            "cost_return": Estimate(run.score.cost_returns[0]),
            "cost_regret": Estimate(run.score.cost_regrets[0]),
        }
        value = normalise(score, divisors[run.task].scores, run.cost_budgets[0])[metric]
        if value is not None:
            strata.setdefault(run.task, []).append(value)
    return [np.array(values) for values in strata.values()]


def _numbers(strata: list[np.ndarray]) -> dict[str, float | int | None]:
    if not strata:
        return {"value": None, "low": None, "high": None, "runs": 0}
    low, high = stratified_bootstrap(strata) or (None, None)
    value = float(interquartile_mean(np.concatenate(strata)))
    return {"value": value, "low": low, "high": high, "runs": sum(map(len, strata))}


def _share(runs: Sequence[Run], own: dict[str, dict]) -> str:
    share = own["within_budget"]
    safe = round(share["value"] * len(runs))
    return f"{safe} of {len(runs)} [{share['low']:.2f}, {share['high']:.2f}]"


def _cell(numbers: dict) -> str:
    if numbers["low"] is None:
        return show(numbers["value"])
    return f"{show(numbers['value'])} [{show(numbers['low'])}, {show(numbers['high'])}]"
