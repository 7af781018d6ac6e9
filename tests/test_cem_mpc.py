"""CEM-MPC against known optima: on linear models, with and without a bound on the cost."""

import numpy as np
import pytest
import tensorflow as tf
from toy import BEST_ACTION, LEARNING, LOOP, tiny_config
from toy_runs import StopAt, lines

from la_mbda.algorithms import make_agent
from la_mbda.api import load_agent, train
from la_mbda.cem_mpc import CemMpcAgent, Scores, choose_elites, fit, judge, search
from la_mbda.environments import make_environment
from la_mbda.episodes import evaluate, play_random
from la_mbda.randomness import Noise
from la_mbda.runs.folder import STREAMS, RunFolder, run_path
from la_mbda.settings import PlannerConfig
from la_mbda.training import Trainer

PRECISE = PlannerConfig(planner_horizon=3, candidates=300, planner_stop_std=0.01, elites=15)


def linear_model(goals, bound=np.inf, seen=None, offset=0.0):
    """Positions s' = s + a from 0, rewards −(s − goal)², costs max(s) + offset."""

    def score(candidates):
        positions = tf.cumsum(candidates, axis=2)[..., 0]
        distances = positions - tf.constant(goals)[:, None, None]
        scores = Scores(
            -tf.reduce_sum(distances**2, -1), tf.reduce_max(positions, -1) + offset - bound
        )
        if seen is not None:
            seen.append((candidates.numpy(), scores.excess.numpy()))
        return scores

    return score


def plan(score, environments=1, settings=PRECISE):
    return search(score, settings, environments, 1, Noise(3, "noise"))


def test_finds_the_optimum_of_a_linear_model_for_each_environment():
    found, _ = plan(linear_model([0.4, -0.7, 1.8]), 3)
    expected = [[0.4, 0, 0], [-0.7, 0, 0], [1, 0.8, 0]]
    np.testing.assert_allclose(found.actions[..., 0], expected, atol=0.08)
    assert found.feasible.numpy().all()


def test_ends_at_the_bound_on_the_cost_and_never_beyond():
    """The goal lies at 0.8, the bound at 0.3; without it, it goes to the goal."""
    seen = []
    found, _ = plan(linear_model([0.8], bound=0.3, seen=seen))
    assert max(excess.max() for _, excess in seen[:3]) > 0.0  # There were some to reject.
    positions = np.cumsum(found.actions[0, :, 0])
    assert positions.max() < 0.3
    np.testing.assert_allclose(positions, [0.3, 0.3, 0.3], atol=0.06)
    assert found.feasible.numpy().all()


def test_takes_the_least_cost_where_no_candidate_is_feasible():
    """The largest of three positions is smallest with a = −1 first, whatever the reward."""
    found, _ = plan(linear_model([0.8], bound=0.0, offset=5.0))
    assert not found.feasible.numpy().any()
    assert float(found.merit[0]) == pytest.approx(-4.0, abs=0.05)
    assert float(found.actions[0, 0, 0]) == pytest.approx(-1.0, abs=0.05)


def test_elites_are_feasible_ones_only_even_if_they_are_few():
    candidates = tf.reshape(tf.range(10, dtype=tf.float32), [2, 5, 1, 1])
    returns = tf.constant([[9.0, 1.0, 3.0, 2.0, 8.0], [1.0, 5.0, 4.0, 3.0, 2.0]])
    excess = tf.constant([[0.1, -0.1, -0.2, 0.0, 0.3], [0.4, 0.3, 0.2, 0.1, 0.5]])
    elites = choose_elites(candidates, Scores(returns, excess), 3)
    np.testing.assert_array_equal(elites.taken, [[1, 1, 0], [1, 1, 1]])
    np.testing.assert_array_equal(elites.actions[0, :2, 0, 0], [2, 1])  # Best return first.
    np.testing.assert_array_equal(elites.actions[1, :, 0, 0], [8, 7, 6])  # Least excess first.
    np.testing.assert_array_equal(elites.feasible, [True, False])
    np.testing.assert_allclose(elites.merit, [3.0, -0.1])
    mean, std = fit(elites)
    np.testing.assert_allclose(mean[:, 0, 0], [1.5, 7.0])
    np.testing.assert_allclose(std[:, 0, 0], [0.5, np.sqrt(2 / 3)], rtol=1e-6)


def test_the_best_feasible_sequence_ever_met_is_kept():
    """Later iterations find only worse ones: infeasible with higher returns, or lower returns."""
    iteration = [0]

    def score(candidates):
        iteration[0] += 1
        first = iteration[0] == 1
        shape = candidates.shape[:2]
        return Scores(tf.fill(shape, 1.0 if first else 9.0), tf.fill(shape, -1.0 if first else 1.0))

    found, iterations = plan(score)
    assert int(iterations) == iteration[0] > 1
    assert found.feasible.numpy().all()
    assert float(found.merit[0]) == 1.0


def test_stops_early_and_a_settled_environment_waits_for_the_others():
    settings = PlannerConfig(planner_horizon=3, candidates=300, planner_iterations=14)
    known = linear_model([0.0])
    _, iterations = plan(known, settings=settings)
    assert 1 < int(iterations) < 10
    calls = []

    def second_never_settles(candidates):
        """Its scores say nothing; the first one's are better once it has settled."""
        calls.append(0)
        first = known(candidates[:1]).returns + (100.0 if len(calls) > 10 else 0.0)
        second = tf.reduce_sum(tf.sin(1e4 * candidates[1:]), [2, 3])
        returns = tf.concat([first, second], 0)
        return Scores(returns, tf.fill(returns.shape, -1.0))

    found, iterations = plan(second_never_settles, 2, settings)
    assert int(iterations) == len(calls) == 14
    assert float(found.merit[0]) < 1.0


def test_scores_that_are_not_numbers_give_no_action():
    found, _ = plan(lambda c: Scores(*[tf.fill(c.shape[:2], np.nan)] * 2))
    assert np.isnan(found.actions).all()


def test_judges_by_the_mean_reward_and_the_largest_cost_over_draws():
    """Two draws of known values; each of two constraints has its worst draw."""
    config = tiny_config(
        algorithm="cem_mpc", cost_budget=(4.0, 8.0), episode_steps=20, action_repeat=2
    )
    rewards = tf.constant([[1.0, 0.0], [3.0, 2.0]])[:, None, None]  # [draw, 1, 1, time]
    costs = tf.constant([[[0.2, 0.8], [0.2, 0.8]], [[0.6, 0.4], [0.6, 0.4]]])[:, None, None]
    scores = judge(rewards, costs, config)
    assert float(scores.returns[0, 0]) == pytest.approx(0.99 * 2.0 + 0.99**2 * 1.0)
    discounts = (0.995 + 0.995**2) / 2
    # Half of each cost per simulator step; the budgets are 0.2 and 0.4 per step of an episode.
    excess = max(0.3 * discounts - 0.2, 0.4 * discounts - 0.4)
    assert float(scores.excess[0, 0]) == pytest.approx(excess)
    calm = judge(rewards, costs * tf.constant([0.0, 2.0]), config)
    assert float(calm.excess[0, 0]) == pytest.approx(0.8 * discounts - 0.4)


def agent_with_heads(reward, cost_logit, **settings):
    """A planner whose model predicts the same reward and cost everywhere."""
    agent = CemMpcAgent(tiny_config(algorithm="cem_mpc", **settings), (1,), 1)
    costs = [(head, cost_logit) for head in agent.model.weights["cost"]]
    for head, value in [(agent.model.weights["reward"], reward), *costs]:
        head[-1]["kernel"].assign(tf.zeros_like(head[-1]["kernel"]))
        head[-1]["bias"].assign([value])
    return agent


@pytest.mark.parametrize(("calibrate", "feasible"), [(False, False), (True, True)])
def test_costs_are_what_the_models_head_gives(calibrate, feasible):
    """sigmoid(0) = 0.5 is above 8 per 20 steps; undone weight 100 leaves 0.0099."""
    agent = agent_with_heads(2.0, 0.0, calibrate_cost=calibrate, cost_budget=(8.0,))
    found, _ = agent.plan(agent.initial_state(2).belief, agent.acting_noise)
    np.testing.assert_array_equal(found.feasible, [feasible] * 2)
    horizon = agent.config.planner.planner_horizon
    expected = 2.0 * sum(0.99**t for t in range(1, horizon + 1))
    if feasible:
        np.testing.assert_allclose(found.merit, expected, rtol=1e-5)


def test_only_the_world_model_is_learnt_and_decisions_are_counted():
    agent = agent_with_heads(0.0, -9.0)
    assert not any(hasattr(agent, name) for name in ("actor", "task_critic", "lagrangian"))
    belief = agent.initial_state(2).belief
    agent.decide(belief, agent.evaluation_noise, explore=False)
    assert int(agent.decisions) == 0
    agent.decide(belief, agent.acting_noise, explore=True)
    assert int(agent.decisions) == int(agent.feasible_decisions) == 2


def test_evaluating_leaves_the_noise_of_training_untouched_and_draws_the_posterior():
    agent = agent_with_heads(0.0, -9.0)
    before = [int(agent.acting_noise.draws), int(agent.update_noise.draws)]
    observation, state = np.zeros((1, 1), np.float32), agent.initial_state(1)
    first, _ = agent.act(observation, state, explore=False)
    assert [int(agent.acting_noise.draws), int(agent.update_noise.draws)] == before
    agent.evaluation_noise.draws.assign(0)
    again, _ = agent.act(observation, state, explore=False)
    np.testing.assert_array_equal(first, again)
    agent.posterior.snapshots.assign(agent.config.swag.swag_models)
    agent.posterior.mean.assign(np.full(agent.posterior.mean.shape, np.nan, np.float32))
    with pytest.raises(ValueError, match="the policy's action is"):
        agent.act(observation, state, explore=False)


def test_xla_plans_the_same():
    plain, compiled = (
        CemMpcAgent(tiny_config(algorithm="cem_mpc", compile=compiler), (1,), 1)
        for compiler in ("none", "xla")
    )
    observation = np.ones((2, 1), np.float32)
    one, other = (
        agent.act(observation, agent.initial_state(2), explore=True)[0]
        for agent in (plain, compiled)
    )
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize(("budget", "best"), [(1000.0, BEST_ACTION), (1.0, 0.0)])
def test_plans_the_best_action_of_the_toy_task_within_its_budget(budget, best):
    config = tiny_config(algorithm="cem_mpc", **LEARNING | {"cost_budget": (budget,)})
    env = make_environment(config)
    agent = make_agent(config, env)
    for seed in range(30):
        agent.observe(play_random(env, seed, 1).episode)
    for _ in range(300):
        agent.pretrain()
    played = evaluate([env], agent, [0])
    assert played.returns[0] > (18.0 if best else 10.0)  # of 20; a = 0 gives 15, a = −0.25 gives 9
    assert (played.cost_returns[0, 0] > 15.0) == (best > 0.0)
    if not best:
        assert played.cost_returns[0, 0] <= 2.0


def test_stopped_and_gone_on_with_it_is_the_same_bit_for_bit(tmp_path):
    config = tiny_config(algorithm="cem_mpc", **LOOP)
    expected = train(config, tmp_path / "whole")
    path = run_path(tmp_path / "stopped", config)
    trainer = Trainer(config, RunFolder(path, config))
    trainer.stop = StopAt(14)  # Between an iteration's updates, after one that it acted in.
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert int(trainer.agent.decisions) > 0
    assert train(config, tmp_path / "stopped") == expected
    whole = run_path(tmp_path / "whole", config)
    for stream in STREAMS:
        assert lines(path, stream) == lines(whole, stream)
    assert "feasible_decisions" in lines(path, "updates")[-1]
    pairs = zip(load_agent(path).variables, load_agent(whole).variables, strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)
