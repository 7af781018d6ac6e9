"""Named random streams, all derived from a run's one seed and all of them restorable."""

import zlib

import numpy as np
import tensorflow as tf


def derive_seed(seed: int, *names: str | int) -> int:
    """A 32-bit seed for the stream of these names, independent of every other stream's."""
    key = [zlib.crc32(str(name).encode()) for name in names]
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0])


class Noise(tf.Module):
    """Standard normal numbers from a stateless Philox stream: a seed and the count of draws.

    The same numbers come out eagerly, in a graph and compiled by XLA, which TensorFlow's stateful
    generators do not promise.
    """

    def __init__(self, seed: int, name: str):
        super().__init__(name=name)
        self._seed = tf.constant(seed, tf.int64)
        self.draws = tf.Variable(0, dtype=tf.int64, trainable=False, name="draws")

    def normal(self, *shape: int) -> tf.Tensor:
        """Fresh float32 numbers of this shape."""
        count = self.draws.assign_add(1)
        return tf.random.stateless_normal(shape, tf.stack([self._seed, count]), alg="philox")
