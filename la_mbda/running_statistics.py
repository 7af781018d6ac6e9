"""Statistics of everything seen so far: moments of vector observations, the scale of costs."""

import numpy as np
import tensorflow as tf

CLIP = 10.0


class Normalizer(tf.Module):
    """Running mean and variance of vector observations (Chan et al. 1979, parallel form)."""

    def __init__(self, size: int):
        super().__init__(name="normalizer")
        self.count = tf.Variable(0.0, trainable=False, name="count")
        self.mean = tf.Variable(tf.zeros([size]), trainable=False, name="mean")
        self.squares = tf.Variable(tf.zeros([size]), trainable=False, name="squares")

    def update(self, observations: np.ndarray) -> None:
        """Take in observations `[batch, size]`."""
        observations = observations.astype(np.float64)
        count, mean = float(self.count.numpy()), self.mean.numpy().astype(np.float64)
        difference = observations.mean(0) - mean
        total = count + len(observations)
        squares = observations.var(0) * len(observations)
        squares += difference**2 * count * len(observations) / total
        self.count.assign(total)
        self.mean.assign(mean + difference * len(observations) / total)
        self.squares.assign_add(squares.astype(np.float32))

    def __call__(self, observations: tf.Tensor) -> tf.Tensor:
        """Standardised and clipped observations `[…, size]`."""
        std = tf.sqrt(self.squares / tf.maximum(self.count, 1.0)) + 1e-6
        return tf.clip_by_value((observations - self.mean) / std, -CLIP, CLIP)


class CostScale(tf.Module):
    """What an unsafe decision costs, per constraint.

    Costs of 0 or 1 per simulator step (Safety Gym's) cost a decision up to `action_repeat`, which
    is the paper's scale. Any other costs are learnt as the indicator "cost > 0", scaled by the mean
    of the positive costs seen.
    """

    def __init__(self, constraints: int, action_repeat: int):
        super().__init__(name="cost_scale")
        self._action_repeat = float(action_repeat)
        self.binary = tf.Variable(tf.ones([constraints], tf.bool), trainable=False, name="binary")
        self.count = tf.Variable(tf.zeros([constraints]), trainable=False, name="count")
        self.sum = tf.Variable(tf.zeros([constraints]), trainable=False, name="sum")

    def update(self, costs: np.ndarray) -> None:
        """Take in costs `[batch, constraints]` of decisions."""
        counts = (costs >= 0) & (costs == np.round(costs)) & (costs <= self._action_repeat)
        self.binary.assign(self.binary.numpy() & counts.all(0))
        self.count.assign_add((costs > 0).sum(0).astype(np.float32))
        self.sum.assign_add(np.where(costs > 0, costs, 0).sum(0).astype(np.float32))

    def __call__(self) -> tf.Tensor:
        """Return the scale `[constraints]`."""
        mean = tf.math.divide_no_nan(self.sum, self.count)
        return tf.where(self.binary, self._action_repeat, mean)
