"""How fast the simulator is, and images of its tasks."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import gymnasium
import numpy as np

from benchmarks.measuring import median_seconds, print_table
from la_mbda.config import TASKS
from la_mbda.errors import ExpectedError

VISION_REPEATS = 2


@dataclass(frozen=True)
class Simulator:
    """Environment steps per second with lidar and with images, and what a reset takes."""

    tasks: str = ",".join(TASKS[:6])
    """Comma-separated tasks."""
    steps: int = 2_000
    """Environment steps measured for each figure."""
    json: Path | None = None
    """File to write the figures to."""
    against: Path | None = None
    """A Python 3.10 with safety-gymnasium 1.0.0, measured in turn with ours: adds the ratios."""
    images: Path | None = None
    """Folder to draw each task into, as the robot sees it and from afar, in place of measuring."""


def run(arguments: Simulator) -> dict:
    """Measure the tasks and print a table, or draw them."""
    tasks = arguments.tasks.split(",")
    if arguments.images:
        draw_images(tasks, arguments.images)
        return {}
    figures = {}
    for task in tasks:
        figures[task] = measure_simulator(task, arguments.steps)
        if arguments.against:
            figures[task] |= compare(figures[task], task, arguments.steps, arguments.against)
    print_table("task", figures)
    return figures


def make(task: str, observation: str = "lidar", repeats: int = 1) -> gymnasium.Env:
    """Make one of the benchmark's environments.

    Raises:
        ValueError: there is no such task.
    """
    if task not in TASKS:
        raise ExpectedError(f"unknown task {task!r}: choose of {', '.join(TASKS)}")
    return gymnasium.make(
        f"Safexp-{task}-v0",
        observation=observation,
        action_repeat=repeats,
        disable_env_checker=True,
    )


def measure_simulator(task: str, steps: int) -> dict[str, float]:
    """Measure all figures of one task."""
    lidar, vision = make(task), make(task, "vision", VISION_REPEATS)
    begin = time.perf_counter()
    vision.reset(seed=0)
    renderer = time.perf_counter() - begin
    figures = {
        "lidar_steps_per_second": stepping_rate(lidar, steps),
        "vision_steps_per_second": VISION_REPEATS * stepping_rate(vision, steps // 4),
        "reset_seconds": median_seconds(lidar.reset, 50),
        "renderer_start_seconds": renderer,
        "vision_steps_per_second_all_cores": vector_rate(task, steps // 4),
    }
    lidar.close()
    vision.close()
    return figures


def compare(ours: dict[str, float], task: str, steps: int, python: Path) -> dict[str, float]:
    """Return how many times faster than safety-gymnasium, by figure.

    Raises:
        ValueError: it cannot be measured with that Python.
    """
    script = Path(__file__).with_name("safety_gymnasium_rates.py")
    command = [python, script, task, str(steps)]
    environment = {"MUJOCO_GL": "egl"} | os.environ
    done = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=environment,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise ExpectedError(f"cannot measure safety-gymnasium with {python}: {reason}")
    theirs = json.loads(done.stdout.splitlines()[-1])
    return {
        "lidar_ratio": ours["lidar_steps_per_second"] / theirs["lidar_steps_per_second"],
        "vision_ratio": ours["vision_steps_per_second"] / theirs["vision_steps_per_second"],
        "reset_ratio": theirs["reset_seconds"] / ours["reset_seconds"],
    }


def stepping_rate(env: gymnasium.Env, steps: int) -> float:
    """Measure steps of an environment per second, resets at the end of episodes included."""
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    begin = time.perf_counter()
    for _ in range(steps):
        *_, terminated, truncated, _ = env.step(rng.uniform(-1, 1, env.action_space.shape))
        if terminated or truncated:
            env.reset()
    return steps / (time.perf_counter() - begin)


def vector_rate(task: str, steps: int) -> float:
    """Measure steps per second, in sum, of gymnasium's vector environment, a process per core.

    With images: stepping a lidar observation takes no longer than handing it over.
    """
    cores = os.cpu_count()
    env = gymnasium.vector.AsyncVectorEnv([lambda: make(task, "vision", VISION_REPEATS)] * cores)
    env.reset(seed=0)
    actions = np.random.default_rng(0).uniform(-1, 1, (steps, *env.action_space.shape))
    begin = time.perf_counter()
    for action in actions:
        env.step(action.astype(np.float32))
    rate = VISION_REPEATS * cores * steps / (time.perf_counter() - begin)
    env.close()
    return rate


def draw_images(tasks: list[str], folder: Path) -> None:
    """Write one image per task: what the robot sees, and the scene from afar."""
    import imageio.v3 as imageio
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        env = gymnasium.make(
            f"Safexp-{task}-v0", observation="vision", quality="smooth", render_mode="rgb_array"
        )
        seen, _ = env.reset(seed=0)
        afar = env.render()
        close = np.asarray(
            Image.fromarray(seen).resize(afar.shape[1::-1], Image.Resampling.BICUBIC)
        )
        imageio.imwrite(folder / f"{task}.png", np.hstack([close, afar]))
        env.close()
        print(folder / f"{task}.png")
