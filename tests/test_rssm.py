"""KL balancing against golden values, and the recurrences against Keras and each other."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from la_mbda import networks, rssm
from la_mbda.settings import WorldModelConfig

CONFIG = WorldModelConfig(deterministic_size=6, stochastic_size=3, rssm_units=5)
STATISTICS = ("posterior_mean", "posterior_stddev", "prior_mean", "prior_stddev")


@pytest.fixture
def weights():
    initializer = networks.Initializer(np.random.default_rng(0))
    return rssm.initial_weights(initializer, CONFIG, embedding=4, actions=2)


def random(*shape):
    return tf.random.stateless_normal(shape, [1, sum(shape)])


@pytest.mark.parametrize("case", [0, 1])
def test_balanced_kl_is_golden(golden, case):
    case = golden["balanced_kl"][case]
    parts = [tf.constant(case[name]) for name in STATISTICS]
    with tf.GradientTape() as tape:
        tape.watch(parts)
        posterior, prior = rssm.DiagonalNormal(*parts[:2]), rssm.DiagonalNormal(*parts[2:])
        loss, kl = rssm.balanced_kl(posterior, prior, case["free_nats"], case["mix"])
    assert float(loss) == pytest.approx(case["loss"], rel=1e-5)
    assert float(kl) == pytest.approx(case["kl"], rel=1e-5, abs=1e-7)
    for gradient, name in zip(tape.gradient(loss, parts), STATISTICS, strict=True):
        expected = case["grads"][name]
        gradient = np.zeros_like(expected) if gradient is None else gradient
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


def test_gru_is_that_of_keras():
    initializer = networks.Initializer(np.random.default_rng(0))
    weights = initializer.gru(4, 6)
    weights["bias"].assign(random(2, 18))
    cell = keras.layers.GRUCell(6, reset_after=True)
    cell.build((3, 4))
    cell.set_weights([weights[name] for name in ("kernel", "recurrent_kernel", "bias")])
    x, state = random(3, 4), random(3, 6)
    expected, _ = cell(x, [state])
    np.testing.assert_allclose(networks.gru(weights, x, state), expected, rtol=1e-5, atol=1e-6)


def test_sequence_is_step_by_step(weights):
    actions, embeddings, noise = random(2, 5, 2), random(2, 5, 4), random(2, 5, 3)
    start = rssm.initial_belief(CONFIG, 2)
    inference = rssm.observe(weights, start, actions, embeddings, noise)
    belief = start
    for t in range(5):
        projected = rssm.project(weights, embeddings[:, t])
        belief, posterior = rssm.observe_step(
            weights, belief, actions[:, t], projected, noise[:, t]
        )
        np.testing.assert_allclose(inference.beliefs.features[:, t], belief.features, rtol=1e-5)
        np.testing.assert_allclose(inference.posterior.mean[:, t], posterior.mean, rtol=1e-5)


def test_draws_on_a_leading_axis_are_separate_models(weights):
    other = rssm.initial_weights(
        networks.Initializer(np.random.default_rng(1)), CONFIG, embedding=4, actions=2
    )
    draws = tf.nest.map_structure(lambda *w: tf.stack(w), weights["prior"], other["prior"])
    belief = rssm.Belief(random(2, 7, 3), random(2, 7, 6))
    action, noise = random(2, 7, 2), random(2, 7, 3)
    both = rssm.imagine_step(draws, belief, action, noise)
    for i, prior in enumerate((weights["prior"], other["prior"])):
        one = rssm.imagine_step(
            prior, rssm.Belief(*(part[i] for part in belief)), action[i], noise[i]
        )
        np.testing.assert_allclose(both.features[i], one.features, rtol=1e-5, atol=1e-6)
