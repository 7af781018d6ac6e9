"""The baselines as a user runs them: known optima, what a run leaves behind, resuming."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import rewriting  # noqa: F401
from toy import BEST_ACTION, ToyEnv
from toy_runs import check_stops, lines

from la_mbda.api import load_agent, train
from la_mbda.baselines import rollouts
from la_mbda.baselines.agent import BaselineAgent
from la_mbda.baselines.training import BaselineTrainer
from la_mbda.config import BASELINES
from la_mbda.presets import make_config
from la_mbda.runs.folder import STREAMS, RunFolder, run_path
from la_mbda.runs.scores import collect_scores

REPOSITORY = Path(__file__).resolve().parents[1]
LENGTH, BUDGET = 20, 14.0


class Noisy(ToyEnv):
    """The toy environment with noise in its reward, where an action a costs 1 + a."""

    def step(self, action):
        observation, reward, *ends, _ = super().step(action)
        return (
            observation,
            reward + self.np_random.normal(),
            *ends,
            {"cost": 1.0 + float(action[0])},
        )


gymnasium.register("Noisy-v0", entry_point=Noisy)
TOY = {
    "episode_steps": LENGTH,
    "epoch_steps": 1_000,
    "env_steps": 60_000,
    "evaluate_every": 20_000,
    "checkpoint_every": 20_000,
    "baseline_units": 16,
    "baseline_layers": 1,
    "cost_budget": (BUDGET,),
    "advantage_discount": 0.5,  # Actions matter for a step only.
    "value_steps": 20,
    "value_learning_rate": 1e-2,
    "policy_learning_rate": 1e-2,
    "policy_steps": 40,
    "target_kl": 0.1,
    "final_episodes": 3,
    "cost_penalty_learning_rate": 0.03,
}
SHORT = {
    "env_steps": 4_500,  # Four and a half epochs: the half one is not begun.
    "epoch_steps": 1_000,
    "evaluate_every": 2_000,
    "checkpoint_every": 1_000,
    "evaluation_episodes": 2,
    "final_episodes": 3,
}


@pytest.fixture
def in_process(monkeypatch):
    """Episodes are played here, as other processes do not know the toy environment."""
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    rollouts._environment.cache_clear()


def toy_config(algorithm, **overrides):
    return make_config("quick", "gymnasium:Noisy-v0", algorithm, **(TOY | overrides))


@pytest.mark.parametrize("algorithm", BASELINES)
def test_solves_a_constrained_task(algorithm, tmp_path, in_process):
    """Reward 1 − (a − ½)² and cost 1 + a: best at ½, and at −0.3 within a budget of 0.7 a step.

    The evaluation's cost tells the policy's mean action, without the reward's noise: 20 untrained,
    30 at the most reward, and 14 within the budget, around which multipliers still swing.
    """
    config = toy_config(algorithm)
    score = train(config, tmp_path)
    best = BEST_ACTION if algorithm == "ppo" else BUDGET / LENGTH - 1.0
    assert score["evaluation_cost_return"] == pytest.approx(LENGTH * (1.0 + best), abs=4.0)
    assert score["cost_return"] == pytest.approx(LENGTH * (1.0 + best), abs=4.0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    config = make_config("quick", "PointGoal1", "ppo_lagrangian", **SHORT)
    return config, results, train(config, results)


def test_leaves_the_files_of_a_run(finished):
    config, results, score = finished
    path = run_path(results, config)
    episodes, evaluations, updates, confirmed = (lines(path, stream) for stream in STREAMS)
    assert [e["env_steps"] for e in episodes] == [1_000, 2_000, 3_000, 4_000]
    assert [u["epochs"] for u in updates] == [1, 2, 3, 4]
    assert all(u["multiplier_0"] > 0.0 for u in updates)
    assert [e["env_steps"] for e in evaluations] == [2_000, 4_000]
    assert score == json.loads((path / "score.json").read_text())
    assert score["env_steps"] == 4_000
    last = episodes[-2:]  # An epoch is one episode here, and two are scored.
    assert score["return"] == pytest.approx(np.mean([e["return"] for e in last]))
    assert score["cost_return"] == pytest.approx(np.mean([e["cost_return"] for e in last]))
    costs = np.cumsum([e["cost_return"] for e in episodes])
    assert score["cost_regret"] == pytest.approx((costs[2] / 3_000 + costs[3] / 4_000) / 2)
    assert score["scored_epochs"] == [3, 4]
    assert score["first_epoch_return"] == pytest.approx(episodes[0]["return"])
    assert score["first_epoch_cost_return"] == pytest.approx(episodes[0]["cost_return"])
    assert score["evaluation_return"] == evaluations[-1]["return"]
    assert score["confirmed"]["return"] == pytest.approx(np.mean([c["return"] for c in confirmed]))
    scores = json.loads(collect_scores(results, config).read_text())
    assert scores["PointGoal1"]["PPO-Lagrangian"][0] == score["return"]


def test_final_episodes_sample_the_policy_as_the_score_does(finished):
    """The mean action's episodes would be those of an evaluation: the two are far apart here."""
    config, results, score = finished
    agent = load_agent(run_path(results, config))
    observation = np.zeros((400, agent.policy.weights[0]["kernel"].shape[0]), np.float32)
    sampled, _ = agent.act(observation, None, explore=True)
    mean, _ = agent.act(observation[:1], None, explore=False)
    std = np.exp(agent.policy.log_std.numpy())
    drawn = mean + std * np.random.default_rng(0).normal(size=(100_000, len(std)))
    expected = np.clip(drawn, -1, 1)
    assert sampled.mean(0) == pytest.approx(expected.mean(0), abs=0.1)
    assert sampled.std(0) == pytest.approx(expected.std(0), abs=0.1)
    assert score["confirmed"]["episodes"] == 3


def test_algorithms_and_seeds_start_from_weights_of_their_own():
    def weights(algorithm, seed):
        config = make_config("quick", "PointGoal1", algorithm, seed)
        agent = BaselineAgent(config, (60,), 2)
        return agent.policy.numpy().layers[0][0], agent.values.weights[0][0]["kernel"].numpy()

    agents = [weights(algorithm, seed) for algorithm in BASELINES for seed in (0, 1)]
    again = weights("cpo", 1)
    assert all(np.array_equal(one, other) for one, other in zip(agents[-1], again, strict=True))
    for first, second in itertools.combinations(agents, 2):
        assert not any(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_the_number_of_processes_changes_nothing(tmp_path, monkeypatch):
    sizes = SHORT | {"epoch_steps": 2_000, "evaluate_every": 4_000}
    config = make_config("quick", "PointGoal1", "trpo_lagrangian", **sizes)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    alone = train(config, tmp_path / "alone")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    assert train(config, tmp_path / "two") == alone


def test_stopped_between_any_two_epochs_it_goes_on(tmp_path, in_process):
    config = toy_config("trpo_lagrangian", env_steps=8_000, evaluate_every=3_000)
    check_stops(BaselineTrainer, config, tmp_path, moments=(1, 3))


def test_killed_it_goes_on(finished, tmp_path):
    """For a real process with its workers: lines, score and weights are those of a whole run."""
    config, results, score = finished
    command = [sys.executable, str(REPOSITORY / "experiments" / "train.py"), "--preset", "quick"]
    command += ["--algorithm", config.algorithm, "--results", str(tmp_path)]
    command += [str(x) for k, v in SHORT.items() for x in (f"--{k.replace('_', '-')}", v)]
    path = run_path(tmp_path, config)
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    while not (path / "checkpoint" / "step_000000002000" / "manifest.json").exists():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (path / "score.json").exists()
    assert train(config, tmp_path) == score
    for stream in STREAMS:
        assert lines(path, stream) == lines(run_path(results, config), stream)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_finishes_the_epoch(number, tmp_path):
    """A terminal's Ctrl-C, or a `timeout`: those that play leave it to the main process."""
    sizes = SHORT | {"epoch_steps": 6_000, "env_steps": 60_000, "checkpoint_every": 60_000}
    command = [sys.executable, str(REPOSITORY / "experiments" / "train.py"), "--preset", "quick"]
    command += ["--algorithm", "ppo", "--results", str(tmp_path)]
    command += [str(x) for k, v in sizes.items() for x in (f"--{k.replace('_', '-')}", v)]
    path = run_path(tmp_path, make_config("quick", "PointGoal1", "ppo", **sizes))
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (path / "updates.jsonl").exists() or not lines(path, "updates"):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.3)  # The second epoch is being played.
    os.killpg(process.pid, number)
    _, told = process.communicate()
    assert process.returncode == 130, told
    assert "the same command resumes" in told
    saved = max((path / "checkpoint").glob("step_*"))
    assert int(saved.name.removeprefix("step_")) == 6_000 * len(lines(path, "updates"))


OWN_SCRIPT = """
import gymnasium, numpy as np
from la_mbda.baselines import rollouts
from la_mbda.presets import make_config

class Mine(gymnasium.Env):
    observation_space = action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), 1.0, False, False, {}

gymnasium.register("Mine-v0", entry_point=Mine)
config = make_config("quick", "gymnasium:Mine-v0", "ppo")
policy = rollouts.Policy([(np.zeros((1, 1), np.float32), np.zeros(1, np.float32))], np.zeros(1))
print(len(list(rollouts.play_epoch(config, policy, [0, 1]))))
"""


def test_other_processes_know_what_a_script_registers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(OWN_SCRIPT)
    env = os.environ | {"TF_NUM_INTRAOP_THREADS": "2"}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "2\n", done.stderr


def test_an_episode_that_ends_early_is_followed_by_another(in_process):
    class Falling(ToyEnv):
        def step(self, action):
            *rest, truncated, info = super().step(action)
            rest[2] = self._steps == 7
            return *rest, truncated, info

    gymnasium.register("Falling-v0", entry_point=Falling)
    config = make_config("quick", "gymnasium:Falling-v0", "ppo", **TOY)
    policy = rollouts.Policy([(np.zeros((1, 1)), np.zeros(1))], np.zeros(1))
    fragments = rollouts.play_slot(config, policy, seed=0)
    assert [len(f.rewards) for f in fragments] == [7, 7, 6]
    assert [(f.terminated, f.completed) for f in fragments] == [(True, True)] * 2 + [(False, False)]
    assert [len(f.observations) for f in fragments] == [8, 8, 7]


class Uneven(ToyEnv):
    """Four of five episodes have 5 steps and the others 20; a step's reward is 1, its cost 2."""

    def reset(self, *, seed=None, options=None):
        reset = super().reset(seed=seed)
        self._length = 5 if self.np_random.random() < 0.8 else 20
        return reset

    def step(self, action):
        observation, *_, done, _ = super().step(action)
        return observation, 1.0, done, False, {"cost": 2.0}


gymnasium.register("Uneven-v0", entry_point=Uneven)
MEAN_LENGTH = 8.0


def test_episodes_count_alike_whatever_their_length(in_process):
    """One of 20 steps fits its slot only where it comes first; counted so, the mean is 6.2."""
    config = make_config("quick", "gymnasium:Uneven-v0", "ppo", **TOY)
    policy = rollouts.Policy([(np.zeros((1, 1)), np.zeros(1))], np.zeros(1))
    slots = [rollouts.play_slot(config, policy, seed) for seed in range(2_000)]
    found = np.array([rollouts.means(slot) for slot in slots])
    error = found[:, 0].std() / np.sqrt(len(slots))
    assert error < 0.15
    assert found[:, 0].mean() == pytest.approx(MEAN_LENGTH, abs=3.5 * error)
    np.testing.assert_allclose(found[:, 1:], found[:, :1] * [2.0, 1.0])


def test_score_and_constraint_are_without_bias_to_length(tmp_path, in_process):
    sizes = {"epoch_steps": 8_000, "env_steps": 16_000, "cost_budget": (3.0,)}
    config = make_config("quick", "gymnasium:Uneven-v0", "cpo", **TOY | sizes)
    path = run_path(tmp_path, config)
    trainer = BaselineTrainer(config, RunFolder(path, config))
    constraint = trainer._record(trainer._play())
    assert constraint.length == pytest.approx(MEAN_LENGTH, abs=1.0)
    assert constraint.excess == pytest.approx(2.0 * constraint.length - 3.0)
    score = train(config, tmp_path)
    assert score["return"] == pytest.approx(MEAN_LENGTH, abs=0.8)
    assert score["cost_return"] == pytest.approx(2.0 * score["return"])
    assert score["first_epoch_return"] == pytest.approx(constraint.length)
    # Every episode that was not cut has its line all the same.
    assert {line["length"] for line in lines(path, "episodes")} == {5, 20}


def test_observations_that_an_environment_writes_again_are_copied(in_process):
    config = make_config("quick", "gymnasium:RewritingVector-v0", "ppo", **TOY)
    policy = rollouts.Policy([(np.zeros((2, 2)), np.zeros(2))], np.zeros(2))
    first = rollouts.play_slot(config, policy, seed=0)[0]
    np.testing.assert_array_equal(first.observations[:, 0], [0, 1, 2, 3, 4, 5])
    np.testing.assert_array_equal(first.rewards, [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(first.costs, first.rewards / 4)
    assert (first.actions != 0.0).all()


def test_weights_that_broke_stop_the_run(tmp_path, in_process):
    config = toy_config("ppo", policy_learning_rate=1e30, env_steps=5_000)
    with pytest.raises(ValueError, match=r"not finite|is nan|is inf"):
        train(config, tmp_path)


def test_images_are_refused(tmp_path, in_process):
    class Seeing(ToyEnv):
        observation_space = gymnasium.spaces.Box(0, 255, (64, 64, 3), np.uint8)

    gymnasium.register("Seeing-v0", entry_point=Seeing)
    with pytest.raises(ValueError, match="ppo learns from vectors: choose another task or lambda"):
        train(make_config("quick", "gymnasium:Seeing-v0", "ppo", **TOY), tmp_path)
