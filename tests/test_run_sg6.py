"""The main job for real, at a tiny size: plan, training from pixels, scores, figures, Table 3."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy import SIZES

REPOSITORY = Path(__file__).resolve().parents[1]
TASKS = ("PointGoal1", "CarGoal1")
TABLES = (
    "table1",
    "table2_published",
    "table2_ours_quick",
    "table3_published",
    "table3_ours_quick",
)


def run(script, *arguments):
    command = [sys.executable, str(REPOSITORY / "experiments" / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def sizes():
    return [x for k, v in SIZES.items() for x in (f"--{k.replace('_', '-')}", v)]


def sg6(results, *more):
    plan = ["--preset", "quick", "--tasks", ",".join(TASKS), "--results", results]
    return run("sg6.py", *plan, *sizes(), *more)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    return results, sg6(results)


def test_ends_well_and_says_what_it_does(job):
    results, done = job
    assert done.returncode == 0, done.stderr
    assert "Plan: 2 runs" in done.stdout
    assert "about" in done.stdout
    assert "reduced scale" in done.stdout
    assert "2 of 2 runs finished" in done.stdout
    assert str(results / "quick" / "scores") in done.stdout
    assert "0 done, 1 running, 1 waiting, 0 failed; 0 env steps/s; about " in done.stderr
    for task in TASKS:
        assert f"finished {task} lambda seed 0: return " in done.stderr
    assert "2 done, 0 running, 0 waiting, 0 failed" in done.stderr


def test_ends_on_one_screen(job):
    """LAMBDA beside the published scores, the report, the next step; all else is in files."""
    results, done = job
    screen = done.stdout.partition("\n### ")[2].splitlines()
    assert len(screen) < 50
    assert screen[0].startswith("LAMBDA, shipped: cpu preset")
    (row,) = (line for line in screen if line.startswith("| PointGoal1 "))
    assert [cell.strip() for cell in row.split("|")][-3:-1] == ["18.823", "11.200"]
    text = "\n".join(screen)
    assert "2 of 2 runs finished in " in text
    assert ": every stage works (not a result)." in text
    command = f"bash experiments/run_sg6.sh --preset cpu --tasks {','.join(TASKS)}"
    assert f"next     {command} (about " in text
    assert str(results / "report" / "index.html") in text
    assert (
        "Table 3, ours: quick preset" in (results / "tables" / "table3_ours_quick.md").read_text()
    )


@pytest.mark.parametrize("task", TASKS)
def test_leaves_every_file_of_a_run(job, task):
    results, _ = job
    path = results / "quick" / "lambda" / task / "seed_0"
    names = {p.name for p in path.iterdir()}
    assert {
        "config.json",
        "run.json",
        "train.log",
        "episodes.jsonl",
        "evaluations.jsonl",
        "updates.jsonl",
        "confirmed.jsonl",
        "tensorboard",
        "checkpoint",
        "replay",
        "score.json",
    } <= names
    score = json.loads((path / "score.json").read_text())
    assert {"return", "cost_return", "cost_regret", "env_steps", "preset"} <= set(score)
    assert score["env_steps"] == 600
    assert score["confirmed"]["episodes"] == 3
    assert score["confirmed"]["cost_return_se"] >= 0
    last = json.loads((path / "updates.jsonl").read_text().splitlines()[-1])
    assert last["observation_loss"] > 0
    assert "imagined_cost_0" in last
    assert "real_cost_0" in last


def test_collects_scores_in_the_published_schema(job):
    results, _ = job
    scores = json.loads((results / "quick" / "scores" / "lambda_results.json").read_text())
    errors = json.loads((results / "quick" / "scores" / "lambda_errors.json").read_text())
    assert set(scores) == set(errors) == set(TASKS)
    assert len(scores["CarGoal1"]["LAMBDA"]) == 3
    assert [len(pair) for pair in errors["CarGoal1"]["LAMBDA"]] == [2, 2, 2]


def test_draws_figures_and_tables(job):
    results, _ = job
    for name in ("figures/figure_6_quick.png", "figures/figure_6_quick.csv"):
        assert (results / name).stat().st_size > 100
    for name in TABLES:
        assert (results / "tables" / f"{name}.md").exists()
        assert (results / "tables" / f"{name}.csv").exists()


def test_a_failed_run_is_named_and_the_others_go_on(tmp_path):
    damaged = tmp_path / "quick" / "lambda" / TASKS[0] / "seed_0" / "checkpoint" / "step_400"
    damaged.mkdir(parents=True)
    (damaged / "manifest.json").write_text("[]")
    done = sg6(tmp_path, "--observation", "lidar")
    assert done.returncode == 1
    log = damaged.parents[1] / "train.log"
    reason = f"train.py: error: no checkpoint in {damaged.parent} is usable"
    assert f"failed {TASKS[0]} lambda seed 0: {reason}" in done.stderr
    assert f"failed: {TASKS[0]} lambda seed 0: {reason}" in done.stdout
    assert done.stderr.count(f": see {log}\n") == done.stdout.count(f": see {log}\n") == 1
    assert reason in log.read_text()
    assert f"finished {TASKS[1]} lambda seed 0: return " in done.stderr
    assert "1 done, 0 running, 0 waiting, 1 failed" in done.stderr
    assert "1 of 2 runs finished" in done.stdout
    assert [path.name for path in damaged.iterdir()] == ["manifest.json"]


def test_a_second_time_trains_nothing(job):
    results, _ = job
    runs = results / "quick" / "lambda"
    before = {p: p.stat().st_mtime_ns for p in runs.rglob("*")}
    done = sg6(results)
    assert done.returncode == 0
    assert done.stdout.count(": finished") == 2
    assert {p: p.stat().st_mtime_ns for p in runs.rglob("*")} == before


def test_evaluates_a_run_and_records_a_video(job, tmp_path):
    results, _ = job
    path = results / "quick" / "lambda" / "PointGoal1" / "seed_0"
    saved = tmp_path / "evaluation.json"
    options = ["--episodes", 2, "--video", tmp_path / "video.mp4", "--save", saved]
    done = run("evaluate.py", path, *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("episode ") == 2
    evaluation = json.loads(saved.read_text())
    returns = evaluation["returns"]
    error = abs(returns[0] - returns[1]) / 2
    assert f"return {sum(returns) / 2:.3f} ± {error:.3f}, cost return " in done.stdout
    costs = np.array(evaluation["cost_returns"])
    error = costs.std(ddof=1) / np.sqrt(2)
    assert f"cost return {costs.mean():.2f} ± {error:.2f}\ntoo few episodes to say " in done.stdout
    assert (evaluation["task"], evaluation["layouts_seed"]) == ("PointGoal1", 0)
    assert evaluation["actions"] == "mode"
    assert evaluation["played_with"]["scale"].startswith("quick preset")
    assert (tmp_path / "video.mp4").stat().st_size > 10_000
    numbers = json.loads((tmp_path / "video.json").read_text())
    end = f"return {numbers['return'][-1]:.3f}, cost return {numbers['cost_return'][-1][0]:.2f}"
    assert f"episode 0: {end}" in done.stdout
    assert len(numbers["return"]) == len(numbers["cost_return"]) == 100


def test_evaluates_samples_of_the_policy(job, tmp_path):
    results, _ = job
    path = results / "quick" / "lambda" / "PointGoal1" / "seed_0"
    found = {}
    for options in ([], ["--sampled"]):
        saved = tmp_path / f"{len(options)}.json"
        done = run("evaluate.py", path, "--episodes", 1, "--save", saved, *options)
        assert done.returncode == 0, done.stderr
        assert "too few episodes to say whether it keeps the cost budget" in done.stdout
        evaluation = json.loads(saved.read_text())
        found[evaluation["actions"]] = evaluation["returns"]
    assert found["mode"] != found["sampled"]
    done = run("evaluate.py", path, "--sampled", "--imagine", tmp_path / "imagined")
    assert done.returncode == 1
    assert "sampled (True) does not go with imagine: give one of the two" in done.stderr


def test_an_evaluation_replaces_no_file(job):
    results, _ = job
    path = results / "quick" / "lambda" / "PointGoal1" / "seed_0"
    before = (path / "score.json").read_bytes()
    done = run("evaluate.py", path, "--save", path / "score.json")
    assert done.returncode == 1
    assert "is there already: choose another name" in done.stderr
    assert (path / "score.json").read_bytes() == before


def test_an_evaluation_is_not_saved_where_its_video_writes(job, tmp_path):
    results, _ = job
    path = results / "quick" / "lambda" / "PointGoal1" / "seed_0"
    video, saved = tmp_path / "video.mp4", tmp_path / "video.json"
    done = run("evaluate.py", path, "--video", video, "--save", saved)
    assert done.returncode == 1
    assert "is where the video's costs so far go: choose another name" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_imagines_futures_beside_an_episode_of_a_run(job, tmp_path):
    results, _ = job
    path = results / "quick" / "lambda" / "PointGoal1" / "seed_0"
    options = ["--imagine", tmp_path, "--imagine-at", 5, 20, "--imagine-steps", 6]
    done = run("evaluate.py", path, *options)
    assert done.returncode == 0, done.stderr
    assert "future_20.png" in done.stdout
    images = np.load(tmp_path / "images.npz")
    assert images["imagined_20"].shape == (2, 6, 64, 64, 3)
    assert images["real_20"].dtype == images["imagined_20"].dtype == np.uint8
    assert (tmp_path / "policy.csv").exists()
    assert (tmp_path / "future_20.png").stat().st_size > 10_000


def test_another_algorithm_leaves_its_own_scores_beside_those(job):
    results, _ = job
    scores = results / "quick" / "scores"
    before = (scores / "lambda_results.json").read_bytes()
    plan = ["--preset", "quick", "--results", results, "--algorithms", "cem_mpc"]
    done = run("sg6.py", *plan, "--tasks", "ObservablePointPush1", *sizes())
    assert done.returncode == 0, done.stderr
    own = json.loads((scores / "cem_mpc_results.json").read_text())
    assert list(own) == ["ObservablePointPush1"]
    assert list(own["ObservablePointPush1"]) == ["CEM-MPC"]
    assert (scores / "lambda_results.json").read_bytes() == before
    run_path = results / "quick" / "cem_mpc" / "ObservablePointPush1" / "seed_0"
    updates = (run_path / "updates.jsonl").read_text().splitlines()
    assert "feasible_decisions" in json.loads(updates[-1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tasks", "PointGoal9"], "unknown task 'PointGoal9': did you mean 'PointGoal"),
        (["--algorithms", "lamda"], "unknown algorithm 'lamda': did you mean 'lambda'"),
        (["--preset", "slow"], "unknown preset 'slow'"),
        (["--horizn", "3"], "unknown option '--horizn': did you mean --horizon?"),
        (["--task", "PointGoal1"], "unknown option '--task': did you mean --tasks?"),
        (["--seed", "0"], "unknown option '--seed': did you mean --seeds?"),
        (["--algorithm", "ppo"], "unknown option '--algorithm': did you mean --algorithms?"),
        (["--xyzzy"], "unknown option '--xyzzy': see --help"),
        (["--horizon", "-3"], "horizon is -3: choose 2 or more"),
        (["--posterior-samples", "0"], "posterior_samples is 0: choose 1 or more"),
        (["--sequence-length", "102"], "sequence_length is 102"),
        (["--elites", "151"], "elites is 151: choose candidates (50) or fewer"),
        (["--seeds", "0,x"], "seed 'x' is no whole number"),
        (["--jobs", "0"], "jobs is 0: choose 1 or more"),
        (["--backend", "slurm"], "unknown backend 'slurm': choose local or ray"),
        (["--batch-size", "3"], "batch_size 2 not 3"),
    ],
)
def test_bad_input_is_one_line_before_any_training(job, arguments, message):
    results, _ = job
    before = sorted(results.rglob("*"))
    done = sg6(results, *arguments)
    assert done.returncode != 0
    line = done.stderr.strip().splitlines()
    assert len(line) == 1, done.stderr
    assert message in line[0]
    assert sorted(results.rglob("*")) == before


def test_no_gl_library_is_one_line_that_names_the_package(tmp_path, monkeypatch):
    code = (
        "import ctypes.util, runpy, sys; ctypes.util.find_library = lambda name: None;"
        "sys.argv = ['sg6.py', '--preset', 'quick', '--results', sys.argv[1]];"
        f"sys.path.insert(0, {str(REPOSITORY / 'experiments')!r});"
        f"runpy.run_path({str(REPOSITORY / 'experiments' / 'sg6.py')!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1
    assert "apt-get install libegl1" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_array_job_trains_one_run_of_the_plan(job, tmp_path):
    done = sg6(tmp_path, "--index", "1", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert "Plan: 1 run, results in" in done.stdout
    runs = [path.parent.parent.name for path in tmp_path.rglob("score.json")]
    assert runs == [TASKS[1]]
    results, _ = job
    alone = (tmp_path / "quick" / "lambda" / TASKS[1] / "seed_0" / "score.json").read_bytes()
    assert alone == (results / "quick" / "lambda" / TASKS[1] / "seed_0" / "score.json").read_bytes()


def test_an_index_outside_of_the_plan_is_refused(tmp_path):
    done = sg6(tmp_path, "--index", "2")
    assert done.returncode == 1
    assert "index is 2: the plan has 2 runs, choose 0 to 1" in done.stderr
