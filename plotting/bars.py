"""Figures 1 and 4: normalised scores as bars, over the benchmark and of each task (Appendix H)."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from la_mbda import config
from plotting.aggregate import mean, normalise_spread, score_estimates
from plotting.drawing import COLOURS, STYLE, Outcome, save
from plotting.results import METRICS, Estimate, Run, Scores
from plotting.table3 import (
    TABLE3_ALGORITHMS,
    Divisor,
    lacking_cells,
    published_divisors,
    tasks_of,
)
from plotting.tables import finished_groups, scale_of, slug_of

Spreads = dict[str, Estimate | None]
Cells = dict[tuple[str, str], Spreads]
FIGURES = "figures 1 and 4"
# Where a quotient has no meaning, its record has no numbers, but the same columns.
NOTHING = Estimate(None)

NAMES = {
    "return": r"Return $\bar{J}$",
    "cost_return": r"Excess cost $\bar{J}_c$",
    "cost_regret": r"Cost regret $\bar{\rho}_c$",
}


def draw_bars(runs: Sequence[Run], published: dict[str, Scores], folder: Path) -> Outcome:
    """Draws both figures of the published scores and of each group of finished runs."""
    outcome = Outcome()
    scores = published["short"] | published["paper"]
    divisors = published_divisors(config.SG6_TASKS, published)
    with mpl.rc_context(STYLE):
        cells = _normalised(scores, divisors, TABLE3_ALGORITHMS)
        title = "published scores, normalised by the published PPO"
        _draw(cells, title, "published", folder, outcome)
        for group in finished_groups(runs):
            _draw_group(group, published, folder, outcome)
    if all(run.shipped or run.score is None for run in runs):
        outcome.lacks(FIGURES, folder.parent, None, lacking_cells(runs, None), "finished ")
    return outcome


def _draw_group(
    group: list[Run], published: dict[str, Scores], folder: Path, outcome: Outcome
) -> None:
    tasks = tasks_of(group)
    if not tasks:
        return
    divisors = published_divisors(tasks, published)
    cells = _normalised(score_estimates(group), divisors, tuple(config.ALGORITHMS))
    source = divisors[tasks[0]].source
    _draw(cells, f"{scale_of(group)}\nnormalised by {source}", slug_of(group), folder, outcome)
    lacking = lacking_cells(group, group[0].preset)
    if lacking and not group[0].shipped:
        outcome.lacks(FIGURES, folder.parent, group[0].preset, lacking, "finished ")


def _draw(cells: Cells, title: str, name: str, folder: Path, outcome: Outcome) -> None:
    if len(_complete(cells)) > 1:
        figure, records = _summary(cells, title)
        outcome.files.append(save(figure, folder, f"figure_1_{name}", records))
    figure, records = _tasks(cells, title)
    outcome.files.append(save(figure, folder, f"figure_4_{name}", records))


def scaled(values: Sequence[float | None], higher_is_better: bool) -> list[float | None]:
    """Values moved and stretched so that the best is 1 and the worst 0 (Figure 1).

    All are 1 where all are equal. What is None stays None and does not count.
    """
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)

    def share(value: float) -> float:
        if low == high:
            return 1.0
        return (value - low if higher_is_better else high - value) / (high - low)

    return [None if value is None else share(value) for value in values]


def _normalised(scores: Scores, divisors: dict[str, Divisor], algorithms: Sequence[str]) -> Cells:
    return {
        (task, algorithm): normalise_spread(scores[task, algorithm], divisor.scores)
        for algorithm in algorithms
        for task, divisor in divisors.items()
        if (task, algorithm) in scores
    }


def _complete(cells: Cells) -> list[str]:
    """Algorithms with scores of all SG6 tasks."""
    algorithms = _order({algorithm for _, algorithm in cells})
    return [a for a in algorithms if all((task, a) in cells for task in config.SG6_TASKS)]


def _summary(cells: Cells, title: str) -> tuple[Figure, list[dict]]:
    """Figure 1: averages over SG6, scaled over the algorithms that ran on all of it."""
    algorithms = _complete(cells)
    figure = Figure(figsize=(7.2, 2.9), layout="constrained")
    figure.suptitle(f"SG6 averages, scaled: best 1, worst 0; {title}", fontsize=9)
    records = []
    for ax, metric in zip(figure.subplots(1, len(METRICS)), METRICS, strict=True):
        averages = [_average(cells, algorithm, metric) for algorithm in algorithms]
        shares = scaled(averages, higher_is_better=metric == "return")
        for place, (algorithm, average, share) in enumerate(
            zip(algorithms, averages, shares, strict=True)
        ):
            ax.bar(place, share or 0.0, color=COLOURS[algorithm])
            label = "n/a" if average is None else f"{average:.3f}"
            ax.text(place, (share or 0.0) + 0.02, label, ha="center", fontsize=6.5)
            record = {"algorithm": algorithm, "metric": metric}
            records.append(record | {"average": average, "scaled": share})
        ax.set_title(NAMES[metric])
        ax.set_ylim(0, 1.15)
        ax.set_xticks([])
    _legend(figure, algorithms)
    return figure, records


def _average(cells: Cells, algorithm: str, metric: str) -> float | None:
    found = [cells[task, algorithm][metric] for task in config.SG6_TASKS]
    return mean([estimate.value if estimate else None for estimate in found])


def _tasks(cells: Cells, title: str) -> tuple[Figure, list[dict]]:
    """Figure 4: a row per metric, a panel per task with a scale of its own."""
    tasks = [task for task in config.SG6_TASKS if any(task == key[0] for key in cells)]
    order = _order({algorithm for _, algorithm in cells})
    figure = Figure(figsize=(7.4, 4.6), layout="constrained")
    figure.suptitle(f"Normalised scores per task; {title}", fontsize=9)
    grid = figure.subplots(len(METRICS), len(tasks), squeeze=False)
    records = []
    for axes, metric in zip(grid, METRICS, strict=True):
        for ax, task in zip(axes, tasks, strict=True):
            for place, algorithm in enumerate(order):
                found = cells.get((task, algorithm))
                if found is not None:
                    least = 0.0 if metric == "cost_return" else -math.inf  # An excess has no less.
                    _bar(ax, place, found[metric], COLOURS[algorithm], least)
                    record = {"task": task, "algorithm": algorithm, "metric": metric}
                    records.append(record | (found[metric] or NOTHING)._asdict())
            _dress(ax, len(order))
        better = "higher" if metric == "return" else "lower"
        axes[0].set_ylabel(f"{NAMES[metric]}\n({better} is better)")
    for ax, task in zip(grid[0], tasks, strict=True):
        ax.set_title(task, fontsize=8)
    _legend(figure, order)
    return figure, records


def _bar(ax: Axes, place: int, estimate: Estimate | None, colour: str, least: float) -> None:
    """A bar with its spread, of one seed its standard error; a cross at 0 for no meaning."""
    if estimate is None:
        ax.plot(place, 0, marker="x", color=colour)
        return
    ax.bar(place, estimate.value, color=colour)
    low, high = estimate.low, estimate.high
    if low is None and estimate.error is not None:
        low, high = estimate.value - estimate.error, estimate.value + estimate.error
    if low is not None:
        ax.vlines(place, max(low, least), high, color="#444444", linewidth=0.9)


def _dress(ax: Axes, bars: int) -> None:
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set_xlim(-0.7, bars - 0.3)
    ax.set_xticks([])
    if ax.dataLim.height < 1e-9:
        ax.set_ylim(0, 1)  # All bars are 0, around which the automatic scale would go below it.
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.tick_params(labelsize=6.5)


def _order(algorithms: set[str]) -> list[str]:
    """LAMBDA last, as in Table 3."""
    return [
        a for a in (*(a for a in config.ALGORITHMS if a != "lambda"), "lambda") if a in algorithms
    ]


def _legend(figure: Figure, algorithms: Sequence[str]) -> None:
    patches = [Patch(color=COLOURS[a], label=config.ALGORITHMS[a]) for a in algorithms]
    figure.legend(handles=patches, loc="outside lower center", ncols=4)
