"""How well a trained world model foresees the rewards and costs of fresh episodes."""

from collections.abc import Iterable
from typing import NamedTuple

import gymnasium
import numpy as np
import tensorflow as tf

from la_mbda import rssm
from la_mbda.episodes import play_evaluating
from la_mbda.errors import ExpectedError
from la_mbda.imagination import follow
from la_mbda.model_based import ModelBasedAgent


class Foresight(NamedTuple):
    """Sums over windows of decisions that really were taken, imagined and real, `[window]`."""

    imagined: np.ndarray
    """Under the window's own actions, the mean over the posterior samples."""
    real: np.ndarray

    @property
    def correlation(self) -> float:
        """Pearson's, over the windows; NaN where either is the same in all of them."""
        if np.ptp(self.imagined) == 0.0 or np.ptp(self.real) == 0.0:
            return float("nan")
        return float(np.corrcoef(self.imagined, self.real)[0, 1])


def foresee(
    agent: ModelBasedAgent, env: gymnasium.Env, seeds: Iterable[int], steps: int
) -> dict[str, Foresight]:
    """Play evaluation episodes and imagine each of their windows of some decisions.

    Windows follow each other without a gap; what an episode has left at its end is not judged.

    Args:
        seeds: of the episodes' layouts, one for each.
        steps: decisions of a window.

    Returns:
        By signal: `reward`, `cost_0`, …

    Raises:
        ValueError: an episode is shorter than a window.
    """
    parts = [_foresee_episode(agent, env, seed, steps) for seed in seeds]
    return {
        name: Foresight(*map(np.concatenate, zip(*(part[name] for part in parts), strict=True)))
        for name in parts[0]
    }


def _foresee_episode(
    agent: ModelBasedAgent, env: gymnasium.Env, seed: int, steps: int
) -> dict[str, Foresight]:
    episode, states = play_evaluating(env, agent, seed)
    windows = len(states) // steps
    if windows < 1:
        raise ExpectedError(
            f"an episode has {len(states)} decisions, fewer than the {steps} of a window: choose "
            "fewer steps"
        )
    # State i has seen the observations up to i; the episode's step i + 1 is what comes next.
    beliefs = [states[i * steps].belief for i in range(windows)]
    starts = rssm.Belief(*(tf.concat(part, 0) for part in zip(*beliefs, strict=True)))
    reward, cost, action = (
        part[1 : 1 + windows * steps].reshape(windows, steps, *part.shape[1:])
        for part in (episode.reward, episode.cost, episode.action)
    )
    samples = agent.sample_models(agent.evaluation_noise)
    features = follow(samples, starts, tf.constant(action), agent.evaluation_noise)
    rewards, costs = (
        tf.reduce_sum(tf.reduce_mean(part, 0), 1).numpy()
        for part in (agent.model.reward(samples, features), agent.model.cost(samples, features))
    )
    found = {"reward": Foresight(rewards, reward.sum(1))}
    for i in range(cost.shape[-1]):
        found[f"cost_{i}"] = Foresight(costs[:, i], cost[..., i].sum(1))
    return found
