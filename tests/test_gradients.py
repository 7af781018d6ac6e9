"""The actor's gradient against finite differences, and which loss may move which weights."""

import numpy as np
import pytest
import reference
import tensorflow as tf
from batches import normal, random_batch, shake
from graph import moved_by
from reference import numpy_weights
from toy import tiny_config

from la_mbda.agent import Agent
from la_mbda.rssm import Belief

SAMPLES, STARTS, HORIZON = 2, 6, 5


def make_agent(algorithm="lambda", **settings):
    """An agent whose posterior is active, with weights away from the zeros of biases."""
    settings = {"terminal_head": True, "actor_initial_std": 0.7} | settings
    constraint = {"cost_budget": (0.0,), "initial_multiplier": 0.3, "initial_penalty": 0.1}
    config = tiny_config(algorithm=algorithm, **constraint, **settings)
    agent = Agent(config, (6,), 2)
    modules = (agent.model, agent.actor, agent.task_critic, *agent.safety_critics)
    for i, module in enumerate(modules):
        shake(module.weights, np.random.default_rng(i))
    for critic in (agent.task_critic, *agent.safety_critics):
        critic.copy_to_shadow()
    rng = np.random.default_rng(9)
    while not agent.posterior.active:
        shake(agent.model.imagination_weights, rng)
        agent.posterior.on_step()
    return agent


class ImaginedLoss:
    """The actor's loss as a float64 function of the actor's weights, by the paper's equations.

    What the policy is conditioned on and the chosen draws stay those of the weights at the start,
    unless `conditioned_anew`.
    """

    def __init__(self, agent, draws, starts, action_noise, belief_noise):
        self._agent = agent
        self._draws = [numpy_weights(draws, i) for i in range(SAMPLES)]
        self._starts = [np.float64(part) for part in starts]
        self._noise = np.float64(action_noise), np.float64(belief_noise)
        self._seen, self._chosen = None, {}

    def __call__(self, actor, conditioned_anew=False):
        seen = None if conditioned_anew else self._seen
        rollouts = [
            self._imagine(i, actor, None if seen is None else seen[i]) for i in range(SAMPLES)
        ]
        if self._seen is None:
            self._seen = [rollout["seen"] for rollout in rollouts]
        behaviour = self._agent.config.behaviour
        task = self._bound(
            rollouts, "reward", self._agent.task_critic, behaviour.discount, behaviour.return_lambda
        )
        cost = self._bound(
            rollouts,
            "cost",
            self._agent.safety_critics[0],
            behaviour.cost_discount,
            behaviour.cost_return_lambda,
        )
        weights = behaviour.discount ** np.arange(HORIZON - 1)
        lagrangian = self._agent.lagrangian
        excess = [cost.mean() - self._agent.config.lagrangian.cost_budget[0]]
        multiplier, penalty = np.float64(lagrangian.multiplier), float(lagrangian.penalty)
        return -(weights * task).mean() + reference.psi(excess, multiplier, penalty)

    def _imagine(self, draw, actor, seen):
        weights, (z, h) = self._draws[draw], self._starts
        std0 = self._agent.config.behaviour.actor_initial_std
        features, conditions = [], []
        for t in range(HORIZON):
            condition = np.concatenate([z, h], -1) if seen is None else seen[t]
            mean, std = reference.policy_parameters(actor, condition, std0)
            action = np.tanh(mean + std * self._noise[0][t, draw])
            noise = self._noise[1][t, draw]
            z, h, _ = reference.imagine_step(weights["prior"], z, h, action, noise)
            features.append(np.concatenate([z, h], -1))
            conditions.append(condition)
        features = np.stack(features, 1)

        def head(layers):
            return reference.mlp(layers, features)[..., 0]

        return {
            "seen": conditions,
            "features": features,
            "reward": head(weights["reward"]),
            "cost": reference.sigmoid(head(weights["cost"][0])),
            "terminal": reference.sigmoid(head(weights["terminal"])),
        }

    def _bound(self, rollouts, signal, critic, discount, lambda_):
        critic = numpy_weights(critic.weights)
        values = np.stack(
            [
                reference.lambda_values(
                    rollout[signal][:, :-1],
                    reference.mlp(critic, rollout["features"])[:, 1:, 0],
                    rollout["terminal"][:, :-1],
                    discount,
                    lambda_,
                )
                for rollout in rollouts
            ]
        )
        chosen = self._chosen.setdefault(signal, values.sum(-1).argmax(0))
        return values[chosen, np.arange(STARTS)]


def test_the_actors_gradient_is_that_of_finite_differences():
    agent = make_agent()
    rng = np.random.default_rng(3)
    draws = agent.sample_models(agent.update_noise)
    starts = Belief(tf.constant(normal(rng, STARTS, 4)), tf.constant(normal(rng, STARTS, 16)))
    count = int(agent.update_noise.draws)
    weights = agent.behaviour_weights()
    with tf.GradientTape() as tape:
        imagined = agent.imagine(draws, starts, agent.update_noise)
        task, safety = agent.bound_task(imagined), [agent.bound_safety(imagined, 0)]
        loss = agent.actor_loss(task, agent.excess(safety))
    actor = tf.nest.flatten(agent.actor.weights)
    gradient = [np.float64(part) for part in tape.gradient(loss, actor)]

    agent.update_noise.draws.assign(count)
    noise = [agent.update_noise.normal(HORIZON, SAMPLES, STARTS, size) for size in (2, 4)]
    by_hand = ImaginedLoss(agent, draws, starts, *noise)
    values = numpy_weights(agent.actor.weights)
    assert by_hand(values) == pytest.approx(float(loss), rel=1e-5)
    assert len(set(by_hand._chosen["reward"])) == 2
    assert float(agent.excess(safety)[0]) > 0.0
    assert len(weights) > len(actor)

    def slope(direction, **how):
        """The loss's central difference along a direction of the weights."""
        ends = []
        for step in (1e-5, -1e-5):
            moved = [w + step * d for w, d in zip(tf.nest.flatten(values), direction, strict=True)]
            ends.append(by_hand(tf.nest.pack_sequence_as(values, moved), **how))
        return (ends[0] - ends[1]) / 2e-5

    norm = np.sqrt(sum((part**2).sum() for part in gradient))
    uphill = [part / norm for part in gradient]
    assert slope(uphill) == pytest.approx(norm, rel=1e-3)
    for _ in range(5):
        direction = [rng.normal(size=part.shape) for part in gradient]
        expected = sum((g * d).sum() for g, d in zip(gradient, direction, strict=True))
        assert slope(direction) == pytest.approx(expected, rel=1e-3, abs=1e-3 * norm)
    # The gradient would be another if it flowed through what the policy is conditioned on.
    assert slope(uphill, conditioned_anew=True) != pytest.approx(norm, rel=0.02)


def learnt(agent, batches=2):
    """The agent after some updates on fixed batches."""
    rng = np.random.default_rng(4)
    for _ in range(batches):
        batch = random_batch(rng)
        batch = batch._replace(cost=batch.cost[..., : len(agent.config.lagrangian.cost_budget)])
        agent.learn(batch)
    return agent


def assert_same(first, second):
    for one, other in zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True):
        np.testing.assert_array_equal(one, other)


def differ(first, second):
    pairs = zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True)
    return any(not np.array_equal(one, other) for one, other in pairs)


def test_the_world_model_learns_from_its_own_loss_alone():
    whole, alone = make_agent(), make_agent()
    rng = np.random.default_rng(4)
    batch = random_batch(rng)._replace(cost=np.zeros((3, 7, 1), np.float32))
    whole.learn(batch)
    alone.learn_model(batch)
    assert_same(whole.model.weights, alone.model.weights)


def silence(loss, agent, monkeypatch):
    """Takes one of the losses that Figure 13 shows out of the update."""
    if loss == "actor loss":
        actor_loss = agent.actor_loss
        monkeypatch.setattr(agent, "actor_loss", lambda *bounds: 0.0 * actor_loss(*bounds))
    elif loss == "critic losses":
        bound = agent._bound

        def silent_bound(*arguments):
            found = bound(*arguments)
            return found._replace(critic_loss=0.0 * found.critic_loss)

        monkeypatch.setattr(agent, "_bound", silent_bound)
    else:
        model_loss = agent.model.loss

        def silent_model_loss(*arguments):
            value, *rest = model_loss(*arguments)
            return 0.0 * value, *rest

        monkeypatch.setattr(agent.model, "loss", silent_model_loss)


def weights_of_figure_13(agent):
    """The agent's weights by the figure's nodes."""
    model = agent.model.weights
    return {
        "encoder": model["encoder"],
        "rssm": model["rssm"],
        "heads": [model[name] for name in ("decoder", "reward", "cost", "terminal")],
        "actor": agent.actor.weights,
        "critics": [critic.weights for critic in (agent.task_critic, *agent.safety_critics)],
    }


@pytest.mark.parametrize("loss", ["model loss", "actor loss", "critic losses"])
def test_each_loss_moves_what_figure_13_shows(loss, monkeypatch):
    """One update, in which no snapshot is due: what the model learns cannot yet be imagined."""
    plain, silent = make_agent(), make_agent()
    silence(loss, silent, monkeypatch)
    usual, silenced = (weights_of_figure_13(learnt(agent, 1)) for agent in (plain, silent))
    assert {name for name in usual if differ(usual[name], silenced[name])} == moved_by(loss)


def test_greedy_differs_only_in_how_draws_are_joined():
    """With a single draw there is nothing to join, and both do the same."""
    agents = [learnt(make_agent(name, posterior_samples=1)) for name in ("lambda", "greedy_lambda")]
    for part in ("model", "actor", "task_critic"):
        assert_same(*(getattr(agent, part).weights for agent in agents))
    assert_same(*(agent.safety_critics[0].weights for agent in agents))
    agents = [learnt(make_agent(name)) for name in ("lambda", "greedy_lambda")]
    assert differ(*(agent.actor.weights for agent in agents))


def test_unsafe_differs_only_by_the_constraint():
    """One update: the model and the task critic are LAMBDA's, the actor is freed of Ψ."""
    safe, unsafe = (learnt(make_agent(name), 1) for name in ("lambda", "unsafe_lambda"))
    assert_same(safe.model.weights, unsafe.model.weights)
    assert_same(safe.task_critic.weights, unsafe.task_critic.weights)
    assert differ(safe.actor.weights, unsafe.actor.weights)
    assert unsafe.safety_critics == []
    assert float(unsafe.lagrangian.penalty) == np.float32(0.1)
