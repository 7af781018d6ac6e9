"""What an agent asks of the posterior over its world model's weights."""

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
