"""Environments that break: what a user is told, and that the run can go on once they are mended."""

import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from toy import ToyEnv, tiny_config

from la_mbda.api import train
from la_mbda.environments import make_environment
from la_mbda.errors import BadEnvironmentError, EnvironmentFailedError, ExpectedError
from la_mbda.presets import make_config
from la_mbda.replay import Episode
from la_mbda.runs.folder import run_path
from la_mbda.runs.local import failure

REPOSITORY = Path(__file__).resolve().parents[1]
LOOP = {"env_steps": 200, "random_steps": 100, "checkpoint_every": 200, "evaluate_every": 100}
LOOP |= {"steps_per_iteration": 20, "updates_per_iteration": 2, "pretraining_updates": 2}
LOOP |= {"final_episodes": 2}


class Breaking(ToyEnv):
    """A toy whose `change` changes what its step number `at` of all gives; None mends it."""

    change, at, taken = None, 0, 0

    def step(self, action):
        result = list(super().step(action))
        type(self).taken += 1
        if type(self).change and type(self).taken == type(self).at:
            type(self).change(result)
        return tuple(result)


gymnasium.register("Breaking-v0", entry_point=Breaking)


@pytest.fixture
def breaking(monkeypatch):
    """Sets what breaks, and when."""

    def breaks(change, at):
        monkeypatch.setattr(Breaking, "change", change and staticmethod(change))
        monkeypatch.setattr(Breaking, "at", at)
        monkeypatch.setattr(Breaking, "taken", 0)

    return breaks


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((4, 4), np.uint8), r"uint8 \[4, 4\]"),
        (np.zeros((4, 4, 3)), r"float64 \[4, 4, 3\]"),
        (None, "None"),
        ([np.zeros((4, 4, 3), np.uint8)], r"\[array\("),
    ],
)
def test_an_image_that_no_video_can_show_is_named(image, found):
    class Drawing(ToyEnv):
        metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

        def render(self):
            return image

    gymnasium.register("Drawing-v0", entry_point=Drawing)
    env = make_environment(tiny_config("gymnasium:Drawing-v0"), render_mode="rgb_array")
    env.reset(seed=0)
    message = (
        rf"gymnasium:Drawing-v0: it gives {found}.*: return a uint8 array \[height, width, 3\]"
    )
    with pytest.raises(BadEnvironmentError, match=message):
        env.render()


def setting(place, value):
    return lambda result: result.__setitem__(place, value)


def costing(value):
    return lambda result: result[4].update(cost=value)


BAD = {
    "the reward is nan": setting(1, float("nan")),
    "the reward is inf": setting(1, np.float32("inf")),
    "the reward is None": setting(1, None),
    "the reward is 1e[+]300": setting(1, 1e300),
    r"the observation at \[0\] is nan": setting(0, np.array([np.nan], np.float32)),
    "the observation is None": setting(0, None),
    r"the observation has shape \(2,\)": setting(0, np.zeros(2, np.float32)),
    "terminated is None": setting(2, None),
    r'info\["cost"\] is inf': costing(float("inf")),
    r'info\["cost"\] is None': costing(None),
    r"info\[\"cost\"\] is 'much'": costing("much"),
    r'info\["cost"\] at \[1\] is -inf': costing([0.0, -np.inf]),
    "step returns four values, as in gym before 0.26": lambda result: result.pop(2),
}


@pytest.mark.filterwarnings("ignore")  # Gymnasium's own checker has its say too.
@pytest.mark.parametrize("message", BAD)
@pytest.mark.parametrize("repeats", [1, 2])
def test_what_is_no_number_is_named_with_its_place(breaking, message, repeats):
    env = make_environment(tiny_config("gymnasium:Breaking-v0", action_repeat=repeats))
    breaking(BAD[message], 6)
    env.reset(seed=3)
    for _ in range(6 // repeats - 1):
        env.step(np.zeros(1, np.float32))
    place = r".*\(in step 6 of the episode that reset\(seed=3\) begins\)"
    with pytest.raises(BadEnvironmentError, match=f"gymnasium:Breaking-v0: {message}{place}"):
        env.step(np.zeros(1, np.float32))


def old_reset(self):
    return np.zeros(1), {}


old_reset.__name__ = old_reset.__qualname__ = "reset"


@pytest.mark.parametrize(
    ("reset", "message"),
    [
        (lambda self, seed=None, options=None: np.zeros(1), "returns only an observation, as in"),
        (old_reset, "reset takes no seed or options, as in gym before 0.26"),
        (lambda self, seed=None, options=None: (np.full(1, np.nan), {}), "the observation at"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_a_reset_may_not_give(monkeypatch, reset, message):
    monkeypatch.setattr(Breaking, "reset", reset)
    env = make_environment(tiny_config("gymnasium:Breaking-v0"))
    with pytest.raises(BadEnvironmentError, match=rf"gymnasium:Breaking-v0: .*{message}"):
        env.reset(seed=0)


class Describing(ToyEnv):
    """Has values that only look like costs by their names, one of a shape that changes."""

    def step(self, action):
        *rest, info = super().step(action)
        parts = {
            "cost_part": 2,
            "cost_text": "low",
            "cost_none": None,
            "cost_ragged": [[1], [1, 2]],
        }
        return *rest, info | parts | {"cost_places": np.ones(self._steps)}


gymnasium.register("Describing-v0", entry_point=Describing)


def test_other_values_than_costs_may_be_called_cost():
    env = make_environment(tiny_config("gymnasium:Describing-v0", action_repeat=2))
    env.reset(seed=0)
    *_, info = env.step(np.ones(1, np.float32))
    assert (info["cost"], info["cost_part"]) == (2.0, 4.0)
    assert (info["cost_text"], info["cost_none"]) == ("low", None)
    assert info["cost_places"].shape == (2,)


def crash(result):
    np.zeros(2) + np.zeros(3)


def test_an_error_of_its_own_keeps_its_traceback_and_gains_the_place(breaking):
    env = make_environment(tiny_config("gymnasium:Breaking-v0"))
    breaking(crash, 2)
    env.reset(seed=5)
    env.step(np.zeros(1, np.float32))
    message = r"gymnasium:Breaking-v0 failed in step 2 of .*seed=5.*: ValueError: operands could"
    with pytest.raises(EnvironmentFailedError, match=message) as error:
        env.step(np.zeros(1, np.float32))
    assert isinstance(error.value.__cause__, ValueError)


def lines(path, stream):
    return [json.loads(line) for line in (path / f"{stream}.jsonl").read_text().splitlines()]


# Of the run's steps the first 100 are random, then 100 explore, 40 evaluate and 40 confirm.
@pytest.mark.parametrize(("at", "change"), [(70, crash), (130, setting(1, None)), (230, crash)])
def test_a_run_goes_on_once_its_environment_is_mended(tmp_path, breaking, at, change):
    """Bit for bit like one whose environment never broke."""
    config = tiny_config("gymnasium:Breaking-v0", **LOOP)
    breaking(None, 0)
    whole = train(config, tmp_path / "whole")
    breaking(change, at)
    with pytest.raises((BadEnvironmentError, EnvironmentFailedError)) as error:
        train(config, tmp_path / "broken")
    played = min(at, 200) // 20
    assert f"as it was before, after {20 * played} env steps" in error.value.__notes__[-1]
    path = run_path(tmp_path / "broken", config)
    kept = sorted((path / "replay").iterdir())
    assert len(kept) == played
    assert all(np.isfinite(part).all() for file in kept for part in Episode.load(file))
    breaking(None, 0)
    assert train(config, tmp_path / "broken") == whole
    for stream in ("episodes", "updates", "evaluations", "confirmed"):
        assert lines(path, stream) == lines(run_path(tmp_path / "whole", config), stream)
    # What was played before the environment broke was not played again.
    assert Breaking.taken == 280 - 20 * played


BASELINE = {"episode_steps": 20, "epoch_steps": 40, "env_steps": 120, "evaluation_episodes": 2}
BASELINE |= {"baseline_units": 8, "value_steps": 2, "policy_steps": 2, "final_episodes": 2}
BASELINE |= {"checkpoint_every": 80, "evaluate_every": 80, "action_repeat": 1}


# Epochs of 40 steps; after the second and the third, 40 evaluate; 40 confirm.
@pytest.mark.parametrize(
    ("at", "epochs"), [(5, 0), (70, 1), (100, 2), (150, 2), (190, 3), (230, 3)]
)
def test_a_baseline_goes_on_too(tmp_path, breaking, at, epochs, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")  # Plays in this process.
    config = make_config("quick", "gymnasium:Breaking-v0", "ppo", **BASELINE)
    breaking(None, 0)
    whole = train(config, tmp_path / "whole")
    breaking(costing(float("nan")), at)
    with pytest.raises(BadEnvironmentError) as error:
        train(config, tmp_path / "broken")
    assert f"before, after {40 * epochs} env steps" in error.value.__notes__[-1]
    breaking(None, 0)
    assert train(config, tmp_path / "broken") == whole
    path = run_path(tmp_path / "broken", config)
    for stream in ("episodes", "updates", "evaluations", "confirmed"):
        assert lines(path, stream) == lines(run_path(tmp_path / "whole", config), stream)


def test_broken_weights_are_no_fault_of_the_environment(tmp_path, monkeypatch):
    """And are not saved."""
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    sizes = BASELINE | {"policy_learning_rate": 1e30, "checkpoint_every": 40}
    config = make_config("quick", "gymnasium:Toy-v0", "ppo", **sizes)
    with pytest.raises(ExpectedError, match=r"the policy's action is|is nan|is inf") as error:
        train(config, tmp_path)
    assert not isinstance(error.value, BadEnvironmentError)


OLD = """
import gymnasium, numpy as np

class Old(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self._steps += 1
        if self._steps == 7:
            a, b, c, d, e = (1, 2, 3, 4)
        return np.zeros(1, np.float32), 0.0, False, self._steps == 20, {}

gymnasium.register("Old-v0", entry_point=Old)
"""


def trained(tmp_path, code, *options):
    """What a training of an environment of the user's writes to stderr."""
    (tmp_path / "theirs.py").write_text(code)
    command = [sys.executable, REPOSITORY / "experiments" / "train.py", "--preset", "quick"]
    command += ["--task", "gymnasium:theirs:Old-v0", "--results", tmp_path, "--action-repeat", "1"]
    command += ["--episode-steps", "20", *options]
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY}:{tmp_path}"}
    done = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("algorithm", ["lambda", "ppo"])
def test_a_command_shows_file_and_line_of_the_users_own_error(tmp_path, algorithm):
    options = ["--epoch-steps", "2000"] if algorithm == "ppo" else []
    told = trained(tmp_path, OLD, "--algorithm", algorithm, *options)
    where = f'File "{tmp_path}/theirs.py", line 16, in step'
    assert where in told
    log = tmp_path / "train.log"
    log.write_text(told)
    assert failure(log, 0, 1).startswith(
        "la_mbda.errors.EnvironmentFailedError: gymnasium:theirs:Old-v0 failed in step 7 of the "
    )
    assert failure(log, 0, 1).endswith(
        "begins: ValueError: not enough values to unpack (expected 5, got 4)"
    )


def test_a_command_tells_a_bad_value_in_one_line(tmp_path):
    told = trained(
        tmp_path,
        OLD.replace("0.0, False", "0.0 if self._steps < 9 else None, False").replace(
            "== 7", "== 70"
        ),
    )
    log = tmp_path / "train.log"
    log.write_text(told)
    assert "Traceback" not in told
    assert failure(log, 0, 1).startswith(
        "train.py: error: gymnasium:theirs:Old-v0: the reward is None: mend the environment"
    )
    assert "after 0 env steps, and resumes" in failure(log, 0, 1)


class Plain(ToyEnv):
    """Its constructor knows no render_mode."""

    def __init__(self):
        super().__init__()


gymnasium.register("Plain-v0", entry_point=Plain)


def test_a_constructor_needs_no_render_mode():
    config = tiny_config("gymnasium:Plain-v0")
    env = make_environment(config)
    env.reset(seed=0)
    assert env.step(np.zeros(1, np.float32))[4]["env_steps"] == 1
    with pytest.raises(ExpectedError, match="Plain-v0 draws no images, as its constructor"):
        make_environment(config, render_mode="rgb_array")


class Unmade(ToyEnv):
    def __init__(self):
        raise ValueError("no such map")


gymnasium.register("Unmade-v0", entry_point=Unmade)
gymnasium.register("NoEnv-v0", entry_point=lambda: 3)


def test_a_constructor_that_fails():
    with pytest.raises(EnvironmentFailedError, match="Unmade-v0 failed in its constructor: Value"):
        make_environment(tiny_config("gymnasium:Unmade-v0"))
    with pytest.raises(ExpectedError, match="NoEnv-v0 is no gymnasium environment: The env"):
        make_environment(tiny_config("gymnasium:NoEnv-v0"))
