"""Measures on this machine: `python experiments/benchmark.py {simulator,update} [options]`.

Rates are of wall time; run it on a quiet machine. `simulator` steps random actions, `update` trains
on random data of the right shapes.
"""

import json
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import gymnasium
import numpy as np
import tyro

from la_mbda import command_line
from la_mbda.config import TASKS, make_config
from la_mbda.safety_gym import ActionRepeat

VISION_REPEATS = 2
MATMUL_SIZE = 4096


@dataclass(frozen=True)
class Simulator:
    """Environment steps per second with lidar and with pictures, and what a reset takes."""

    tasks: str = ",".join(TASKS[:6])
    """Comma-separated tasks."""
    steps: int = 2_000
    """Environment steps measured for each figure."""
    json: Path | None = None
    """File to write the figures to."""
    against: Path | None = None
    """A Python 3.10 with safety-gymnasium 1.0.0, measured in turn with ours: adds the ratios."""
    pictures: Path | None = None
    """Folder to draw each task into, as the robot sees it and from afar, in place of measuring."""


@dataclass(frozen=True)
class Update:
    """Seconds per update and per decision at a preset's size."""

    size: str = "quick"
    """The preset: paper, cpu or quick."""
    updates: int = 10
    """Updates measured after the first."""
    json: Path | None = None
    """File to write the figures to."""


Arguments = (
    Annotated[Simulator, tyro.conf.subcommand("simulator")]
    | Annotated[Update, tyro.conf.subcommand("update")]
)


def main(argv: Sequence[str]) -> int:
    """Parses, measures and prints."""
    arguments = tyro.cli(Arguments, args=list(argv), description=__doc__)
    if isinstance(arguments, Simulator) and arguments.pictures:
        draw_pictures(arguments.tasks.split(","), arguments.pictures)
        return 0
    if isinstance(arguments, Simulator):
        figures = {}
        for task in arguments.tasks.split(","):
            figures[task] = measure_simulator(task, arguments.steps)
            if arguments.against:
                figures[task] |= compare(figures[task], task, arguments.steps, arguments.against)
        print_table(figures)
    else:
        figures = measure_update(arguments.size, arguments.updates)
        for name, value in figures.items():
            print(f"{name:24} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def make(task: str, observation: str = "lidar", repeats: int = 1) -> gymnasium.Env:
    """One of the benchmark's environments.

    Raises:
        ValueError: there is no such task.
    """
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}: choose of {', '.join(TASKS)}")
    env = gymnasium.make(f"Safexp-{task}-v0", observation=observation, disable_env_checker=True)
    return ActionRepeat(env, repeats)


def measure_simulator(task: str, steps: int) -> dict[str, float]:
    """All figures of one task."""
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
    """How many times faster than safety-gymnasium, by figure.

    Raises:
        ValueError: it cannot be measured with that Python.
    """
    script = Path(__file__).with_name("safety_gymnasium_rates.py")
    command = [python, script, task, str(steps)]
    environment = {"MUJOCO_GL": "egl"} | os.environ
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise ValueError(f"cannot measure safety-gymnasium with {python}: {reason}")
    theirs = json.loads(done.stdout.splitlines()[-1])
    return {
        "lidar_ratio": ours["lidar_steps_per_second"] / theirs["lidar_steps_per_second"],
        "vision_ratio": ours["vision_steps_per_second"] / theirs["vision_steps_per_second"],
        "reset_ratio": theirs["reset_seconds"] / ours["reset_seconds"],
    }


def stepping_rate(env: gymnasium.Env, steps: int) -> float:
    """Steps of an environment per second, resets at the end of episodes included."""
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    begin = time.perf_counter()
    for _ in range(steps):
        *_, terminated, truncated, _ = env.step(rng.uniform(-1, 1, env.action_space.shape))
        if terminated or truncated:
            env.reset()
    return steps / (time.perf_counter() - begin)


def vector_rate(task: str, steps: int) -> float:
    """Steps per second, in sum, of gymnasium's vector environment with a process for each core.

    With pictures: stepping a lidar observation takes no longer than handing it over.
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


def median_seconds(function: Callable[[], object], repeats: int) -> float:
    """Median wall time of a call."""
    return statistics.median(seconds_of(function) for _ in range(repeats))


def seconds_of(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def print_table(figures: dict[str, dict[str, float]]) -> None:
    """One line per task."""
    names = list(next(iter(figures.values())))
    titles = [name.replace("_steps_per_second", "/s").replace("_seconds", " s") for name in names]
    widths = [len(title) + 2 for title in titles]
    print("task".ljust(20) + "".join(map(str.rjust, titles, widths)))
    for task, values in figures.items():
        cells = (f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in values.values())
        print(task.ljust(20) + "".join(map(str.rjust, cells, widths)))


def measure_update(size: str, updates: int) -> dict[str, float | str]:
    """Timings of the update at a preset's size, beside the machine's matmul peak."""
    with command_line.without_native_messages():
        import tensorflow as tf

        from la_mbda.agent import Agent
    config = make_config(size, "PointGoal1")
    agent = Agent(config, (64, 64, 3), actions=2)
    agent.observe(random_episode(config.training.episode_steps // config.training.action_repeat))
    first = seconds_of(agent.update)
    seconds = [seconds_of(agent.update) for _ in range(updates)]
    agent.pretrain()
    observation, state = np.zeros((1, 64, 64, 3), np.uint8), agent.initial_state(1)
    square = tf.random.stateless_normal([MATMUL_SIZE, MATMUL_SIZE], [0, 0])
    product = median_seconds(lambda: tf.linalg.matmul(square, square).numpy(), 5)
    return {
        "size": size,
        "seconds_per_update": statistics.median(seconds),
        "seconds_min": min(seconds),
        "seconds_max": max(seconds),
        "first_call_seconds": first,
        "model_seconds": median_seconds(agent.pretrain, updates),
        "sampling_seconds": median_seconds(agent._sample, updates),
        "decision_seconds": median_seconds(lambda: agent.act(observation, state, True), 200),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "matmul_peak_gflops": 2 * MATMUL_SIZE**3 / product / 1e9,
    }


def random_episode(decisions: int):
    """An episode of noise, in the shapes of PointGoal1."""
    from la_mbda.replay import Episode

    rng, steps = np.random.default_rng(0), decisions + 1
    return Episode(
        rng.integers(0, 256, (steps, 64, 64, 3), np.uint8),
        rng.uniform(-1, 1, (steps, 2)).astype(np.float32),
        rng.normal(size=steps).astype(np.float32),
        (rng.random((steps, 1)) < 0.05).astype(np.float32),
        np.zeros(steps, np.float32),
    )


def draw_pictures(tasks: list[str], folder: Path) -> None:
    """Writes one picture per task: what the robot sees, and the scene from afar."""
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


if __name__ == "__main__":
    command_line.run(main)
