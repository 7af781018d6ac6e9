"""Imagining under posterior samples, and the upper bounds over them (Algorithms 1 and 3)."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from la_mbda import rssm
from la_mbda.randomness import Noise
from la_mbda.world_model import WorldModel


class Trajectories(NamedTuple):
    """Imagined states s_1 … s_H (the start excluded) and what the model says of each."""

    features: tf.Tensor
    """`[sample, start, time, features]`, or without the sample axis where one was chosen."""
    rewards: tf.Tensor
    """`[sample, start, time]`."""
    costs: tf.Tensor
    """`[sample, start, time, constraints]`."""
    terminals: tf.Tensor
    """`[sample, start, time]` probabilities."""

    def choose(self, indices: tf.Tensor) -> "Trajectories":
        """For each start the trajectory of one sample; `indices` `[start]` say which."""
        rows = tf.stack([indices, tf.range(tf.shape(indices)[0], dtype=indices.dtype)], -1)
        return Trajectories(*(tf.gather_nd(part, rows) for part in self))

    def average(self) -> "Trajectories":
        """For each start the mean over the samples of its imagined trajectories (Appendix G).

        At each time step features, rewards, costs and terminal probabilities are averaged each.
        """
        return Trajectories(*(tf.reduce_mean(part, 0) for part in self))


def imagine(
    model: WorldModel,
    samples: dict,
    policy: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    starts: rssm.Belief,
    horizon: int,
    actions: int,
    noise: Noise,
) -> Trajectories:
    """Follow the policy from each start through the world of each posterior sample (Algorithm 3).

    Gradients flow through the dynamics into the actions, but not through the features that the
    policy is conditioned on.

    Args:
        samples: imagination weights, each with a leading axis of N samples.
        policy: maps features `[…, features]` and noise `[…, actions]` to actions.
        starts: beliefs `[start, …]`; the same for all samples.
    """
    belief = _under_each_sample(samples, starts)
    count, batch, stochastic = belief.stochastic.shape
    action_noise = tf.unstack(noise.normal(horizon, count, batch, actions))
    belief_noise = tf.unstack(noise.normal(horizon, count, batch, stochastic))
    features = []
    for step in range(horizon):
        action = policy(tf.stop_gradient(belief.features), action_noise[step])
        belief = rssm.imagine_step(samples["prior"], belief, action, belief_noise[step])
        features.append(belief.features)
    features = tf.stack(features, 2)
    return Trajectories(
        features,
        model.reward(samples, features),
        model.cost(samples, features),
        model.terminal(samples, features),
    )


def follow(samples: dict, starts: rssm.Belief, actions: tf.Tensor, noise: Noise) -> tf.Tensor:
    """Imagine features `[sample, start, time, features]` after actions `[start, time, actions]`.

    The starts `[start, …]` and the actions are the same for all samples.
    """
    belief, features = _under_each_sample(samples, starts), []
    count, batch, stochastic = belief.stochastic.shape
    belief_noise = tf.unstack(noise.normal(actions.shape[1], count, batch, stochastic))
    for action, step_noise in zip(tf.unstack(actions, axis=1), belief_noise, strict=True):
        same = tf.tile(action[None], [count, 1, 1])
        belief = rssm.imagine_step(samples["prior"], belief, same, step_noise)
        features.append(belief.features)
    return tf.stack(features, 2)


def _under_each_sample(samples: dict, starts: rssm.Belief) -> rssm.Belief:
    """Repeat the starts `[start, …]` for each sample, `[sample, start, …]`."""
    count = tf.nest.flatten(samples)[0].shape[0]
    return rssm.Belief(*(tf.tile(part[None], [count, 1, 1]) for part in starts))


def upper_bound(values: tf.Tensor) -> tf.Tensor:
    """Return the sample with the largest sum over time for each start (Algorithm 1).

    Optimistic for rewards and pessimistic for costs.

    Args:
        values: `[sample, start, time]`: what `bound_by` says, V_λ or the critic's v.

    Returns:
        Indices of samples `[start]`.
    """
    return tf.argmax(tf.reduce_sum(values, -1), 0, output_type=tf.int32)
