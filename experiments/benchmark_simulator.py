"""Measures the simulator: `python experiments/benchmark_simulator.py --json FILE --pictures DIR`.

Rates are env steps per second of wall time with random actions, episodes' resets left out.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import gymnasium
import imageio.v3 as imageio
import numpy as np
import tyro

from la_mbda import command_line
from la_mbda.safety_gym import TASKS, ActionRepeat
from la_mbda.safety_gym.rendering import SHARED

ACTION_REPEAT = 2
RESETS = 20
PICTURE_SIZE = 384
COLUMNS = {
    "lidar_steps_per_second": "lidar steps/s",
    "vision_steps_per_second": f"vision steps/s (repeat {ACTION_REPEAT})",
    "reset_seconds": "reset s",
    "renderer_start_seconds": "renderer start s",
    "all_cores_lidar_steps_per_second": "lidar steps/s, all cores",
}


@dataclass(frozen=True)
class BenchmarkArguments:
    """Prints a table of rates per task."""

    tasks: str = ",".join(TASKS)
    """Tasks to measure, separated by commas."""
    seconds: float = 3.0
    """Duration of each measurement."""
    json: Path | None = None
    """Where to write the numbers."""
    pictures: Path | None = None
    """Folder for pictures of each task, from the robot and from above."""


def main(argv: Sequence[str]) -> int:
    """Parses, measures, prints the table and writes what was asked for."""
    arguments = tyro.cli(BenchmarkArguments, args=list(argv))
    tasks = arguments.tasks.split(",")
    unknown = [task for task in tasks if task not in TASKS]
    if unknown:
        raise ValueError(f"unknown tasks {', '.join(unknown)}: choose from {', '.join(TASKS)}")
    if arguments.seconds <= 0.0:
        raise ValueError(f"seconds is {arguments.seconds}: choose more than 0")
    rates = {task: measure(task, arguments.seconds) for task in tasks}
    print(table(rates))
    if arguments.json:
        arguments.json.write_text(json.dumps(rates, indent=1) + "\n")
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
        for task in tasks:
            imageio.imwrite(arguments.pictures / f"{task}.png", picture(task))
        print(f"pictures: {arguments.pictures}")
    return 0


def make(task: str, observation: str = "lidar") -> gymnasium.Env:
    """One environment, as an agent opens it."""
    return gymnasium.make(f"Safexp-{task}-v0", observation=observation, disable_env_checker=True)


def measure(task: str, seconds: float) -> dict[str, float]:
    """The numbers of one task, by the names of `COLUMNS`."""
    lidar = make(task)
    lidar.reset(seed=0)
    reset_seconds = mean_seconds(lidar.reset, RESETS)
    lidar_rate = steps_per_second(lidar, seconds)
    lidar.close()
    vision = ActionRepeat(make(task, "vision"), ACTION_REPEAT)
    # The first reset opens the renderer and draws one picture.
    start_seconds = mean_seconds(lambda: vision.reset(seed=0), 1) - reset_seconds
    vision_rate = steps_per_second(vision, seconds)
    vision.close()
    values = (lidar_rate, vision_rate, reset_seconds, start_seconds, parallel_rate(task, seconds))
    return dict(zip(COLUMNS, values, strict=True))


def mean_seconds(call: Callable, times: int) -> float:
    """Mean wall time of a call."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def steps_per_second(env: gymnasium.Env, seconds: float) -> float:
    """Env steps per second of stepping; an action repeated counts as often as it was."""
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1.0, 1.0, (1_000, *env.action_space.shape))
    steps, stepping, done = 0, 0.0, False
    while stepping < seconds:
        if done:
            env.reset()
        start = time.perf_counter()
        *_, terminated, truncated, info = env.step(actions[steps % len(actions)])
        stepping += time.perf_counter() - start
        steps += info["env_steps"]
        done = terminated or truncated
    return steps / stepping


def parallel_rate(task: str, seconds: float) -> float:
    """Env steps per second of gymnasium's vector environment, one process per core."""
    cores = len(os.sched_getaffinity(0))
    envs = gymnasium.vector.AsyncVectorEnv([lambda: make(task)] * cores, context="spawn")
    try:
        envs.reset(seed=0)
        actions = np.random.default_rng(0).uniform(-1.0, 1.0, envs.action_space.shape)
        steps, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            envs.step(actions)
            steps += cores
        return steps / (time.perf_counter() - start)
    finally:
        envs.close()


def table(rates: dict[str, dict[str, float]]) -> str:
    """A Markdown table, one row per task."""
    lines = [f"| task | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for task, values in rates.items():
        cells = [f"{v:.0f}" if v >= 10.0 else f"{v:.4f}" for v in values.values()]
        lines.append(f"| {task} | {' | '.join(cells)} |")
    return "\n".join(lines)


def picture(task: str) -> np.ndarray:
    """The start of an episode from the robot and from above, `[384, 768, 3]` uint8."""
    env = make(task, "vision").unwrapped
    seen, _ = env.reset(seed=0)
    key = (task, PICTURE_SIZE, PICTURE_SIZE, "smooth")
    above = SHARED.acquire(key, env.model).render(env.model, env.data, "fixedfar")
    SHARED.release(key)
    env.close()
    scale = PICTURE_SIZE // len(seen)
    return np.concatenate([seen.repeat(scale, 0).repeat(scale, 1), above], axis=1)


if __name__ == "__main__":
    command_line.run(main)
