"""Algorithms and a logger of one's own, as a user would write them."""

from typing import ClassVar

import tensorflow as tf

from la_mbda.agent import Agent
from la_mbda.randomness import Noise


class Cautious(Agent):
    """LAMBDA whose actor counts every cost ten times."""

    def actor_loss(self, task, excess):
        return super().actor_loss(task, 10.0 * excess)


class Snapshots(tf.Module):
    """A posterior of the last two sets of weights, each drawn with even chances."""

    def __init__(self, weights):
        super().__init__(name="snapshots")
        self._weights = weights
        self._kept = [tf.nest.map_structure(tf.Variable, weights) for _ in range(2)]
        self.steps = tf.Variable(0, trainable=False, name="steps")

    @property
    def active(self):
        return self.steps >= 2

    def learning_rate(self, config):
        return config.model_learning_rate

    def on_step(self):
        old, new = self._kept
        for before, after, now in zip(
            *map(tf.nest.flatten, (old, new, self._weights)), strict=True
        ):
            before.assign(after)
            after.assign(now)
        self.steps.assign_add(1)

    def sample(self, count: int, noise: Noise):
        second = noise.normal(count) > 0.0

        def choose(old, new):
            shape = [count] + [1] * len(old.shape)
            return tf.where(tf.reshape(second, shape), new[None], old[None])

        return tf.nest.map_structure(choose, *self._kept)


class Ensembled(Agent):
    """LAMBDA with that posterior in place of SWAG."""

    def make_posterior(self):
        return Snapshots(self.model.imagination_weights)


class Kept:
    """A logger that keeps what it is given."""

    made: ClassVar[list["Kept"]] = []

    def __init__(self, config, path):
        self.of = config, path
        self.numbers, self.closed = [], []
        self.made.append(self)

    def log(self, stream, env_steps, values):
        self.numbers += [(f"{stream}/{name}", env_steps, value) for name, value in values.items()]

    def close(self, score):
        self.closed.append(score)
