"""Imagined trajectories, the choice among posterior draws, and where gradients may flow."""

import numpy as np
import pytest
import tensorflow as tf
from toy import tiny_config

from la_mbda.agent import Agent
from la_mbda.imagination import Trajectories, imagine, upper_bound
from la_mbda.rssm import Belief


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
        task = agent._bound_task(imagined)
        loss = -tf.reduce_mean(task.values)
    critic = tf.nest.flatten(agent.task_critic.weights)
    actor = tf.nest.flatten(agent.actor.weights)
    assert all(g is not None for g in tape.gradient(task.critic_loss, critic))
    assert all(g is not None for g in tape.gradient(loss, actor))
    shadow = tf.nest.flatten(agent.task_critic.shadow)
    assert all(g is None for g in tape.gradient(task.critic_loss, shadow))
