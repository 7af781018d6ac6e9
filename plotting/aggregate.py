"""Statistics over seeds, and the normalisation of Appendix H.

(Not called `statistics`: scripts in this folder would then find it in place of Python's own.)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from la_mbda import config
from la_mbda.budget import standard_error
from plotting.results import METRICS, PAPER_COST_BUDGET, Estimate, Run, Scores


class Band(NamedTuple):
    """Median and percentiles over seeds against environment steps; all arrays are `[n]`."""

    env_steps: np.ndarray
    median: np.ndarray
    low: np.ndarray
    high: np.ndarray


def median_with_spread(values: Sequence[float]) -> Estimate:
    """The median over seeds, and from two seeds on the 5 % and 95 % percentiles.

    Raises:
        ValueError: there are no values.
    """
    if len(values) == 0:
        raise ValueError("no values to take a median of")
    if len(values) == 1:
        return Estimate(float(values[0]))
    low, middle, high = np.percentile(values, [5, 50, 95])
    return Estimate(float(middle), float(low), float(high))


def mean_with_error(values: Sequence[float]) -> Estimate:
    """The mean over seeds, and from two seeds on its standard error, to each side as well."""
    mean = float(np.mean(values))
    if len(values) == 1:
        return Estimate(mean)
    error = standard_error(values)
    return Estimate(mean, mean - error, mean + error, error)


def band(curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> Band | None:
    """Median and percentiles over seeds, where every seed has data.

    Seeds whose steps differ are joined linearly between their points, never beyond them.

    Args:
        curves: of each seed, increasing environment steps `[n]` and values `[n]`.

    Returns:
        The band, or None where the seeds have no steps in common.
    """
    start = max(steps[0] for steps, _ in curves)
    end = min(steps[-1] for steps, _ in curves)
    grid = np.unique(np.concatenate([steps for steps, _ in curves]))
    grid = grid[(grid >= start) & (grid <= end)]
    if len(grid) == 0:
        return None
    values = np.stack([np.interp(grid, steps, curve) for steps, curve in curves])
    low, median, high = np.percentile(values, [5, 50, 95], axis=0)
    return Band(grid, median, low, high)


def cost_regret(env_steps: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """ρ_c `[n]`: all costs met so far per environment step, from the costs `[n]` of episodes."""
    return np.cumsum(costs) / env_steps


def epoch_means(
    env_steps: np.ndarray, values: np.ndarray, epoch_steps: float
) -> tuple[np.ndarray, np.ndarray]:
    """The mean over the episodes that ended in each epoch and the one before it (each alike).

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


def reported(run: Run, constraint: int = 0) -> dict[str, Estimate]:
    """What is told of a finished run, by metric: by confirmed episodes where it has them.

    Else Ĵ and Ĵ_c are those of its protocol.
    """
    score = run.score
    values = {
        "return": Estimate(score.returns),
        "cost_return": Estimate(score.cost_returns[constraint]),
        "cost_regret": Estimate(score.cost_regrets[constraint]),
    }
    if run.confirmed:
        found = score.confirmed
        values["return"] = Estimate(found.returns, error=found.returns_error)
        values["cost_return"] = Estimate(
            found.cost_returns[constraint], error=found.cost_returns_errors[constraint]
        )
    return values


def score_estimates(runs: Sequence[Run], constraint: int = 0) -> Scores:
    """Over the seeds of finished runs; callers pass runs of one preset only.

    Medians with the 5 % and 95 % percentiles of LAMBDA and its variants, means with their standard
    error of the baselines, as the published scores are; of one seed, what is `reported` of it.
    """
    groups: dict[tuple[str, str], list[dict[str, Estimate]]] = {}
    for run in runs:
        if run.score is not None and constraint < len(run.score.cost_returns):
            groups.setdefault((run.task, run.algorithm), []).append(reported(run, constraint))
    return {
        (task, algorithm): {m: _over_seeds([seed[m] for seed in seeds], algorithm) for m in METRICS}
        for (task, algorithm), seeds in groups.items()
    }


def _over_seeds(seeds: Sequence[Estimate], algorithm: str) -> Estimate:
    if len(seeds) == 1:
        return seeds[0]
    summary = mean_with_error if algorithm in config.BASELINES else median_with_spread
    return summary([seed.value for seed in seeds])


def normalise(
    score: dict[str, Estimate], ppo: dict[str, Estimate], cost_budget: float = PAPER_COST_BUDGET
) -> dict[str, float | None]:
    """J̄, J̄_c and ρ̄_c of a score (Appendix H), by metric.

    Returns:
        None in place of a quotient that has no meaning: J̄ where Ĵ_PPO ≤ 0, ρ̄_c where ρ_c,PPO ≤ 0.
    """
    values = {metric: score[metric].value for metric in METRICS}
    values["cost_return"] = max(0.0, values["cost_return"] - cost_budget)
    units = {metric: _unit(metric, ppo, cost_budget) for metric in METRICS}
    return {m: values[m] / units[m] if units[m] > 0 else None for m in METRICS}


def normalise_spread(
    score: dict[str, Estimate], ppo: dict[str, Estimate]
) -> dict[str, Estimate | None]:
    """A score and what is known of its spread, each normalised as `normalise` does.

    An excess cost of 0, which the maximum makes, has no standard error.
    """
    parts = []
    for end in ("value", "low", "high"):
        values = {metric: getattr(score[metric], end) for metric in METRICS}
        known = None not in values.values()
        estimates = {metric: Estimate(value) for metric, value in values.items()}
        parts.append(normalise(estimates, ppo) if known else dict.fromkeys(METRICS))
    found: dict[str, Estimate | None] = dict.fromkeys(METRICS)
    for metric in METRICS:
        ends, error = [part[metric] for part in parts], score[metric].error
        if ends[0] is not None:
            unit = _unit(metric, ppo, PAPER_COST_BUDGET)
            known = error is not None and not (metric == "cost_return" and ends[0] == 0)
            found[metric] = Estimate(*ends, error=error / unit if known else None)
    return found


def _unit(metric: str, ppo: dict[str, Estimate], cost_budget: float) -> float:
    """What a metric is divided by."""
    value = ppo[metric].value
    return max(1e-6, value - cost_budget) if metric == "cost_return" else value


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of what is not None; None where nothing is left."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
