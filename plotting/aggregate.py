"""Statistics over seeds, and the normalisation of Appendix H.

(Not called `statistics`: scripts in this folder would then find it in place of Python's own.)
"""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from la_mbda import config
from la_mbda.budget import standard_error
from la_mbda.errors import ExpectedError
from plotting.looks import is_baseline

PAPER_COST_BUDGET = 25.0
CELL = ["source", "preset", "task", "algorithm", "metric"]
"""What seeds that belong together share."""
LINE = [*CELL, "constraint"]
MOST_POINTS = 400
SPREAD = ["value", "low", "high", "se"]
MEASURED = [*SPREAD, "seeds", "budget"]
"""What `over_seeds` tells of each cell."""
LEVEL = 0.95
RESAMPLES = 5_000
STATISTICS = ("IQM", "median", "mean")


def arranged(frame: pd.DataFrame, **orders: Sequence[str]) -> pd.DataFrame:
    """Return the rows whose value in each named column is in its order, sorted by these orders."""
    for column, order in reversed(orders.items()):
        places = {value: place for place, value in enumerate(order)}
        frame = frame[frame[column].isin(list(order))]
        frame = frame.sort_values(column, key=lambda found, p=places: found.map(p), kind="stable")
    return frame


def task_order(found: Collection[str]) -> list[str]:
    """Return the repository's tasks, then one's own among some, by name."""
    return [*config.TASKS, *sorted(set(found).difference(config.TASKS))]


def median_with_spread(values: Sequence[float]) -> dict[str, float]:
    """Return the median over seeds, with the 5 % and 95 % percentiles.

    Raises:
        ValueError: there are no values.
    """
    if len(values) == 0:
        raise ExpectedError("no values to take a median of")
    low, middle, high = np.percentile(values, [5, 50, 95]).tolist()
    return {"value": middle, "low": low, "high": high, "se": np.nan}


def mean_with_error(values: Sequence[float]) -> dict[str, float]:
    """Return the mean over seeds and its standard error, to each side as well."""
    mean, error = float(np.mean(values)), standard_error(values)
    return {"value": mean, "low": mean - error, "high": mean + error, "se": error}


def over_seeds(scores: pd.DataFrame, constraint: int = 1) -> pd.DataFrame:
    """Return one row of `MEASURED` for the seeds of each `CELL`.

    The number of `seeds` and their cost `budget`, NaN where it is not known or not one.

    Medians with the 5 % and 95 % percentiles of LAMBDA and its variants, means with their standard
    error of the baselines, as the published scores are; of one seed, what is told of it.

    Args:
        scores: as `Results.scores`.
        constraint: whose costs, with the returns of the runs that have it.
    """
    own = (scores["metric"] != "return") & (scores["constraint"] == constraint)
    returns = scores["metric"] == "return"
    if constraint > 1:
        returns &= scores["run"].isin(scores.loc[own, "run"])
    scores = scores[own | returns]
    rows = []
    for cell, seeds in scores.groupby(CELL, sort=False):
        row = dict(zip(CELL, cell, strict=True)) | {"seeds": len(seeds)}
        row["budget"] = seeds["budget"].iloc[0] if seeds["budget"].nunique() == 1 else np.nan
        if len(seeds) == 1:
            row |= seeds[SPREAD].iloc[0].to_dict()
        else:
            baseline = is_baseline(row["algorithm"])
            summary = mean_with_error if baseline else median_with_spread
            row |= summary(seeds["value"].tolist())
        rows.append(row)
    return pd.DataFrame(rows, columns=[*CELL, *MEASURED])


def band(curves: Sequence[pd.DataFrame]) -> pd.DataFrame | None:
    """Return the median and percentiles over seeds, where every seed has data.

    Seeds whose steps differ are joined linearly between their points, never beyond them.

    Args:
        curves: of each seed, `value` by increasing `env_steps`.

    Returns:
        `env_steps`, `value`, `low` and `high`; None where the seeds have no steps in common.
    """
    steps, values = ([curve[name] for curve in curves] for name in ("env_steps", "value"))
    start, end = max(found.iloc[0] for found in steps), min(found.iloc[-1] for found in steps)
    grid = np.unique(np.concatenate(steps))
    grid = grid[(grid >= start) & (grid <= end)]
    if len(grid) == 0:
        return None
    joined = [np.interp(grid, *pair) for pair in zip(steps, values, strict=True)]
    low, median, high = np.percentile(joined, [5, 50, 95], axis=0)
    return pd.DataFrame({"env_steps": grid, "value": median, "low": low, "high": high})


def lines_of(curves: pd.DataFrame) -> pd.DataFrame:
    """Return what is drawn: each seed with at most `MOST_POINTS`, and the median over seeds.

    Args:
        curves: as `Results.curves`.

    Returns:
        One row per point, of `LINE`, `line` (the seed, or `median`), whether it is the `main` one
        of its seeds (that of a single seed is), `run` (of the median, the first), `env_steps`,
        `value`, `low` and `high`. Seeds without steps in common have no main line.
    """
    parts = []
    for what, group in curves.groupby(LINE, sort=False):
        seeds = [_thinned(own) for _, own in group.groupby("run", sort=False)]
        one = len(seeds) == 1
        made = [own.assign(line=str(own["seed"].iloc[0]), main=one) for own in seeds]
        middle = None if one else band(seeds)
        if middle is not None:
            made.append(middle.assign(line="median", main=True, run=seeds[0]["run"].iloc[0]))
        parts += [line.assign(**dict(zip(LINE, what, strict=True))) for line in made]
    columns = [*LINE, "line", "env_steps", "value", "low", "high", "main", "run"]
    lines = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return lines.reindex(columns=columns).astype({"main": bool})


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """At most `MOST_POINTS` points of a run's curve, evenly chosen."""
    if len(curve) <= MOST_POINTS:
        return curve
    return curve.iloc[np.linspace(0, len(curve) - 1, MOST_POINTS).round().astype(int)]


def cost_regret(env_steps: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Return ρ_c `[n]`, all costs so far per environment step, from the costs `[n]` of episodes."""
    return np.cumsum(costs) / env_steps


def epoch_means(
    env_steps: np.ndarray, values: np.ndarray, epoch_steps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Average the episodes that ended in each epoch and the one before it (each alike).

    So is a baseline's score read at its budget (the protocol of Ray et al. 2019).

    Args:
        env_steps: at the end of each episode, increasing `[n]`.
        values: of the episodes `[n]`.
        epoch_steps: environment steps of an epoch.

    Returns:
        The last step of each epoch's episodes, and the means, both `[epochs]`; epochs in which no
        episode ended are left out.
    """
    epochs, starts, counts = np.unique(
        np.ceil(env_steps / epoch_steps), return_index=True, return_counts=True
    )
    sums = np.add.reduceat(values, starts)
    follows = np.diff(epochs) == 1
    earlier_sums = np.concatenate([[0.0], np.where(follows, sums[:-1], 0.0)])
    earlier_counts = np.concatenate([[0], np.where(follows, counts[:-1], 0)])
    means = (sums + earlier_sums) / (counts + earlier_counts)
    return env_steps[starts + counts - 1], means


def normalise(scores: pd.DataFrame, divisor: pd.Series) -> pd.DataFrame:
    """Return J̄, J̄_c and ρ̄_c (Appendix H) in place of scores, with what is known of their spread.

    A quotient that has no meaning is NaN: J̄ where Ĵ_PPO ≤ 0, ρ̄_c where ρ_c,PPO ≤ 0. An excess
    cost of 0, which the maximum makes, has no standard error.

    Args:
        scores: with `task`, `metric`, `SPREAD` and `budget`, the paper's where it is NaN.
        divisor: PPO's score by task and metric.
    """
    found, budget = scores.copy(), scores["budget"].fillna(PAPER_COST_BUDGET)
    cells = pd.MultiIndex.from_frame(scores[["task", "metric"]])
    unit = pd.Series(divisor.reindex(cells).to_numpy(float), scores.index)
    cost = scores["metric"] == "cost_return"
    unit = unit.mask(cost, (unit - budget).clip(lower=1e-6))
    unit = unit.where(unit > 0)
    for end in ("value", "low", "high"):
        excess = (scores[end] - budget).clip(lower=0.0)
        found[end] = scores[end].mask(cost, excess) / unit
    found["se"] = (scores["se"] / unit).mask(cost & (found["value"] == 0))
    return found


def statistic(name: str, values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Compute one of `STATISTICS` over an axis; IQM leaves out n // 4 of the least and largest."""
    if name == "IQM":
        from scipy import stats  # Takes long to load, and few calls need it.

        return stats.trim_mean(values, 0.25, axis=axis)
    return np.median(values, axis=axis) if name == "median" else np.mean(values, axis=axis)


def stratified_bootstrap(
    strata: Sequence[np.ndarray], name: str, seed: int = 0
) -> tuple[float, float] | None:
    """Return the percentile interval of a statistic, seeds drawn anew within each task.

    Args:
        strata: scores `[seeds]` of each task.
        name: one of `STATISTICS`.

    Returns:
        Its ends; None where a task has one seed, as nothing is known of its spread then.
    """
    if any(len(scores) < 2 for scores in strata):
        return None
    from scipy import stats

    found = stats.bootstrap(
        strata,
        lambda *drawn, axis: statistic(name, np.concatenate(drawn, axis=axis), axis),
        method="percentile",
        n_resamples=RESAMPLES,
        confidence_level=LEVEL,
        vectorized=True,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the interval of a share (Wilson 1927).

    Raises:
        ValueError: there are no trials.
    """
    if trials < 1:
        raise ExpectedError("trials is 0: there is no share")
    from scipy import stats

    found = stats.binomtest(successes, trials).proportion_ci(LEVEL, method="wilson")
    return float(found.low), float(found.high)
