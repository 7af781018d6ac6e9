"""Figures 2 and 8: the six tasks, and the solid box beside the transparent one.

From the pictures that `experiments/pictures.py` saved; nothing is simulated here.
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Patch

from la_mbda import config
from la_mbda.run_files import read_object
from plotting.drawing import STYLE, Outcome, save
from plotting.results import REPOSITORY

PICTURES = REPOSITORY / "results" / "pictures"
VIEWS = {"robot": "what the robot sees\n(64 × 64)", "beside": "beside the robot"}
# As lit in the pictures.
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
FIGURES = {
    2: (config.SG6_TASKS, tuple(OBJECTS)),
    8: (("PointPush1", "ObservablePointPush1"), ("robot", "goal", "hazard", "box to push")),
}


def draw_pictures(folder: Path, pictures: Path = PICTURES) -> Outcome:
    """Draws both figures into RESULTS/figures."""
    outcome = Outcome()
    for number, (tasks, objects) in FIGURES.items():
        try:
            with mpl.rc_context(STYLE):
                figure, records = _draw(tasks, objects, pictures)
        except ValueError as error:
            command = "python experiments/pictures.py"
            outcome.missing.append(f"figure {number}: {error}. To draw its pictures: {command}")
            continue
        outcome.files.append(save(figure, folder, f"figure_{number}", records))
    return outcome


def _draw(
    tasks: Sequence[str], objects: Sequence[str], pictures: Path
) -> tuple[Figure, list[dict]]:
    """A column per task, a row per view, and what the colours of objects mean.

    Raises:
        ValueError: a picture or the record of the pictures is missing or unreadable.
    """
    path = pictures / "pictures.json"
    record = read_object(path)
    seeds = record.get("seeds")
    absent = [task for task in tasks if not isinstance(seeds, dict) or task not in seeds]
    if absent:
        raise ValueError(f"{path}: lacks the seed of {absent[0]}")
    width = 7.4 if len(tasks) > 2 else 3.4
    figure = Figure(figsize=(width, 2 * width / len(tasks) + 0.4), layout="constrained")
    grid = figure.subplots(len(VIEWS), len(tasks))
    records = []
    for axes, (view, label) in zip(grid, VIEWS.items(), strict=True):
        axes[0].set_ylabel(label, fontsize=6.5)
        for ax, task in zip(axes, tasks, strict=True):
            path = pictures / f"{task}_{view}.png"
            ax.imshow(_read_picture(path), interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            names = {"task": task, "view": view, "seed": seeds[task], "file": path.name}
            records.append(names | {"mujoco": record.get("mujoco", "")})
    for ax, task in zip(grid[0], tasks, strict=True):
        ax.set_title(task.replace("Observable", "Observable\n"), fontsize=8)
    _legend(figure, objects)
    return figure, records


def _legend(figure: Figure, objects: Sequence[str]) -> None:
    look = {"edgecolor": "#333333", "linewidth": 0.4}
    handles = [Patch(facecolor=OBJECTS[name], label=name, **look) for name in objects]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(objects),
        fontsize=7,
        handlelength=1,
        handletextpad=0.4,
        columnspacing=1.2,
    )


def _read_picture(path: Path) -> np.ndarray:
    """A picture `[height, width, 3]`.

    Raises:
        ValueError: it is missing or no whole PNG.
    """
    try:
        return imread(path)
    except (OSError, SyntaxError) as error:  # Pillow raises the latter for what is no PNG.
        raise ValueError(f"{path}: no readable picture ({error})") from error
