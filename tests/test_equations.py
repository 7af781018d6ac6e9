"""Each equation against an independent float64 version, on random inputs."""

import numpy as np
import pytest
import reference
import tensorflow as tf
from batches import normal, random_batch, shake
from reference import numpy_weights, relative_error
from toy import tiny_config

from la_mbda import networks, rssm
from la_mbda.actor_critic import log_probability
from la_mbda.agent import Agent
from la_mbda.imagination import Trajectories
from la_mbda.lagrangian import AugmentedLagrangian
from la_mbda.replay import Episode
from la_mbda.settings import LagrangianConfig

TOLERANCE = 1e-5


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def agent():
    """Two constraints, and weights far from the zeros that biases start with."""
    config = tiny_config(cost_budget=(3.0, 1.0), terminal_head=True, reward_std=0.5)
    agent = Agent(config, (6,), 2)
    modules = (agent.model, agent.actor, agent.task_critic, *agent.safety_critics)
    shake([m.weights for m in modules], np.random.default_rng(1))
    shake([c.shadow for c in (agent.task_critic, *agent.safety_critics)], np.random.default_rng(2))
    return agent


@pytest.fixture(params=[False, True], ids=["inside episodes", "over their ends"])
def first(request):
    """Where sequences `[3, 7]` begin with another episode."""
    if not request.param:
        return None
    first = np.zeros((3, 7), bool)
    first[:, 0] = first[0, 3] = first[1, 1] = first[1, 6] = first[2, 3] = True
    return first


def observe_in_numpy(weights, actions, embeddings, noise, first=None):
    """Beliefs, posteriors and priors `[batch, time, …]` of sequences, step by step."""
    h_size = weights["prior"]["gru"]["recurrent_kernel"].shape[0]
    z, h = np.zeros_like(noise[:, 0]), np.zeros((len(noise), h_size))
    steps = []
    for t in range(noise.shape[1]):
        if first is not None:
            z, h = (np.where(first[:, t, None], 0.0, part) for part in (z, h))
        inputs = (actions[:, t], embeddings[:, t], noise[:, t])
        z, h, posterior, prior = reference.observe_step(weights, z, h, *inputs)
        steps.append((z, h, *posterior, *prior))
    return [np.stack(part, 1) for part in zip(*steps, strict=True)]


def test_observing(agent, rng, first):
    inputs = normal(rng, 3, 7, 2), normal(rng, 3, 7, 16), normal(rng, 3, 7, 4)
    weights = agent.model.weights["rssm"]
    start = rssm.initial_belief(agent.config.model, 3)
    actual = rssm.observe(weights, start, *map(tf.constant, inputs), first)
    expected = observe_in_numpy(numpy_weights(weights), *inputs, first)
    for part, value in zip(tf.nest.flatten(actual), expected, strict=True):
        assert relative_error(part, value) < TOLERANCE


def test_imagining_a_step(agent, rng):
    other = rssm.initial_weights(networks.Initializer(rng), agent.config.model, 16, 2)["prior"]
    prior = agent.model.weights["rssm"]["prior"]
    draws = tf.nest.map_structure(lambda *w: tf.stack(w), prior, other)
    z, h, action, noise = (normal(rng, 2, 5, size) for size in (4, 16, 2, 4))
    actual = rssm.imagine_step(
        draws, rssm.Belief(*map(tf.constant, (z, h))), *map(tf.constant, (action, noise))
    )
    for i in range(2):
        weights = numpy_weights(draws, i)
        expected = reference.imagine_step(weights, z[i], h[i], action[i], noise[i])
        assert relative_error(actual.stochastic[i], expected[0]) < TOLERANCE
        assert relative_error(actual.deterministic[i], expected[1]) < TOLERANCE


def test_balanced_kl_and_its_gradients(rng):
    """The value is plain KL; the balance shows in how its gradient is shared out."""
    mean_q, mean_p = normal(rng, 3, 7, 4), normal(rng, 3, 7, 4)
    std_q, std_p = np.exp(0.3 * normal(rng, 2, 3, 7, 4))
    parts = list(map(tf.constant, (mean_q, std_q, mean_p, std_p)))
    with tf.GradientTape() as tape:
        tape.watch(parts)
        posterior, prior = rssm.DiagonalNormal(*parts[:2]), rssm.DiagonalNormal(*parts[2:])
        loss, kl = rssm.balanced_kl(posterior, prior, 0.5, 0.8)
    gradients = tape.gradient(loss, parts)

    mean_q, std_q, mean_p, std_p = (np.float64(part) for part in parts)
    expected = reference.kl_divergence((mean_q, std_q), (mean_p, std_p)).mean()
    assert expected > 0.5
    assert relative_error(loss, expected) < TOLERANCE
    assert relative_error(kl, expected) < TOLERANCE
    gap = mean_q - mean_p
    by_hand = [
        0.2 * gap / std_p**2,
        0.2 * (std_q / std_p**2 - 1.0 / std_q),
        0.8 * -gap / std_p**2,
        0.8 * (1.0 / std_p - (std_q**2 + gap**2) / std_p**3),
    ]
    for gradient, formula in zip(gradients, by_hand, strict=True):
        assert relative_error(gradient, formula / (3 * 7)) < TOLERANCE


def test_the_models_loss(agent, rng, first):
    """Reconstruction, reward, weighted cost and terminal likelihoods and the KL, term by term."""
    batch = random_batch(rng, first=first)
    agent.observe(Episode(*(part[0] for part in batch[:-1])))  # Statistics to standardise by.
    draws = int(agent.update_noise.draws)
    loss, _, metrics = agent.model.loss(batch, agent.update_noise)
    agent.update_noise.draws.assign(draws)
    noise = agent.update_noise.normal(3, 7, 4).numpy()

    weights = numpy_weights(agent.model.weights)
    seen = np.float64(batch.observation[0])
    observations = (batch.observation - seen.mean(0)) / (seen.std(0) + 1e-6)
    embeddings = reference.elu(reference.mlp(weights["encoder"], observations))
    z, h, *statistics = observe_in_numpy(weights["rssm"], batch.action, embeddings, noise, first)
    features = np.concatenate([z, h], -1)
    posterior, prior = statistics[:2], statistics[2:]

    def bernoulli(layers, happened):
        p = reference.sigmoid(reference.mlp(layers, features)[..., 0])
        return np.where(happened, np.log(p), np.log(1.0 - p))

    densities = reference.normal_log_density
    decoded = reference.mlp(weights["decoder"], features)
    reward = 0.5 * reference.mlp(weights["reward"], features)[..., 0]
    unsafe = batch.cost > 0.0
    weighted = sum(
        np.where(unsafe[..., i], 100.0, 1.0) * bernoulli(head, unsafe[..., i])
        for i, head in enumerate(weights["cost"])
    )
    config = agent.config.model
    expected = {
        "observation_loss": -densities(observations, decoded, 1.0).sum(-1).mean(),
        "reward_loss": -densities(batch.reward, reward, 0.5).mean(),
        "cost_loss": -weighted.mean(),
        "terminal_loss": -bernoulli(weights["terminal"], batch.terminal > 0.0).mean(),
        "kl": reference.kl_divergence(posterior, prior).mean(),
    }
    for name, value in expected.items():
        assert relative_error(metrics[name], value) < TOLERANCE, name
    kl = expected.pop("kl")
    total = config.kl_scale * max(kl, config.free_nats) + sum(expected.values())
    assert relative_error(loss, total) < TOLERANCE


def random_trajectories(rng, draws=3, starts=11, time=6):
    shape = (draws, starts, time)
    return Trajectories(
        normal(rng, *shape, 20),
        normal(rng, *shape),
        rng.random((*shape, 2)).astype(np.float32),
        (0.3 * rng.random(shape)).astype(np.float32),
    )


def bound_in_numpy(imagined, signal, critic, discount, lambda_):
    """Algorithm 1: for each start the values of the best draw, and the critic's loss on them."""
    live, shadow = numpy_weights(critic.weights), numpy_weights(critic.shadow)

    def values(draw, start, weights):
        of_states = reference.mlp(weights, np.float64(imagined.features[draw, start]))[:, 0]
        rows = np.float64(signal[draw, start])[:-1], of_states[1:]
        terminals = np.float64(imagined.terminals[draw, start])[:-1]
        return reference.lambda_values(*rows, terminals, discount, lambda_), of_states

    bounds, losses, chosen = [], [], []
    draws, starts = signal.shape[:2]
    for start in range(starts):
        of_draws = [values(draw, start, live) for draw in range(draws)]
        best = int(np.argmax([v.sum() for v, _ in of_draws]))
        targets, _ = values(best, start, shadow)
        bounds.append(of_draws[best][0])
        losses.append(0.5 * (of_draws[best][1][:-1] - targets) ** 2)
        chosen.append(best)
    return np.array(bounds), np.mean(losses), chosen


def test_upper_bounds_over_draws(agent, rng):
    """Task and each constraint choose on their own, by their own critic, discount and λ."""
    imagined = random_trajectories(rng)
    behaviour = agent.config.behaviour
    tensors = Trajectories(*map(tf.constant, imagined))
    objectives = [
        (
            agent.bound_task(tensors),
            (imagined.rewards, agent.task_critic, behaviour.discount, behaviour.return_lambda),
        )
    ]
    for i, critic in enumerate(agent.safety_critics):
        settings = (behaviour.cost_discount, behaviour.cost_return_lambda)
        objectives.append(
            (agent.bound_safety(tensors, i), (imagined.costs[..., i], critic, *settings))
        )
    choices = []
    for actual, arguments in objectives:
        values, loss, chosen = bound_in_numpy(imagined, *arguments)
        assert relative_error(actual.values, values) < TOLERANCE
        assert relative_error(actual.critic_loss, loss) < TOLERANCE
        choices.append(chosen)
    assert len({tuple(chosen) for chosen in choices}) == 3
    assert all(len(set(chosen)) > 1 for chosen in choices)


@pytest.mark.parametrize("constraints", [1, 3])
def test_augmented_lagrangian(constraints, rng):
    penalty = 0.05
    config = LagrangianConfig((1.0,) * constraints, 0.4, penalty, 0.01)
    lagrangian, multiplier = AugmentedLagrangian(config), np.full(constraints, 0.4)
    inactive = 0
    for _ in range(40):
        excess = 10.0 * normal(rng, constraints)
        inactive += (multiplier + penalty * excess < 0.0).sum()
        expected = reference.psi(np.float64(excess), multiplier, penalty)
        assert float(lagrangian.psi(excess)) == pytest.approx(expected, rel=TOLERANCE, abs=1e-6)
        lagrangian.update(excess)
        multiplier = np.maximum(0.0, multiplier + penalty * excess)
        penalty = max(penalty, min(1.0, penalty * 1.01))
        np.testing.assert_allclose(lagrangian.multiplier, multiplier, rtol=TOLERANCE, atol=1e-6)
        assert float(lagrangian.penalty) == pytest.approx(penalty, rel=TOLERANCE)
    assert 0 < inactive < 40 * constraints


def test_squashed_normal(agent, rng):
    features, noise = normal(rng, 50, 20), normal(rng, 50, 2)
    std0 = agent.config.behaviour.actor_initial_std
    mean, std = reference.policy_parameters(numpy_weights(agent.actor.weights), features, std0)
    unsquashed = mean + std * noise
    assert (
        relative_error(
            agent.actor.sample(*map(tf.constant, (features, noise))), np.tanh(unsquashed)
        )
        < TOLERANCE
    )
    # Where tanh is not yet flat; the density of actions of exactly ±1 has no digits in float32.
    inputs = [x.astype(np.float32) for x in (mean, std, unsquashed)]
    expected = reference.squashed_log_probability(*map(np.float64, inputs))
    assert relative_error(log_probability(*inputs), expected) < TOLERANCE


def test_the_policy_is_held_between_its_bounds(rng):
    bounds = {"actor_initial_std": 0.7, "actor_minimum_std": 0.3, "actor_mean_bound": 1.0}
    actor = Agent(tiny_config(**bounds), (6,), 2).actor
    shake([actor.weights], np.random.default_rng(1))
    features, noise = normal(rng, 50, 20), normal(rng, 50, 2)
    mean, std = reference.policy_parameters(
        numpy_weights(actor.weights), features, *bounds.values()
    )
    assert 0.9 < abs(mean).max() < 1.0
    assert 0.3 < std.min() < 0.5
    actions = actor.sample(*map(tf.constant, (features, noise)))
    assert relative_error(actions, np.tanh(mean + std * noise)) < TOLERANCE


def test_the_mode_is_the_most_likely_sample(agent, rng):
    features, noise = normal(rng, 9, 20), normal(rng, 30, 1, 2)
    std0 = agent.config.behaviour.actor_initial_std
    mean, std = reference.policy_parameters(numpy_weights(agent.actor.weights), features, std0)
    samples = mean + std * noise
    best = reference.squashed_log_probability(mean, std, samples).argmax(0)
    expected = np.tanh(samples[best, np.arange(9)])
    assert (
        relative_error(agent.actor.mode(*map(tf.constant, (features, noise))), expected) < TOLERANCE
    )
    assert len(set(best)) > 1
