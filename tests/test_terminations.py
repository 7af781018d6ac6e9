"""Tasks whose failures end episodes early: what is learnt from those, and what is said of them."""

import warnings

import numpy as np
import pytest
import rewriting  # noqa: F401
import tensorflow as tf
from toy import LOOP, TINY, tiny_config
from toy_runs import check_stops

from la_mbda.agent import Agent, starting_beliefs
from la_mbda.config import ALGORITHMS, BASELINES
from la_mbda.environments import make_environment
from la_mbda.episodes import play_random
from la_mbda.imagination import follow
from la_mbda.presets import make_config
from la_mbda.replay import Sequences
from la_mbda.rssm import Belief
from la_mbda.runs.folder import RunFolder, run_path
from la_mbda.training import Trainer

TASK = "gymnasium:Failing-v0"
SIZES = {name: value for name, value in TINY.items() if name != "sequence_length"}
EPISODE = {"action_repeat": 1, "episode_steps": 40, "random_steps": 100, "env_steps": 200}


def played(config, count):
    env = make_environment(config)
    return [play_random(env, seed, 1).episode for seed in range(count)]


@pytest.mark.parametrize("preset", ["quick", "cpu"])
def test_what_a_failure_is_like_is_learnt_from_short_episodes(preset):
    """All are short here; the model foretells reward, cost and end of safe and failing actions."""
    config = make_config(preset, TASK, **SIZES | EPISODE, model_learning_rate=3e-3)
    agent = Agent(config, (1,), 1)
    episodes = [e for e in played(config, 80) if e.steps < config.training.sequence_length]
    assert len(episodes) > 70
    assert sum(e.terminal.sum() for e in episodes) == sum(e.cost.sum() for e in episodes)
    for episode in episodes:
        agent.observe(episode)
    for _ in range(600):
        metrics = agent.pretrain()
    steps = sum(episode.steps for episode in episodes)
    costs = sum(episode.cost.sum() for episode in episodes)
    batch = agent.replay.sample(2_000)
    assert batch.cost.mean() == pytest.approx(costs / steps, rel=0.1)
    assert batch.terminal.mean() == pytest.approx(costs / steps, rel=0.1)
    assert all(np.isfinite(value) for value in metrics.values())

    _, state = agent.act(np.zeros((2, 1), np.float32), agent.initial_state(2), explore=False)
    actions = tf.constant([[[-0.5]], [[0.9]]])  # A safe one and one that fails.
    draws = agent.sample_models(agent.update_noise)
    features = follow(draws, state.belief, actions, agent.update_noise)
    reward, cost, end = (
        tf.reduce_mean(head(draws, features), 0).numpy()
        for head in (agent.model.reward, agent.model.cost, agent.model.terminal)
    )
    assert reward[0, 0] > 0.5
    assert reward[1, 0] < -0.3
    assert cost[0, 0, 0] < 0.2
    assert cost[1, 0, 0] > 0.4
    assert end[0, 0] < 0.2
    assert end[1, 0] > 0.4


@pytest.mark.parametrize("task", [TASK, "gymnasium:RewritingImage-v0"])
def test_a_full_update_learns_from_short_episodes(task):
    config = tiny_config(task)
    env = make_environment(config)
    agent = Agent(config, env.observation_space.shape, env.action_space.shape[0])
    for episode in played(config, 20):
        agent.observe(episode)
    for _ in range(3):
        metrics = agent.update()
    assert all(np.isfinite(value) for value in metrics.values())
    assert metrics["real_cost_0"] > 0.05


def test_nothing_is_imagined_from_terminal_states():
    rng = np.random.default_rng(0)
    terminal = rng.random((4, 6)) < 0.3
    numbers = np.arange(24, dtype=np.float32).reshape(4, 6, 1)  # A belief's parts say which it is.
    beliefs = Belief(tf.constant(numbers), tf.constant(np.tile(numbers + 100, 3)))
    parts = (None, None, None, None, tf.constant(terminal.astype(np.float32)))
    batch = Sequences(*parts, first=tf.zeros((4, 6), tf.bool))
    starts = starting_beliefs(beliefs, batch)
    assert starts.stochastic.shape == (24, 1)
    assert starts.deterministic.shape == (24, 3)
    found = starts.stochastic[:, 0].numpy()
    assert set(found) == set(numbers[~terminal][:, 0])
    assert np.unique(found, return_counts=True)[1].max() == 2
    np.testing.assert_array_equal(starts.deterministic[:, 0], found + 100)
    inside = starting_beliefs(beliefs, batch._replace(first=None))
    np.testing.assert_array_equal(inside.stochastic, numbers.reshape(24, 1))


def test_a_run_with_short_episodes_goes_on_from_where_it_was_stopped(tmp_path):
    config = tiny_config(TASK, **LOOP)
    check_stops(Trainer, config, tmp_path, moments=(9, 30, 4))


@pytest.mark.parametrize("preset", ["paper", "cpu", "quick"])
def test_own_tasks_learn_terminal_states_by_default(preset):
    for algorithm in set(ALGORITHMS) - set(BASELINES):
        assert make_config(preset, TASK, algorithm).model.terminal_head
        assert not make_config(preset, TASK, algorithm, terminal_head=False).model.terminal_head
        of_sg6 = make_config(preset, "PointGoal1", algorithm).model.terminal_head
        assert of_sg6 == (preset == "paper")


@pytest.mark.parametrize(
    ("algorithm", "head", "message"),
    [
        ("lambda", False, r"terminal_head is off.* give --terminal-head"),
        ("cem_mpc", True, "cem_mpc plans as if.* choose lambda"),
    ],
)
def test_terminations_that_are_not_learnt_are_said_once(tmp_path, algorithm, head, message):
    config = tiny_config(TASK, algorithm, terminal_head=head)
    trainer = Trainer(config, RunFolder(run_path(tmp_path, config), config))
    failed = [episode for episode in played(config, 30) if episode.terminal.any()]
    assert len(failed) > 1
    with pytest.warns(UserWarning, match=message) as told:
        list(map(trainer._remember, failed))
    assert len(told) == 1
    assert "gymnasium:Failing-v0 ended by itself (terminated)" in str(told[0].message)


@pytest.mark.parametrize("head", [False, True])
def test_nothing_is_said_where_there_is_nothing_to_say(tmp_path, head):
    """Of episodes that end by time, and of terminations that are learnt."""
    config = tiny_config(TASK if head else "gymnasium:Toy-v0", terminal_head=head)
    trainer = Trainer(config, RunFolder(run_path(tmp_path, config), config))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for episode in played(config, 10):
            trainer._remember(episode)
