"""Figures 1, 4 and 7: bars of normalised scores (Appendix H), and of steps to LAMBDA's return.

Runs of `quick`, which learn nothing, are in none of them.

In figure 7 a check mark means that every seed keeps its cost budget by its confirmed episodes, a
cross that one does not, a question mark that this is not known; a hatched bar means that the return
was not reached in the steps there are. Of the published scores, only means can be held against the
budget. A task on which LAMBDA itself returns little sets no aim, and is left out.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import product

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, MaxNLocator

from la_mbda import config
from la_mbda.budget import all_keep
from la_mbda.presets import make_config
from la_mbda.runs.files import METRICS
from plotting.aggregate import PAPER_COST_BUDGET, SPREAD, arranged, lines_of, normalise, over_seeds
from plotting.drawing import (
    TABLE3_ALGORITHMS,
    Drawing,
    Outcome,
    missing_runs,
    missing_scores,
    wrapped,
)
from plotting.looks import in_order, label
from plotting.notes import scale_of, slug_of
from plotting.results import Results
from plotting.table import (
    LABELS,
    benchmark,
    latex_text,
    published_divisor,
)

LAST = ("lambda",)
"""Where LAMBDA's bar stands, as in Table 3."""
BOTH = "figures 1 and 4"
"""Which lack the same."""
LEARNT = 0.5
"""LAMBDA has learnt a task if it returns this share of what the paper's returns there."""
PUBLISHED_SPREAD = "lines: the published ranges (of LAMBDA 5–95 % of seeds)"
SPREAD_OF_RUNS = (
    "lines: 5–95 % of seeds (of baselines ± the standard error); "
    "of one seed ± the standard error over its confirmed episodes"
)
REACHES = ["task", "algorithm", "env_steps", "reached", "safe"]
_MARKS = {True: "✓", False: "✗", None: "?"}


def summaries(results: Results) -> Outcome:
    """Figure 1: averages over SG6, scaled over the algorithms that ran on all of it."""
    outcome = Outcome(missing=missing_scores(BOTH, results))
    for title, slug, numbers in _normalised(results):
        tasks = numbers.groupby("algorithm")["task"].nunique()
        whole = tasks.index[tasks == len(config.SG6_TASKS)]
        if len(whole) > 1:
            orders = {"metric": METRICS, "algorithm": in_order(whole, LAST)}
            own = arranged(numbers, **orders, task=config.SG6_TASKS)
            own = own.groupby(["algorithm", "metric"], sort=False)["value"].mean()
            own = own.rename("average").reset_index()
            shares = own.groupby("metric")["average"]
            own["scaled"] = pd.concat([scaled(found, m == "return") for m, found in shares])
            drawing = Drawing(f"figure_1_{slug}", own, _draw_summary, (own, title, results.colours))
            outcome.made.append(drawing)
    return outcome


def tasks(results: Results) -> Outcome:
    """Figure 4: the scores of each task with their spread."""
    outcome = Outcome(missing=missing_scores(BOTH, results))
    for title, slug, numbers in _normalised(results):
        order = in_order(numbers["algorithm"], LAST)
        numbers = arranged(numbers, metric=METRICS, task=config.SG6_TASKS, algorithm=order)
        numbers = numbers[["task", "algorithm", "metric", *SPREAD]].rename(columns={"se": "error"})
        spread = PUBLISHED_SPREAD if slug == "published" else SPREAD_OF_RUNS
        arguments = (numbers, title, results.colours, spread)
        drawing = Drawing(f"figure_4_{slug}", numbers, _draw_tasks, arguments)
        outcome.made.append(drawing)
    return outcome


def reaches(results: Results) -> Outcome:
    """Figure 7: environment steps until an algorithm returns what LAMBDA returns at its budget."""
    title = "published scores\n(read at two budgets only; the mean cost against the budget)"
    published = published_reaches(results)
    arguments = (published, title, results.colours)
    outcome = Outcome([Drawing("figure_7_published", published, _draw_reaches, arguments)])
    told = False
    for runs, scores in results.telling_groups():
        found, left_out = reaches_of(runs, scores, results)
        if left_out:
            text = f"without {', '.join(left_out)}, where LAMBDA returns less than {LEARNT:.0%} of"
            outcome.notes.append(f"figure 7, {scale_of(runs)}: {text} the published return")
        if len(found):
            arguments = (found, scale_of(runs), results.colours)
            name = f"figure_7_{slug_of(runs)}"
            outcome.made.append(Drawing(name, found, _draw_reaches, arguments))
        told |= runs["source"].iloc[0] == "ours" and len(found) + len(left_out) > 0
    if not told:
        cells = product(("lambda", *config.BASELINES), config.SG6_TASKS)
        outcome.missing.append(missing_runs("figure 7", results, cells))
    return outcome


def _normalised(results: Results) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Titles, what files are called after, and numbers: the published ones', each group's."""
    divisor = published_divisor(results)
    published = arranged(over_seeds(results.published("paper")), algorithm=TABLE3_ALGORITHMS)
    title = "published scores, normalised by the published PPO"
    yield title, "published", normalise(published, divisor.scores)
    for runs, scores in results.telling_groups():
        found = benchmark(scores)
        if len(found):
            title = f"{scale_of(runs)}\nnormalised by {divisor.source}"
            yield title, slug_of(runs), normalise(over_seeds(found), divisor.scores)


def scaled(averages: pd.Series, higher_is_better: bool) -> pd.Series:
    """Return values moved and stretched so that the best is 1 and the worst 0 (Figure 1).

    All are 1 where all are equal.
    """
    signed = averages if higher_is_better else -averages
    low, high = signed.min(), signed.max()
    return averages * 0.0 + 1.0 if low == high else (signed - low) / (high - low)


def _draw_summary(numbers: pd.DataFrame, title: str, colours: dict[str, str]) -> Figure:
    figure = Figure(figsize=(7.2, 2.9), layout="constrained")
    figure.suptitle(wrapped(f"SG6 averages, scaled: best 1, worst 0\n{title}"), fontsize=9)
    for ax, metric in zip(figure.subplots(1, len(METRICS)), METRICS, strict=True):
        bars = numbers[numbers["metric"] == metric]
        for place, bar in enumerate(bars.itertuples()):
            ax.bar(place, bar.scaled, color=colours[bar.algorithm])
            text = f"{bar.average:.3f}"
            ax.text(place, bar.scaled + 0.02, text, ha="center", fontsize=6.5)
        ax.set_title(_name(metric))
        ax.set_ylim(0, 1.15)
        ax.set_xticks([])
        ax.set_ylabel("scaled, higher is better")
    _legend(figure, numbers["algorithm"].unique(), colours)
    return figure


def _draw_tasks(numbers: pd.DataFrame, title: str, colours: dict[str, str], spread: str) -> Figure:
    """Draw a row per metric, a panel per task with a scale of its own.

    Args:
        spread: what the lines on the bars are.
    """
    tasks = arranged(numbers, task=config.SG6_TASKS)["task"].unique()
    order = in_order(numbers["algorithm"], LAST)
    figure = Figure(figsize=(7.4, 4.6), layout="constrained")
    figure.suptitle(wrapped(f"Normalised scores per task\n{title}"), fontsize=9)
    grid = figure.subplots(len(METRICS), len(tasks), squeeze=False)
    for axes, metric in zip(grid, METRICS, strict=True):
        for ax, task in zip(axes, tasks, strict=True):
            bars = numbers[(numbers["metric"] == metric) & (numbers["task"] == task)]
            for bar in bars.itertuples():
                _draw_bar(ax, order.index(bar.algorithm), bar, colours[bar.algorithm])
            _dress(ax, len(order))
            for place in sorted(set(range(len(order))) - set(map(order.index, bars["algorithm"]))):
                look = {"rotation": 90, "ha": "center", "va": "bottom", "fontsize": 5.5}
                text = ax.text(place, 0.03, "no run", color="#666666", **look)
                text.set_transform(ax.get_xaxis_transform())
        better = "higher" if metric == "return" else "lower"
        axes[0].set_ylabel(f"{_name(metric)}\n({better} is better)")
    for ax, task in zip(grid[0], tasks, strict=True):
        ax.set_title(task, fontsize=8)
    _legend(figure, order, colours, spread)
    return figure


def _draw_bar(ax: Axes, place: int, bar: tuple, colour: str) -> None:
    """Draw a bar with its spread, of one seed its standard error; a 0 where it has no height."""
    ax.bar(place, bar.value, color=colour)
    low, high = bar.low, bar.high
    if math.isnan(low):
        low, high = bar.value - bar.error, bar.value + bar.error
    if not math.isnan(low):
        least = 0.0 if bar.metric == "cost_return" else -math.inf  # An excess has no less.
        ax.vlines(place, max(low, least), high, color="#444444", linewidth=0.9)
    if bar.value == 0:
        look = {"ha": "center", "va": "bottom", "fontsize": 6, "color": colour}
        top = 0.0 if math.isnan(high) else max(high, 0.0)
        ax.annotate("0", (place, top), (0, 1), textcoords="offset points", **look)


def _dress(ax: Axes, bars: int) -> None:
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set_xlim(-0.7, bars - 0.3)
    ax.set_xticks([])
    if ax.dataLim.height < 1e-9:
        ax.set_ylim(0, 1)  # All bars are 0, around which the automatic scale would go below it.
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.tick_params(labelsize=6.5)


def _name(metric: str) -> str:
    return f"{LABELS[metric].normalised_name} {latex_text(LABELS[metric].normalised)}"


def _legend(
    figure: Figure, algorithms: Sequence[str], colours: dict[str, str], title: str = ""
) -> None:
    patches = [Patch(color=colours[a], label=label(a)) for a in algorithms]
    look = {"title": title, "title_fontsize": 6.5}
    figure.legend(handles=patches, loc="outside lower center", ncols=4, **look)


def published_reaches(results: Results) -> pd.DataFrame:
    """By which of the two published budgets a baseline's return was LAMBDA's.

    Returns:
        One row per bar, as of `REACHES`: `env_steps` until LAMBDA's return was `reached`, else all
        there are; whether it is `safe`, which is to keep the budget, None where not known.
    """
    scores = results.scores[results.scores["source"] == "published"]
    key = ["task", "algorithm", "preset"]
    scores = scores.pivot(index=key, columns="metric", values="value")
    rows = []
    for task, algorithm in product(config.SG6_TASKS, ("lambda", *config.BASELINES)):
        for preset in ("paper", "paper_long"):
            steps = make_config(preset, task, algorithm).training.env_steps
            found = scores.loc[(task, algorithm, preset)]
            reached = found["return"] >= scores.loc[(task, "lambda", "paper"), "return"]
            if reached:
                break
        safe = bool(found["cost_return"] <= PAPER_COST_BUDGET)
        rows.append((task, algorithm, steps, reached, safe))
    return pd.DataFrame(rows, columns=REACHES)


def reaches_of(
    runs: pd.DataFrame, scores: pd.DataFrame, results: Results
) -> tuple[pd.DataFrame, list[str]]:
    """Read off finished runs of one preset, on the tasks on which LAMBDA and a baseline ran.

    Returns:
        The bars as of `published_reaches`, and the tasks left out as LAMBDA has not learnt them.
    """
    theirs = results.published("paper").set_index(["task", "algorithm", "metric"])["value"]
    found = over_seeds(scores)
    returns = found[found["metric"] == "return"].set_index(["task", "algorithm"])["value"]
    curves = results.curves[results.curves["run"].isin(runs.index)]
    lines = lines_of(curves[curves["metric"] == "return"])
    lines = lines[lines["main"]]
    rows, left_out = [], []
    for task in config.SG6_TASKS:
        rivals = [algorithm for algorithm in config.BASELINES if (task, algorithm) in returns]
        if (task, "lambda") not in returns or not rivals:
            continue
        aim = returns[task, "lambda"]
        if aim < LEARNT * theirs[task, "lambda", "return"]:
            left_out.append(task)
            continue
        for algorithm in ("lambda", *rivals):
            own, line = (
                frame[(frame["task"] == task) & (frame["algorithm"] == algorithm)]
                for frame in (runs, lines)
            )
            there = line.loc[line["value"] >= aim, "env_steps"]
            # LAMBDA's score, of other episodes than its curve, may be above all of that.
            reached = len(there) > 0 or algorithm == "lambda"
            steps = there.iloc[0] if len(there) else own["env_steps"].max()
            rows.append((task, algorithm, steps, reached, all_keep(own["kept"])))
    return pd.DataFrame(rows, columns=REACHES).astype({"safe": object}), left_out


def _draw_reaches(numbers: pd.DataFrame, title: str, colours: dict[str, str]) -> Figure:
    """Draw a panel per task."""
    tasks = numbers["task"].unique()
    rows = math.ceil(len(tasks) / 2)
    figure = Figure(figsize=(7.2, 0.9 + 1.25 * rows), layout="constrained")
    title = wrapped(f"Environment steps to LAMBDA's final return\n{title}")
    figure.suptitle(title, fontsize=9)
    axes = figure.subplots(rows, 2, squeeze=False, sharex=True).ravel()
    axes[0].set_xscale("log")
    axes[0].set_xlim(numbers["env_steps"].min() / 4, numbers["env_steps"].max() * 6)
    for ax, task in zip(axes, tasks, strict=False):
        _draw_reach(ax, numbers[numbers["task"] == task], colours)
        ax.set_title(task, fontsize=8)
    for ax in axes[len(tasks) :]:
        ax.set_axis_off()
        axes[len(tasks) - 2].tick_params(labelbottom=True)  # The panel above the empty place.
    figure.supxlabel(
        "environment steps (✓ keeps its cost budget, ✗ does not, ? not confirmed; "
        "hatched: not reached)",
        fontsize=7.5,
    )
    return figure


def _draw_reach(ax: Axes, bars: pd.DataFrame, colours: dict[str, str]) -> None:
    for place, bar in enumerate(bars.itertuples()):
        colour = colours[bar.algorithm]
        look = {"color": colour} if bar.reached else {"fill": False, "edgecolor": colour}
        ax.barh(place, bar.env_steps, height=0.7, hatch=None if bar.reached else "////", **look)
        steps = EngFormatter(sep="")(bar.env_steps)
        text = f" {'' if bar.reached else '> '}{steps} {_MARKS[bar.safe]}"
        ax.text(bar.env_steps, place, text, va="center", fontsize=7)
    ax.set_yticks(range(len(bars)), [label(a) for a in bars["algorithm"]])
    ax.tick_params(labelsize=6.5)
    ax.invert_yaxis()
