"""Named random streams, all derived from a run's one seed and all of them restorable."""

import math
import zlib

import numpy as np
import tensorflow as tf


def derive_seed(seed: int, *names: str | int) -> int:
    """Return a 32-bit seed for the stream of these names, independent of every other stream's."""
    key = [zlib.crc32(str(name).encode()) for name in names]
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0])


class Noise(tf.Module):
    """Standard normal numbers from a stateless Philox stream: a seed and the count of draws.

    The same numbers come out eagerly, in a graph and compiled by XLA. For TensorFlow's own normal
    numbers that does not hold, and on a CPU they take longer: only the random bits are its own.
    """

    def __init__(self, seed: int, name: str):
        super().__init__(name=name)
        self._seed = tf.constant(seed, tf.int64)
        self.draws = tf.Variable(0, dtype=tf.int64, trainable=False, name="draws")

    def normal(self, *shape: int) -> tf.Tensor:
        """Fresh float32 numbers of this shape (Box and Muller 1958)."""
        size = math.prod(shape)
        bits = tf.random.stateless_uniform(
            [2, (size + 1) // 2],
            tf.stack([self._seed, self.draws.assign_add(1)]),
            minval=None,
            maxval=None,
            dtype=tf.uint32,
            alg="philox",
        )
        # The upper 24 bits, which float32 holds exactly, and never 0.
        upper = tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32)
        first, second = tf.unstack((upper + 0.5) * 2.0**-24)
        radius, angle = tf.sqrt(-2.0 * tf.math.log(first)), 2.0 * math.pi * second
        pairs = tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], 0)
        return tf.reshape(pairs[:size], shape)
