"""Figures 5, 6 and 9 to 12: learning curves of the benchmark, the ablations and the two boxes."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl

from la_mbda import config
from plotting.curves import draw_grid
from plotting.drawing import STYLE, Outcome, save
from plotting.results import Run, Scores

Cell = tuple[str, str]


class CurveFigure(NamedTuple):
    """Which curves a figure of the paper shows."""

    number: int
    title: str
    needs: tuple[str, ...]
    """Algorithms that each task needs; a task without the last of them is not shown."""
    tasks: tuple[str, ...] = config.SG6_TASKS
    """Tasks that it needs."""
    whole: bool = False
    """Whether it shows these tasks alone, and nothing where one of them lacks."""
    welcome: tuple[str, ...] = ()
    """Algorithms shown as well where they ran."""


BOXES = ("PointPush1", "ObservablePointPush1")
UNSAFE = ("lambda", "unsafe_lambda")
FIGURES = (
    CurveFigure(5, "LAMBDA and Unsafe LAMBDA", UNSAFE, ("PointGoal2",), whole=True),
    CurveFigure(6, "Learning curves", ("lambda",), welcome=config.BASELINES),
    CurveFigure(9, "The solid and the transparent box", ("lambda",), BOXES, whole=True),
    CurveFigure(10, "LAMBDA and Unsafe LAMBDA", UNSAFE),
    CurveFigure(11, "LAMBDA and CEM-MPC", ("lambda", "cem_mpc")),
    CurveFigure(12, "LAMBDA and Greedy LAMBDA", ("lambda", "greedy_lambda")),
)


def draw_curve_figures(runs: Sequence[Run], published: dict[str, Scores], folder: Path) -> Outcome:
    """Draws each figure once per preset into RESULTS/figures."""
    outcome = Outcome()
    drawable = [run for run in runs if run.evaluations is not None or run.episodes is not None]
    with mpl.rc_context(STYLE):
        for figure in FIGURES:
            _draw_all(figure, drawable, published, folder, outcome)
    return outcome


def _draw_all(
    figure: CurveFigure,
    runs: list[Run],
    published: dict[str, Scores],
    folder: Path,
    outcome: Outcome,
) -> None:
    asked = dict.fromkeys(run.preset for run in runs if not run.shipped)
    name, results, began = f"figure {figure.number}", folder.parent, False
    for preset in dict.fromkeys(run.preset for run in runs):
        shown = _choose(figure, [run for run in runs if run.preset == preset])
        lacking = _lacking(figure, shown)
        if shown and not (figure.whole and lacking):
            drawn, records = draw_grid(shown, published, figure.title, outcome.notes)
            outcome.files.append(save(drawn, folder, f"figure_{figure.number}_{preset}", records))
        if shown and preset in asked:
            began = True
            if lacking:
                outcome.lacks(name, results, preset, lacking)
    if not began:
        outcome.lacks(name, results, next(iter(asked), None), _lacking(figure, []))


def _choose(figure: CurveFigure, runs: list[Run]) -> list[Run]:
    """The runs of one preset that a figure shows."""
    subject = (figure.needs[-1], *figure.welcome)
    tasks = {run.task for run in runs if run.algorithm in subject}
    if figure.whole:
        tasks &= set(figure.tasks)
    algorithms = (*figure.needs, *figure.welcome)
    return [run for run in runs if run.algorithm in algorithms and run.task in tasks]


def _lacking(figure: CurveFigure, runs: list[Run]) -> list[Cell]:
    """Algorithms and tasks that a figure needs and runs do not have."""
    ran = {(run.algorithm, run.task) for run in runs}
    needed = [(algorithm, task) for algorithm in figure.needs for task in figure.tasks]
    return [cell for cell in needed if cell not in ran]
