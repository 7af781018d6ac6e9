"""Each variant differs from LAMBDA where it should, under two posterior draws made by hand.

Draw 0 of the world rewards 1 and costs with a probability of 0.9 everywhere, draw 1 rewards 3 and
costs with 0.1.
"""

import numpy as np
import pytest
import tensorflow as tf
from toy import LEARNING, tiny_config

from la_mbda.agent import Agent
from la_mbda.environments import make_environment
from la_mbda.episodes import play_random
from la_mbda.rssm import Belief

REWARDS, PROBABILITIES = (1.0, 3.0), (0.9, 0.1)


def make_agent(algorithm):
    """Critics that say 0: values then are what is predicted, and nothing else."""
    settings = LEARNING | {"discount": 0.9, "terminal_head": False}
    agent = Agent(tiny_config(algorithm=algorithm, **settings), (1,), 1)
    for critic in (agent.task_critic, *agent.safety_critics):
        for variable in tf.nest.flatten(critic.weights[-1]):
            variable.assign(tf.zeros_like(variable))
    return agent


def hand_made_draws(agent, rewards=REWARDS, probabilities=PROBABILITIES):
    draws = tf.nest.map_structure(lambda w: tf.stack([w, w]), agent.model.imagination_weights)
    logits = np.log(np.divide(probabilities, np.subtract(1.0, probabilities)))
    for head, values in ((draws["reward"], rewards), (draws["cost"][0], logits)):
        head[-1]["kernel"] = tf.zeros_like(head[-1]["kernel"])
        head[-1]["bias"] = tf.constant(values, tf.float32, [2, 1])
    return draws


def imagined_by(agent, draws):
    starts = Belief(tf.random.stateless_normal([6, 4], [0, 0]), tf.zeros([6, 16]))
    return agent.imagine(draws, starts, agent.update_noise)


def values_of(signal, discount):
    """V_λ `[time − 1]` of a constant signal where the critic says 0 and nothing is terminal."""
    values, value = [], 0.0
    for _ in range(4):
        value = signal + discount * 0.95 * value
        values.append(value)
    return values[::-1]


@pytest.mark.parametrize(
    ("algorithm", "reward", "probability"),
    [("lambda", 3.0, 0.9), ("unsafe_lambda", 3.0, None), ("greedy_lambda", 2.0, 0.5)],
)
def test_which_draw_is_learnt_from(algorithm, reward, probability):
    """Optimism takes draw 1, pessimism draw 0; greedy takes the mean of both for both."""
    agent = make_agent(algorithm)
    imagined = imagined_by(agent, hand_made_draws(agent))
    np.testing.assert_allclose(imagined.rewards[:, 0, 0], REWARDS, rtol=1e-6)
    np.testing.assert_allclose(imagined.costs[:, 0, 0, 0], PROBABILITIES, rtol=1e-6)
    task = agent.bound_task(imagined)
    np.testing.assert_allclose(task.values[2], values_of(reward, 0.9), rtol=1e-5)
    assert len(agent.safety_critics) == (probability is not None)
    if probability is not None:
        safety = agent.bound_safety(imagined, 0)
        np.testing.assert_allclose(safety.values[2], values_of(probability, 0.5), rtol=1e-5)


def test_greedy_values_the_average_trajectory_not_the_average_of_values():
    agent = Agent(tiny_config(algorithm="greedy_lambda"), (1,), 1)
    imagined = imagined_by(agent, hand_made_draws(agent))  # The draws differ by their noise too.
    values = agent.bound_task(imagined).values
    of_average = agent.values_of_samples(imagined.average(), "values")["task"]
    average_of = tf.reduce_mean(agent.values_of_samples(imagined, "values")["task"], 0)
    np.testing.assert_allclose(values, of_average, rtol=1e-5)
    assert np.abs(values - average_of).max() > 1e-4


@pytest.mark.parametrize("algorithm", ["lambda", "greedy_lambda", "unsafe_lambda"])
def test_costs_move_the_actor_unless_it_is_unsafe(algorithm):
    """An actor's gradient as costs, predicted from the features, are and are not below budget."""
    agent = make_agent(algorithm)
    agent.lagrangian.multiplier.assign([1.0])
    weights = tf.nest.flatten(agent.actor.weights)

    def gradient(cost_kernel):
        draws = hand_made_draws(agent)
        head = draws["cost"][0][-1]
        head["kernel"] = cost_kernel * tf.ones_like(head["kernel"])
        agent.update_noise.draws.assign(0)
        with tf.GradientTape() as tape:
            imagined = imagined_by(agent, draws)
            safety = [agent.bound_safety(imagined, i) for i in range(len(agent.safety_critics))]
            loss = agent.actor_loss(agent.bound_task(imagined), agent.excess(safety))
        return np.concatenate([np.ravel(g) for g in tape.gradient(loss, weights)])

    moved = np.abs(gradient(1.0) - gradient(0.0)).max()
    assert moved == 0.0 if algorithm == "unsafe_lambda" else moved > 1e-6


def test_unsafe_records_costs_and_leaves_the_multiplier_alone():
    agent = make_agent("unsafe_lambda")
    agent.observe(play_random(make_environment(agent.config), 0, 1).episode)
    metrics = agent.update()
    assert 0.0 < metrics["real_cost_0"] < 1.0
    assert metrics["imagined_cost_0"] > 0.0
    assert agent.lagrangian.multiplier[0] == np.float32(LEARNING["initial_multiplier"])
    assert not any("safety_critic" in variable.name for variable in agent.variables)
