"""The outer loop on the toy task: what a run leaves behind, resuming, offline data, bad input."""

import json
import shutil

import numpy as np
import pytest
from toy import tiny_config

from la_mbda.environments import make_environment
from la_mbda.episodes import play_random
from la_mbda.run_folder import RunFolder, run_path
from la_mbda.runs import load_agent, train
from la_mbda.scores import collect_scores
from la_mbda.training import Trainer

LOOP = {
    "env_steps": 260,
    "random_steps": 100,
    "evaluate_every": 80,
    "checkpoint_every": 60,
    "steps_per_iteration": 20,
    "updates_per_iteration": 2,
    "pretraining_updates": 3,
}
STREAMS = ("episodes", "evaluations", "updates")


def lines(path, stream):
    return [json.loads(line) for line in (path / f"{stream}.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    config = tiny_config(**LOOP)
    return config, results, train(config, results)


def test_a_run_follows_algorithm_2(finished):
    config, results, _ = finished
    path = run_path(results, config)
    episodes, evaluations, updates = (lines(path, stream) for stream in STREAMS)
    assert [e["env_steps"] for e in episodes] == list(range(20, 261, 20))
    # 100 random steps and pre-training, then updates before each episode.
    assert [(u["env_steps"], u["updates"]) for u in updates] == [
        (100, 3),
        *((100 + 20 * i, 5 + 2 * i) for i in range(8)),
    ]
    assert [e["env_steps"] for e in evaluations] == [160, 240, 260]
    assert all(len(e["returns"]) == 2 for e in evaluations)
    for stream in (episodes, evaluations, updates):
        assert all(np.isfinite(v).all() for line in stream for v in line.values())


def test_score(finished):
    config, results, score = finished
    path = run_path(results, config)
    episodes, last = lines(path, "episodes"), lines(path, "evaluations")[-1]
    assert score == json.loads((path / "score.json").read_text())
    assert score["return"] == last["return"] == pytest.approx(np.mean(last["returns"]))
    assert score["cost_return"] == last["cost_return"]
    regret = sum(e["cost_return"] for e in episodes) / 260
    assert score["cost_regret"] == pytest.approx(regret)
    assert score["cost_regret"] == pytest.approx(episodes[-1]["cost_regret"])


def test_a_run_records_where_it_comes_from(finished):
    config, results, _ = finished
    run = json.loads((run_path(results, config) / "run.json").read_text())
    assert run["scale"] == "quick preset, 260 env steps"
    assert {"tensorflow", "mujoco"} <= set(run["versions"])
    assert {"acting", "updating", "evaluating"} <= set(run["seconds"])
    assert list((run_path(results, config) / "tensorboard").iterdir())


def test_a_finished_run_is_left_alone(finished):
    config, results, score = finished
    path = run_path(results, config)
    before = {p: p.stat().st_mtime_ns for p in path.rglob("*")}
    assert train(config, results) == score
    assert {p: p.stat().st_mtime_ns for p in path.rglob("*")} == before


@pytest.mark.parametrize("iterations", [0, 4])
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(finished, tmp_path, iterations):
    config, results, score = finished
    path = run_path(tmp_path, config)
    trainer = Trainer(config, RunFolder(path, config))
    iterate = trainer._iterate

    def interrupted():
        if trainer._progress.env_steps >= 100 + 20 * iterations:
            iterate()  # Leaves lines and an episode behind that no checkpoint knows of.
            raise KeyboardInterrupt
        iterate()

    trainer._iterate = interrupted
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert train(config, tmp_path) == score
    whole = run_path(results, config)
    for stream in STREAMS:
        assert lines(path, stream) == lines(whole, stream)
    variables = zip(load_agent(path).variables, load_agent(whole).variables, strict=True)
    assert all(np.array_equal(mine, other) for mine, other in variables)


def test_other_settings_in_the_same_folder_are_refused(finished):
    _, results, _ = finished
    other = tiny_config(**LOOP | {"horizon": 4})
    with pytest.raises(ValueError, match="holds a run with horizon 5 not 4"):
        train(other, results)


def test_scores_are_collected_for_tasks_of_the_benchmark(finished, tmp_path):
    _, _, score = finished
    for task, seed, value in (("PointGoal1", 0, 1.0), ("PointGoal1", 1, 2.0), ("CarGoal1", 0, 5.0)):
        folder = tmp_path / "quick" / "lambda" / task / f"seed_{seed}"
        folder.mkdir(parents=True)
        (folder / "score.json").write_text(json.dumps(score | {"return": value}))
    path = collect_scores(tmp_path, "quick", "lambda")
    assert path == tmp_path / "quick" / "scores" / "lambda_results.json"
    rest = [score["cost_return"], score["cost_regret"]]
    assert json.loads(path.read_text()) == {
        "CarGoal1": {"LAMBDA": [5.0, *rest]},
        "PointGoal1": {"LAMBDA": [1.5, *rest]},
    }
    errors = json.loads(path.with_name("lambda_errors.json").read_text())
    assert errors["PointGoal1"]["LAMBDA"][0] == pytest.approx([1.05, 1.95])


def test_starts_from_an_offline_dataset(tmp_path):
    config = tiny_config(
        offline_dataset=str(tmp_path / "data"), **LOOP | {"random_steps": 0, "env_steps": 40}
    )
    (tmp_path / "data").mkdir()
    env = make_environment(config)
    for i in range(4):
        play_random(env, i, 1).episode.save(tmp_path / "data" / f"{i}.npz")
    train(config, tmp_path)
    path = run_path(tmp_path, config)
    assert [e["env_steps"] for e in lines(path, "episodes")] == [20, 40]
    assert len(list((path / "replay").iterdir())) == 6


def test_an_offline_dataset_of_another_task_is_refused(tmp_path):
    config = tiny_config(offline_dataset=str(tmp_path), **LOOP)
    with pytest.raises(ValueError, match="holds no episodes"):
        train(config, tmp_path / "results")
    env = make_environment(config)
    episode = play_random(env, 0, 1).episode
    episode._replace(action=np.zeros((21, 3), np.float32)).save(tmp_path / "0.npz")
    with pytest.raises(ValueError, match="choose a dataset of that task"):
        train(config, tmp_path / "results")


def test_costs_must_be_as_many_as_budgets(tmp_path):
    config = tiny_config(cost_budget=(1.0, 2.0), **LOOP)
    with pytest.raises(ValueError, match="cost_budget 2"):
        train(config, tmp_path)


def test_a_folder_that_is_no_run_is_refused(tmp_path, finished):
    with pytest.raises(ValueError, match="is no run folder"):
        load_agent(tmp_path)
    config, results, _ = finished
    shutil.copy(run_path(results, config) / "config.json", tmp_path)
    with pytest.raises(ValueError, match="has no checkpoint yet"):
        load_agent(tmp_path)
