"""Figures 5, 6 and 9 to 12: learning curves of the benchmark, the ablations and the two boxes.

Return, cost return and cost regret against environment steps, as a grid with one row per task: the
median over seeds with 5-95 %, each seed as a thin line, the cost budget and, at the paper's scale,
its scores. Shipped runs are dashed where runs of one's own are beside them.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, MaxNLocator

from la_mbda import config
from la_mbda.runs.files import METRICS
from plotting.aggregate import LINE, PAPER_COST_BUDGET, arranged, task_order
from plotting.drawing import Drawing, Outcome, missing_runs, wrapped
from plotting.looks import BUDGET_COLOUR, label
from plotting.notes import preset_of
from plotting.results import Results
from plotting.run_reading import COMPARABLE
from plotting.table import LABELS

COLUMNS = ["source", "preset", "task", "algorithm", "metric", "constraint", "line", "env_steps"]
COLUMNS += ["value", "low", "high"]
COLUMN_TITLES = {
    metric: f"{label.name} {label.symbol.replace('_c', '$_c$')}\n{label.unit[1]}"
    for metric, label in LABELS.items()
}
SHIPPED_DASHES = (0, (4, 1, 1, 1))


def learning_curves(
    results: Results,
    number: int,
    title: str,
    needs: Sequence[str],
    only: Sequence[str] = (),
    welcome: Sequence[str] = (),
) -> Outcome:
    """Draw a figure of learning curves, once per preset that allows it.

    Args:
        needs: algorithms that each task of SG6 needs; one without the last of them is not shown.
        only: tasks shown alone, in place of SG6's, and nothing where one of them is missing.
        welcome: algorithms shown as well where they ran; at the paper's scale, every task is
            then shown, with its published scores alone where nothing ran.
    """
    outcome, began, tasks = Outcome(), False, only or config.SG6_TASKS
    needed = [] if results.own_tasks_only else list(product(needs, tasks))
    runs = results.runs[results.runs.index.isin(results.curves["run"])]
    asked = runs.loc[runs["source"] == "ours", "preset"].unique()
    for preset, own in runs.groupby("preset", sort=False):
        shown = set(own.loc[own["algorithm"].isin((needs[-1], *welcome)), "task"])
        shown = shown.intersection(only) if only else shown
        own = own[own["algorithm"].isin((*needs, *welcome)) & own["task"].isin(shown)]
        if own.empty:
            continue
        ran = set(zip(own["algorithm"], own["task"], strict=True))
        cells = [cell for cell in needed if cell not in ran]
        if not (only and cells):
            lines = curve_lines(results, own, tasks if welcome else ())
            outcome.notes += _notes(lines)
            arguments = (lines, f"{title}\n{preset_of(own)}", results.colours, COLUMN_TITLES)
            name = f"figure_{number}_{preset}"
            outcome.made.append(Drawing(name, lines[COLUMNS], draw_grid, arguments, "%.8g"))
        if preset in asked:
            began = True
            if cells:
                outcome.missing.append(missing_runs(f"figure {number}", results, cells, preset))
    if needed and not began:
        preset = asked[0] if len(asked) else None
        outcome.missing.append(missing_runs(f"figure {number}", results, needed, preset))
    return outcome


def curve_lines(results: Results, runs: pd.DataFrame, tasks: Sequence[str] = ()) -> pd.DataFrame:
    """Return all that is drawn of runs of one preset, panel by panel.

    Args:
        tasks: shown without runs too, where there are published scores of them.

    Returns:
        One row per point as of `lines_of`: seeds and medians, then `budget` and `published` levels,
        which have no steps; each constraint's panels hold the returns too.
    """
    everything = results.lines[results.lines["run"].isin(runs.index)]
    preset = runs["preset"].iloc[0]
    published = results.published(preset)
    shown = {*runs["task"], *published.loc[published["task"].isin(tasks), "task"]}
    parts = []
    for task in (t for t in task_order(shown) if t in shown):
        own, found = runs[runs["task"] == task], everything[everything["task"] == task]
        constraints = found["constraint"].max() if len(found) else 1
        for constraint, metric in product(range(1, constraints + 1), METRICS):
            whose = 1 if metric == "return" else constraint
            panel = (found["metric"] == metric) & (found["constraint"] == whose)
            levels = _budget_levels(own, metric, constraint)
            levels += _published_levels(own, published, task, metric)
            what = {"constraint": constraint, "preset": preset, "task": task, "metric": metric}
            levels = pd.DataFrame([what | {"main": False} | level for level in levels])
            parts += [found[panel].assign(constraint=constraint), levels]
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True).astype({"main": bool})


def _budget_levels(runs: pd.DataFrame, metric: str, constraint: int) -> list[dict]:
    """Each budget d that runs of a task had, and d per step for the regret; the paper's of none."""
    if metric == "return":
        return []
    rates = {
        run.cost_budgets[constraint - 1] / run.episode_steps: run.cost_budgets[constraint - 1]
        for run in runs.itertuples()
        if constraint <= len(run.cost_budgets)
    }
    if runs.empty:
        rates = {PAPER_COST_BUDGET / config.EPISODE_STEPS: PAPER_COST_BUDGET}
    levels = rates if metric == "cost_regret" else rates.values()
    return [{"source": "", "algorithm": "", "line": "budget", "value": level} for level in levels]


def _published_levels(
    runs: pd.DataFrame, published: pd.DataFrame, task: str, metric: str
) -> list[dict]:
    """Return the paper's scores on the task of runs at its scale.

    CEM-MPC's where a run is of it; none where no run is comparable.
    """
    if published.empty or not (runs.empty or runs["comparable"].any()):
        return []
    scores = published[(published["task"] == task) & (published["metric"] == metric)]
    drawn = scores["algorithm"].isin(set(runs["algorithm"]))
    scores = scores[drawn | (scores["algorithm"] != "cem_mpc")]
    look = {"source": f"published, {COMPARABLE[published['preset'].iloc[0]]}", "line": "published"}
    rows = arranged(scores, algorithm=config.ALGORITHMS)[["algorithm", "value", "low", "high"]]
    return [look | {"constraint": 1} | row for row in rows.to_dict("records")]


def _notes(lines: pd.DataFrame) -> Iterator[str]:
    """Where seeds differ in length, or have no steps in common."""
    seeds = lines[~lines["line"].isin(("budget", "published"))]
    for what, found in seeds.groupby(LINE, sort=False):
        source, preset, task, algorithm, metric, _ = what
        owner = "shipped " if source == "shipped" else ""
        where = f"{owner}{preset} preset, {label(algorithm)} on {task}, {metric}"
        ends = found[found["line"] != "median"].groupby("line", sort=False)["env_steps"].last()
        if not found["main"].any():
            yield f"{where}: seeds have no steps in common: no median drawn"
        elif ends.max() > ends.min():
            yield (
                f"{where}: seeds end at {ends.min():,.0f} to {ends.max():,.0f} env steps; the "
                f"median is drawn where all {len(ends)} have data"
            )


def draw_grid(
    lines: pd.DataFrame, title: str, colours: dict[str, str], columns: dict[str, str]
) -> Figure:
    """Draw lines and levels: a row per task and constraint.

    Args:
        lines: as of `curve_lines`.
        columns: metrics, and what is above them.
    """
    dashes = {"shipped": SHIPPED_DASHES} if (lines["source"] == "ours").any() else {}
    tasks = lines.groupby("task", sort=False)["constraint"].max()
    rows = [(task, i + 1) for task, constraints in tasks.items() for i in range(constraints)]
    width = max(7.4, 1.85 * len(columns))
    figure = Figure(figsize=(width, 1.45 + 1.3 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    entries: dict[str, Line2D | Patch] = {}
    for axes, (task, constraint) in zip(grid, rows, strict=True):
        found = lines[lines["task"] == task]
        end = found["env_steps"].max()
        for ax, metric in zip(axes, columns, strict=True):
            panel = found[(found["metric"] == metric) & (found["constraint"] == constraint)]
            _draw_panel(ax, panel, colours, dashes, entries)
            if not panel["run"].notna().any():
                text = "no run" if found["run"].isna().all() else "no data"
                look = {"color": "#666666", "backgroundcolor": "white", "transform": ax.transAxes}
                ax.text(0.5, 0.5, text, ha="center", va="center", **look)
            _dress(ax, metric, lines["env_steps"].max() if np.isnan(end) else end)
        axes[0].set_ylabel(_row_label(task, constraint))
    for ax, name in zip(grid[0], columns.values(), strict=True):
        ax.set_title(name)
    for ax in grid[-1]:
        ax.set_xlabel("environment steps")
    figure.suptitle(wrapped(title), fontsize=9.5)
    figure.legend(entries.values(), entries, loc="outside lower center", ncols=4)
    return figure


def _draw_panel(
    ax: Axes, panel: pd.DataFrame, colours: dict[str, str], dashes: dict, entries: dict
) -> None:
    """Draw seeds, the budget and published levels; the legend's entries grow."""
    seeds = panel[~panel["line"].isin(("budget", "published"))]
    for (source, algorithm), group in seeds.groupby(["source", "algorithm"], sort=False):
        look = {"color": colours[algorithm], "linestyle": dashes.get(source, "-")}
        _draw_seeds(ax, group, group_name(source, algorithm), look, entries)
    for level in panel[panel["line"] == "budget"].itertuples():
        look = {"color": BUDGET_COLOUR, "linestyle": "--", "linewidth": 1.0}
        ax.axhline(level.value, **look)
        entries["cost budget"] = Line2D([], [], **look)
    for level in panel[panel["line"] == "published"].itertuples():
        look = {"color": colours[level.algorithm], "linestyle": (0, (3, 2)), "linewidth": 0.9}
        ax.axhline(level.value, zorder=1, **look)
        entries[f"{label(level.algorithm)} (paper)"] = Line2D([], [], **look)


def _draw_seeds(ax: Axes, group: pd.DataFrame, name: str, look: dict, entries: dict) -> None:
    """Seeds that belong together: thin lines, and the median with its band."""
    seeds, main = group[~group["main"]], group[group["main"]]
    for _, seed in seeds.groupby("line", sort=False):
        ax.plot(seed["env_steps"], seed["value"], color=look["color"], linewidth=0.5, alpha=0.5)
    if main.empty:
        return
    entries[name] = Line2D([], [], linewidth=1.3, **look)
    marker = {"marker": "o", "markersize": 2.2} if len(main) == 1 else {}
    ax.plot(main["env_steps"], main["value"], linewidth=1.3, **look, **marker)
    if len(seeds):
        ends = main["env_steps"], main["low"], main["high"]
        ax.fill_between(*ends, color=look["color"], alpha=0.2, linewidth=0)
        entries["5–95 % of seeds (thin: each)"] = Patch(color="#888888", alpha=0.4)


def group_name(source: str, algorithm: str) -> str:
    """Return what a legend calls seeds that belong together."""
    return label(algorithm) + (" (shipped)" if source == "shipped" else "")


def _row_label(task: str, constraint: int) -> str:
    """Return the task, in lines short enough for a row's height."""
    for part in ("Observable", config.EXTERNAL_TASK_PREFIX):
        task = task.replace(part, f"{part}\n", 1)
    return task if constraint == 1 else f"{task}\ncost {constraint}"


def _dress(ax: Axes, metric: str, end: float) -> None:
    ax.set_xlim(0, end * 1.02)
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.grid(alpha=0.25, linewidth=0.5)
    ax.margins(y=0.08)
    highest = ax.dataLim.y1
    if metric == "cost_regret":
        top = settled_top([np.array(line.get_xydata()) for line in ax.lines], end)
        highest = highest if top is None else top
    if metric != "return" and np.isfinite(highest) and highest > 0:
        ax.set_ylim(-0.03 * highest, 1.08 * highest)


def settled_top(lines: Sequence[np.ndarray], end: float) -> float | None:
    """Return the highest value of cost regrets, each `[n, 2]` of environment steps and values.

    That of the first few episodes is chance, and may be far above: it does not count.

    Returns:
        None where there are no values.
    """
    settled = [line[line[:, 0] > 0.03 * end, 1] if len(line) > 2 else line[:, 1] for line in lines]
    return max(map(np.max, filter(len, settled)), default=None)
