"""How much memory remembering takes, and whether there is as much."""

import math
import os
from pathlib import Path

import gymnasium
import numpy as np

from la_mbda.config import Config
from la_mbda.offline import recorded_decisions


def replay_bytes(config: Config, env: gymnasium.Env) -> int:
    """What all the episodes that a run may remember at a time take in memory.

    Those of an offline dataset are among them. Resets are left out, one step per episode: episodes
    of n decisions take a part of 1 / n more.
    """
    training = config.training
    met = training.env_steps + recorded_decisions(config) * training.action_repeat
    steps = min(training.replay_capacity, met) // training.action_repeat
    observation = math.prod(env.observation_space.shape) * env.observation_space.dtype.itemsize
    numbers = env.action_space.shape[0] + len(config.lagrangian.cost_budget) + 2
    return steps * (observation + numbers * np.dtype(np.float32).itemsize)


def free_bytes() -> int | None:
    """Memory that a process can still get; None where the system does not tell."""
    info = Path("/proc/meminfo")
    if info.exists():
        lines = dict(line.split(":") for line in info.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def check_memory(config: Config, env: gymnasium.Env) -> str:
    """A line on the memory that a run's replay will take.

    Raises:
        ValueError: there is not as much; the message names the setting that bounds it.
    """
    needed, free = replay_bytes(config, env), free_bytes()
    text = f"{needed / 1e9:,.2f} GB"
    if free is None:
        return f"replay: up to {text} of memory"
    if needed > free:
        raise ValueError(
            f"replay_capacity is {config.training.replay_capacity} env steps, which takes {text} "
            f"of memory, but {free / 1e9:,.2f} GB are free: lower replay_capacity"
        )
    return f"replay: up to {text} of memory, {free / 1e9:,.0f} GB are free"
