"""The cyclic rate, SWAG's moments and the statistics of its draws."""

import numpy as np
import pytest
import tensorflow as tf

from la_mbda.randomness import Noise
from la_mbda.settings import SwagConfig
from la_mbda.swag import CyclicLearningRate, Swag


def posterior(weights, **settings):
    config = SwagConfig(**{"swag_burn_in": 2, "swag_period": 3, "swag_models": 4} | settings)
    return Swag(weights, config)


def run(weights, swag, stream):
    for values in stream:
        weights.assign(values)
        swag.on_step()


def test_cyclic_rate_is_golden(golden):
    case = golden["cyclic_learning_rate"]
    rate = CyclicLearningRate(case["base"], case["factor"], case["step_size"])
    rates = [float(rate(step)) for step in case["steps"]]
    np.testing.assert_allclose(rates, case["rates"], rtol=1e-5)


def test_snapshots_come_at_the_burn_in_and_then_each_period():
    weights = tf.Variable([0.0])
    swag = posterior(weights)
    counts = []
    for _ in range(9):
        swag.on_step()
        counts.append(int(swag.snapshots))
    assert counts == [0, 1, 1, 1, 2, 2, 2, 3, 3]


def test_constant_weights_have_no_variance_from_the_first_snapshot_on():
    weights = {"a": tf.Variable([[1.5, -2.0]]), "b": tf.Variable([3.0])}
    swag = posterior(weights, swag_burn_in=1, swag_period=1)
    for _ in range(6):
        swag.on_step()
        np.testing.assert_array_equal(swag.variance, np.zeros(3))
        np.testing.assert_array_equal(swag.mean, [1.5, -2.0, 3.0])
    draws = swag.sample(7, Noise(0, "noise"))
    np.testing.assert_array_equal(draws["a"], np.tile([[[1.5, -2.0]]], [7, 1, 1]))
    np.testing.assert_array_equal(draws["b"], np.full((7, 1), 3.0))


def test_until_enough_snapshots_exist_a_draw_is_the_current_weights():
    weights = tf.Variable([0.0, 0.0])
    swag = posterior(weights, swag_burn_in=1, swag_period=1)
    run(weights, swag, [[1.0, 2.0], [2.0, 5.0], [3.0, 1.0]])
    np.testing.assert_array_equal(swag.sample(2, Noise(0, "noise")), [[3.0, 1.0]] * 2)
    run(weights, swag, [[4.0, 0.0]])
    assert np.std(swag.sample(9, Noise(0, "noise")), axis=0).min() > 0


def test_moments_and_draws_match_their_expectation():
    """Weighted moments in plain NumPy; draws have the mean and the covariance of the estimator."""
    decay, models, size = 0.8, 4, 3
    stream = np.random.default_rng(0).normal(size=(11, size)).astype(np.float32)
    weights = tf.Variable(stream[0])
    swag = posterior(weights, swag_burn_in=1, swag_period=1, swag_decay=decay)
    run(weights, swag, stream)

    importance = decay ** np.arange(len(stream))[::-1]
    mean = np.average(stream, axis=0, weights=importance)
    variance = np.average((stream - mean) ** 2, axis=0, weights=importance)
    np.testing.assert_allclose(swag.mean, mean, rtol=1e-4)
    np.testing.assert_allclose(swag.variance, variance, rtol=1e-4)

    deviations = []
    for count in range(len(stream) - models + 1, len(stream) + 1):
        at = np.average(stream[:count], axis=0, weights=decay ** np.arange(count)[::-1])
        deviations.append(stream[count - 1] - at)
    low_rank = np.array(deviations).T
    covariance = np.diag(variance) / 2 + low_rank @ low_rank.T / (2 * (models - 1))
    draws = swag.sample(100_000, Noise(3, "noise")).numpy()
    np.testing.assert_allclose(draws.mean(0), mean, atol=0.02)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.02)


def test_scale_stretches_the_covariance():
    weights = tf.Variable([0.0])
    stream = [[0.0], [1.0], [-1.0], [2.0]]
    deviations = []
    for scale in (1.0, 4.0):
        swag = posterior(weights, swag_burn_in=1, swag_period=1, swag_scale=scale)
        run(weights, swag, stream)
        deviations.append(float(np.std(swag.sample(5_000, Noise(0, "noise")))))
    assert deviations[1] == pytest.approx(2 * deviations[0], rel=1e-4)
