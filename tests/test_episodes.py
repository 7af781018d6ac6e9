"""Playing episodes: what is remembered and summed up is what came."""

import numpy as np
import pytest
from rewriting import Rewriting
from toy import tiny_config

from la_mbda.agent import Agent
from la_mbda.environments import make_environment
from la_mbda.episodes import evaluate, play_exploring, play_random

STEPS = np.arange(6)


def check(episode):
    """Each step holds its own values, and the actions are not what the environment wrote."""
    flat = episode.observation.reshape(6, -1)
    np.testing.assert_array_equal(flat, np.broadcast_to(STEPS[:, None], flat.shape))
    np.testing.assert_array_equal(episode.reward.reshape(-1), STEPS)
    np.testing.assert_array_equal(episode.cost[:, 0], STEPS / 4)
    assert (episode.action[1:] != 0.0).all()
    assert len(np.unique(episode.action[1:], axis=0)) == 5


@pytest.mark.parametrize("kind", ["Vector", "Image"])
def test_arrays_that_an_environment_writes_again_are_copied(kind):
    config = tiny_config(f"gymnasium:Rewriting{kind}-v0")
    env = make_environment(config)
    agent = Agent(config, env.observation_space.shape, 2)
    check(play_random(env, 0, 1).episode)
    check(play_exploring(env, agent, 0).episode)


@pytest.mark.parametrize("image", [False, True])
def test_they_are_copied_of_an_environment_without_wrappers_too(image):
    check(play_random(Rewriting(image), 0, 1).episode)


def test_a_repeated_action_is_the_same_each_time_and_its_costs_are_summed():
    config = tiny_config("gymnasium:RewritingVector-v0", action_repeat=2, episode_steps=40)
    env = make_environment(config)
    inner = env.unwrapped
    given, step = [], inner.step
    inner.step = lambda action: given.append(action.copy()) or step(action)
    env.reset(seed=0)
    *_, info = env.step(np.array([0.25, -0.5], np.float32))
    np.testing.assert_allclose(given, [[0.25, -0.5]] * 2, rtol=1e-6)
    assert info["cost"].tolist() == [0.75]  # Of two steps, in an array that both have written.


def test_environments_that_share_an_array_are_evaluated_apart(monkeypatch):
    """The agent sees of each what that one showed."""
    config = tiny_config("gymnasium:RewritingVector-v0")
    environments = [Rewriting(), Rewriting()]
    environments[1]._state = environments[0]._state  # The second's reset is the last to write it.
    reset = environments[1].reset

    def reset_to_one(**options):
        observation, info = reset(**options)
        observation[:] = 3
        return observation, info

    environments[1].reset = reset_to_one
    agent = Agent(config, (2,), 2)
    seen, act = [], agent.act

    def watch(observations, state, explore):
        seen.append(observations[:, 0].tolist())
        return act(observations, state, explore)

    monkeypatch.setattr(agent, "act", watch)
    played = evaluate(environments, agent, [0, 0])
    assert seen == [[0.0, 3.0], [4.0, 5.0]]
    assert played.returns.tolist() == [10.0, 5.0]
    assert played.cost_returns[:, 0].tolist() == [2.5, 1.25]
