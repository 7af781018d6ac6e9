"""How an epoch's costs stand to the budget, and the Lagrangian baselines' penalty on them."""

import math
from typing import NamedTuple

import keras
import tensorflow as tf

from la_mbda.baselines.policy import ADAM_EPSILON
from la_mbda.settings import BaselineConfig


class Constraint(NamedTuple):
    """The constraint as an epoch's episodes found it."""

    excess: float
    """Mean cost of an episode minus the budget."""
    length: float
    """Mean length of an episode, in decisions."""


class Penalty(tf.Module):
    """A multiplier softplus(p); p ascends p · excess by Adam (Ray et al. 2019)."""

    def __init__(self, config: BaselineConfig):
        super().__init__(name="penalty")
        raw = math.log(math.expm1(config.initial_cost_penalty))
        self.raw = tf.Variable(raw, dtype=tf.float32, name="raw")
        self.optimizer = keras.optimizers.Adam(
            config.cost_penalty_learning_rate, epsilon=ADAM_EPSILON
        )
        self.optimizer.build([self.raw])

    def __call__(self) -> tf.Tensor:
        """Return the multiplier, a positive scalar."""
        return tf.nn.softplus(self.raw)

    def update(self, excess: float) -> None:
        """Make one step, for the excess of an epoch's `Constraint`."""
        self.optimizer.apply([tf.constant(-excess, tf.float32)], [self.raw])
