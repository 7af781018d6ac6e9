"""What posterior samples of a run's world model expect, from what `evaluate.py --imagine` saved.

Figure 3, from RUN/imagined: from one belief, the same policy under each sample, and which of them
the bounds choose. And in the folder itself, one figure per start: images of the real episode and of
each sample below one another, and the reward and costs predicted under the same actions.
"""

import shlex
from itertools import product
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from la_mbda import config
from la_mbda.errors import ExpectedError
from la_mbda.runs.files import read_object
from plotting.aggregate import arranged
from plotting.drawing import STYLE, Drawing, Outcome, missing_runs
from plotting.looks import BUDGET_COLOUR, COLOURS, label
from plotting.notes import scale_of
from plotting.results import Results

FOLDER = "imagined"
POLICY = "policy.csv"
REAL = "real"
COLUMNS = 8
SAMPLE_COLOUR = COLOURS["lambda"]
# Those that follow a policy in imagination, the one with both bounds first.
WITH_POLICY = ("lambda", "unsafe_lambda", "greedy_lambda")
# What the chosen sample has the largest of, by the config's `bound_by`.
CHOSEN = {
    "values": "upper bound: the sample of the largest $\\Sigma V_\\lambda$",
    "critic": "upper bound: the sample of the largest mean of the critic's $v$",
}


class Futures(NamedTuple):
    """What the samples expect of the policy, by start: the decisions before it."""

    expected: dict[int, dict[str, np.ndarray]]
    """`[sample, step]` of `return` and `cost_<i>`, the sums so far, and of V_λ: `value_task` and,
    where there are safety critics, `value_cost_<i>`."""
    chosen: dict[int, dict[str, int]]
    """The sample that the bound of `task` and of each `cost_<i>` chooses; none for greedy."""
    bound: str
    """Why it does: one of `CHOSEN`."""
    active: bool
    """Whether the samples differ from the current model."""


def posteriors(results: Results) -> Outcome:
    """Figure 3: one run of each preset, the first that has imagined futures."""
    outcome = Outcome()
    there = results.runs["path"].map(lambda path: (path / FOLDER / POLICY).exists())
    runs = results.runs[there.astype(bool)]
    for preset, own in runs.groupby("preset", sort=False):
        run = own.iloc[:1]
        try:
            futures = read_futures(run["path"].iloc[0] / FOLDER)
        except ValueError as error:
            how = _how_to(run["path"].iloc[0])
            outcome.missing.append(f"figure 3, {preset} preset: {error}. {how}")
            continue
        lines = _lines(run.iloc[0], futures)
        names = ["source", "preset", "task", "algorithm", "seed", "start", "quantity", "line"]
        numbers = lines[[*names, "chosen", "step", "value"]]
        arguments = (lines, _title(run, futures), futures.bound)
        drawing = Drawing(f"figure_3_{preset}", numbers, _draw, arguments, "%.8g")
        outcome.made.append(drawing)
    if runs.empty or (len(_own(results)) and not (runs["source"] == "ours").any()):
        outcome.missing.append(_missing(results))
    return outcome


def _missing(results: Results) -> str:
    """Return the command that brings the figure nearer; those of shipped runs are shipped too."""
    own = _own(results)
    if own.empty:
        return missing_runs("figure 3", results, product(["lambda"], config.SG6_TASKS))
    return f"figure 3: no run has imagined futures. {_how_to(own['path'].iloc[0])}"


def _own(results: Results) -> pd.DataFrame:
    """Return our own runs that can have imagined futures, by algorithm."""
    return arranged(results.runs[results.runs["source"] == "ours"], algorithm=WITH_POLICY)


def _how_to(run: Path) -> str:
    path, folder = shlex.quote(str(run)), shlex.quote(str(run / FOLDER))
    return f"To make them: python experiments/evaluate.py {path} --imagine {folder}"


def read_futures(folder: Path) -> Futures:
    """Read what `evaluate.py --imagine` saved.

    Raises:
        ValueError: a file is missing, damaged or in another form.
    """
    summary = read_object(folder / "futures.json")
    path = folder / POLICY
    try:
        chosen = {int(start["start"]): dict(start["chosen"]) for start in summary["starts"]}
        rows = pd.read_csv(path)
        samples, active = int(summary["samples"]), bool(summary["posterior_active"])
        bound = CHOSEN[summary.get("bound_by", "values")]  # Older files do not say it.
        if not chosen or samples < 1:
            raise ExpectedError(f"{len(chosen)} starts of {samples} samples")
        expected = {start: _expected(rows[rows["start"] == start], samples) for start in chosen}
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OSError) as error:
        raise ExpectedError(f"{path}: not as evaluate.py writes it ({error!r})") from error
    return Futures(expected, chosen, bound, active)


def _expected(rows: pd.DataFrame, samples: int) -> dict[str, np.ndarray]:
    """Return what is expected from one start.

    Raises:
        ValueError: steps of a sample are missing, or a number is missing or not finite.
    """
    steps = len(rows) // samples
    places = pd.MultiIndex.from_product([range(samples), range(1, steps + 1)])
    if steps < 2 or rows[["sample", "step"]].to_numpy().tolist() != [list(p) for p in places]:
        raise ExpectedError(f"steps of a start's {samples} samples are missing")
    expected = {}
    for name in rows.columns.difference(["start", "step", "sample"], sort=False):
        table = rows[name].to_numpy(float).reshape(samples, steps)
        if name.startswith("value_"):
            table = table[:, :-1]  # The last state only bootstraps: it has no V_λ.
        if not np.isfinite(table).all():
            raise ExpectedError(f"{name} is not finite")
        sums = name if name != "reward" else "return"
        expected[sums] = table if name.startswith("value_") else table.cumsum(1)
    return expected


def _lines(run: pd.Series, futures: Futures) -> pd.DataFrame:
    """One row per point drawn: of each quantity and start the samples, and the budget."""
    who = run[["source", "preset", "task", "algorithm", "seed"]].to_dict()
    rows = []
    for name in sorted(next(iter(futures.expected.values())), key=_order):
        for start, bounds in futures.chosen.items():
            what = who | {"start": start, "quantity": name}
            chosen = bounds.get(_objective(name))
            for sample, heights in enumerate(futures.expected[start][name]):
                line = what | {"line": f"sample {sample}", "chosen": sample == chosen}
                rows += [line | {"step": i + 1, "value": v} for i, v in enumerate(heights)]
            # To it the mean of V^c_λ over all starts is held (Eq. 11).
            constraint = int(name.rpartition("_")[2]) if name.startswith("value_cost_") else None
            if constraint is not None and constraint < len(run["cost_budgets"]):
                budget = {"line": "budget", "value": run["cost_budgets"][constraint]}
                rows.append(what | budget | {"chosen": None, "step": None})
    return pd.DataFrame(rows).astype({"step": "Int64", "chosen": object})


def _draw(lines: pd.DataFrame, title: str, bound: str) -> Figure:
    """Draw a column per start; for the task and each cost the sums so far, then V_λ."""
    names, starts = lines["quantity"].unique(), lines["start"].unique()
    figure = Figure(figsize=(7.2, 1.2 + 1.15 * len(names)), layout="constrained")
    figure.suptitle(title, fontsize=9)
    shape = (len(names), len(starts))
    grid = figure.subplots(*shape, squeeze=False, sharex=True, sharey="row")
    for axes, name in zip(grid, names, strict=True):
        axes[0].set_ylabel(_label(name))
        for ax, start in zip(axes, starts, strict=True):
            panel = lines[(lines["quantity"] == name) & (lines["start"] == start)]
            _draw_panel(ax, panel, bound)
    for ax, start in zip(grid[0], starts, strict=True):
        ax.set_title(f"from decision {start}", fontsize=8)
    for ax in grid[-1]:
        ax.set_xlabel("decisions ahead")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    figure.align_ylabels(grid[:, 0])
    handles = {}
    for ax in grid.flat:
        handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=3)
    return figure


def _draw_panel(ax: Axes, panel: pd.DataFrame, bound: str) -> None:
    """Draw each sample as a line, the chosen one with a look of its own."""
    for name, line in panel.groupby("line", sort=False):
        if name == "budget":
            look = {"color": BUDGET_COLOUR, "linestyle": "--", "linewidth": 1.0}
            ax.axhline(line["value"].iloc[0], label="cost budget", **look)
            continue
        look = {"color": "#777777", "linewidth": 0.8, "label": "posterior sample"}
        if line["chosen"].iloc[0]:
            look = {"color": COLOURS[line["algorithm"].iloc[0]], "label": bound}
            look |= {"linewidth": 1.6, "zorder": 3}
        ax.plot(line["step"].to_numpy(int), line["value"], **look)
    ax.grid(alpha=0.25, linewidth=0.5)


def _objective(name: str) -> str:
    """Return what a quantity belongs to: `task` or `cost_<i>`."""
    return "task" if name == "return" else name.removeprefix("value_")


def _order(name: str) -> tuple:
    """Order the task before the costs, sums before values."""
    return _objective(name) != "task", _objective(name), name.startswith("value_")


def _label(name: str) -> str:
    number = int(name.rpartition("_")[2]) + 1 if "cost_" in name else 0
    which = f" {number}" if number > 1 else ""
    if name.startswith("value_"):
        return f"$V^c_\\lambda$ of\ncost{which}" if number else "$V_\\lambda$ of\nreward"
    return f"cost{which}\nso far" if number else "return\nso far"


def _title(runs: pd.DataFrame, futures: Futures) -> str:
    """Args: runs: the one whose futures they are."""
    run = runs.iloc[0]
    samples = len(next(iter(futures.expected.values()))["return"])
    who = f"{label(run['algorithm'])} on {run['task']}, seed {run['seed']}"
    what = f"What each of {samples} posterior samples expects of the policy"
    lines = [f"{what}: {who}", scale_of(runs)]
    if not any(futures.chosen.values()):
        lines.append("no sample is chosen: the policy learns from the average over samples")
    if not futures.active:
        lines.append("posterior not active: all samples are the current model")
    return "\n".join(lines)


# ---- Imagined futures beside the real one


def draw_futures(folder: Path) -> list[Path]:
    """Draw `future_<start>.png` for each start that a folder holds; return their paths."""
    summary = read_object(folder / "futures.json")
    rows = pd.read_csv(folder / "actions.csv")
    path, images = folder / "images.npz", {}
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            images = dict(file)
    paths = []
    for start in [entry["start"] for entry in summary["starts"]]:
        with mpl.rc_context(STYLE):
            figure = _draw_future(summary, start, rows[rows["start"] == start], images)
        path = folder / f"future_{start}.png"
        figure.savefig(path, dpi=150)
        paths.append(path)
    return paths


def _draw_future(summary: dict, start: int, rows: pd.DataFrame, images: dict) -> Figure:
    signals = [name for name in rows if name == "reward" or name.startswith("cost_")]
    real, imagined = images.get(f"{REAL}_{start}"), images.get(f"imagined_{start}")
    strip = 0.0 if imagined is None else 0.85 * (len(imagined) + 1)
    figure = Figure(figsize=(7.2, strip + 2.9), layout="constrained")
    title = f"{summary['task']}, {summary['algorithm']}: imagined from decision {start}"
    if not summary["posterior_active"]:
        title += "\n(posterior not active: all samples are the current model)"
    figure.suptitle(title, fontsize=9)
    below = figure
    if imagined is not None:
        above, below = figure.subfigures(2, 1, height_ratios=(strip, 2.6))
        _draw_strips(above, real, imagined)
    axes = below.subplots(1, len(signals), squeeze=False)[0]
    for ax, signal in zip(axes, signals, strict=True):
        _draw_curves(ax, signal, rows)
    below.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _draw_strips(figure, real: np.ndarray, imagined: np.ndarray) -> None:
    """Draw a row for the real images `[time, …]` and one for each sample's `[sample, time, …]`."""
    steps = len(real)
    columns = np.unique(np.linspace(0, steps - 1, min(COLUMNS, steps)).round().astype(int))
    axes = figure.subplots(len(imagined) + 1, len(columns), squeeze=False)
    for row, (name, images) in enumerate(
        [(REAL, real), *((f"sample {j}", images) for j, images in enumerate(imagined))]
    ):
        for column, step in enumerate(columns):
            ax = axes[row, column]
            # An image of one channel has no colours of its own.
            ax.imshow(images[step].squeeze(), cmap="gray")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            if row == 0:
                ax.set_title(f"+{step + 1}", fontsize=7)
        axes[row, 0].set_ylabel(name, fontsize=7)


def _draw_curves(ax: Axes, signal: str, rows: pd.DataFrame) -> None:
    """Draw each sample as a thin line, their mean, the band that they span, and the real."""
    lines = {name: own[signal].to_numpy() for name, own in rows.groupby("sample", sort=False)}
    real = lines.pop(REAL)
    samples = np.array(list(lines.values()))
    steps = np.arange(1, len(real) + 1)
    spread = {"color": SAMPLE_COLOUR, "alpha": 0.2, "lw": 0, "label": "least to most"}
    ax.fill_between(steps, samples.min(0), samples.max(0), **spread)
    ax.plot(steps, samples.T, color=SAMPLE_COLOUR, lw=0.4, alpha=0.7)
    mean = {"color": SAMPLE_COLOUR, "lw": 1.4, "label": f"mean of {len(samples)} samples"}
    ax.plot(steps, samples.mean(0), **mean)
    ax.plot(steps, real, color="black", lw=1.4, label=REAL)
    ax.set(xlabel="decisions ahead", title=f"{signal.replace('_', ' ')} per decision")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
