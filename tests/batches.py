"""Random weights and batches for equations that are checked against NumPy."""

import numpy as np
import tensorflow as tf

from la_mbda.replay import Sequences


def shake(weights, rng):
    """Moves weights far from where they begin."""
    for variable in tf.nest.flatten(weights):
        variable.assign_add(0.2 * normal(rng, *variable.shape))


def normal(rng, *shape):
    """Standard normal numbers, float32."""
    return rng.normal(size=shape).astype(np.float32)


def random_batch(rng, batch=3, time=7, first=None):
    """Sequences of vectors of 6 with 2 actions and 2 costs."""
    return Sequences(
        normal(rng, batch, time, 6),
        rng.uniform(-1, 1, (batch, time, 2)).astype(np.float32),
        normal(rng, batch, time),
        (rng.random((batch, time, 2)) < 0.3).astype(np.float32),
        (rng.random((batch, time)) < 0.3).astype(np.float32),
        first,
    )
