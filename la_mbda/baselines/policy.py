"""The Gaussian policy and the value functions of the baselines."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from la_mbda import networks
from la_mbda.baselines import rollouts
from la_mbda.settings import BaselineConfig

ADAM_EPSILON = 1e-8


class GaussianPolicy(tf.Module):
    """π(a | o) = Normal(MLP(o), σ), where σ does not depend on o."""

    def __init__(self, config: BaselineConfig, observations: int, actions: int, seed: int):
        super().__init__(name="policy")
        initializer = networks.Initializer(np.random.default_rng(seed))
        self.weights = initializer.mlp(
            observations, config.baseline_units, config.baseline_layers, actions
        )
        self.log_std = tf.Variable(tf.fill([actions], config.initial_log_std), name="log_std")
        self.parameters = [*tf.nest.flatten(self.weights), self.log_std]

    def __call__(self, observations: tf.Tensor) -> tfd.Normal:
        """Return the distribution of actions `[batch, actions]`."""
        return tfd.Normal(self.mean(observations), tf.exp(self.log_std))

    def mean(self, observations: tf.Tensor) -> tf.Tensor:
        """Mean actions `[batch, actions]`."""
        return networks.mlp(self.weights, observations, tf.tanh)

    def numpy(self) -> rollouts.Policy:
        """Return the same policy for processes without TensorFlow."""
        layers = [(layer["kernel"].numpy(), layer["bias"].numpy()) for layer in self.weights]
        return rollouts.Policy(layers, self.log_std.numpy())


def fixed(distribution: tfd.Normal) -> tfd.Normal:
    """Return the same distribution without gradient: a policy as it was."""
    return tfd.Normal(tf.stop_gradient(distribution.loc), tf.stop_gradient(distribution.scale))


def log_likelihood(distribution: tfd.Normal, actions: tf.Tensor) -> tf.Tensor:
    """Log density `[batch]` of actions `[batch, actions]`."""
    return tf.reduce_sum(distribution.log_prob(actions), -1)


def mean_kl(new: tfd.Normal, old: tfd.Normal) -> tf.Tensor:
    """Return KL(new ‖ old), mean over the batch: the direction that Ray et al. (2019) bound."""
    return tf.reduce_mean(tf.reduce_sum(tfd.kl_divergence(new, old), -1))


class Values(tf.Module):
    """The values of reward and cost: an MLP for each, fitted by full-batch steps of Adam."""

    def __init__(self, config: BaselineConfig, observations: int, seed: int):
        super().__init__(name="values")
        self._steps = config.value_steps
        initializer = networks.Initializer(np.random.default_rng(seed))
        self.weights = [
            initializer.mlp(observations, config.baseline_units, config.baseline_layers, 1)
            for _ in ("reward", "cost")
        ]
        self.optimizer = keras.optimizers.Adam(config.value_learning_rate, epsilon=ADAM_EPSILON)
        self.optimizer.build(tf.nest.flatten(self.weights))
        signature = [tf.TensorSpec([None, observations]), tf.TensorSpec([None, 2])]
        self._evaluate = tf.function(self._evaluate, input_signature=signature[:1])
        self._fit = tf.function(self._fit, input_signature=signature)

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        """Values of reward and cost `[batch, 2]` of observations `[batch, size]`."""
        return self._evaluate(tf.constant(observations)).numpy()

    def fit(self, observations: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Fit both to targets `[batch, 2]`; return the mean squared errors before the fit."""
        losses = self._fit(tf.constant(observations), tf.constant(targets)).numpy()
        return {"value_loss": float(losses[0]), "cost_value_loss": float(losses[1])}

    def _evaluate(self, observations: tf.Tensor) -> tf.Tensor:
        values = [networks.mlp(weights, observations, tf.tanh) for weights in self.weights]
        return tf.concat(values, -1)

    def _fit(self, observations: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        variables, first = tf.nest.flatten(self.weights), tf.zeros([2])
        for step in tf.range(self._steps):
            with tf.GradientTape() as tape:
                losses = tf.reduce_mean((self._evaluate(observations) - targets) ** 2, 0)
            self.optimizer.apply(tape.gradient(losses, variables), variables)
            if step == 0:
                first = losses
        return first
