"""Figure 7: environment steps until an algorithm returns what LAMBDA returns at its budget.

A check mark means that every seed keeps its cost budget by its confirmed episodes, a cross that one
does not, a question mark that this is not known; a hatched bar means that the return was not
reached in the steps there are. Of the published scores, only means can be held against the budget.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from la_mbda import config
from la_mbda.presets import make_config
from plotting.aggregate import band, score_estimates
from plotting.curves import curve
from plotting.drawing import COLOURS, STYLE, Outcome, save
from plotting.results import PAPER_COST_BUDGET, Run, Scores
from plotting.tables import finished_groups, scale_of, slug_of

_MARKS = {True: "✓", False: "✗", None: "?"}


class Reach(NamedTuple):
    """One bar."""

    task: str
    algorithm: str
    env_steps: float
    """Until LAMBDA's return was reached, else all there are."""
    reached: bool
    safe: bool | None
    """Whether it keeps its budget; None where that is not known."""


def draw_efficiency(runs: Sequence[Run], published: dict[str, Scores], folder: Path) -> Outcome:
    """Draws the figure of the published scores and of each group of runs with LAMBDA among them."""
    outcome = Outcome()
    with mpl.rc_context(STYLE):
        title = "published scores\n(read at two budgets only; the mean cost against the budget)"
        figure, records = draw_reaches(published_reaches(published), title)
        outcome.files.append(save(figure, folder, "figure_7_published", records))
        drawn = False
        for group in finished_groups(runs):
            reaches = reaches_of(group)
            if reaches:
                figure, records = draw_reaches(reaches, scale_of(group))
                outcome.files.append(save(figure, folder, f"figure_7_{slug_of(group)}", records))
                drawn |= not group[0].shipped
    if not drawn:
        lacking = [(a, task) for a in ("lambda", *config.BASELINES) for task in config.SG6_TASKS]
        preset = next((run.preset for run in runs if not run.shipped), None)
        outcome.lacks("figure 7", folder.parent, preset, lacking)
    return outcome


def published_reaches(published: dict[str, Scores]) -> list[Reach]:
    """By which of the two published budgets a baseline's return was LAMBDA's."""
    reaches = []
    for task in config.SG6_TASKS:
        aim = published["paper"][task, "lambda"]
        steps = make_config("paper", task).training.env_steps
        safe = aim["cost_return"].value <= PAPER_COST_BUDGET
        reaches.append(Reach(task, "lambda", steps, True, safe))
        for algorithm in config.BASELINES:
            for budget, preset in (("short", "paper"), ("long", "paper_long")):
                score = published[budget][task, algorithm]
                steps = make_config(preset, task, algorithm).training.env_steps
                reached = score["return"].value >= aim["return"].value
                safe = score["cost_return"].value <= PAPER_COST_BUDGET
                if reached:
                    break
            reaches.append(Reach(task, algorithm, steps, reached, safe))
    return reaches


def reaches_of(runs: Sequence[Run]) -> list[Reach]:
    """Of finished runs of one preset, on the tasks on which LAMBDA and a baseline ran."""
    scores = score_estimates(runs)
    reaches = []
    for task in config.SG6_TASKS:
        rivals = [algorithm for algorithm in config.BASELINES if (task, algorithm) in scores]
        if (task, "lambda") not in scores or not rivals:
            continue
        aim = scores[task, "lambda"]["return"].value
        for algorithm in ("lambda", *rivals):
            found = [run for run in runs if (run.task, run.algorithm) == (task, algorithm)]
            safe = _all_keep(found)
            steps, reached = max(run.score.env_steps for run in found), algorithm == "lambda"
            if not reached:
                steps, reached = _first_step(found, aim, steps)
            reaches.append(Reach(task, algorithm, steps, reached, safe))
    return reaches


def _all_keep(runs: Sequence[Run]) -> bool | None:
    """Whether every run keeps its budget: known if one does not, or if all are confirmed."""
    kept = [run.keeps_budget for run in runs]
    if False in kept:
        return False
    return None if None in kept else True


def _first_step(runs: list[Run], aim: float, end: float) -> tuple[float, bool]:
    """Where the median return over seeds is first at an aim; the end, False if it never is."""
    curves = [points for run in runs if (points := curve(run, "return", 0)) is not None]
    middle = band(curves) if curves else None
    if middle is None or not (middle.median >= aim).any():
        return end, False
    return float(middle.env_steps[np.argmax(middle.median >= aim)]), True


def draw_reaches(reaches: list[Reach], title: str) -> tuple[Figure, list[dict]]:
    """A panel per task, and the numbers drawn, one record per bar."""
    tasks = [task for task in config.SG6_TASKS if any(task == r.task for r in reaches)]
    rows = math.ceil(len(tasks) / 2)
    figure = Figure(figsize=(7.2, 0.9 + 1.25 * rows), layout="constrained")
    figure.suptitle(f"Environment steps to LAMBDA's final return; {title}", fontsize=9)
    axes = figure.subplots(rows, 2, squeeze=False, sharex=True).ravel()
    steps = [reach.env_steps for reach in reaches]
    axes[0].set_xscale("log")
    axes[0].set_xlim(min(steps) / 4, max(steps) * 6)
    for ax, task in zip(axes, tasks, strict=False):
        _draw_task(ax, [reach for reach in reaches if reach.task == task])
        ax.set_title(task, fontsize=8)
    for ax in axes[len(tasks) :]:
        ax.set_axis_off()
        axes[len(tasks) - 2].tick_params(labelbottom=True)  # The panel above the empty place.
    figure.supxlabel(
        "environment steps (✓ keeps its cost budget, ✗ does not, ? not confirmed; "
        "hatched: not reached)",
        fontsize=7.5,
    )
    return figure, [reach._asdict() for reach in reaches]


def _draw_task(ax: Axes, reaches: list[Reach]) -> None:
    for place, reach in enumerate(reaches):
        colour = COLOURS[reach.algorithm]
        look = {"color": colour} if reach.reached else {"fill": False, "edgecolor": colour}
        ax.barh(place, reach.env_steps, height=0.7, hatch=None if reach.reached else "////", **look)
        steps = EngFormatter(sep="")(reach.env_steps)
        text = f" {'' if reach.reached else '> '}{steps} {_MARKS[reach.safe]}"
        ax.text(reach.env_steps, place, text, va="center", fontsize=7)
    ax.set_yticks(range(len(reaches)), [config.ALGORITHMS[r.algorithm] for r in reaches])
    ax.tick_params(labelsize=6.5)
    ax.invert_yaxis()
