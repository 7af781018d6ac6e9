"""Statistics over seeds, and the normalisation of Appendix H.

(Not called `statistics`: scripts in this folder would then find it in place of Python's own.)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

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


def score_estimates(runs: Sequence[Run], constraint: int = 0) -> Scores:
    """Medians over the seeds of finished runs; callers pass runs of one preset only."""
    groups: dict[tuple[str, str], list] = {}
    for run in runs:
        if run.score is not None and constraint < len(run.score.cost_returns):
            groups.setdefault((run.task, run.algorithm), []).append(run.score)
    scores: Scores = {}
    for key, found in groups.items():
        columns = (
            [score.returns for score in found],
            [score.cost_returns[constraint] for score in found],
            [score.cost_regrets[constraint] for score in found],
        )
        scores[key] = {
            name: median_with_spread(column) for name, column in zip(METRICS, columns, strict=True)
        }
    return scores


def normalise(
    score: dict[str, Estimate], ppo: dict[str, Estimate], cost_budget: float = PAPER_COST_BUDGET
) -> dict[str, float | None]:
    """J̄, J̄_c and ρ̄_c of a score (Appendix H), by metric.

    Returns:
        None in place of a quotient that has no meaning: J̄ where Ĵ_PPO ≤ 0, ρ̄_c where ρ_c,PPO ≤ 0.
    """
    divisor, regret = ppo["return"].value, ppo["cost_regret"].value
    excess = max(0.0, score["cost_return"].value - cost_budget)
    return {
        "return": score["return"].value / divisor if divisor > 0 else None,
        "cost_return": excess / max(1e-6, ppo["cost_return"].value - cost_budget),
        "cost_regret": score["cost_regret"].value / regret if regret > 0 else None,
    }


def normalise_spread(
    score: dict[str, Estimate], ppo: dict[str, Estimate]
) -> dict[str, Estimate | None]:
    """A score and the ends of its spread, each normalised as `normalise` does."""
    parts = []
    for end in Estimate._fields:
        values = {metric: getattr(score[metric], end) for metric in METRICS}
        known = None not in values.values()
        estimates = {metric: Estimate(value) for metric, value in values.items()}
        parts.append(normalise(estimates, ppo) if known else dict.fromkeys(METRICS))
    columns = {metric: [part[metric] for part in parts] for metric in METRICS}
    return {m: None if column[0] is None else Estimate(*column) for m, column in columns.items()}


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of what is not None; None where nothing is left."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
