"""Generalised advantage estimation for reward and cost (Schulman et al. 2016)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from la_mbda.baselines.rollouts import Fragment
from la_mbda.settings import BaselineConfig


class Batch(NamedTuple):
    """What an epoch's update learns from; time steps of all fragments, one after the other."""

    observations: np.ndarray
    """`[batch, size]`."""
    actions: np.ndarray
    """`[batch, actions]`."""
    advantages: np.ndarray
    """`[batch]`, standardised."""
    cost_advantages: np.ndarray
    """`[batch]`, centred."""
    value_targets: np.ndarray
    """`[batch, 2]`: discounted rewards and costs to go, bootstrapped where a fragment is cut."""


def make_batch(
    fragments: Sequence[Fragment], values: Sequence[np.ndarray], config: BaselineConfig
) -> Batch:
    """Compute advantages and targets of an epoch.

    A true terminal state is worth 0; time limits and the ends of slots are bootstrapped.

    Args:
        values: for each fragment `[time + 1, 2]`, values of reward and cost of its observations.
    """
    discount = config.advantage_discount
    advantages, targets = [], []
    for fragment, value in zip(fragments, values, strict=True):
        signals = np.stack([fragment.rewards, fragment.costs], -1)
        last = np.zeros(2) if fragment.terminated else value[-1]
        bootstrapped = np.concatenate([value[:-1], last[None]])
        advantages.append(generalised_advantages(signals, bootstrapped, discount, config))
        targets.append(discounted_sums(np.concatenate([signals, last[None]]), discount)[:-1])
    reward, cost = np.concatenate(advantages).T
    return Batch(
        np.concatenate([fragment.observations[:-1] for fragment in fragments]),
        np.concatenate([fragment.actions for fragment in fragments]),
        ((reward - reward.mean()) / (reward.std() + 1e-8)).astype(np.float32),
        (cost - cost.mean()).astype(np.float32),
        np.concatenate(targets).astype(np.float32),
    )


def generalised_advantages(
    signals: np.ndarray, values: np.ndarray, discount: float, config: BaselineConfig
) -> np.ndarray:
    """Return Σ_k (γλ)^k δ_{t+k} with δ_t = r_t + γ v_{t+1} − v_t.

    Args:
        signals: rewards `[time, …]`.
        values: `[time + 1, …]`.
    """
    errors = signals + discount * values[1:] - values[:-1]
    return discounted_sums(errors, discount * config.advantage_lambda)


def discounted_sums(signals: np.ndarray, discount: float) -> np.ndarray:
    """Return Σ_k discount^k x_{t+k} over the first axis."""
    sums = np.array(signals, np.float64)
    for t in range(len(sums) - 2, -1, -1):
        sums[t] += discount * sums[t + 1]
    return sums
