"""The overview of a sweep, with a clock of the test's own."""

import dataclasses
import io
import json

import pytest

from la_mbda.presets import make_config
from la_mbda.runs import folder
from la_mbda.runs.durations import duration
from la_mbda.runs.files import read_object
from la_mbda.runs.overview import Overview
from la_mbda.runs.run import Outcome, Run

STEPS = 1000


class Clock:
    """A clock that stands still until it is set."""

    now = 100.0

    def __call__(self):
        return self.now


def estimate(config, start, end):
    """Ten seconds to start, then a hundred env steps a second."""
    return 10.0 + (end - start) / 100


def make_run(path, seed, algorithm="lambda"):
    config = make_config("quick", "PointGoal1", algorithm, env_steps=STEPS, random_steps=STEPS)
    folder = path / algorithm / f"seed_{seed}"
    folder.mkdir(parents=True)
    return Run(dataclasses.replace(config, seed=seed), folder, ())


def trained(run, *env_steps, rest=""):
    lines = "".join(json.dumps({"env_steps": steps}) + "\n" for steps in env_steps)
    (run.path / "episodes.jsonl").write_text(lines + rest)


def tell(run, fraction, seconds_left):
    progress = {"fraction": fraction, "seconds_left": seconds_left}
    (run.path / "progress.json").write_text(json.dumps(progress))


def finish(run, cost=12.0):
    score = {"env_steps": STEPS, "return": 0.3, "cost_return": cost, "cost_regret": cost}
    (run.path / "score.json").write_text(json.dumps(score))
    trained(run, STEPS)


@pytest.fixture
def sweep(tmp_path):
    """Four runs, the last of which was finished before; the overview and what it wrote."""
    runs = [make_run(tmp_path, seed) for seed in range(4)]
    finish(runs[3])
    clock, stream = Clock(), io.StringIO()
    return runs, Overview(runs, estimate, stream, clock), clock, stream


def test_env_steps_are_of_the_last_whole_line(tmp_path):
    run = make_run(tmp_path, 0)
    assert run.env_steps == 0
    trained(run, 20, rest='{"env_steps": 4')
    assert run.env_steps == 20
    trained(run, *range(0, 10_000, 20), rest='{"env')
    assert run.env_steps == 9_980


def test_before_anything_is_measured_the_estimate_counts(sweep):
    runs, overview, _, _ = sweep
    overview.started(runs[0])
    assert overview.line() == (
        "1 done, 1 running, 2 waiting, 0 failed; 0 env steps/s; about 1 min 0 s left; "
        "PointGoal1 lambda seed 0 at 0 %"
    )


def test_rate_and_time_left_are_measured(sweep):
    runs, overview, clock, _ = sweep
    overview.started(runs[0])
    overview.started(runs[1])
    clock.now += 30.0
    for run in runs[:2]:
        trained(run, 500)
        tell(run, 0.75, 10.0)
    # 40 s for what was estimated at 20 s, so all takes twice as long: 10 s more for two runs at a
    # time, and 40 s for the one that waits.
    assert overview.line().startswith(
        "1 done, 2 running, 1 waiting, 0 failed; 33 env steps/s; about 40 s left; "
    )


def test_time_left_goes_by_the_algorithm(tmp_path):
    runs = [make_run(tmp_path, 0), make_run(tmp_path, 0, "unsafe_lambda"), make_run(tmp_path, 1)]
    clock = Clock()
    overview = Overview(runs, estimate, io.StringIO(), clock)
    overview.started(runs[0])
    clock.now += 20.0
    finish(runs[0])
    overview.ended(runs[0], Outcome("finished"))
    overview.started(runs[1])
    clock.now += 150.0
    trained(runs[1], 500)
    tell(runs[1], 0.75, 50.0)
    assert "about 1 min 10 s left" in overview.line()  # 50 s as it says, 20 s as lambda's took
    overview.waits(runs[1])  # It took 200 s in all: 15 s from here take 150 s.
    overview.started(runs[2])
    assert "about 2 min 50 s left" in overview.line()


def test_what_ends_is_told_at_once(sweep):
    runs, overview, clock, stream = sweep
    for run in runs[:3]:
        overview.started(run)
    clock.now += 100.0
    finish(runs[0], cost=[12.0, 3.0])
    overview.ended(runs[0], Outcome("finished"))
    overview.ended(runs[1], Outcome("failed", "RuntimeError: kl is nan"))
    trained(runs[2], 400)
    overview.ended(runs[2], Outcome("stopped"))
    lines = stream.getvalue().splitlines()
    assert lines[0] == (
        "finished PointGoal1 lambda seed 0: return 0.30, cost 12.0, 3.0, 1 min 40 s, 10 env steps/s"
    )
    assert lines[2] == (
        f"failed PointGoal1 lambda seed 1: RuntimeError: kl is nan: see {runs[1].path}/train.log"
    )
    assert lines[4] == "stopped PointGoal1 lambda seed 2 at 400 env steps"
    assert lines[5] == "2 done, 0 running, 0 waiting, 1 failed, 1 stopped"


def test_a_log_has_a_line_at_least_each_half_minute(sweep):
    runs, overview, clock, stream = sweep
    overview.started(runs[0])
    for _ in range(121):
        overview.refresh()
        clock.now += 0.5
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3  # At once, after 30 s and after 60 s.
    assert all(line.startswith("1 done, 1 running") for line in lines)


def test_a_terminal_has_one_line_that_is_drawn_over(sweep, monkeypatch):
    runs, _, clock, stream = sweep
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    overview = Overview(runs, estimate, stream, clock)
    overview.started(runs[0])
    for _ in range(3):
        overview.refresh()
        clock.now += 1.0
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().count("\r\x1b[2K1 done, 1 running") == 3
    assert all(len(line) < 60 + 4 for line in stream.getvalue().split("\r"))
    overview.ended(runs[0], Outcome("failed", "long " * 50))
    assert stream.getvalue().count("\n") == 1


def test_a_run_that_goes_on_is_counted_from_its_checkpoint(sweep):
    runs, _, clock, stream = sweep
    trained(runs[0], 500)
    overview = Overview(runs, estimate, stream, clock)
    overview.started(runs[0])
    trained(runs[0], 400)  # What was after the checkpoint is taken back.
    overview.refresh()
    clock.now += 10.0
    trained(runs[0], 500)
    assert "; 10 env steps/s; " in overview.line()


def test_a_lost_run_waits_and_its_time_stands_still(sweep):
    runs, overview, clock, stream = sweep
    overview.started(runs[0])
    clock.now += 10.0
    overview.waits(runs[0])
    overview.waits(runs[0])
    assert stream.getvalue().count("lost PointGoal1 lambda seed 0") == 1
    clock.now += 1000.0
    overview.started(runs[0])
    trained(runs[0], 100)
    assert "; 10 env steps/s; " in overview.line()


def test_durations():
    said = [duration(seconds) for seconds in (42.4, 192, 1920, 7200)]
    assert said == ["42 s", "3 min 12 s", "32 min", "2.0 h"]
    said = [duration(seconds) for seconds in (59.4, 59.6, 119.6, 599.4, 599.6)]
    assert said == ["59 s", "1 min 0 s", "2 min 0 s", "9 min 59 s", "10 min"]


def test_a_run_that_tells_its_progress_is_believed(sweep):
    """In pre-training and in the last evaluation no env step moves, and time goes on."""
    runs, overview, clock, _ = sweep
    overview.started(runs[0])
    clock.now += 12.0
    tell(runs[0], 0.3, 28.0)
    # It takes 40 s, and so do the two that wait.
    assert overview.line() == (
        "1 done, 1 running, 2 waiting, 0 failed; 0 env steps/s; about 1 min 48 s left; "
        "PointGoal1 lambda seed 0 at 30 %"
    )
    tell(runs[0], 0.999, 1.0)
    assert overview.line().endswith("PointGoal1 lambda seed 0 at 99 %")
    trained(runs[0], 20)
    (runs[0].path / "progress.json").write_text('{"fraction": 0.')
    assert overview.line().endswith("PointGoal1 lambda seed 0 at 2 %")  # Of its env steps.


def test_the_score_is_read_once_a_run_has_ended(sweep, monkeypatch):
    runs, overview, _, _ = sweep
    overview.started(runs[0])
    finish(runs[0])
    read = []
    monkeypatch.setattr(folder, "read_json", lambda path: read.append(path) or read_object(path))
    for _ in range(3):
        overview.line()
    assert read == []
