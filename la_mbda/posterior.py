"""What an agent asks of the posterior over its world model's weights, and a few samples of one."""

import functools
from typing import Protocol

import keras
import tensorflow as tf

from la_mbda.randomness import Noise
from la_mbda.settings import WorldModelConfig


class Posterior(Protocol):
    """p(θ | D) over the weights that imagining uses; a `tf.Module`, so that checkpoints hold it.

    `Swag` is LAMBDA's. Another one is made by overriding `ModelBasedAgent.make_posterior`.
    """

    @property
    def active(self) -> tf.Tensor:
        """Whether samples differ from the current weights, a bool scalar."""

    def learning_rate(
        self, config: WorldModelConfig
    ) -> float | keras.optimizers.schedules.LearningRateSchedule:
        """Return what the world model's optimiser is to use."""

    def on_step(self) -> None:
        """Follow a step of that optimiser, inside the compiled update."""

    def sample(self, count: int, noise: Noise) -> dict:
        """Independent samples of the weights: their structure, with a leading `[count]` axis."""


class StoredSamples(tf.Module):
    """Some samples of a posterior in its place: a tenth of its size, for agents that only act."""

    def __init__(self, weights: dict, count: int):
        """Args:
        weights: nested structure of the variables that the posterior is about.
        count: how many samples there are.
        """
        super().__init__(name="stored_samples")
        self.count = count
        # Not the weights themselves, which checkpoints would then hold too.
        self._pack = functools.partial(tf.nest.pack_sequence_as, weights)
        self.active = tf.constant(True)
        self.values = [
            tf.Variable(tf.zeros([count, *variable.shape]), trainable=False)
            for variable in tf.nest.flatten(weights)
        ]

    def assign(self, samples: dict) -> None:
        """Store samples, each with a leading `[count]` axis."""
        for variable, value in zip(self.values, tf.nest.flatten(samples), strict=True):
            variable.assign(value)

    def sample(self, count: int, noise: Noise) -> dict:
        """Return `count` of the samples, chosen at random without replacement."""
        chosen = tf.argsort(noise.normal(self.count))[:count]
        values = [tf.gather(variable, chosen) for variable in self.values]
        return self._pack(values)

    def learning_rate(self, config: WorldModelConfig) -> float:
        """Return the learning rate without a cycle, as no snapshots are taken."""
        return config.model_learning_rate

    def on_step(self) -> None:
        """Leave the samples as they are: they are of the weights that were trained."""
