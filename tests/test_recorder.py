"""What a run shows of itself while it trains, and writes for TensorBoard."""

import re

import pytest
import tensorflow as tf
from toy import LOOP, tiny_config

from la_mbda.api import train
from la_mbda.runs.folder import PROGRESS, RunFolder, run_path
from la_mbda.runs.progress import RunProgress
from la_mbda.runs.recorder import Recorder


@pytest.mark.parametrize("algorithm", ["lambda", "ppo"])
def test_the_bar_moves_in_every_stage_up_to_the_end(tmp_path, monkeypatch, algorithm):
    told = []
    advance = Recorder.advance

    def advance_and_note(self, stage, units):
        advance(self, stage, units)
        told.append((stage, self._pace.fraction))

    monkeypatch.setattr(Recorder, "advance", advance_and_note)
    baseline = {"observation": "lidar", "epoch_steps": 20, "value_steps": 2, "policy_steps": 2}
    config = tiny_config(algorithm=algorithm, **LOOP | (baseline if algorithm == "ppo" else {}))
    train(config, tmp_path)
    stages = {stage for stage, _ in told}
    assert stages >= {"acting", "updating", "evaluating", "confirming"}
    assert ("pre-training" in stages) == (algorithm == "lambda")
    done = {stage: [fraction for name, fraction in told if name == stage] for stage in stages}
    assert done["acting"][0] < 0.5
    assert done["evaluating"][-1] < done["confirming"][0] < done["confirming"][-1] == 1.0
    assert not (run_path(tmp_path, config) / PROGRESS).exists()


def test_the_bar_says_what_a_run_comes_to(tmp_path, capsys):
    config = tiny_config(**LOOP | {"cost_budget": (25.0, 5.0)})
    folder = RunFolder(tmp_path, config)
    progress = RunProgress(env_steps=100)
    recorder = Recorder(config, folder, progress)
    recorder.log("episodes", 80, {"return": 1.0, "cost_return": [4.0, 0.0]})
    recorder.log("episodes", 100, {"return": 2.0, "cost_return": [6.0, 1.0]})
    constraint = {"multiplier_0": 0.0312, "multiplier_1": 0.5}
    bounds = {"safety_bound_0": 40.06, "safety_bound_1": 2.0}
    recorder.log("updates", 100, constraint | bounds)
    with recorder.stage("updating", "updating 0/2"):
        recorder.advance("updating", 1)
        recorder.advance("updating", 1)
    assert (tmp_path / PROGRESS).exists()
    recorder.close()
    shown = capsys.readouterr().err
    assert "gymnasium:Toy-v0 lambda seed 0: " in shown
    assert "100/260 env steps, updating 0/2, return 1.5, cost 5.0, 0.5, λ 0.0312, 0.5" in shown
    assert re.search(r"about \S+ .*left, .* V\^c 40.1, 2.0, .* updates/s", shown)


EVALUATIONS = {
    (25.0,): {"return": 1.0, "cost_return": 2.0, "returns": [0.5, 1.5], "cost_returns": [1.0, 3.0]},
    (25.0, 10.0): {"return": 1.0, "cost_return": [2.0, 4.0], "returns": [0.5, 1.5]}
    | {"cost_returns": [[1.0, 3.0], [3.0, 5.0]]},
}


@pytest.mark.parametrize("budget", EVALUATIONS)
def test_each_constraint_has_a_curve(tmp_path, budget):
    config = tiny_config(cost_budget=budget)
    folder = RunFolder(tmp_path, config)
    recorder = Recorder(config, folder, RunProgress())
    recorder.log("evaluations", 7, EVALUATIONS[budget])
    recorder.close()
    (path,) = (tmp_path / "tensorboard").iterdir()
    values = {
        value.tag.removeprefix("evaluations/"): float(tf.make_ndarray(value.tensor))
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    costs = {"cost_return": 2.0} if len(budget) == 1 else {"cost_return_0": 2.0, "cost_return_1": 4}
    assert values == {"return": 1.0} | costs
