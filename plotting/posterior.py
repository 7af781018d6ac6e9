"""Figure 3: what each posterior draw of a run's world model expects, and which the bounds choose.

From RUN/imagined, where `evaluate.py RUN --imagine RUN/imagined` saved the policy's futures.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from la_mbda import config
from plotting.drawing import BUDGET_COLOUR, COLOURS, STYLE, Outcome, save
from plotting.records import number, read_object
from plotting.results import Run
from plotting.tables import NOT_COMPARABLE

FOLDER = "imagined"
OF_TASK = "value_task"


def draw_posteriors(runs: Sequence[Run], folder: Path) -> Outcome:
    """Draws one run of each preset, the first that has imagined futures, into RESULTS/figures."""
    outcome = Outcome()
    found = [run for run in runs if (run.path / FOLDER / "policy.csv").exists()]
    for preset in dict.fromkeys(run.preset for run in found):
        run = next(run for run in found if run.preset == preset)
        try:
            rows, chosen = _read(run.path / FOLDER)
        except ValueError as error:
            outcome.missing.append(f"figure 3, {preset} preset: {error}. {_how_to(run)}")
            continue
        with mpl.rc_context(STYLE):
            figure = _draw(run, rows, chosen)
            outcome.files.append(save(figure, folder, f"figure_3_{preset}", rows))
    if not found:
        able = [run for run in runs if run.algorithm in ("lambda", "greedy_lambda")]
        how = _how_to(able[0]) if able else "It needs a run of LAMBDA"
        outcome.missing.append(f"figure 3: no run has imagined futures. {how}")
    return outcome


def _how_to(run: Run) -> str:
    folder = run.path / FOLDER
    return f"To make them: python experiments/evaluate.py {run.path} --imagine {folder}"


def _read(folder: Path) -> tuple[list[dict], dict[int, dict[str, int]]]:
    """Rows of `policy.csv`, as numbers, and the draws chosen at each start.

    Raises:
        ValueError: a file is missing or in another form.
    """
    starts = read_object(folder / "futures.json").get("starts")
    path = folder / "policy.csv"
    try:
        chosen = {int(start["start"]): start["chosen"] for start in starts}
        with path.open(newline="", encoding="utf-8") as file:
            rows = [
                {name: float(text) if text else np.nan for name, text in row.items()}
                for row in csv.DictReader(file)
            ]
        for name in ("start", "step", "draw", OF_TASK):
            number(rows[0], name)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OSError) as error:
        raise ValueError(f"{path}: not as evaluate.py writes it ({error!r})") from error
    return rows, chosen


def _draw(run: Run, rows: list[dict], chosen: dict[int, dict[str, int]]) -> Figure:
    """A column per start; V_λ of the task above that of each cost."""
    values = [name for name in rows[0] if name.startswith("value_")]
    figure = Figure(figsize=(7.2, 0.9 + 1.6 * len(values)), layout="constrained")
    title = f"What each posterior draw expects of the policy: {config.ALGORITHMS[run.algorithm]}"
    title += f" on {run.task},\n{run.preset} preset, seed {run.seed}"
    title += "" if run.comparable else f" (reduced scale, {NOT_COMPARABLE})"
    figure.suptitle(title, fontsize=9)
    grid = figure.subplots(len(values), len(chosen), squeeze=False, sharex=True, sharey="row")
    for axes, value in zip(grid, values, strict=True):
        for ax, (start, bounds) in zip(axes, chosen.items(), strict=True):
            here = [row for row in rows if row["start"] == start]
            _draw_draws(ax, here, value, bounds.get(value.removeprefix("value_")))
        task = value == OF_TASK
        axes[0].set_ylabel("$V_\\lambda$ of the return" if task else "$V^c_\\lambda$ of the cost")
    for ax, start in zip(grid[0], chosen, strict=True):
        ax.set_title(f"from decision {start}", fontsize=8)
    for ax in grid[-1]:
        ax.set_xlabel("decisions ahead")
    handles = {}
    for ax in grid.flat:
        handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=3)
    return figure


def _draw_draws(ax: Axes, rows: list[dict], value: str, chosen: int | None) -> None:
    for draw in sorted({row["draw"] for row in rows}):
        own = [row for row in rows if row["draw"] == draw and not np.isnan(row[value])]
        steps, heights = [row["step"] for row in own], [row[value] for row in own]
        if draw == chosen:
            task = value == OF_TASK
            label = "optimistic for the task" if task else "pessimistic for the cost"
            colour = COLOURS["lambda"] if task else BUDGET_COLOUR
            ax.plot(steps, heights, color=colour, linewidth=1.6, label=f"chosen: {label}")
        else:
            ax.plot(steps, heights, color="#888888", linewidth=0.8, label="other posterior draws")
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.grid(alpha=0.25, linewidth=0.5)
