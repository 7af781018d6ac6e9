"""SWAG: a Gaussian posterior over weights from snapshots along training (Appendix C).

Maddox et al. (2019) average the weights that stochastic gradient descent with a cyclic learning
rate passes through; here both moments are weighted exponentially, so that they follow a model that
learns online. It is driven as a callback of the optimiser's step and knows nothing of the model.
"""

import math

import keras
import tensorflow as tf

from la_mbda.randomness import Noise
from la_mbda.settings import SwagConfig, WorldModelConfig


class CyclicLearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """A triangular wave that starts at `base · factor` and meets `base` after `half_period`.

    The phase is that of the authors' published settings.
    """

    def __init__(self, base: float, factor: float, half_period: int):
        self.base, self.factor, self.half_period = base, factor, half_period

    def __call__(self, step):
        phase = tf.cast(step, tf.float32) % (2.0 * self.half_period) / self.half_period
        return self.base * (1.0 + (self.factor - 1.0) * tf.abs(1.0 - phase))

    def get_config(self) -> dict:
        return {"base": self.base, "factor": self.factor, "half_period": self.half_period}


class Swag(tf.Module):
    """The posterior p(θ | D) of some weights.

    The first snapshot is taken at `swag_burn_in` steps and then one each `swag_period`. Until
    `swag_models` snapshots exist, a sample is the current weights themselves.
    """

    def __init__(self, weights, config: SwagConfig):
        """Args: weights: nested structure of the variables that the posterior is about."""
        super().__init__(name="swag")
        self._config = config
        self._weights = weights
        self._shapes = [variable.shape for variable in tf.nest.flatten(weights)]
        size = sum(shape.num_elements() for shape in self._shapes)
        counter = {"dtype": tf.int64, "trainable": False}
        self.steps = tf.Variable(0, name="steps", **counter)
        self.snapshots = tf.Variable(0, name="snapshots", **counter)
        self.weight_sum = tf.Variable(0.0, trainable=False, name="weight_sum")
        self.mean = tf.Variable(tf.zeros([size]), trainable=False, name="mean")
        self.deviation_sum = tf.Variable(tf.zeros([size]), trainable=False, name="deviation_sum")
        self.deviations = tf.Variable(
            tf.zeros([config.swag_models, size]), trainable=False, name="deviations"
        )

    @property
    def variance(self) -> tf.Tensor:
        """Diagonal variance of the flattened weights; 0 before the first snapshot."""
        return tf.math.divide_no_nan(self.deviation_sum, self.weight_sum)

    @property
    def active(self) -> tf.Tensor:
        """Whether samples differ from the current weights."""
        return self.snapshots >= self._config.swag_models

    def learning_rate(self, config: WorldModelConfig) -> CyclicLearningRate:
        """Make a cycle of two periods, in which the weights move from one snapshot to the next."""
        period = self._config.swag_period
        return CyclicLearningRate(config.model_learning_rate, config.cyclic_factor, period)

    def on_step(self) -> None:
        """To be called after each step of the optimiser; takes a snapshot when one is due."""
        since_burn_in = self.steps.assign_add(1) - self._config.swag_burn_in
        due = (since_burn_in >= 0) & (since_burn_in % self._config.swag_period == 0)
        tf.cond(due, self._take_snapshot, lambda: None)

    def sample(self, count: int, noise: Noise):
        """Independent samples of the weights: their structure, with a leading `[count]` axis."""
        flat = tf.cond(
            self.active,
            lambda: self._sample(count, noise),
            lambda: tf.tile(self._flat_weights()[None], [count, 1]),
        )
        sizes = [shape.num_elements() for shape in self._shapes]
        parts = [
            tf.reshape(part, [count, *shape])
            for part, shape in zip(tf.split(flat, sizes, 1), self._shapes, strict=True)
        ]
        return tf.nest.pack_sequence_as(self._weights, parts)

    def _flat_weights(self) -> tf.Tensor:
        return tf.concat([tf.reshape(w, [-1]) for w in tf.nest.flatten(self._weights)], 0)

    def _take_snapshot(self) -> None:
        """Exponentially weighted Welford update, exact from the first snapshot on.

        The authors' recursion starts its moments at zero and does not correct that in its samples.
        """
        decay, weights = self._config.swag_decay, self._flat_weights()
        weight_sum = self.weight_sum.assign(decay * self.weight_sum + 1.0)
        before = weights - self.mean
        mean = self.mean.assign_add(before / weight_sum)
        after = weights - mean
        self.deviation_sum.assign(decay * self.deviation_sum + before * after)
        slot = self.snapshots % self._config.swag_models
        self.deviations.scatter_nd_update([[slot]], after[None])
        self.snapshots.assign_add(1)

    def _sample(self, count: int, noise: Noise) -> tf.Tensor:
        """Half of the covariance is diagonal and half of low rank (Maddox et al., Algorithm 1)."""
        models = self._config.swag_models
        diagonal = tf.sqrt(self.variance / 2.0) * noise.normal(count, self.mean.shape[0])
        low_rank = tf.matmul(noise.normal(count, models), self.deviations)
        low_rank /= math.sqrt(2.0 * (models - 1))
        return self.mean + math.sqrt(self._config.swag_scale) * (diagonal + low_rank)
