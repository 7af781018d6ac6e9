"""Learning curves: return, cost return and cost regret against environment steps, as a grid.

One row per task: the median over seeds with 5-95 %, each seed as a thin line, the cost budget and,
at the paper's scale, its scores.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, MaxNLocator

from la_mbda import config
from plotting.aggregate import band, cost_regret, epoch_means
from plotting.drawing import BUDGET_COLOUR, COLOURS
from plotting.results import COMPARABLE, METRICS, Estimate, Run, Scores
from plotting.tables import NOT_COMPARABLE

TITLES = {
    "return": "Return Ĵ\nper episode",
    "cost_return": "Cost return Ĵ$_c$\nper episode",
    "cost_regret": "Cost regret ρ$_c$\nper environment step",
}
MOST_POINTS = 400
SHIPPED_DASHES = (0, (4, 1, 1, 1))


def curve(run: Run, metric: str, constraint: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Environment steps `[n]` and values `[n]` of a run, at most `MOST_POINTS` evenly chosen.

    Ĵ and Ĵ_c are those of evaluations, for a baseline the means over two epochs' training episodes
    (the protocol of Ray et al. 2019); ρ_c counts every training episode.
    """
    by_epoch = run.epoch_steps is not None and metric != "cost_regret"
    series = run.episodes if by_epoch or metric == "cost_regret" else run.evaluations
    if series is None or (metric != "return" and constraint >= series.cost_returns.shape[1]):
        return None
    steps = series.env_steps
    values = series.returns if metric == "return" else series.cost_returns[:, constraint]
    if metric == "cost_regret":
        values = cost_regret(steps, values)
    if by_epoch:
        steps, values = epoch_means(steps, values, run.epoch_steps)
    chosen = np.arange(len(values))
    if len(values) > MOST_POINTS:
        chosen = np.linspace(0, len(values) - 1, MOST_POINTS).round().astype(int)
    return steps[chosen], values[chosen]


def draw_grid(
    runs: list[Run], published: dict[str, Scores], title: str, notes: list[str]
) -> tuple[Figure, list[dict]]:
    """Draws the curves of runs of one preset.

    Args:
        notes: takes up what a reader could misread.

    Returns:
        The figure, and the numbers drawn, one record per point.
    """
    rows = list(rows_of(runs))
    figure = Figure(figsize=(7.4, 1.45 + 1.3 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(METRICS), squeeze=False)
    records: list[dict] = []
    entries: dict[str, Line2D | Patch] = {}
    for axes, (task, constraint) in zip(grid, rows, strict=True):
        found = [run for run in runs if run.task == task]
        for ax, metric in zip(axes, METRICS, strict=True):
            for group in seed_groups(found):
                records += _draw_group(ax, group, metric, constraint, entries, notes)
            if not ax.lines:
                ax.text(0.5, 0.5, "no data", ha="center", transform=ax.transAxes)
            records += _draw_budget(ax, found, metric, constraint, entries)
            records += _draw_published(ax, found, metric, published, entries)
            _dress(ax, found, metric)
        axes[0].set_ylabel(_row_label(task, constraint))
    for ax, metric in zip(grid[0], METRICS, strict=True):
        ax.set_title(TITLES[metric])
    for ax in grid[-1]:
        ax.set_xlabel("environment steps")
    figure.suptitle(scaled_title(title, runs), fontsize=9.5)
    figure.legend(entries.values(), entries, loc="outside lower center", ncols=4)
    return figure, records


def rows_of(runs: Sequence[Run]) -> Iterator[tuple[str, int]]:
    """Tasks in order, those with several constraints once for each."""
    order = {task: i for i, task in enumerate(config.TASKS)}
    for task in sorted({run.task for run in runs}, key=lambda t: (order.get(t, len(order)), t)):
        all_series = [s for r in runs if r.task == task for s in (r.evaluations, r.episodes)]
        counts = [series.cost_returns.shape[1] for series in all_series if series is not None]
        for constraint in range(max(counts)):
            yield task, constraint


def _row_label(task: str, constraint: int) -> str:
    """The task, in lines short enough for a row's height."""
    for part in ("Observable", config.EXTERNAL_TASK_PREFIX):
        task = task.replace(part, f"{part}\n", 1)
    return task if constraint == 0 else f"{task}\ncost {constraint + 1}"


def seed_groups(runs: list[Run]) -> Iterator[list[Run]]:
    """Seeds that belong together: one algorithm, trained here or shipped."""
    for key in dict.fromkeys((run.shipped, run.algorithm) for run in runs):
        yield [run for run in runs if (run.shipped, run.algorithm) == key]


def group_name(run: Run) -> str:
    """What a legend calls the seeds that a run belongs to."""
    return config.ALGORITHMS[run.algorithm] + (" (shipped)" if run.shipped else "")


def budget_levels(runs: Sequence[Run], metric: str, constraint: int) -> list[tuple[Run, float]]:
    """Each budget d that runs had, per step for the regret, with a run that had it."""
    if metric == "return":
        return []
    known = [run for run in runs if constraint < len(run.cost_budgets)]
    levels = []
    for run in {r.cost_budgets[constraint] / r.episode_steps: r for r in known}.values():
        level = run.cost_budgets[constraint]
        levels.append((run, level / run.episode_steps if metric == "cost_regret" else level))
    return levels


def published_levels(
    runs: Sequence[Run], metric: str, published: dict[str, Scores]
) -> dict[str, Estimate]:
    """The paper's scores on the task of runs at its scale, by algorithm.

    Of its model-based algorithms, those that the runs are of; none where a run is at another scale.
    """
    if not all(run.comparable for run in runs):
        return {}
    budget = COMPARABLE[runs[0].preset]
    scores = published[budget] | (published["paper"] if budget == "short" else {})
    drawn = {run.algorithm for run in runs}
    return {
        algorithm: scores[runs[0].task, algorithm][metric]
        for algorithm in config.ALGORITHMS
        if (runs[0].task, algorithm) in scores
        and (algorithm in drawn or algorithm not in ("lambda", "cem_mpc"))
    }


def settled_top(lines: Sequence[np.ndarray], end: float) -> float | None:
    """The highest value of cost regrets, each `[n, 2]` of environment steps and values.

    That of the first few episodes is chance, and may be far above: it does not count.

    Returns:
        None where there are no values.
    """
    settled = [line[line[:, 0] > 0.03 * end, 1] if len(line) > 2 else line[:, 1] for line in lines]
    return max(map(np.max, filter(len, settled)), default=None)


def _draw_group(
    ax: Axes,
    group: list[Run],
    metric: str,
    constraint: int,
    entries: dict,
    notes: list[str],
) -> list[dict]:
    found = [(run, curve(run, metric, constraint)) for run in group]
    seeds = [(run, points) for run, points in found if points is not None]
    if not seeds:
        return []
    first = group[0]
    colour = COLOURS[first.algorithm]
    look = {"color": colour, "linestyle": SHIPPED_DASHES if first.shipped else "-"}
    records = []
    for run, (steps, values) in seeds:
        if len(seeds) > 1:
            ax.plot(steps, values, color=colour, linewidth=0.5, alpha=0.5)
        records += _records(run, metric, constraint, str(run.seed), steps, values)
    middle = band([points for _, points in seeds])
    if middle is None:
        notes.append(f"{_where(first)}, {metric}: seeds have no steps in common: no median drawn")
        return records
    _note_lengths(seeds, metric, notes)
    entries[group_name(first)] = Line2D([], [], linewidth=1.3, **look)
    marker = {"marker": "o", "markersize": 2.2} if len(middle.env_steps) <= 20 else {}
    ax.plot(middle.env_steps, middle.median, linewidth=1.3, **look, **marker)
    if len(seeds) > 1:
        ax.fill_between(
            middle.env_steps, middle.low, middle.high, color=colour, alpha=0.2, linewidth=0
        )
        entries["5–95 % of seeds (thin: each)"] = Patch(color="#888888", alpha=0.4)
        records += _records(first, metric, constraint, "median", *middle)
    return records


def _draw_budget(
    ax: Axes, runs: list[Run], metric: str, constraint: int, entries: dict
) -> list[dict]:
    """A red dashed line at each budget d that the runs had, and at d per step for the regret."""
    records = []
    for run, level in budget_levels(runs, metric, constraint):
        ax.axhline(level, color=BUDGET_COLOUR, linestyle="--", linewidth=1.0)
        entries["cost budget"] = Line2D([], [], color=BUDGET_COLOUR, linestyle="--", linewidth=1.0)
        records += _records(run, metric, constraint, "budget", [np.nan], [level])
    return [record | {"algorithm": "", "source": ""} for record in records]


def _draw_published(
    ax: Axes, runs: list[Run], metric: str, published: dict[str, Scores], entries: dict
) -> list[dict]:
    """Dashed lines at the paper's scores: the baselines, and the algorithms drawn here."""
    records = []
    for algorithm, estimate in published_levels(runs, metric, published).items():
        look = {"color": COLOURS[algorithm], "linestyle": (0, (3, 2)), "linewidth": 0.9}
        ax.axhline(estimate.value, zorder=1, **look)
        entries[f"{config.ALGORITHMS[algorithm]} (paper)"] = Line2D([], [], **look)
        single = ([np.nan], [estimate.value], [estimate.low], [estimate.high])
        extra = {"algorithm": algorithm, "source": f"published, {COMPARABLE[runs[0].preset]}"}
        records += [r | extra for r in _records(runs[0], metric, 0, "published", *single)]
    return records


def _records(
    run: Run,
    metric: str,
    constraint: int,
    line: str,
    steps: Sequence[float],
    values: Sequence[float],
    lows: Sequence[float | None] | None = None,
    highs: Sequence[float | None] | None = None,
) -> list[dict]:
    """The numbers of one line, ready for the CSV; `line` is a seed, or what is drawn instead."""
    names = {
        "source": "shipped" if run.shipped else "ours",
        "preset": run.preset,
        "task": run.task,
        "algorithm": run.algorithm,
        "metric": metric,
        "constraint": constraint + 1,
        "line": line,
    }
    nothing = [None] * len(values)
    lows, highs = (nothing if column is None else column for column in (lows, highs))
    columns = zip(steps, values, lows, highs, strict=True)
    return [
        names | {"env_steps": _text(s), "value": _text(v), "low": _text(lo), "high": _text(hi)}
        for s, v, lo, hi in columns
    ]


def _text(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.8g}"


def _note_lengths(seeds: list, metric: str, notes: list[str]) -> None:
    ends = [points[0][-1] for _, points in seeds]
    if max(ends) > min(ends):
        run = seeds[0][0]
        notes.append(
            f"{_where(run)}, {metric}: seeds end at {min(ends):,.0f} to {max(ends):,.0f} env "
            f"steps; the median is drawn where all {len(seeds)} have data"
        )


def _where(run: Run) -> str:
    owner = "shipped " if run.shipped else ""
    return f"{owner}{run.preset} preset, {config.ALGORITHMS[run.algorithm]} on {run.task}"


def _dress(ax: Axes, runs: list[Run], metric: str) -> None:
    ends = [s.env_steps[-1] for r in runs for s in (r.evaluations, r.episodes) if s is not None]
    ax.set_xlim(0, max(ends) * 1.02)
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.grid(alpha=0.25, linewidth=0.5)
    ax.margins(y=0.08)
    highest = ax.dataLim.y1
    if metric == "cost_regret":
        lines = [np.array(line.get_xydata()) for line in ax.lines]
        top = settled_top(lines, max(ends))
        highest = highest if top is None else top
    if metric != "return" and np.isfinite(highest) and highest > 0:
        ax.set_ylim(-0.03 * highest, 1.08 * highest)


def scaled_title(title: str, runs: Sequence[Run]) -> str:
    """A title that says the preset of the runs, and whether that is the paper's scale."""
    preset = runs[0].preset
    if all(run.comparable for run in runs):
        return f"{title}, {preset} preset"
    changed = " with changed settings" if any(run.changed for run in runs) else ""
    return f"{title}, {preset} preset{changed}\n(reduced scale, {NOT_COMPARABLE})"
