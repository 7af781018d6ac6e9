"""Imagined futures of tiny trained runs: the data against the episode, the files, the figures."""

import csv
import json

import numpy as np
import pytest
from toy import tiny_config

from la_mbda.agent import Agent
from la_mbda.cem_mpc import CemMpcAgent
from la_mbda.environments import make_environment
from la_mbda.episodes import play_evaluating
from la_mbda.open_loop import imagine_futures, save_futures
from plotting.posterior import CHOSEN, draw_futures, read_futures


def futures_of(agent, starts=(3, 10), steps=4):
    return imagine_futures(agent, make_environment(agent.config), 5, starts, steps)


def active_agent(kind, algorithm, **overrides):
    agent = kind(tiny_config(algorithm=algorithm, **overrides), (1,), 1)
    agent.posterior.snapshots.assign(agent.config.swag.swag_models)
    posterior = agent.posterior
    posterior.mean.assign(posterior._flat_weights())
    posterior.weight_sum.assign(1.0)
    posterior.deviation_sum.assign(np.full(posterior.mean.shape, 0.1, np.float32))
    return agent


def test_the_real_steps_are_those_that_follow_each_start():
    agent = Agent(tiny_config(), (1,), 1)
    first, second = futures_of(agent)
    agent.evaluation_noise.draws.assign(0)
    episode, _ = play_evaluating(make_environment(agent.config), agent, 5)
    assert (first.start, second.start) == (3, 10)
    for future in (first, second):
        span = slice(future.start + 1, future.start + 5)
        np.testing.assert_array_equal(future.real.observation, episode.observation[span])
        np.testing.assert_array_equal(future.real.action, episode.action[span])
        np.testing.assert_array_equal(future.real.reward, episode.reward[span])
    assert first.images is None
    assert first.rewards.shape == (2, 4)
    assert first.costs.shape == (2, 4, 1)


@pytest.mark.parametrize("algorithm", ["lambda", "greedy_lambda", "unsafe_lambda"])
def test_bounds_choose_the_sample_of_the_largest_value(algorithm):
    future = futures_of(active_agent(Agent, algorithm))[0]
    values = future.policy.values
    assert set(values) == ({"task"} if algorithm == "unsafe_lambda" else {"task", "cost_0"})
    assert values["task"].shape == (2, 4)
    expected = {name: int(value.sum(1).argmax()) for name, value in values.items()}
    assert future.policy.chosen == ({} if algorithm == "greedy_lambda" else expected)
    assert np.abs(future.rewards[0] - future.rewards[1]).max() > 0.01  # Two different worlds.


def test_bounds_choose_by_the_critic_where_the_config_says_so(tmp_path):
    agent = active_agent(Agent, "lambda", bound_by="critic")
    imagined, imagine = [], agent.imagine
    agent.imagine = lambda *args: imagined.append(imagine(*args)) or imagined[-1]
    futures = futures_of(agent)
    for future, trajectories in zip(futures, imagined, strict=True):
        for name, critic in zip(
            ("task", "cost_0"), (agent.task_critic, *agent.safety_critics), strict=True
        ):
            of_states = critic.value(trajectories.features)[:, 0].numpy()
            assert future.policy.chosen[name] == of_states.mean(1).argmax()
            assert future.policy.values[name].shape == (2, 4)  # V_λ all the same.
    save_futures(tmp_path, agent, futures)
    assert json.loads((tmp_path / "futures.json").read_text())["bound_by"] == "critic"
    assert read_futures(tmp_path).bound == CHOSEN["critic"]


def test_saves_what_it_found(tmp_path):
    agent = active_agent(Agent, "lambda")
    futures = futures_of(agent)
    save_futures(tmp_path, agent, futures)
    rows = list(csv.DictReader((tmp_path / "actions.csv").read_text().splitlines()))
    assert [row["sample"] for row in rows[::4]] == ["real", "0", "1"] * 2
    found = [float(row["reward"]) for row in rows if (row["start"], row["sample"]) == ("10", "1")]
    np.testing.assert_allclose(found, futures[1].rewards[1], rtol=1e-6)
    policy = list(csv.DictReader((tmp_path / "policy.csv").read_text().splitlines()))
    values = [row["value_cost_0"] for row in policy if (row["start"], row["sample"]) == ("3", "0")]
    np.testing.assert_allclose(np.float32(values[:4]), futures[0].policy.values["cost_0"][0])
    assert values[4] == ""
    summary = json.loads((tmp_path / "futures.json").read_text())
    assert summary["posterior_active"]
    assert summary["starts"][0]["chosen"] == futures[0].policy.chosen
    assert [path.name for path in draw_futures(tmp_path)] == ["future_3.png", "future_10.png"]


@pytest.mark.parametrize("algorithm", ["lambda", "greedy_lambda", "unsafe_lambda"])
def test_figure_3_reads_what_was_saved(tmp_path, algorithm):
    agent = active_agent(Agent, algorithm)
    futures = futures_of(agent)
    save_futures(tmp_path, agent, futures)
    read = read_futures(tmp_path)
    assert read.active
    assert read.chosen == {future.start: future.policy.chosen for future in futures}
    for future in futures:
        expected, policy = read.expected[future.start], future.policy
        sums = {"return": policy.rewards.cumsum(1), "cost_0": policy.costs[..., 0].cumsum(1)}
        values = {f"value_{name}": value for name, value in policy.values.items()}
        assert expected.keys() == (sums | values).keys()
        for name, table in (sums | values).items():
            np.testing.assert_allclose(expected[name], table, rtol=1e-5, atol=1e-6)


def test_a_planner_has_no_policy_to_follow(tmp_path):
    agent = active_agent(CemMpcAgent, "cem_mpc")
    futures = futures_of(agent)
    assert futures[0].policy is None
    save_futures(tmp_path, agent, futures)
    assert not (tmp_path / "policy.csv").exists()


@pytest.mark.parametrize(
    ("starts", "steps", "message"),
    [
        ((17,), 4, "imagine_at is 17: choose 0 to 16, as the episode has 20 decisions"),
        ((-1,), 4, "imagine_at is -1: choose 0 to 16"),
        ((), 21, "imagine_steps is 21: choose 1 to 20"),
        ((), 0, "imagine_steps is 0: choose 1 to 20"),
    ],
)
def test_what_does_not_fit_the_episode_is_refused(starts, steps, message):
    with pytest.raises(ValueError, match=message):
        futures_of(Agent(tiny_config(), (1,), 1), starts, steps)
