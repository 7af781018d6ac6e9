"""Figures 2 and 8: the six tasks, and the solid box beside the transparent one.

From the pictures that `experiments/pictures.py` saved; nothing is simulated here.
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.image import imread

from la_mbda import config
from plotting.drawing import STYLE, Outcome, save
from plotting.records import read_object
from plotting.results import REPOSITORY

PICTURES = REPOSITORY / "results" / "pictures"
VIEWS = {"robot": "what the robot sees\n(64 × 64)", "beside": "beside the robot"}
FIGURES = {2: config.SG6_TASKS, 8: ("PointPush1", "ObservablePointPush1")}


def draw_pictures(folder: Path, pictures: Path = PICTURES) -> Outcome:
    """Draws both figures into RESULTS/figures."""
    outcome = Outcome()
    for number, tasks in FIGURES.items():
        try:
            with mpl.rc_context(STYLE):
                figure, records = _draw(tasks, pictures)
        except (OSError, ValueError) as error:
            command = "python experiments/pictures.py"
            outcome.missing.append(f"figure {number}: {error}. To draw its pictures: {command}")
            continue
        outcome.files.append(save(figure, folder, f"figure_{number}", records))
    return outcome


def _draw(tasks: Sequence[str], pictures: Path) -> tuple[Figure, list[dict]]:
    """A column per task, a row per view.

    Raises:
        OSError: a picture is missing.
        ValueError: the record of the pictures is missing or lacks a task.
    """
    seeds = read_object(pictures / "pictures.json").get("seeds", {})
    absent = [task for task in tasks if task not in seeds]
    if absent:
        raise ValueError(f"{pictures / 'pictures.json'}: lacks the seed of {absent[0]}")
    width = 7.4 if len(tasks) > 2 else 3.4
    figure = Figure(figsize=(width, 2 * width / len(tasks) + 0.2), layout="constrained")
    grid = figure.subplots(len(VIEWS), len(tasks))
    records = []
    for axes, (view, label) in zip(grid, VIEWS.items(), strict=True):
        axes[0].set_ylabel(label, fontsize=6.5)
        for ax, task in zip(axes, tasks, strict=True):
            path = pictures / f"{task}_{view}.png"
            ax.imshow(imread(path), interpolation="nearest")
            ax.set_xticks([])
            ax.set_yticks([])
            records.append({"task": task, "view": view, "seed": seeds[task], "file": path.name})
    for ax, task in zip(grid[0], tasks, strict=True):
        ax.set_title(task.replace("Observable", "Observable\n"), fontsize=8)
    return figure, records
