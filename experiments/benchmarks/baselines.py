"""How fast the model-free baselines are: collecting, and with learning."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import machine, print_figures
from la_mbda.config import BASELINES
from la_mbda.presets import make_config
from la_mbda.quiet import without_native_messages


@dataclass(frozen=True)
class Baselines:
    """Environment steps per second of the model-free baselines at a preset's size."""

    size: str = "paper"
    """The preset: paper, cpu or quick."""
    task: str = "PointGoal1"
    """The task."""
    algorithms: str = ",".join(BASELINES)
    """Comma-separated algorithms."""
    epochs: int = 2
    """Epochs measured after the first."""
    json: Path | None = None
    """File to write the figures to."""


def run(arguments: Baselines) -> dict:
    """Measure and print."""
    figures = {"size": arguments.size, "task": arguments.task, **machine()}
    for algorithm in arguments.algorithms.split(","):
        figures[algorithm] = measure(arguments, algorithm)
    print_figures(figures)
    return figures


def measure(arguments: Baselines, algorithm: str) -> dict[str, float]:
    """Measure seconds and rates of an epoch, evaluations and checkpoints left out."""
    with without_native_messages():
        from la_mbda.baselines.agent import BaselineAgent
        from la_mbda.baselines.constraint import Constraint
        from la_mbda.baselines.rollouts import play_epoch
        from la_mbda.environments import make_environment

    config = make_config(arguments.size, arguments.task, algorithm)
    env = make_environment(config)
    agent = BaselineAgent(config, env.observation_space.shape, env.action_space.shape[0])
    slots = config.baseline.epoch_steps // config.training.episode_steps
    acting, updating = [], []
    for _ in range(1 + arguments.epochs):  # The first starts processes and traces.
        begin = time.perf_counter()
        played = list(play_epoch(config, agent.policy.numpy(), range(slots)))
        fragments = [fragment for slot in played for fragment in slot]
        acted = time.perf_counter()
        agent.update(fragments, Constraint(10.0, config.training.episode_steps))
        acting.append(acted - begin)
        updating.append(time.perf_counter() - acted)
    steps = config.baseline.epoch_steps
    collect, learn = statistics.median(acting[1:]), statistics.median(updating[1:])
    rate = steps / (collect + learn)
    return {
        "steps_per_second_collecting": steps / collect,
        "update_seconds": learn,
        "steps_per_second": rate,
        "minutes_per_million_steps": 1e6 / rate / 60.0,
    }
