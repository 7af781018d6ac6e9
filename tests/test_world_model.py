"""The world model: it overfits a batch, and its parts say what they should."""

import numpy as np
import pytest
import tensorflow as tf
from toy import tiny_config

from la_mbda.networks import transposed_convolution
from la_mbda.presets import make_config
from la_mbda.randomness import Noise
from la_mbda.replay import Sequences
from la_mbda.swag import Swag
from la_mbda.world_model import WorldModel


def image_batch(rng):
    """Sequences of a bright bar that moves with the action; its place is rewarded and may cost."""
    batch, length = 4, 10
    action = rng.uniform(-1, 1, (batch, length, 1)).astype(np.float32)
    action[:, 0] = 0
    place = np.clip(32 + 8 * np.cumsum(action[..., 0], 1), 4, 60).astype(int)
    observation = np.full((batch, length, 64, 64, 3), 40, np.uint8)
    for i, j in np.ndindex(batch, length):
        observation[i, j, :, place[i, j] - 4 : place[i, j] + 4] = 220
    reward = (place / 32.0 - 1).astype(np.float32)
    cost = (place > 36).astype(np.float32)[..., None]
    return Sequences(
        *map(tf.constant, (observation, action, reward, cost)),
        tf.zeros((batch, length)),
    )


def test_overfits_one_batch():
    config = tiny_config(
        image_channels=4,
        deterministic_size=48,
        head_units=64,
        model_learning_rate=1e-3,
        free_nats=0.0,
        kl_scale=0.1,
        cost_weight=1.0,
        terminal_head=True,
    )
    model = WorldModel(config, (64, 64, 3), actions=1, seed=0)
    model.learn_with(Swag(model.imagination_weights, config.swag))
    noise = Noise(0, "noise")
    batch = image_batch(np.random.default_rng(0))
    step = tf.function(lambda: model.update(batch, noise)[1])
    first = {name: float(value) for name, value in step().items()}
    for _ in range(400):
        last = step()
    last = {name: float(value) for name, value in last.items()}
    floor = 0.5 * np.log(2 * np.pi)  # −log Normal at its mean, per dimension
    pixels = 64 * 64 * 3
    error = {k: v["observation_loss"] - pixels * floor for k, v in (("a", first), ("b", last))}
    assert error["b"] < 0.15 * error["a"]
    assert last["reward_loss"] - floor < 0.3 * (first["reward_loss"] - floor)
    assert last["cost_loss"] < 0.5 * first["cost_loss"]
    assert last["terminal_loss"] < 0.1 * first["terminal_loss"]


@pytest.mark.parametrize("shape", [(64, 64, 3), (7,)])
def test_reconstructions_have_the_shape_of_observations(shape):
    config = tiny_config()
    model = WorldModel(config, shape, actions=2, seed=0)
    observations = (
        np.random.default_rng(0)
        .integers(0, 255, (5, *shape))
        .astype(np.uint8 if len(shape) == 3 else np.float32)
    )
    assert model.encode(observations).shape[0] == 5
    size = config.model.stochastic_size + config.model.deterministic_size
    assert tuple(model.decode(tf.zeros([5, size])).shape) == (5, *shape)


def test_paper_sizes():
    """The sizes of the paper's model: flat 1,024 embeddings and about 5.8M weights."""
    model = WorldModel(make_config("paper", "PointGoal1"), (64, 64, 3), actions=2, seed=0)
    assert tuple(model.encode(np.zeros((1, 64, 64, 3), np.uint8)).shape) == (1, 1024)
    count = sum(int(tf.size(w)) for w in tf.nest.flatten(model.weights))
    drawn = sum(int(tf.size(w)) for w in tf.nest.flatten(model.imagination_weights))
    assert count == pytest.approx(5.8e6, rel=0.02)
    assert drawn == pytest.approx(1.05e6, rel=0.02)


def test_first_transposed_convolution_is_a_dense_layer():
    model = WorldModel(tiny_config(), (64, 64, 3), actions=1, seed=0)
    first = model.weights["decoder"]["first"]["kernel"]
    x = tf.random.stateless_normal([3, first.shape[1]], [0, 0])
    channels = first.shape[0] // 25
    kernel = tf.reshape(first, [5, 5, channels, -1])
    convolved = tf.nn.conv2d_transpose(
        x[:, None, None], kernel, [3, 5, 5, channels], strides=2, padding="VALID"
    )
    dense = tf.reshape(tf.matmul(x, first, transpose_b=True), convolved.shape)
    np.testing.assert_allclose(dense, convolved, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", [2, 4, 5, 6])
def test_transposed_convolutions_and_their_gradients_are_tensorflows_own(width):
    rng = np.random.default_rng(width)
    x = tf.constant(rng.normal(size=(2, 7, 7, 3)), tf.float32)
    layer = {
        "kernel": tf.constant(rng.normal(size=(width, width, 5, 3)), tf.float32),
        "bias": tf.constant(rng.normal(size=5), tf.float32),
    }
    size = 12 + width
    upstream = tf.constant(rng.normal(size=(2, size, size, 5)), tf.float32)

    def native(layer, x):
        shape = [2, size, size, 5]
        return tf.nn.conv2d_transpose(x, layer["kernel"], shape, 2, "VALID") + layer["bias"]

    found = []
    for convolve in (transposed_convolution, native):
        with tf.GradientTape() as tape:
            tape.watch((layer, x))
            y = convolve(layer, x)
        found.append([y, *tf.nest.flatten(tape.gradient(y, (layer, x), upstream))])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("true", [0.0007, 0.1, 0.9])
def test_calibration_inverts_the_weight_of_unsafe_states(true):
    """A head that minimises the weighted loss says q; calibrated, it says the true p again."""
    config = tiny_config(calibrate_cost=True)
    model, weight = WorldModel(config, (1,), actions=1, seed=0), config.model.cost_weight
    q = weight * true / (1 + (weight - 1) * true)
    head = model.weights["cost"][0]
    head[-1]["kernel"].assign(tf.zeros_like(head[-1]["kernel"]))
    head[-1]["bias"].assign([np.log(q / (1 - q))])
    weights = model.imagination_weights
    probability = model.unsafe_probability(weights, tf.zeros([1, 20]))
    assert float(probability[0, 0]) == pytest.approx(true, rel=1e-3)


def test_unsafe_states_weigh_more():
    model = WorldModel(tiny_config(cost_weight=100.0), (1,), actions=1, seed=0)
    head = model.weights["cost"][0]
    head[-1]["kernel"].assign(tf.zeros_like(head[-1]["kernel"]))
    costs = tf.constant([[[0.0], [0.0], [0.0], [2.0]]])
    loss = model._cost_loss(model.weights, tf.zeros([1, 4, 20]), costs)
    assert float(loss) == pytest.approx(np.log(2) * (3 + 100) / 4, rel=1e-5)
