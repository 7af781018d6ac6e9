"""Imagined futures beside the real one, from what `evaluate.py --imagine` saved in a folder.

One figure per start: pictures of the real episode and of each posterior draw below one another, and
the reward and costs that the draws predict under the same actions, with their spread.
"""

import csv
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from plotting.drawing import COLOURS, STYLE

REAL = "real"
COLUMNS = 8
DRAW_COLOUR = COLOURS["lambda"]


def draw_futures(folder: Path) -> list[Path]:
    """Draws `future_<start>.png` for each start that a folder holds; returns their paths."""
    summary = json.loads((folder / "futures.json").read_text())
    with (folder / "actions.csv").open() as file:
        rows = list(csv.DictReader(file))
    images = folder / "images.npz"
    pictures = dict(np.load(images)) if images.exists() else {}
    paths = []
    for start in [entry["start"] for entry in summary["starts"]]:
        chosen = [row for row in rows if int(row["start"]) == start]
        with mpl.rc_context(STYLE):
            figure = _draw(summary, start, chosen, pictures)
        path = folder / f"future_{start}.png"
        figure.savefig(path, dpi=150)
        paths.append(path)
    return paths


def _draw(summary: dict, start: int, rows: list[dict], pictures: dict) -> Figure:
    signals = [name for name in rows[0] if name == "reward" or name.startswith("cost_")]
    real, imagined = pictures.get(f"{REAL}_{start}"), pictures.get(f"imagined_{start}")
    strip = 0.0 if imagined is None else 0.85 * (len(imagined) + 1)
    figure = Figure(figsize=(7.2, strip + 2.9), layout="constrained")
    title = f"{summary['task']}, {summary['algorithm']}: imagined from decision {start}"
    if not summary["posterior_active"]:
        title += "\n(posterior not active: all draws are the current model)"
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
    """A row for the real pictures `[time, …]` and one for each draw's `[sample, time, …]`."""
    steps = len(real)
    columns = np.unique(np.linspace(0, steps - 1, min(COLUMNS, steps)).round().astype(int))
    axes = figure.subplots(len(imagined) + 1, len(columns), squeeze=False)
    for row, (name, images) in enumerate(
        [(REAL, real), *((f"draw {j}", images) for j, images in enumerate(imagined))]
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


def _draw_curves(ax: Axes, signal: str, rows: list[dict]) -> None:
    """Each draw as a thin line, their mean, the band between the least and the most, the real."""
    lines: dict[str, list[float]] = {}
    for row in rows:
        lines.setdefault(row["draw"], []).append(float(row[signal]))
    real = np.array(lines.pop(REAL))
    draws = np.array(list(lines.values()))
    steps = np.arange(1, len(real) + 1)
    spread = {"color": DRAW_COLOUR, "alpha": 0.2, "lw": 0, "label": "least to most"}
    ax.fill_between(steps, draws.min(0), draws.max(0), **spread)
    ax.plot(steps, draws.T, color=DRAW_COLOUR, lw=0.4, alpha=0.7)
    ax.plot(steps, draws.mean(0), color=DRAW_COLOUR, lw=1.4, label=f"mean of {len(draws)} draws")
    ax.plot(steps, real, color="black", lw=1.4, label=REAL)
    ax.set(xlabel="decisions ahead", title=f"{signal.replace('_', ' ')} per decision")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
