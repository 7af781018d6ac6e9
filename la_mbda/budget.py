"""When a policy keeps its cost budget: what of costs over layouts says so.

An episode's cost varies so much from layout to layout (its standard deviation is as large as the
budget, or larger) that a mean over ten episodes says little.
"""

from collections.abc import Iterable, Sequence
from statistics import mean, stdev

CONFIDENCE = 0.95
"""With which a policy is said to keep its budget (one-sided, Student's t)."""
FEWEST_EPISODES = 10
"""Of fewer, whose costs may all be the same by chance, nothing is said."""


def standard_error(values: Sequence[float]) -> float:
    """Return the standard error of the mean of two values or more."""
    return stdev(values) / len(values) ** 0.5


def margin(episodes: int) -> float:
    """Return how many standard errors a mean cost has to stay below the budget; 1.66 of 100."""
    from scipy import special  # Takes a while to load, and few calls need it.

    return float(special.stdtrit(episodes - 1, CONFIDENCE))


def keeps_budget(cost: float, error: float, budget: float, episodes: int) -> bool | None:
    """Return whether a mean cost with its standard error is surely within a budget.

    None where there are too few episodes to say.
    """
    if episodes < FEWEST_EPISODES:
        return None
    return cost + margin(episodes) * error <= budget


def all_keep(kept: Iterable[bool | None]) -> bool | None:
    """Return whether all keep their budget: known if one does not, or if all are known."""
    kept = list(kept)
    if False in kept:
        return False
    return None if None in kept else True


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
