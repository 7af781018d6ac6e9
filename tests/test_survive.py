"""Runs that are killed or asked to stop go on as if nothing had been, for real processes."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from toy import LOOP, tiny_config
from toy_runs import check_stops

from la_mbda.api import load_agent
from la_mbda.runs.folder import RunFolder, run_path
from la_mbda.training import Trainer

REPOSITORY = Path(__file__).resolve().parents[1]


def test_two_kills_lose_nothing():
    """`survive.py` compares every line, the score and the weights bit for bit."""
    command = [sys.executable, REPOSITORY / "experiments" / "survive.py", "--kills", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall("killed while", done.stdout)) == 2


def test_stopped_between_any_two_updates_or_episodes_it_goes_on(tmp_path):
    # In the random start, the pre-training, among updates …
    check_stops(Trainer, tiny_config(**LOOP), tmp_path, moments=(2, 5, 4, 1, 7))


@pytest.mark.parametrize("left", [1, 2])
def test_stopped_between_final_episodes_it_goes_on(tmp_path, left):
    """Of three batches, one or two are left to play."""
    config = tiny_config(**LOOP)
    # Random episodes, pre-training, iterations (updates, an episode, the end), batches.
    moments = 5 + 3 + 8 * (2 + 1 + 1) + 3 - left
    standing = check_stops(Trainer, config, tmp_path, moments=(moments - 1,))
    assert standing == [f"step_{260 + 2 * (3 - left):012d}"]


@pytest.mark.parametrize("script", ["train.py", "sg6.py"])
def test_sigterm_saves_and_says_how_to_go_on(tmp_path, script):
    options = ["--results", str(tmp_path), "--preset", "quick", "--observation", "lidar"]
    task = {"train.py": ["--task", "PointGoal1"], "sg6.py": ["--tasks", "PointGoal1,CarGoal1"]}
    command = [sys.executable, REPOSITORY / "experiments" / script, *options, *task[script]]
    seed = {"train.py": ["--seed", "0"], "sg6.py": []}
    process = subprocess.Popen(command + seed[script], stderr=subprocess.PIPE, text=True)
    run = tmp_path / "quick" / "lambda" / "PointGoal1" / "seed_0"
    while not (run / "episodes.jsonl").exists() or not (run / "episodes.jsonl").stat().st_size:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors.count("the same command resumes") == 1
    assert ("stopped PointGoal1 lambda seed 0 at " in errors) == (script == "sg6.py")
    assert len(list((run / "checkpoint").glob("step_*"))) == 1
    assert not (tmp_path / "quick" / "lambda" / "CarGoal1").exists()


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_run(tmp_path, broken, monkeypatch):
    config = tiny_config(**LOOP)
    trainer = Trainer(config, RunFolder(run_path(tmp_path, config), config))
    update = trainer.agent.update
    monkeypatch.setattr(trainer.agent, "update", lambda: update() | {"kl": broken})
    with pytest.raises(ValueError, match=r"kl is (nan|inf) at update \d+ \(updating\).*checkpoint"):
        trainer.run()
    agent = load_agent(run_path(tmp_path, config))
    assert all(np.isfinite(v).all() for v in agent.variables if v.dtype.is_floating)


def test_broken_weights_do_not_act(tmp_path):
    config = tiny_config(**LOOP)
    trainer = Trainer(config, RunFolder(run_path(tmp_path, config), config))
    agent = trainer.agent
    agent.actor.weights[0]["bias"].assign_add(np.full(32, np.nan, np.float32))
    with pytest.raises(ValueError, match="the policy's action is"):
        agent.act(np.zeros((1, 1), np.float32), agent.initial_state(1), explore=True)
