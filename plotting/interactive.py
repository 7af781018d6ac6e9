"""The report's learning curves, as plain values that its page draws.

The numbers are those of the static figures: of `plotting.curves` and the bands over seeds.
"""

from collections.abc import Sequence

import numpy as np

from la_mbda import config
from plotting.aggregate import band
from plotting.curves import (
    budget_levels,
    curve,
    group_name,
    published_levels,
    rows_of,
    scaled_title,
    seed_groups,
    settled_top,
)
from plotting.drawing import COLOURS
from plotting.results import METRICS, Run, Scores

NAMES = dict(zip(METRICS, ("Return Ĵ", "Cost return Ĵ_c", "Cost regret ρ_c"), strict=True))
UNITS = ("return per episode", "cost per episode", "cost per environment step")
_UNIT_OF = dict(zip(METRICS, UNITS, strict=True))


def panels(runs: Sequence[Run], published: dict[str, Scores]) -> dict[str, dict]:
    """All curves by preset, task and metric.

    Returns:
        Preset → `title`, and `tasks`: task → metric → a panel. A panel has its `unit`, `top` (up
        to where a cost regret is worth seeing, else None), `budgets`, and `lines`: `name`,
        `colour`, `published` (a level without steps), `shipped`, environment steps `x`, values `y`
        (median over seeds), `low` and `high` (5 and 95 % of seeds; None for a single one), and
        `seeds`, each with `seed`, `x` (None where it is the line's) and `y`.
    """
    drawable = [run for run in runs if run.evaluations is not None or run.episodes is not None]
    found = {}
    for preset in dict.fromkeys(run.preset for run in drawable):
        own = [run for run in drawable if run.preset == preset]
        tasks: dict[str, dict] = {}
        for task, constraint in rows_of(own):
            chosen = [run for run in own if run.task == task]
            for metric in METRICS if constraint == 0 else METRICS[1:]:
                name = NAMES[metric] + (f", cost {constraint + 1}" if constraint else "")
                panel = _panel(chosen, metric, constraint, published)
                if panel is not None:
                    tasks.setdefault(task, {})[name] = panel
        title = scaled_title("Learning curves", own).replace("\n", " ")
        found[preset] = {"title": title, "tasks": tasks}
    return found


def _panel(
    runs: list[Run], metric: str, constraint: int, published: dict[str, Scores]
) -> dict | None:
    """One plot; None where no run has such a curve."""
    lines, points = [], []
    for group in seed_groups(runs):
        seeds = [(run.seed, found) for run in group if (found := curve(run, metric, constraint))]
        if seeds:
            lines.append(_line(group[0], seeds))
            points += [np.stack(found, axis=1) for _, found in seeds]
    if not lines:
        return None
    top = None
    if metric == "cost_regret":
        top = settled_top(points, max(line[-1, 0] for line in points))
    if constraint == 0:
        lines += [
            _published_line(algorithm, estimate)
            for algorithm, estimate in published_levels(runs, metric, published).items()
        ]
    budgets = [level for _, level in budget_levels(runs, metric, constraint)]
    return {"unit": _UNIT_OF[metric], "top": top, "budgets": budgets, "lines": lines}


def _line(run: Run, seeds: list[tuple[int, tuple[np.ndarray, np.ndarray]]]) -> dict:
    """The seeds of one algorithm; `x` and `y` are None where they have no steps in common."""
    middle = band([points for _, points in seeds])
    several = len(seeds) > 1
    steps = None if middle is None else middle.env_steps
    return {
        "name": group_name(run),
        "colour": COLOURS[run.algorithm],
        "published": False,
        "shipped": run.shipped,
        "x": _plain(steps),
        "y": None if middle is None else _plain(middle.median),
        "low": _plain(middle.low) if middle is not None and several else None,
        "high": _plain(middle.high) if middle is not None and several else None,
        "seeds": [
            {"seed": seed, "x": None if np.array_equal(x, steps) else _plain(x), "y": _plain(y)}
            for seed, (x, y) in seeds
        ],
    }


def _published_line(algorithm: str, estimate) -> dict:
    return {
        "name": f"{config.ALGORITHMS[algorithm]} (paper)",
        "colour": COLOURS[algorithm],
        "published": True,
        "y": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
    }


def _plain(values: np.ndarray | None) -> list[float] | None:
    """Numbers with six digits, which no screen can tell from all."""
    return None if values is None else [float(f"{value:.6g}") for value in values]
