"""Trials at equal CPU time: they stop by it, go on where they were stopped, and are judged once."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from toy import LOOP, tiny_config

from experiments import trials
from la_mbda.api import train
from la_mbda.runs.folder import run_path

SCRIPT = Path(trials.__file__)


def test_a_process_that_used_up_its_time_saves_itself(tmp_path):
    """SIGXCPU comes each second, and is asked for once."""
    command = [sys.executable, str(SCRIPT), "run", "hold_4", "--results", str(tmp_path)]
    done = subprocess.run(
        [*command, "--minutes", "0.4"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("stopping after the current update or episode") == 1
    (record,) = (json.loads(p.read_text()) for p in tmp_path.glob("**/trial.json"))
    assert 23.5 <= record["cpu_seconds"] < 60.0
    assert (record["trial"], record["task"], record["seed"]) == ("hold_4", "PointGoal2", 0)
    assert record["env_steps"] == 5_000
    assert set(record["foresight"]) == {"reward", "cost_0"}
    assert trials.main(["table", "--results", str(tmp_path)]) == 0


def test_time_left_is_what_earlier_processes_did_not_use(tmp_path, monkeypatch):
    config = tiny_config(**LOOP)
    record = tmp_path / "trial.json"
    record.write_text('{"cpu_seconds": 70.0}')
    limits = []
    monkeypatch.setattr("resource.setrlimit", lambda _, pair: limits.append(pair[0]))
    monkeypatch.setattr("time.process_time", lambda: 5.0)

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(trials, "train", stopped)
    before = signal.getsignal(signal.SIGXCPU)
    with pytest.raises(KeyboardInterrupt):
        trials.train_for(config, tmp_path, record, limit=100.0)
    assert limits[0] == 35
    assert json.loads(record.read_text()) == {"cpu_seconds": 75.0}
    trials.train_for(config, tmp_path, record, limit=75.0)  # It has used up all that.
    signal.signal(signal.SIGXCPU, before)


def test_a_judgement_stands(tmp_path, capsys):
    config = tiny_config(**LOOP | {"env_steps": 160})
    train(config, tmp_path / "hold_2")
    path = run_path(tmp_path / "hold_2", config)
    (path / "trial.json").write_text('{"cpu_seconds": 60.0}')
    record = trials.judge("hold_2", path)
    assert record["episodes"] == 8
    assert record["updates"] == 6
    lines = [json.loads(line) for line in (path / "episodes.jsonl").read_text().splitlines()]
    assert record["return"] == pytest.approx(sum(line["return"] for line in lines) / 8)
    assert trials.judge("hold_2", path) == record
    assert "hold_2" in trials.line(record)


def test_a_trial_of_the_planner_is_judged_too(tmp_path):
    config = tiny_config(**LOOP | {"env_steps": 160, "algorithm": "cem_mpc"})
    train(config, tmp_path)
    path = run_path(tmp_path, config)
    (path / "trial.json").write_text('{"cpu_seconds": 60.0}')
    assert trials.judge("preset", path)["updates"] == 6


@pytest.mark.parametrize("trial", trials.TRIALS)
def test_each_trial_has_settings_that_go_together(trial, tmp_path):
    changes = trials.TRIALS[trial]
    config = trials.trial_config(trials.Run(trial, tmp_path))
    assert config.training.action_repeat == changes.get("action_repeat", 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hold_9"], "unknown trial 'hold_9': did you mean 'hold_"),
        (["hold_4", "--task", "PointGoal9"], "unknown task 'PointGoal9'"),
        (["hold_4", "--minutes", "0"], "minutes is 0.0: choose more than 0"),
        (["hold_4", "--minutes", "nan"], "minutes is nan: choose a finite number"),
        (["hold_4", "--algorithm", "ppo"], "algorithm is ppo, which has no model to judge"),
    ],
)
def test_bad_arguments_are_refused(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        trials.main(["run", *arguments, "--results", str(tmp_path)])
