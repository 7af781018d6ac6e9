"""Playing an epoch's episodes, in as many processes as there are cores.

An epoch is divided into slots of one episode's length. Each is played from a seed of its own by a
policy that NumPy evaluates, so that what comes out does not depend on the number of processes, and
none of them has to load TensorFlow.
"""

import functools
import os
import signal
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import gymnasium
import joblib
import numpy as np
from gymnasium.envs.registration import EnvSpec

from la_mbda.config import EXTERNAL_TASK_PREFIX, Config
from la_mbda.environments import cost_of, make_environment
from la_mbda.errors import ExpectedError


class Policy(NamedTuple):
    """What acting needs of a Gaussian policy: its MLP's kernels and biases, and log std `[a]`."""

    layers: list[tuple[np.ndarray, np.ndarray]]
    log_std: np.ndarray

    def mean(self, observation: np.ndarray) -> np.ndarray:
        """Return the mean action `[…, actions]` for observations `[…, size]`."""
        x = observation
        for kernel, bias in self.layers[:-1]:
            x = np.tanh(x @ kernel + bias)
        kernel, bias = self.layers[-1]
        return x @ kernel + bias


class Fragment(NamedTuple):
    """An episode, or its part up to where its slot ended."""

    observations: np.ndarray
    """`[time + 1, size]`, the first and the last included."""
    actions: np.ndarray
    """`[time, actions]` as drawn; the environment got them clipped to [-1, 1]."""
    rewards: np.ndarray
    """`[time]`."""
    costs: np.ndarray
    """`[time]`."""
    env_steps: int
    terminated: bool
    """Whether it ended in a true terminal state."""
    completed: bool
    """Whether it ended there or at its time limit, and not only with its slot."""

    @property
    def totals(self) -> tuple[float, float, int]:
        """Return, cost return and length in decisions."""
        returned, cost = (part.sum(dtype=np.float64) for part in (self.rewards, self.costs))
        return float(returned), float(cost), len(self.rewards)


def means(slot: Sequence[Fragment]) -> tuple[float, float, float]:
    """Return a slot's return, cost return and length of an episode, without bias to length.

    The episode that fills the slot is left out, cut or not, unless it is the only one: what comes
    last is long more often than not. Which of the others came first is then chance alone, so that
    the expectation of their mean is that of a slot's first episode, which always fits.
    """
    return tuple(np.mean([fragment.totals for fragment in slot[:-1] or slot], 0).tolist())


def play_epoch(config: Config, policy: Policy, seeds: Sequence[int]) -> Iterator[list[Fragment]]:
    """Play a slot from each seed; yield each slot's fragments, in the order of the seeds."""
    count = min(processes(), len(seeds))
    if count == 1:
        yield from (play_slot(config, policy, seed) for seed in seeds)
        return
    pool = joblib.Parallel(count, return_as="generator")
    # What a script has registered, other processes do not know.
    spec = gymnasium.registry.get(config.task.removeprefix(EXTERNAL_TASK_PREFIX))
    play = joblib.delayed(_play_slot_in_worker)
    yield from pool(play(config, policy, seed, spec) for seed in seeds)


def processes() -> int:
    """Return processes to play with: the cores, or this run's share of them."""
    return int(os.environ.get("TF_NUM_INTRAOP_THREADS") or joblib.cpu_count())


def play_slot(config: Config, policy: Policy, seed: int) -> list[Fragment]:
    """Play fragments that add up to one episode's length; a shorter episode is followed by more."""
    env, rng = _environment(config), np.random.default_rng(seed)
    left = config.training.episode_steps // config.training.action_repeat
    fragments = []
    while left:
        fragments.append(_play(env, policy, rng, left))
        left -= len(fragments[-1].rewards)
    return fragments


def _play_slot_in_worker(
    config: Config, policy: Policy, seed: int, spec: EnvSpec | None
) -> list[Fragment]:
    for number in (signal.SIGINT, signal.SIGTERM):  # These reach the main process too, which saves.
        signal.signal(number, signal.SIG_IGN)
    if spec is not None:
        gymnasium.registry.setdefault(spec.id, spec)
    return play_slot(config, policy, seed)


@functools.lru_cache(maxsize=1)
def _environment(config: Config) -> gymnasium.Env:
    return make_environment(config)  # Once per process.


def finite_action(action: np.ndarray) -> np.ndarray:
    """Return the action.

    Raises:
        ValueError: it is not finite.
    """
    if not np.isfinite(action).all():
        raise ExpectedError(f"the policy's action is {action}: its weights are broken")
    return action


def _play(env: gymnasium.Env, policy: Policy, rng: np.random.Generator, most: int) -> Fragment:
    observation, _ = env.reset(seed=int(rng.integers(2**31)))
    # A copy, as an environment may write its arrays again.
    observations, actions = [np.array(observation)], []
    rewards: list[float] = []
    costs: list[float] = []
    std = np.exp(policy.log_std)
    env_steps, terminated, truncated = 0, False, False
    while len(rewards) < most and not (terminated or truncated):
        mean = policy.mean(observation)
        action = finite_action(mean + std * rng.standard_normal(mean.shape, np.float32))
        observation, reward, terminated, truncated, info = env.step(np.clip(action, -1.0, 1.0))
        observations.append(np.array(observation))
        actions.append(action)
        rewards.append(float(reward))
        costs.append(cost_of(info, 1)[0])
        env_steps += info["env_steps"]
    return Fragment(
        np.asarray(observations, np.float32),
        np.asarray(actions, np.float32),
        np.asarray(rewards, np.float32),
        np.asarray(costs, np.float32),
        env_steps,
        terminated,
        terminated or truncated,
    )
