"""Figures 2 and 8: the six tasks, and the solid box beside the transparent one.

From the images that `experiments/render_tasks.py` saved; nothing is simulated here.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Patch

from la_mbda.errors import ExpectedError
from la_mbda.runs.files import read_object
from plotting.drawing import Drawing, Outcome
from plotting.results import Results

VIEWS = {"robot": "what the robot sees\n(64 × 64)", "beside": "beside the robot"}
# As lit in the images.
OBJECTS = {
    "robot": "#FF0000",
    "goal": "#66DD66",
    "hazard": "#7070E0",
    "vase": "#00FFFF",
    "box to push": "#FFFF00",
    "button to press": "#00E000",
    "other button": "#FF8000",
    "gremlin": "#8000FF",
}


def task_images(
    results: Results, number: int, tasks: Sequence[str], objects: Sequence[str]
) -> Outcome:
    """Draw a column per task, a row per view, and what the colours of objects mean."""
    try:
        numbers, paths = _find(tasks, results.task_images)
    except ValueError as error:
        how = "To draw its images: python experiments/render_tasks.py"
        return Outcome(missing=[f"figure {number}: {error}. {how}"])
    return Outcome([Drawing(f"figure_{number}", numbers, _draw, (tasks, objects, *paths))])


def _find(tasks: Sequence[str], folder: Path) -> tuple[pd.DataFrame, list[Path]]:
    """Return what a figure's images are of, and their paths.

    Raises:
        ValueError: an image or the record of the images is missing or unreadable.
    """
    record = read_object(folder / "images.json")
    seeds = record.get("seeds")
    absent = [task for task in tasks if not isinstance(seeds, dict) or task not in seeds]
    if absent:
        raise ExpectedError(f"{folder / 'images.json'}: no seed of {absent[0]}")
    rows = [
        {"task": task, "view": view, "seed": seeds[task], "file": f"{task}_{view}.png"}
        for view in VIEWS
        for task in tasks
    ]
    numbers = pd.DataFrame(rows).assign(mujoco=record.get("mujoco", ""))
    paths = [folder / name for name in numbers["file"]]
    for path in paths:
        _read_image(path)
    return numbers, paths


def _draw(tasks: Sequence[str], objects: Sequence[str], *paths: Path) -> Figure:
    width = 7.4 if len(tasks) > 2 else 3.4
    figure = Figure(figsize=(width, 2 * width / len(tasks) + 0.4), layout="constrained")
    grid = figure.subplots(len(VIEWS), len(tasks))
    for axes, label in zip(grid, VIEWS.values(), strict=True):
        axes[0].set_ylabel(label, fontsize=6.5)
    for ax, path in zip(grid.flat, paths, strict=True):
        ax.imshow(_read_image(path), interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for ax, task in zip(grid[0], tasks, strict=True):
        ax.set_title(task.replace("Observable", "Observable\n"), fontsize=8)
    look = {"edgecolor": "#333333", "linewidth": 0.4}
    handles = [Patch(facecolor=OBJECTS[name], label=name, **look) for name in objects]
    look = {"fontsize": 7, "handlelength": 1, "handletextpad": 0.4, "columnspacing": 1.2}
    figure.legend(handles=handles, loc="outside lower center", ncols=len(objects), **look)
    return figure


def _read_image(path: Path) -> np.ndarray:
    """Read an image `[height, width, 3]`.

    Raises:
        ValueError: it is missing or no whole PNG.
    """
    try:
        return imread(path)
    except (OSError, SyntaxError) as error:  # Pillow raises the latter for what is no PNG.
        raise ExpectedError(f"{path}: no readable image ({error})") from error
