"""What can be refused without TensorFlow, which takes seconds to load, is refused before."""

import json

import pytest
from refusals import refusal

from la_mbda.config import to_dict
from la_mbda.presets import make_config
from la_mbda.runs.folder import run_path


@pytest.fixture
def run(tmp_path):
    """The folder of a run that has saved something."""

    def make(algorithm):
        config = make_config("quick", "PointGoal1", algorithm)
        path = run_path(tmp_path, config)
        (path / "checkpoint" / "step_1").mkdir(parents=True)
        (path / "checkpoint" / "step_1" / "manifest.json").write_text("{}")
        (path / "config.json").write_text(json.dumps(to_dict(config)))
        return path

    return make


def test_what_is_no_run(tmp_path):
    for script in ("evaluate.py", "bounds.py"):
        assert f"{tmp_path} is no run folder" in refusal(script, tmp_path)


def test_a_run_that_has_saved_nothing(run):
    path = run("lambda")
    (path / "checkpoint" / "step_1" / "manifest.json").unlink()
    assert "has no checkpoint and no weights" in refusal("evaluate.py", path)


def test_an_algorithm_that_does_not_do(run, tmp_path):
    path = run("ppo")
    message = "is of ppo, which has no world model to imagine with"
    assert message in refusal("evaluate.py", path, "--imagine", tmp_path / "imagined")
    assert "is of ppo, which has no upper bounds" in refusal("bounds.py", path)


def test_other_settings_than_the_folder_has(run, tmp_path):
    run("lambda")
    options = ["--preset", "quick", "--results", tmp_path]
    assert "holds a run with horizon 8 not 7" in refusal("train.py", *options, "--horizon", 7)


@pytest.mark.parametrize(
    ("script", "options"), [("train.py", []), ("sg6.py", ["--preset", "quick"])]
)
def test_folders_whose_names_cannot_be_used(tmp_path, script, options):
    long = tmp_path / ("x" * 300)
    said = refusal(script, *options, "--results", long)
    assert f"{long}" in said
    assert "File name too long" in said
    wrong = refusal(script, *options, "--results", f"{tmp_path}/r\udcff")
    assert r"r\udcff' is not UTF-8: choose another name" in wrong


def test_a_replay_that_does_not_fit(tmp_path):
    options = ["--results", tmp_path, "--env-steps", 10**9, "--replay-capacity", 10**9]
    assert "GB are free: lower replay_capacity" in refusal("train.py", *options)
    assert list(tmp_path.iterdir()) == []


def test_an_environment_that_does_not_do(tmp_path):
    options = ["--results", tmp_path, "--task", "gymnasium:CartPole-v1", "--preset", "quick"]
    assert "has action space Discrete(2): wrap it" in refusal("train.py", *options)
