"""What a run writes for TensorBoard."""

import pytest
import tensorflow as tf
from toy import tiny_config

from la_mbda.recorder import Recorder
from la_mbda.run_folder import RunFolder

EVALUATIONS = {
    (25.0,): {"return": 1.0, "cost_return": 2.0, "returns": [0.5, 1.5], "cost_returns": [1.0, 3.0]},
    (25.0, 10.0): {"return": 1.0, "cost_return": [2.0, 4.0], "returns": [0.5, 1.5]}
    | {"cost_returns": [[1.0, 3.0], [3.0, 5.0]]},
}


@pytest.mark.parametrize("budget", EVALUATIONS)
def test_each_constraint_has_a_curve(tmp_path, budget):
    config = tiny_config(cost_budget=budget)
    folder = RunFolder(tmp_path, config)
    recorder = Recorder(config, folder, 0, {})
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
