"""The agent on a toy task whose optimum is known, with and without a constraint."""

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from toy import BEST_ACTION, LEARNING, tiny_config

from la_mbda.agent import Agent
from la_mbda.environments import make_environment
from la_mbda.episodes import evaluate, play_random
from la_mbda.settings import BOUND_RULES


def trained_agent(algorithm, updates, watch=None):
    """An agent that has learnt from random episodes of the toy task."""
    config = tiny_config(algorithm=algorithm, **LEARNING)
    env = make_environment(config)
    agent = Agent(config, env.observation_space.shape, 1)
    for seed in range(30):
        agent.observe(play_random(env, seed, 1).episode)
    for _ in range(150):
        agent.pretrain()
    for _ in range(updates):
        metrics = agent.update()
        if watch is not None:
            watch.append(metrics)
    return agent, evaluate([make_environment(config)], agent, [0])


def test_without_a_constraint_the_actor_finds_the_best_action():
    agent, played = trained_agent("unsafe_lambda", 500)
    assert played.returns[0] > 19.0  # of 20; a = 1 and a = 0 give 15
    assert agent.safety_critics == []
    state, observation = agent.initial_state(1), np.zeros((1, 1), np.float32)
    for _ in range(5):
        observation, state = agent.act(observation, state, explore=False)
    assert float(observation[0, 0]) == pytest.approx(BEST_ACTION, abs=0.25)


@pytest.mark.parametrize("algorithm", ["lambda", "greedy_lambda"])
def test_under_a_constraint_the_multiplier_rises_and_the_policy_ends_feasible(algorithm):
    watch = []
    _, played = trained_agent(algorithm, 400, watch)
    violated = [m["multiplier_0"] for m in watch if m["safety_bound_0"] > 0.2]
    assert len(violated) > 10
    first = next(i for i, m in enumerate(watch) if m["safety_bound_0"] < 0.2)
    multipliers = [m["multiplier_0"] for m in watch]
    assert multipliers[first] > 10 * LEARNING["initial_multiplier"]
    assert np.diff(multipliers[:first]).min() > 0
    assert played.cost_returns[0, 0] == 0.0
    assert played.returns[0] > 10.0  # a = 0 gives 15, a = −0.25 gives 9


def test_the_rule_of_the_bound_reaches_the_update():
    """From the same beliefs, draws and noise, no rule's bounds are above those of `values`."""
    found = {}
    for rule in BOUND_RULES:
        agent = Agent(tiny_config(bound_by=rule), (1,), 1)
        agent.observe(play_random(make_environment(agent.config), 0, 1).episode)
        found[rule] = agent.update()
    by_values, by_critic = found["values"], found["critic"]
    assert by_values["imagined_reward"] == by_critic["imagined_reward"]
    for bound in ("task_bound", "safety_bound_0"):
        assert by_values[bound] > by_critic[bound] + 1e-4


def test_acting_depends_on_the_seed_and_the_state_alone():
    first, second, other = (Agent(tiny_config(seed=seed), (1,), 1) for seed in (0, 0, 1))
    observation = np.ones((2, 1), np.float32)
    actions = [
        agent.act(observation, agent.initial_state(2), explore=True)[0]
        for agent in (first, second, other)
    ]
    np.testing.assert_array_equal(actions[0], actions[1])
    assert not np.array_equal(actions[0], actions[2])


def test_evaluating_does_not_touch_the_noise_of_training():
    agent = Agent(tiny_config(), (1,), 1)
    observation = np.ones((1, 1), np.float32)
    before = int(agent.acting_noise.draws)
    agent.act(observation, agent.initial_state(1), explore=False)
    assert int(agent.acting_noise.draws) == before


def test_shadows_follow_at_their_interval():
    agent = Agent(tiny_config(shadow_interval=3), (1,), 1)
    critic = agent.task_critic
    live, shadow = critic.weights[0]["kernel"], critic.shadow[0]["kernel"]
    np.testing.assert_array_equal(live, shadow)
    live.assign_add(tf.ones_like(live))
    equal = []
    for _ in range(3):
        agent._copy_to_shadows()
        equal.append(np.array_equal(live, shadow))
    assert equal == [False, False, True]


def test_one_multiplier_and_critic_for_each_constraint():
    class Costly(gymnasium.Wrapper):
        def step(self, action):
            observation, reward, terminated, truncated, info = self.env.step(action)
            info["cost"] = np.array([info["cost"], 0.0, 0.25])
            return observation, reward, terminated, truncated, info

    config = tiny_config(cost_budget=(1.0, 2.0, 3.0))
    env = Costly(make_environment(config))
    agent = Agent(config, (1,), 1)
    for seed in range(3):
        agent.observe(play_random(env, seed, 3).episode)
    metrics = agent.update()
    assert len(agent.safety_critics) == 3
    assert {f"multiplier_{i}" for i in range(3)} <= set(metrics)
    np.testing.assert_allclose(agent.model.cost_scale(), [1.0, 1.0, 0.25])
    assert all(np.isfinite(value) for value in metrics.values())
