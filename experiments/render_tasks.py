"""Images of the tasks for Figures 2 and 8: `python experiments/render_tasks.py`.

Of each task: what the robot sees, and the scene from beside it, at the start of an episode.
"""

import checkout  # noqa: F401

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import gymnasium
import imageio.v3 as imageio
import matplotlib.colors
import numpy as np
import tyro

from la_mbda import command_line, config, validation
from la_mbda.environments import check_images
from la_mbda.runs.folder import write_json
from la_mbda.settings import Count

REPOSITORY = Path(__file__).resolve().parents[1]
HUES = 12
YELLOW = 1 / 6
# What counts as seen: of a view's pixels this share for a box, this many for a hue.
BOX_SHARE = 0.015
SEEN_PIXELS = 25


@dataclass(frozen=True)
class Pictures:
    """Draws every task at the start of an episode in which the robot sees much."""

    folder: Path = REPOSITORY / "results" / "task_images"
    """Where to write the images, which `plotting/figures.py` reads."""
    seeds: int = 60
    """Episodes to choose from."""


def main(argv: Sequence[str]) -> int:
    """Draw, and record which episode was drawn."""
    arguments = tyro.cli(Pictures, args=list(argv))
    validation.check("seeds", arguments.seeds, Count)
    check_images()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    seeds: dict[str, int] = {}
    for task in config.TASKS:
        # The transparent box stands where the solid one does.
        same = seeds.get(task.removeprefix("Observable"))
        seeds[task] = draw_task(arguments, task, same)
        print(f"{task}: episode {seeds[task]}")
    record = {"seeds": seeds, "mujoco": metadata.version("mujoco")}
    write_json(arguments.folder / "images.json", record)
    print(f"images: {arguments.folder}")
    return 0


def draw_task(arguments: Pictures, task: str, seed: int | None) -> int:
    """Save both images of a task; return the seed of the episode."""
    env = gymnasium.make(
        f"Safexp-{task}-v0", observation="vision", render_mode="rgb_array", quality="smooth"
    )
    if seed is None:
        merits = [merit(env.reset(seed=seed)[0], env.render()) for seed in range(arguments.seeds)]
        seed = merits.index(max(merits))
    seen, _ = env.reset(seed=seed)
    imageio.imwrite(arguments.folder / f"{task}_robot.png", seen)
    imageio.imwrite(arguments.folder / f"{task}_beside.png", env.render())
    env.close()
    return seed


def merit(seen: np.ndarray, beside: np.ndarray) -> tuple[bool, int, int]:
    """Return whether a box is in both views, and how many hues and such pixels the robot sees."""
    box = all(np.mean(np.abs(hues(view) - YELLOW) < 0.05) > BOX_SHARE for view in (seen, beside))
    found = hues(seen)
    found = found[found >= 0]
    counts = np.bincount((found * HUES).astype(int) % HUES, minlength=HUES)
    return bool(box), int((counts > SEEN_PIXELS).sum()), len(found)


def hues(image: np.ndarray) -> np.ndarray:
    """Return the hue in [0, 1) of each pixel of `[height, width, 3]`, flat; -1 where it is grey."""
    hue, saturation, _ = matplotlib.colors.rgb_to_hsv(image / 255).reshape(-1, 3).T
    return np.where(saturation > 0.25, hue, -1.0)


if __name__ == "__main__":
    command_line.run(main)
