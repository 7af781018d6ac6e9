"""The outer loop on the toy task: what a run leaves behind, resuming, offline data, bad input."""

import dataclasses
import itertools
import json
import shutil
import subprocess

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from toy import LOOP, tiny_config
from toy_runs import lines, trained

from experiments.ship import main as ship
from la_mbda.agent import Agent
from la_mbda.api import load_agent, save_weights, train
from la_mbda.environments import make_environment
from la_mbda.episodes import Evaluation, evaluate, layout_seed
from la_mbda.open_loop import imagine_futures
from la_mbda.presets import make_config
from la_mbda.runs import checkpoint
from la_mbda.runs import folder as run_folder
from la_mbda.runs.durations import updates_until
from la_mbda.runs.evaluator import Evaluator
from la_mbda.runs.folder import STREAMS, RunFolder, read_config, run_path
from la_mbda.runs.progress import RunProgress
from la_mbda.runs.recorder import Recorder
from la_mbda.runs.scores import collect_scores
from la_mbda.training import Trainer
from plotting import interactive, posterior


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    config = tiny_config(**LOOP)
    return config, results, train(config, results)


def test_a_run_follows_algorithm_2(finished):
    config, results, _ = finished
    path = run_path(results, config)
    episodes, evaluations, updates, confirmed = (lines(path, stream) for stream in STREAMS)
    assert [e["env_steps"] for e in episodes] == list(range(20, 261, 20))
    # 100 random steps and pre-training, then updates before each episode.
    assert [(u["env_steps"], u["updates"]) for u in updates] == [
        (100, 3),
        *((100 + 20 * i, 5 + 2 * i) for i in range(8)),
    ]
    assert updates[-1]["updates"] == 3 + updates_until(config, 260)
    assert [e["env_steps"] for e in evaluations] == [160, 240, 260]
    assert all(len(e["returns"]) == 2 for e in evaluations)
    assert [line["episode"] for line in confirmed] == [0, 1, 2, 3, 4]
    for stream in (episodes, evaluations, updates, confirmed):
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


def test_the_final_episodes_confirm_the_score(finished):
    config, results, score = finished
    path = run_path(results, config)
    values = lines(path, "confirmed")
    for name in ("return", "cost_return"):
        column = [line[name] for line in values]
        assert score["confirmed"][name] == pytest.approx(np.mean(column))
        error = np.std(column, ddof=1) / np.sqrt(5)
        assert score["confirmed"][f"{name}_se"] == pytest.approx(error)
    assert score["confirmed"]["episodes"] == 5


def test_without_final_episodes_nothing_is_confirmed(tmp_path):
    config = tiny_config(**LOOP | {"final_episodes": 0, "env_steps": 120})
    assert "confirmed" not in train(config, tmp_path)
    assert not (run_path(tmp_path, config) / "confirmed.jsonl").exists()


def test_a_run_records_where_it_comes_from(finished):
    config, results, _ = finished
    run = json.loads((run_path(results, config) / "run.json").read_text())
    assert run["scale"] == "quick preset, 260 env steps"
    assert {"tensorflow", "mujoco"} <= set(run["versions"])
    assert {"acting", "updating", "evaluating", "confirming"} <= set(run["seconds"])
    assert list((run_path(results, config) / "tensorboard").iterdir())


def test_a_finished_run_is_left_alone(finished):
    config, results, score = finished
    path = run_path(results, config)
    before = {p: p.stat().st_mtime_ns for p in path.rglob("*")}
    assert train(config, results) == score
    assert {p: p.stat().st_mtime_ns for p in path.rglob("*")} == before


def test_a_finished_run_is_trained_further(finished, tmp_path):
    """It does what a run of the larger budget does, and its earlier score is kept."""
    config, results, score = finished
    shutil.copytree(results, tmp_path, dirs_exist_ok=True)
    longer = tiny_config(**LOOP | {"env_steps": config.training.env_steps + 40})
    final = train(longer, tmp_path)
    path = run_path(tmp_path, config)
    assert (final["env_steps"], score["env_steps"]) == (300, 260)
    kept = path / "earlier" / "env_steps_260"
    assert json.loads((kept / "score.json").read_text()) == score
    confirmed = run_path(results, config) / "confirmed.jsonl"
    assert (kept / "confirmed.jsonl").read_bytes() == confirmed.read_bytes()
    assert json.loads((path / "run.json").read_text())["scale"] == "quick preset, 300 env steps"
    assert len(lines(path, "confirmed")) == config.training.final_episodes
    train(longer, tmp_path / "at once")
    whole = run_path(tmp_path / "at once", config)
    for stream in ("episodes", "updates"):
        assert lines(path, stream) == lines(whole, stream)
    with pytest.raises(ValueError, match="env_steps 300 not 260"):
        train(config, tmp_path)


def test_a_cpu_run_is_trained_further_by_the_schedule_of_the_larger_budget(tmp_path):
    short = make_config("cpu", "PointGoal1", env_steps=500_000, horizon=10)
    longer = make_config("cpu", "PointGoal1", horizon=10)
    RunFolder(tmp_path, short)
    other = make_config("cpu", "PointGoal1", horizon=10, penalty_growth=1e-3)
    with pytest.raises(ValueError, match=r"run with penalty_growth 0\.0002 not 0\.001: give"):
        RunFolder(tmp_path, other)
    RunFolder(tmp_path, longer).extend()
    assert read_config(tmp_path) == longer


def _cut_checkpoints(path):
    for state in path.glob("checkpoint/*/state.json"):
        state.write_text("{}")
    return "no checkpoint in .* is usable"


def _remove_an_episode(path):
    min((path / "replay").iterdir()).unlink()
    return "episode_000000"


def _cut_a_stream(path):
    with (path / "episodes.jsonl").open("r+") as file:
        file.truncate(100)
    return r"episodes.jsonl has 100 bytes, but the run's checkpoint was made when it had \d+"


@pytest.mark.filterwarnings("ignore:checkpoint .* is not usable")
@pytest.mark.parametrize("damage", [_cut_checkpoints, _remove_an_episode, _cut_a_stream])
def test_a_finished_run_that_cannot_be_trained_further_stays_as_it_is(finished, tmp_path, damage):
    config, results, score = finished
    shutil.copytree(results, tmp_path, dirs_exist_ok=True)
    path = run_path(tmp_path, config)
    problem = damage(path)
    larger = tiny_config(**LOOP | {"env_steps": 300})
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    with pytest.raises(ValueError, match=problem):
        train(larger, tmp_path)
    after = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    assert {p: data for p, data in after.items() if p in before} == before
    assert train(config, tmp_path) == score


def test_a_run_whose_provenance_is_gone_is_resumed(finished, tmp_path):
    config, results, _ = finished
    shutil.copytree(results, tmp_path, dirs_exist_ok=True)
    path = run_path(tmp_path, config)
    (path / "run.json").write_text("half")
    larger = tiny_config(**LOOP | {"env_steps": 300})
    with pytest.raises(ValueError, match=r"run\.json.*repair or remove it"):
        train(larger, tmp_path)
    (path / "run.json").unlink()
    train(larger, tmp_path)
    assert json.loads((path / "run.json").read_text())["scale"].startswith("quick preset")


def test_a_finished_run_without_a_checkpoint_is_not_trained_further(finished, tmp_path):
    config, results, _ = finished
    shutil.copytree(results, tmp_path, dirs_exist_ok=True)
    path = run_path(tmp_path, config)
    shutil.rmtree(path / "checkpoint")
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    longer = tiny_config(**LOOP | {"env_steps": 300})
    with pytest.raises(ValueError, match="has no checkpoint, so that it cannot be trained further"):
        train(longer, tmp_path)
    assert {p: p.read_bytes() for p in path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("iterations", [0, 4])
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(finished, tmp_path, iterations):
    config, results, score = finished
    mine = tmp_path / "by [me]"  # TensorFlow takes the path of what it reads as a pattern.
    path = run_path(mine, config)
    trainer = Trainer(config, RunFolder(path, config))
    iterate = trainer._iterate

    def interrupted():
        if trainer.progress.env_steps >= 100 + 20 * iterations:
            iterate()  # Leaves lines and an episode behind that no checkpoint knows of.
            raise KeyboardInterrupt
        iterate()

    trainer._iterate = interrupted
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert train(config, mine) == score
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


def test_a_checkpoint_of_another_version_is_refused_and_left_alone(tmp_path):
    config = tiny_config(**LOOP)
    path = run_path(tmp_path, config)
    trainer = Trainer(config, RunFolder(path, config))
    trainer._folder.append("episodes", {"env_steps": 20})
    state = dataclasses.asdict(trainer.progress) | {"luck": 1}
    checkpoint.save(path / "checkpoint", trainer.agent, state, 20)
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file() and p.name != "lock"}
    with pytest.raises(ValueError, match=r"of another version of la_mbda .*'luck'"):
        train(config, tmp_path)
    after = {p: p.read_bytes() for p in path.rglob("*") if p.is_file() and p.name != "lock"}
    assert after == before


def test_seeds_have_weights_of_their_own():
    def matrices(seed):
        config = dataclasses.replace(tiny_config(), seed=seed)
        variables = Agent(config, (1,), 1).variables
        values = [v.numpy() for v in variables if v.dtype.is_floating and len(v.shape) == 2]
        return [v for v in values if v.any()]

    first, again, second = (matrices(seed) for seed in (0, 0, 1))
    assert len(first) == len(second) > 10
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert not any(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_seeds_tasks_and_purposes_have_layouts_of_their_own():
    def layout(task, seed, stream, episode):
        env = gymnasium.make(f"Safexp-{task}-v0", observation="lidar").unwrapped
        env.reset(seed=layout_seed(task, seed, stream, episode))
        return env.data.body("goal").xpos[:2].tolist()

    cells = list(
        itertools.product(("PointGoal1", "CarGoal1"), (0, 1), ("episode", "evaluation"), (0, 1))
    )
    layouts = [layout(*cell) for cell in cells]
    assert [layout(*cell) for cell in cells] == layouts
    assert all(one != other for one, other in itertools.combinations(layouts, 2))


@pytest.mark.parametrize("algorithm", ["unsafe_lambda", "cpo"])
def test_algorithms_are_judged_on_the_same_layouts(algorithm, tmp_path, monkeypatch):
    """LAMBDA and another, of one seed, in evaluations and in the final episodes."""
    seen = {}
    for name in ("lambda", algorithm):
        config = make_config("quick", "PointGoal1", name, final_episodes=3)
        evaluator = Evaluator(config, RunFolder(tmp_path / name, config), make_environment)
        played = seen.setdefault(name, [])
        monkeypatch.setattr(
            "la_mbda.runs.evaluator.evaluate",
            lambda environments, agent, seeds, on_step, sampled, played=played: (
                played.append(seeds) or Evaluation(np.zeros(len(seeds)), np.zeros((len(seeds), 1)))
            ),
        )
        progress = RunProgress()
        recorder = Recorder(config, RunFolder(tmp_path / name, config), progress)
        evaluator.evaluate(None, progress, recorder)
        while len(progress.confirmed) < 3:
            evaluator.confirm(None, progress, recorder)
        evaluator.close()
    assert seen["lambda"] == seen[algorithm]
    assert [len(seeds) for seeds in seen["lambda"]] == [2, 2, 1]
    assert len({seed for seeds in seen["lambda"] for seed in seeds}) == 5


def test_scores_are_collected_for_tasks_of_the_benchmark(finished, tmp_path):
    _, _, score = finished
    for task, seed, value in (("PointGoal1", 0, 1.0), ("PointGoal1", 1, 2.0), ("CarGoal1", 0, 5.0)):
        folder = tmp_path / "quick" / "lambda" / task / f"seed_{seed}"
        folder.mkdir(parents=True)
        found = score | {"return": value, "task": task, "seed": seed}
        (folder / "score.json").write_text(json.dumps(found))
    path = collect_scores(tmp_path, make_config("quick", "PointGoal1"))
    assert path == tmp_path / "quick" / "scores" / "lambda_results.json"
    rest = [score["cost_return"], score["cost_regret"]]
    assert json.loads(path.read_text()) == {
        "CarGoal1": {"LAMBDA": [5.0, *rest]},
        "PointGoal1": {"LAMBDA": [1.5, *rest]},
    }
    errors = json.loads(path.with_name("lambda_errors.json").read_text())
    assert errors["PointGoal1"]["LAMBDA"][0] == pytest.approx([1.05, 1.95])
    folder = tmp_path / "quick" / "lambda" / "PointGoal1" / "seed_2"
    folder.mkdir()
    longer = {"return": 9.0, "env_steps": 2 * score["env_steps"]}
    longer = score | longer | {"task": "PointGoal1", "seed": 2}
    (folder / "score.json").write_text(json.dumps(longer))
    collect_scores(tmp_path, make_config("quick", "PointGoal1"))  # The longest runs alone count.
    assert json.loads(path.read_text())["PointGoal1"]["LAMBDA"][0] == 9.0
    shutil.copytree(folder, folder.with_name("seed_2_backup"))
    (folder.with_name("seed_2_backup") / "score.json").write_text(
        json.dumps(longer | {"return": 99.0})
    )
    with pytest.warns(UserWarning, match="its folder says seed_2_backup: left out of the scores"):
        collect_scores(tmp_path, make_config("quick", "PointGoal1"))
    assert json.loads(path.read_text())["PointGoal1"]["LAMBDA"][0] == 9.0


def test_a_commit_is_of_this_code_alone(tmp_path, monkeypatch):
    """Installed below another project's checkout, which ignores it, it has none."""
    installed = tmp_path / ".venv" / "folder.py"
    installed.parent.mkdir()
    installed.write_text("")
    (tmp_path / ".gitignore").write_text(".venv")
    who = ("-c", "user.name=me", "-c", "user.email=me@here")
    for command in (("init",), ("add", "."), (*who, "commit", "-m", "theirs")):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True, capture_output=True)
    monkeypatch.setattr(run_folder, "__file__", str(installed))
    assert run_folder._commit() is None
    monkeypatch.setattr(run_folder, "__file__", str(tmp_path / ".gitignore"))
    assert len(run_folder._commit()) >= 7


def test_variants_live_beside_each_other(tmp_path):
    """A name makes a run of its own, with scores of its own; what is random stays the same."""
    short = {"env_steps": 120, "final_episodes": 0}
    plain, wide = (tiny_config(**LOOP | short, name=name) for name in ("", "wide"))
    assert train(plain, tmp_path).items() <= train(wide, tmp_path).items()
    folder = tmp_path / "quick"
    (task,) = (path.name for path in (folder / "lambda").iterdir())
    runs = [folder / variant / task / "seed_0" for variant in ("lambda", "lambda@wide")]
    assert [json.loads((run / "score.json").read_text()).get("name") for run in runs] == [
        None,
        "wide",
    ]
    for variant, value in (("lambda", 1.0), ("lambda@wide", 2.0)):
        run = folder / variant / "CarGoal1" / "seed_0"
        run.mkdir(parents=True)
        who = {"preset": "quick", "task": "CarGoal1", "seed": 0, "env_steps": 8_000}
        score = who | {"return": value, "cost_return": 5.0, "cost_regret": 0.1}
        (run / "score.json").write_text(json.dumps(score))
    paths = [collect_scores(tmp_path, config) for config in (plain, wide)]
    assert [path.name for path in paths] == ["lambda_results.json", "lambda@wide_results.json"]
    scores = [json.loads(path.read_text())["CarGoal1"] for path in paths]
    assert scores == [{"LAMBDA": [1.0, 5.0, 0.1]}, {"LAMBDA (wide)": [2.0, 5.0, 0.1]}]
    with pytest.raises(ValueError, match=r"name is '\.\./wide': choose letters"):
        make_config("quick", "PointGoal1", name="../wide")


def test_baselines_scores_are_means_with_their_standard_error(tmp_path):
    """Of 1, 2 and 6: the mean is 3, the standard deviation √7."""
    for seed, value in enumerate((1.0, 2.0, 6.0)):
        folder = tmp_path / "quick" / "ppo" / "PointGoal1" / f"seed_{seed}"
        folder.mkdir(parents=True)
        who = {"preset": "quick", "task": "PointGoal1", "seed": seed, "env_steps": 8_000}
        score = who | {"return": value, "cost_return": 5.0, "cost_regret": 0.1}
        (folder / "score.json").write_text(json.dumps(score))
    path = collect_scores(tmp_path, make_config("quick", "PointGoal1", "ppo"))
    assert json.loads(path.read_text())["PointGoal1"]["PPO"] == pytest.approx([3.0, 5.0, 0.1])
    errors = json.loads(path.with_name("ppo_errors.json").read_text())["PointGoal1"]["PPO"]
    half = np.sqrt(7 / 3)
    assert errors[0] == pytest.approx([3 - half, 3 + half])
    assert errors[1] == [5.0, 5.0]


def test_costs_must_be_as_many_as_budgets(tmp_path):
    config = tiny_config(cost_budget=(1.0, 2.0), **LOOP)
    with pytest.raises(ValueError, match="cost_budget 2"):
        train(config, tmp_path)


def test_a_folder_that_is_no_run_is_refused(tmp_path, finished):
    with pytest.raises(ValueError, match="is no run folder"):
        load_agent(tmp_path)
    config, results, _ = finished
    shutil.copy(run_path(results, config) / "config.json", tmp_path)
    with pytest.raises(ValueError, match="has no checkpoint and no weights"):
        load_agent(tmp_path)


def test_saved_weights_are_the_runs_without_what_only_training_needs(tmp_path, finished):
    config, results, _ = finished
    run = run_path(results, config)
    shutil.copy(run / "config.json", tmp_path)
    save_weights(run, tmp_path)
    ours, theirs = load_agent(run), load_agent(tmp_path)
    assert len(ours.learnt.variables) == len(theirs.learnt.variables) > 20
    for old, new in zip(ours.learnt.variables, theirs.learnt.variables, strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.any(ours.model.normalizer.mean != 0)
    env = make_environment(config)
    seeds = [0]
    for agent in (ours, theirs):
        agent.evaluation_noise.draws.assign(0)
    before, after = (evaluate([env], agent, seeds).returns for agent in (ours, theirs))
    np.testing.assert_array_equal(before, after)
    sizes = [
        sum(path.stat().st_size for path in folder.glob("*/variables.data*"))
        for folder in (tmp_path / "weights", run / "checkpoint")
    ]
    assert sizes[0] < 0.2 * sizes[1]  # Of two checkpoints.


def test_a_shipped_agent_imagines_under_samples_of_the_posterior(tmp_path):
    run, shipped = trained(tmp_path / "results"), tmp_path / "shipped"
    shipped.mkdir()
    shutil.copy(run / "config.json", shipped)
    save_weights(run, shipped)
    agent, whole = load_agent(shipped), load_agent(run)
    assert bool(agent.posterior.active)
    count = agent.posterior.count
    expected = tf.nest.flatten(whole.posterior.sample(count, whole.evaluation_noise))
    samples = tf.nest.flatten(agent.posterior.sample(3, agent.evaluation_noise))
    places = [
        [i for i in range(count) if all(np.array_equal(x[j], y[i]) for x, y in pairs)]
        for j in range(3)
        for pairs in [list(zip(samples, expected, strict=True))]
    ]
    assert len({place for (place,) in places}) == 3  # Each is another one of those stored.
    (future,) = imagine_futures(agent, make_environment(agent.config), 5, (3,), 4)
    assert len(np.unique(future.rewards[:, 0])) == len(future.rewards) == 2
    # The weights themselves lie in `weights` alone.
    sizes = [sum(np.prod(v.shape) for v in vs) for vs in (agent.posterior.variables, expected)]
    assert sizes[0] == sizes[1]


def test_an_unfinished_run_ships_no_weights(tmp_path, finished):
    config, results, _ = finished
    results = shutil.copytree(results, tmp_path / "results")
    run = run_path(results, config)
    other = shutil.copytree(run, run.with_name("seed_7"))
    (other / "score.json").unlink()
    name = str(other.relative_to(results))
    with pytest.raises(ValueError, match="is no finished run"):
        ship([str(results), str(tmp_path / "shipped"), "--weights", name])
    assert not (tmp_path / "shipped").exists()  # Nothing of the finished one either.


def test_shipped_weights_and_videos_lie_where_they_are_looked_for(tmp_path, finished):
    config, results, _ = finished
    results = shutil.copytree(results, tmp_path / "results")
    run = run_path(results, config)
    (run / "video.mp4").write_bytes(b"film")
    (run / "imagined").mkdir()
    (run / "imagined" / "policy.csv").write_text("start")
    name = run.relative_to(results)
    shipped = tmp_path / "shipped"
    assert ship([str(results), str(shipped), "--weights", str(name)]) == 0
    assert (shipped / name / interactive.VIDEO).read_bytes() == b"film"
    assert (shipped / name / posterior.FOLDER / posterior.POLICY).read_text() == "start"
    assert not list(shipped.rglob("*.partial"))
    np.testing.assert_array_equal(
        load_agent(shipped / name).learnt.variables[0], load_agent(run).learnt.variables[0]
    )
