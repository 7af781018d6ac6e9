"""The paper's equations written down once more in float64 NumPy, independent of TensorFlow.

Weights are nested dicts and lists as in `la_mbda`; `numpy_weights` turns one into the other. A draw
of the posterior on a leading axis is taken apart by its index.
"""

import numpy as np
import tensorflow as tf


def numpy_weights(weights, draw=None):
    """float64 copies of nested variables or tensors, or of one draw of them."""

    def copy(weight):
        value = np.asarray(weight.numpy(), np.float64)
        return value if draw is None else value[draw]

    return tf.nest.map_structure(copy, weights)


def relative_error(actual, expected):
    """Largest difference over the largest expected magnitude."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape
    return np.abs(actual - expected).max() / np.abs(expected).max()


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def softplus(x):
    return np.logaddexp(0.0, x)


def elu(x):
    return np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0)))


def dense(layer, x):
    return x @ layer["kernel"] + layer["bias"]


def mlp(layers, x):
    for layer in layers[:-1]:
        x = elu(dense(layer, x))
    return dense(layers[-1], x)


def normal_log_density(x, mean, std):
    return -0.5 * ((x - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2.0 * np.pi)


# The RSSM


def gru(weights, x, h):
    """Gates and candidate of Cho et al. (2014), reset after the recurrent product."""
    update_x, reset_x, new_x = np.split(x @ weights["kernel"] + weights["bias"][0], 3, -1)
    update_h, reset_h, new_h = np.split(h @ weights["recurrent_kernel"] + weights["bias"][1], 3, -1)
    update = sigmoid(update_x + update_h)
    new = np.tanh(new_x + sigmoid(reset_x + reset_h) * new_h)
    return update * h + (1.0 - update) * new


def statistics(weights, hidden):
    """Mean and standard deviation of z."""
    mean, raw = np.split(dense(weights["statistics"], hidden), 2, -1)
    return mean, softplus(raw) + 0.1


def imagine_step(prior, z, h, action, noise):
    x = elu(dense(prior["input"], np.concatenate([action, z], -1)))
    h = gru(prior["gru"], x, h)
    mean, std = statistics(prior, elu(dense(prior["hidden"], h)))
    return mean + std * noise, h, (mean, std)


def observe_step(weights, z, h, action, embedding, noise):
    _, h, prior = imagine_step(weights["prior"], z, h, action, 0.0)
    hidden = elu(dense(weights["posterior"]["hidden"], np.concatenate([h, embedding], -1)))
    mean, std = statistics(weights["posterior"], hidden)
    return mean + std * noise, h, (mean, std), prior


def kl_divergence(q, p):
    """KL(q || p) of diagonal Normals (mean, std), summed over dimensions."""
    ratio = (q[1] / p[1]) ** 2
    return 0.5 * np.sum(ratio + ((q[0] - p[0]) / p[1]) ** 2 - 1.0 - np.log(ratio), -1)


# Acting


def policy_parameters(layers, features, initial_std, minimum_std=1e-4, mean_bound=5.0):
    mean, raw = np.split(mlp(layers, features), 2, -1)
    mean = mean_bound * np.tanh(mean / mean_bound)
    return mean, softplus(raw + np.log(np.expm1(initial_std))) + minimum_std


def squashed_log_probability(mean, std, unsquashed):
    """log p(tanh u) = Σ log N(u; mean, std) − log(1 − tanh² u)."""
    # log(1 − tanh² u) in a form that keeps its digits: 2 (log 2 − u − softplus(−2u)).
    correction = 2.0 * (np.log(2.0) - unsquashed - softplus(-2.0 * unsquashed))
    return np.sum(normal_log_density(unsquashed, mean, std) - correction, -1)


# Values and the constraint


def lambda_values(rewards, next_values, terminals, discount, lambda_):
    """V_λ by its definition, a mixture of n-step returns, for `[…, time]`."""
    length = rewards.shape[-1]
    values = np.zeros_like(rewards)
    for t in range(length):
        reward_sum, survival, weight = 0.0, 1.0, 1.0
        for k in range(t, length):
            reward_sum = reward_sum + survival * rewards[..., k]
            survival = survival * discount * (1.0 - terminals[..., k])
            share = weight * (1.0 - lambda_) if k < length - 1 else weight
            values[..., t] += share * (reward_sum + survival * next_values[..., k])
            weight *= lambda_
    return values


def psi(excess, multiplier, penalty):
    """Eq. 8."""
    total = 0.0
    for g, lam in zip(excess, multiplier, strict=True):
        if lam + penalty * g >= 0.0:
            total += lam * g + 0.5 * penalty * g**2
        else:
            total -= lam**2 / (2.0 * penalty)
    return total
