"""What TRPO and CPO share: surrogates, natural gradients and a line search on a Gaussian policy."""

from typing import NamedTuple

import tensorflow as tf

from la_mbda.baselines.advantages import Batch
from la_mbda.baselines.policy import GaussianPolicy, fixed, log_likelihood, mean_kl
from la_mbda.settings import BaselineConfig

_SMALL_RESIDUAL = 1e-10


class Surrogates(NamedTuple):
    """Estimates for a policy π near the one π_k that played, and their divergence."""

    reward: tf.Tensor
    """Mean of (π / π_k) A."""
    cost: tf.Tensor
    """Mean of (π / π_k) A_c."""
    kl: tf.Tensor
    """Mean KL(π ‖ π_k)."""


class TrustRegion:
    """An epoch's batch, and the policy as it was when the batch was played."""

    def __init__(self, policy: GaussianPolicy, batch: Batch, config: BaselineConfig):
        self._policy, self._batch, self._config = policy, batch, config
        self._old = fixed(policy(batch.observations))
        self._old_log_likelihood = log_likelihood(self._old, batch.actions)

    def surrogates(self) -> Surrogates:
        """Return the surrogates of the policy as it is now."""
        new = self._policy(self._batch.observations)
        ratio = tf.exp(log_likelihood(new, self._batch.actions) - self._old_log_likelihood)
        return Surrogates(
            tf.reduce_mean(ratio * self._batch.advantages),
            tf.reduce_mean(ratio * self._batch.cost_advantages),
            mean_kl(new, self._old),
        )

    def gradients(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Flat gradients `[parameters]` of the reward's and the cost's surrogate."""
        with tf.GradientTape(persistent=True) as tape:
            surrogates = self.surrogates()
        parameters = self._policy.parameters
        reward = flatten(tape.gradient(surrogates.reward, parameters))
        return reward, flatten(tape.gradient(surrogates.cost, parameters))

    def fisher_product(self, vector: tf.Tensor) -> tf.Tensor:
        """Return (F + damping) v, with F the Hessian of the divergence: the Fisher information."""
        parameters = self._policy.parameters
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                kl = self.surrogates().kl
            slope = tf.reduce_sum(flatten(inner.gradient(kl, parameters)) * vector)
        product = flatten(outer.gradient(slope, parameters))
        return product + self._config.damping * vector

    def natural(self, gradient: tf.Tensor) -> tf.Tensor:
        """Return (F + damping)⁻¹ g by conjugate gradients."""
        return conjugate_gradient(
            self.fisher_product, gradient, self._config.conjugate_gradient_steps
        )

    def search(self, step: tf.Tensor, accept) -> tf.Tensor:
        """Take the longest of ever shorter steps that is accepted; else leave all as it was.

        Args:
            step: flat `[parameters]`.
            accept: whether the `Surrogates` after a step will do.

        Returns:
            The share of the step that was taken, 0 if none was.
        """
        start, share, taken = flatten(self._policy.parameters), 1.0, 0.0
        for _ in tf.range(self._config.backtracks):
            assign(self._policy.parameters, start + share * step)
            if accept(self.surrogates()):
                taken = share
                break
            share *= self._config.backtrack
        if taken == 0.0:
            assign(self._policy.parameters, start)
        return taken


def conjugate_gradient(product, target: tf.Tensor, steps: int) -> tf.Tensor:
    """Solve A x = b for a symmetric positive definite A.

    Args:
        product: v ↦ A v.
        target: b `[n]`.
        steps: at most.
    """
    x, residual, direction = tf.zeros_like(target), target, target
    square = tf.reduce_sum(residual**2)
    for _ in tf.range(steps):
        if square < _SMALL_RESIDUAL:
            break
        image = product(direction)
        length = square / tf.reduce_sum(direction * image)
        x += length * direction
        residual -= length * image
        before, square = square, tf.reduce_sum(residual**2)
        direction = residual + square / before * direction
    return x


def flatten(tensors: list) -> tf.Tensor:
    """Return all entries as one vector."""
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0)


def assign(variables: list[tf.Variable], vector: tf.Tensor) -> None:
    """Invert `flatten`."""
    parts = tf.split(vector, [variable.shape.num_elements() for variable in variables])
    for variable, part in zip(variables, parts, strict=True):
        variable.assign(tf.reshape(part, variable.shape))
