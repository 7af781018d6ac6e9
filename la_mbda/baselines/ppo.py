"""Proximal policy optimisation, alone (PPO) or with a penalty on costs (PPO-Lagrangian)."""

import keras
import tensorflow as tf

from la_mbda.baselines.advantages import Batch
from la_mbda.baselines.constraint import Constraint, Penalty
from la_mbda.baselines.policy import (
    ADAM_EPSILON,
    GaussianPolicy,
    fixed,
    log_likelihood,
    mean_kl,
)
from la_mbda.settings import BaselineConfig


class PPO(tf.Module):
    """Full-batch steps of Adam up the clipped surrogate (Schulman et al. 2017)."""

    def __init__(self, policy: GaussianPolicy, config: BaselineConfig, penalty: Penalty | None):
        super().__init__(name="ppo")
        self._policy, self._config, self._penalty = policy, config, penalty
        self.optimizer = keras.optimizers.Adam(config.policy_learning_rate, epsilon=ADAM_EPSILON)
        self.optimizer.build(policy.parameters)
        self._ascend = tf.function(self._ascend)

    def improve(self, batch: Batch, constraint: Constraint) -> dict[str, float]:
        """Adapt the penalty, if there is one, then the policy; return metrics."""
        if self._penalty is None:
            penalty = 0.0
        else:
            self._penalty.update(constraint.excess)
            penalty = float(self._penalty())
        kl, steps = self._ascend(Batch(*map(tf.constant, batch)), tf.constant(penalty))
        metrics = {"kl": float(kl), "policy_steps": float(steps)}
        return metrics if self._penalty is None else metrics | {"multiplier_0": penalty}

    def _ascend(self, batch: Batch, penalty: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Step until the divergence passes its bound; return it and the number of steps."""
        config, parameters = self._config, self._policy.parameters
        old = fixed(self._policy(batch.observations))
        old_log_likelihood = log_likelihood(old, batch.actions)
        kl, steps = 0.0, 0
        for _ in tf.range(config.policy_steps):
            with tf.GradientTape() as tape:
                new = self._policy(batch.observations)
                ratio = tf.exp(log_likelihood(new, batch.actions) - old_log_likelihood)
                loss = -self._objective(ratio, batch, penalty)
            self.optimizer.apply(tape.gradient(loss, parameters), parameters)
            kl, steps = mean_kl(fixed(new), old), steps + 1
            # Of the policy before this step. Stopped before it, Adam's first steps, which are far
            # too long, would end each epoch, and nothing would be learnt (measured on PointGoal1).
            if kl > config.kl_margin * config.target_kl:
                break
        return kl, steps

    def _objective(self, ratio: tf.Tensor, batch: Batch, penalty: tf.Tensor) -> tf.Tensor:
        clip, advantages = self._config.clip_ratio, batch.advantages
        clipped = tf.clip_by_value(ratio, 1.0 - clip, 1.0 + clip)
        reward = tf.reduce_mean(tf.minimum(ratio * advantages, clipped * advantages))
        cost = tf.reduce_mean(ratio * batch.cost_advantages)  # Ray et al. do not clip it.
        return (reward - penalty * cost) / (1.0 + penalty)
