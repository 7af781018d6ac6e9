"""Imagined trajectories, the choice among posterior draws, and where gradients may flow."""

import numpy as np
import pytest
import tensorflow as tf
from toy import tiny_config

from la_mbda.agent import Agent
from la_mbda.imagination import Trajectories, imagine, upper_bound
from la_mbda.rssm import Belief
from la_mbda.settings import BOUND_RULES


def trajectories():
    """Two draws, two starts, three steps: draw 0 rewards start 0 more, draw 1 costs it more."""
    rewards = np.float32([[[5, 5, 0], [1, 1, 0]], [[2, 2, 0], [3, 3, 0]]])
    costs = np.float32([[[1, 1, 0], [6, 6, 0]], [[4, 4, 0], [2, 2, 0]]])
    features = np.arange(24, dtype=np.float32).reshape(2, 2, 3, 2)
    return Trajectories(
        *map(tf.constant, (features, rewards, costs[..., None], np.zeros((2, 2, 3), np.float32)))
    )


def test_bounds_choose_for_each_start_and_objective_apart():
    imagined = trajectories()
    np.testing.assert_array_equal(upper_bound(imagined.rewards), [0, 1])
    np.testing.assert_array_equal(upper_bound(imagined.costs[..., 0]), [1, 0])
    chosen = imagined.choose(tf.constant([0, 1]))
    np.testing.assert_array_equal(chosen.rewards, [[5, 5, 0], [3, 3, 0]])
    np.testing.assert_array_equal(chosen.features[0], imagined.features[0, 0])
    np.testing.assert_array_equal(chosen.features[1], imagined.features[1, 1])


# Two draws, two starts, three steps, and what a critic says of them. From start 0, draw 0 is
# rewarded for what v does not know of, and draw 1 is where v is large. From start 1, v is largest
# in s_1 of draw 0, which no V_λ contains, and in s_3 of draw 1, which every V_λ contains.
SIGNALS = np.float32([[[1, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]])
OF_STATES = np.float32([[[0, 0, 0], [3, 0, 0]], [[1, 1, 0], [0, 0, 2]]])
CHOSEN = {"values": [0, 1], "critic": [1, 0]}
# V_λ of the chosen draws for γ = λ = 1/2: V(2) = r_2 + v(3)/2, V(1) = r_1 + v(2)/4 + V(2)/4.
VALUES = {"values": [[1.25, 1.0], [0.25, 1.0]], "critic": [[0.25, 0.0], [0.0, 0.0]]}


@pytest.mark.parametrize("rule", BOUND_RULES)
def test_the_rules_of_the_bound_choose_apart(rule):
    halves = ("discount", "return_lambda", "cost_discount", "cost_return_lambda")
    agent = Agent(tiny_config(bound_by=rule, **dict.fromkeys(halves, 0.5)), (1,), 1)
    for critic in (agent.task_critic, *agent.safety_critics):
        critic._evaluate = lambda _, features: features[..., 0]  # The first one says what v is.
    nothing = np.zeros_like(SIGNALS)
    parts = np.stack([OF_STATES, nothing], -1), SIGNALS, SIGNALS[..., None], nothing
    imagined = Trajectories(*map(tf.constant, parts))
    for bound in (agent.bound_task(imagined), agent.bound_safety(imagined, 0)):
        np.testing.assert_allclose(bound.values, VALUES[rule])
    for values in agent.values_of_samples(imagined, rule).values():
        np.testing.assert_array_equal(upper_bound(values), CHOSEN[rule])


def test_greedy_averages_over_draws():
    average = trajectories().average()
    np.testing.assert_array_equal(average.rewards, [[3.5, 3.5, 0], [2, 2, 0]])
    np.testing.assert_array_equal(average.costs[..., 0], [[2.5, 2.5, 0], [4, 4, 0]])


@pytest.fixture(scope="module")
def agent():
    return Agent(tiny_config(), (1,), 1)


def imagined_by(agent, policy, horizon=4):
    draws = agent.posterior.sample(3, agent.update_noise)
    starts = Belief(tf.random.stateless_normal([6, 4], [0, 0]), tf.zeros([6, 16]))
    return draws, imagine(agent.model, draws, policy, starts, horizon, 1, agent.update_noise)


def test_shapes(agent):
    _, imagined = imagined_by(agent, agent.actor.sample)
    shapes = [tuple(part.shape) for part in imagined]
    assert shapes == [(3, 6, 4, 20), (3, 6, 4), (3, 6, 4, 1), (3, 6, 4)]


def test_rewards_pull_on_the_actor_through_the_dynamics(agent):
    variables = tf.nest.flatten(agent.actor.weights)
    with tf.GradientTape() as tape:
        _, imagined = imagined_by(agent, agent.actor.sample)
        reward = tf.reduce_mean(imagined.rewards)
    gradients = tape.gradient(reward, variables)
    assert all(gradient is not None for gradient in gradients)
    assert float(tf.linalg.global_norm(gradients)) > 0


def test_no_gradient_through_what_the_policy_is_conditioned_on(agent):
    """The first reward moves with the first action alone, the policy's features do not carry it."""
    shift = tf.Variable(0.0)
    seen = []

    def policy(features, noise):
        seen.append(features)
        return tf.tanh(noise) + (shift if len(seen) == 1 else 0.0)

    with tf.GradientTape() as tape:
        imagined_by(agent, policy)
        later = tf.add_n([tf.reduce_sum(features) for features in seen[1:]])
    assert tape.gradient(later, shift) is None


def test_each_loss_reaches_its_own_weights(agent):
    """The critic learns from its loss, the actor from its own; targets pass no gradient on."""
    with tf.GradientTape(persistent=True) as tape:
        _, imagined = imagined_by(agent, agent.actor.sample)
        task = agent.bound_task(imagined)
        loss = -tf.reduce_mean(task.values)
    critic = tf.nest.flatten(agent.task_critic.weights)
    actor = tf.nest.flatten(agent.actor.weights)
    assert all(g is not None for g in tape.gradient(task.critic_loss, critic))
    assert all(g is not None for g in tape.gradient(loss, actor))
    shadow = tf.nest.flatten(agent.task_critic.shadow)
    assert all(g is None for g in tape.gradient(task.critic_loss, shadow))
