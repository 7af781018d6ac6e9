"""Steps random actions through many episodes of every task: `python experiments/soak.py`.

Ends with status 1 if an observation, reward or cost was not finite. Some 1,000 episodes, a fifth of
them with images, take some five minutes.
"""

import checkout  # noqa: F401

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import gymnasium
import numpy as np
import tqdm
import tyro

from la_mbda import command_line, validation
from la_mbda.safety_gym import TASKS
from la_mbda.settings import Count

OBSERVATIONS = ("lidar", "lidar", "lidar", "lidar", "vision")


@dataclass(frozen=True)
class Soak:
    """Steps random actions through many episodes of every task."""

    episodes: int = 1_000
    """Episodes in all."""
    seed: int = 0
    """Seed of layouts and actions."""


def main(argv: Sequence[str]) -> int:
    """Run the episodes in turn over tasks and print what happened."""
    arguments = tyro.cli(Soak, args=list(argv))
    validation.check("episodes", arguments.episodes, Count)
    rng = np.random.default_rng(arguments.seed)
    kinds = itertools.cycle(itertools.product(OBSERVATIONS, TASKS))
    counts = Counter()
    environments = {}
    for _ in tqdm.trange(arguments.episodes, unit="episode"):
        kind = next(kinds)
        if kind not in environments:
            observation, task = kind
            environments[kind] = gymnasium.make(f"Safexp-{task}-v0", observation=observation)
        counts.update(run_episode(environments[kind], rng))
    for environment in environments.values():
        environment.close()
    for name, count in sorted(counts.items()):
        print(f"{name:18} {count:,}")
    return int(counts["not finite"] > 0)


def run_episode(env: gymnasium.Env, rng: np.random.Generator) -> Counter:
    """Play an episode of random actions; return what happened in it, by name."""
    counts = Counter({"episodes": 1})
    observation, _ = env.reset(seed=int(rng.integers(2**31)))
    done = False
    while not done:
        action = rng.uniform(-1.0, 1.0, env.action_space.shape)
        observation, reward, terminated, truncated, info = env.step(action)
        done = terminated or truncated
        finite = np.isfinite([reward, info["cost"]]).all() and np.isfinite(observation).all()
        counts["steps"] += 1
        counts["not finite"] += not finite
        counts["goals"] += bool(info.get("goal_met", False))
        counts["costs"] += info["cost"] > 0.0
        counts["physics errors"] += bool(info.get("physics_error", False))
    return counts


if __name__ == "__main__":
    command_line.run(main)
