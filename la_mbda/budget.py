"""When a policy keeps its cost budget: what of costs over layouts says so.

An episode's cost varies so much from layout to layout (its standard deviation is as large as the
budget, or larger) that a mean over ten episodes says little.
"""

from collections.abc import Sequence
from statistics import mean, stdev

CONFIDENCE = 1.66
"""Standard errors that a mean over 100 episodes has to stay below the budget: with 95 % confidence
the policy keeps it (one-sided, Student's t)."""


def standard_error(values: Sequence[float]) -> float:
    """Return the standard error of the mean of two values or more."""
    return stdev(values) / len(values) ** 0.5


def keeps_budget(cost: float, error: float, budget: float) -> bool:
    """Return whether a mean cost with its standard error is surely within a budget."""
    return cost + CONFIDENCE * error <= budget


def confirmation(returns: Sequence[float], cost_returns: Sequence[float | list[float]]) -> dict:
    """Return what `score.json` says of confirmed episodes: how many, means and standard errors.

    Args:
        cost_returns: of each episode, a number or, with several constraints, a list of them.
    """
    several = isinstance(cost_returns[0], list)
    rows = [cost if isinstance(cost, list) else [cost] for cost in cost_returns]
    columns = list(zip(*rows, strict=True))
    costs, errors = [mean(c) for c in columns], [standard_error(c) for c in columns]
    return {
        "episodes": len(returns),
        "return": mean(returns),
        "return_se": standard_error(returns),
        "cost_return": costs if several else costs[0],
        "cost_return_se": errors if several else errors[0],
    }
