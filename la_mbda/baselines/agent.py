"""A baseline's networks and its update: what an epoch changes."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from la_mbda.baselines.advantages import make_batch
from la_mbda.baselines.constraint import Constraint, Penalty
from la_mbda.baselines.cpo import CPO
from la_mbda.baselines.policy import GaussianPolicy, Values
from la_mbda.baselines.ppo import PPO
from la_mbda.baselines.rollouts import Fragment, finite_action
from la_mbda.baselines.trpo import TRPO
from la_mbda.config import Config
from la_mbda.randomness import Noise, derive_seed


class BaselineAgent(tf.Module):
    """PPO, PPO-Lagrangian, TRPO-Lagrangian or CPO, by the config's `algorithm`."""

    def __init__(self, config: Config, observation_shape: tuple[int, ...], actions: int):
        super().__init__(name="agent")
        self.config = config
        (observations,), settings = observation_shape, config.baseline
        # Each algorithm starts from weights of its own: shared ones would move all of a seed alike.
        seed = derive_seed(config.seed, "policy weights", config.algorithm)
        self.policy = GaussianPolicy(settings, observations, actions, seed)
        seed = derive_seed(config.seed, "value weights", config.algorithm)
        self.values = Values(settings, observations, seed)
        self.learner = _make_learner(config, self.policy)
        self.evaluation_noise = Noise(derive_seed(config.seed, "evaluation"), "evaluation_noise")

    @property
    def learnt(self) -> tf.Module:
        """The weights that acting uses."""
        return self.policy

    @property
    def changed_by_acting(self) -> list[tf.Variable]:
        """The variables that acting changes."""
        return [self.evaluation_noise.draws]

    def initial_state(self, environments: int) -> None:
        """There is nothing to carry from one decision to the next."""

    def act(self, observations: np.ndarray, state: None, explore: bool) -> tuple[np.ndarray, None]:
        """Return the policy's means or, to explore, samples of it, clipped to [-1, 1].

        Training explores in other processes (`rollouts`), with noise of its own.

        Args:
            observations: `[environments, size]`.

        Raises:
            ValueError: an action is not finite.
        """
        action = self.policy.mean(tf.constant(observations))
        if explore:
            action += tf.exp(self.policy.log_std) * self.evaluation_noise.normal(*action.shape)
        return np.clip(finite_action(action.numpy()), -1.0, 1.0), state

    def update(self, fragments: Sequence[Fragment], constraint: Constraint) -> dict[str, float]:
        """Learn from an epoch: the policy first, then the values; return metrics."""
        ends = np.cumsum([len(fragment.observations) for fragment in fragments])
        values = self.values(np.concatenate([fragment.observations for fragment in fragments]))
        batch = make_batch(fragments, np.split(values, ends[:-1]), self.config.baseline)
        metrics = self.learner.improve(batch, constraint)
        metrics["std"] = float(tf.reduce_mean(tf.exp(self.policy.log_std)))
        return metrics | self.values.fit(batch.observations, batch.value_targets)


def _make_learner(config: Config, policy: GaussianPolicy) -> PPO | TRPO | CPO:
    settings = config.baseline
    if config.algorithm == "cpo":
        return CPO(policy, settings)
    if config.algorithm == "ppo":
        return PPO(policy, settings, penalty=None)
    learner = TRPO if config.algorithm == "trpo_lagrangian" else PPO
    return learner(policy, settings, Penalty(settings))
