"""Figure 3: what each posterior draw of a run's world model expects, and which the bounds choose.

From RUN/imagined, where `evaluate.py RUN --imagine RUN/imagined` saved the policy's futures: from
one belief, the same policy under each draw.
"""

import csv
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from la_mbda import config
from la_mbda.run_files import read_object
from plotting.drawing import BUDGET_COLOUR, COLOURS, STYLE, Outcome, save
from plotting.results import Run
from plotting.tables import scale_of

FOLDER = "imagined"
POLICY = "policy.csv"
# Those that follow a policy in imagination, the one with both bounds first.
WITH_POLICY = ("lambda", "unsafe_lambda", "greedy_lambda")
# What the chosen draw has the largest of, by the config's `bound_by`.
CHOSEN = {
    "values": "upper bound: the draw of the largest $\\Sigma V_\\lambda$",
    "critic": "upper bound: the draw of the largest mean of the critic's $v$",
}


class Futures(NamedTuple):
    """What the draws expect of the policy, by start: the decisions before it."""

    expected: dict[int, dict[str, np.ndarray]]
    """`[draw, step]` of `return` and `cost_<i>`, the sums so far, and of V_λ: `value_task` and,
    where there are safety critics, `value_cost_<i>`."""
    chosen: dict[int, dict[str, int]]
    """The draw that the bound of `task` and of each `cost_<i>` chooses; none for greedy."""
    bound: str
    """Why it does: one of `CHOSEN`."""
    active: bool
    """Whether the draws differ from the current model."""


def draw_posteriors(runs: Sequence[Run], folder: Path) -> Outcome:
    """Draws one run of each preset, the first that has imagined futures, into RESULTS/figures."""
    outcome = Outcome()
    found = [run for run in runs if (run.path / FOLDER / POLICY).exists()]
    for preset in dict.fromkeys(run.preset for run in found):
        run = next(run for run in found if run.preset == preset)
        try:
            futures = read_futures(run.path / FOLDER)
        except ValueError as error:
            outcome.missing.append(f"figure 3, {preset} preset: {error}. {_how_to(run)}")
            continue
        with mpl.rc_context(STYLE):
            figure, records = _draw(run, futures)
            outcome.files.append(save(figure, folder, f"figure_3_{preset}", records))
    if not found:
        _note_missing(outcome, runs, folder.parent)
    return outcome


def _note_missing(outcome: Outcome, runs: Sequence[Run], results: Path) -> None:
    """The command that brings the figure nearer; shipped runs have no posterior to draw."""
    own = [run for run in runs if not run.shipped]
    for algorithm in WITH_POLICY:
        for run in own:
            if run.algorithm == algorithm:
                outcome.missing.append(f"figure 3: no run has imagined futures. {_how_to(run)}")
                return
    outcome.lacks("figure 3", results, None, [("lambda", task) for task in config.SG6_TASKS])


def _how_to(run: Run) -> str:
    path, folder = shlex.quote(str(run.path)), shlex.quote(str(run.path / FOLDER))
    return f"To make them: python experiments/evaluate.py {path} --imagine {folder}"


def read_futures(folder: Path) -> Futures:
    """Reads what `evaluate.py --imagine` saved.

    Raises:
        ValueError: a file is missing, damaged or in another form.
    """
    summary = read_object(folder / "futures.json")
    path = folder / POLICY
    try:
        chosen = {int(start["start"]): dict(start["chosen"]) for start in summary["starts"]}
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        draws, active = int(summary["draws"]), bool(summary["posterior_active"])
        bound = CHOSEN[summary.get("bound_by", "values")]  # Older files do not say it.
        if not chosen or draws < 1:
            raise ValueError(f"{len(chosen)} starts of {draws} draws")
        expected = {start: _expected(rows, start, draws) for start in chosen}
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OSError) as error:
        raise ValueError(f"{path}: not as evaluate.py writes it ({error!r})") from error
    return Futures(expected, chosen, bound, active)


def _expected(rows: list[dict], start: int, draws: int) -> dict[str, np.ndarray]:
    """What is expected from one start.

    Raises:
        ValueError: a draw lacks steps, or a number is missing or not finite.
    """
    own = [row for row in rows if row["start"] == str(start)]
    steps = len(own) // draws
    places = [(str(draw), str(step + 1)) for draw in range(draws) for step in range(steps)]
    if steps < 2 or [(row["draw"], row["step"]) for row in own] != places:
        raise ValueError(f"start {start} lacks steps of its {draws} draws")
    expected = {}
    for name in own[0]:
        if name in ("start", "step", "draw"):
            continue
        # The last state only bootstraps: it has no V_λ.
        known = steps - 1 if name.startswith("value_") else steps
        numbers = [float(row[name]) for row in own if int(row["step"]) <= known]
        table = np.array(numbers).reshape(draws, known)
        if not np.isfinite(table).all():
            raise ValueError(f"{name} from start {start} is not finite")
        sums = name if name != "reward" else "return"
        expected[sums] = table if name.startswith("value_") else table.cumsum(1)
    return expected


def _draw(run: Run, futures: Futures) -> tuple[Figure, list[dict]]:
    """A column per start; for the task and each cost the sums so far, then V_λ."""
    names = sorted(next(iter(futures.expected.values())), key=_order)
    figure = Figure(figsize=(7.2, 1.2 + 1.15 * len(names)), layout="constrained")
    figure.suptitle(_title(run, futures), fontsize=9)
    shape = (len(names), len(futures.chosen))
    grid = figure.subplots(*shape, squeeze=False, sharex=True, sharey="row")
    records = []
    for axes, name in zip(grid, names, strict=True):
        axes[0].set_ylabel(_label(name))
        for ax, (start, bounds) in zip(axes, futures.chosen.items(), strict=True):
            what = _names(run) | {"start": start, "quantity": name}
            table, chosen = futures.expected[start][name], bounds.get(_objective(name))
            look = {"color": COLOURS[run.algorithm], "label": futures.bound}
            lines = _draw_draws(ax, table, chosen, look)
            records += [what | line for line in lines + _draw_budget(ax, run, name)]
    for ax, start in zip(grid[0], futures.chosen, strict=True):
        ax.set_title(f"from decision {start}", fontsize=8)
    for ax in grid[-1]:
        ax.set_xlabel("decisions ahead")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    figure.align_ylabels(grid[:, 0])
    handles = {}
    for ax in grid.flat:
        handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=3)
    return figure, records


def _objective(name: str) -> str:
    """What a quantity belongs to: `task` or `cost_<i>`."""
    return "task" if name == "return" else name.removeprefix("value_")


def _order(name: str) -> tuple:
    """The task before the costs, sums before values."""
    return _objective(name) != "task", _objective(name), name.startswith("value_")


def _label(name: str) -> str:
    number = int(name.rpartition("_")[2]) + 1 if "cost_" in name else 0
    which = f" {number}" if number > 1 else ""
    if name.startswith("value_"):
        return f"$V^c_\\lambda$ of\ncost{which}" if number else "$V_\\lambda$ of\nreward"
    return f"cost{which}\nso far" if number else "return\nso far"


def _title(run: Run, futures: Futures) -> str:
    draws = len(next(iter(futures.expected.values()))["return"])
    who = f"{config.ALGORITHMS[run.algorithm]} on {run.task}, seed {run.seed}"
    lines = [f"What each of {draws} posterior draws expects of the policy: {who}", scale_of([run])]
    if not any(futures.chosen.values()):
        lines.append("no draw is chosen: the policy learns from the average over draws")
    if not futures.active:
        lines.append("posterior not active: all draws are the current model")
    return "\n".join(lines)


def _names(run: Run) -> dict:
    source = "shipped" if run.shipped else "ours"
    who = {"source": source, "preset": run.preset, "task": run.task}
    return who | {"algorithm": run.algorithm, "seed": run.seed}


def _draw_draws(ax: Axes, table: np.ndarray, chosen: int | None, chosen_look: dict) -> list[dict]:
    """Each draw `[draw, step]` as a line, the chosen one with a look of its own; the numbers."""
    steps, records = range(1, table.shape[1] + 1), []
    for draw, heights in enumerate(table):
        look = {"color": "#777777", "linewidth": 0.8, "label": "posterior draw"}
        if draw == chosen:
            look = chosen_look | {"linewidth": 1.6, "zorder": 3}
        ax.plot(steps, heights, **look)
        for step, height in zip(steps, heights, strict=True):
            place = {"line": f"draw {draw}", "chosen": draw == chosen, "step": step}
            records.append(place | {"value": f"{height:.8g}"})
    ax.grid(alpha=0.25, linewidth=0.5)
    return records


def _draw_budget(ax: Axes, run: Run, name: str) -> list[dict]:
    """The budget to which the mean of V^c_λ over all starts is held (Eq. 11)."""
    constraint = int(name.rpartition("_")[2]) if name.startswith("value_cost_") else None
    if constraint is None or constraint >= len(run.cost_budgets):
        return []
    level = run.cost_budgets[constraint]
    look = {"color": BUDGET_COLOUR, "linestyle": "--", "linewidth": 1.0}
    ax.axhline(level, label="cost budget", **look)
    return [{"line": "budget", "chosen": "", "step": "", "value": f"{level:.8g}"}]
