"""The simulator as others meet it: gymnasium's checks, instability, no GL, many environments."""

import ctypes.util
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from la_mbda.safety_gym import TASKS, check_gl

MEGABYTE = 2**20


def make(task="PointGoal1", **options):
    return gymnasium.make(f"Safexp-{task}-v0", disable_env_checker=True, **options).unwrapped


@pytest.mark.parametrize("observation", ["lidar", "vision"])
@pytest.mark.parametrize("task", TASKS)
def test_gymnasium_checks_pass(task, observation):
    env = gymnasium.make(f"Safexp-{task}-v0", observation=observation).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Sensors have no bounds, which gymnasium remarks on but allows.
        warnings.filterwarnings("ignore", message=".*(infinity|Box observation space)")
        check_env(env, skip_render_check=True)
    env.close()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("bad", [np.nan, 1e12])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_instability_ends_the_episode(task, bad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MuJoCo writes a log of it.
    env = make(task)
    env.reset(seed=0)
    env.data.qvel[:2] = bad
    observation, reward, terminated, _, info = env.step(np.zeros(env.action_space.shape))
    assert (reward, terminated, info["cost"], info["physics_error"]) == (-10.0, True, 0.0, True)
    assert np.isfinite(observation).all()
    env.reset(seed=0)
    *_, info = env.step(np.zeros(env.action_space.shape))
    assert not info.get("physics_error", False)


@pytest.mark.parametrize("task", TASKS)
def test_images_repeat_bit_by_bit(task):
    """Also with another environment of the task drawing in between."""
    env, other = (make(task, observation="vision") for _ in range(2))
    first = env.reset(seed=3)[0].copy()
    other.reset(seed=4)
    np.testing.assert_array_equal(env.reset(seed=3)[0], first)
    env.close()
    np.testing.assert_array_equal(other.reset(seed=3)[0], first)
    other.close()


OPEN_200_AND_CLOSE = """
import gc, resource
from pathlib import Path
import gymnasium
from la_mbda.safety_gym import rendering

def open_and_close(count):
    envs = [gymnasium.make("Safexp-PointGoal1-v0", observation="vision") for _ in range(count)]
    for env in envs:
        env.reset(seed=0)
    assert len(rendering.SHARED._renderers) == 1
    for env in envs:
        env.close()
    assert not rendering.SHARED._renderers

for time in range(16):
    open_and_close(20)
    gc.collect()
    print(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize())
"""


def test_hundreds_of_environments_share_a_renderer_and_leave_nothing():
    """Resident memory, in a process of its own, once the allocator has what it keeps.

    What a round leaves behind for good shows in every one that follows, so the most of the last
    rounds is compared with the most before them: a renderer or an environment left behind each
    time would be 100 MB or more between them, and what the allocator hands back for a while does
    not count.
    """
    command = [sys.executable, "-c", OPEN_200_AND_CLOSE]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    resident = list(map(int, output.split()))
    assert len(resident) == 16
    assert max(resident[-5:]) - max(resident[6:11]) < 48 * MEGABYTE


def test_processes_forked_after_an_image_draw_too():
    env = make(observation="vision")
    expected, _ = env.reset(seed=0)
    vector = gymnasium.vector.AsyncVectorEnv([lambda: make(observation="vision")] * 2)
    vector.reset_async(seed=0)
    images, _ = vector.reset_wait(timeout=60)
    np.testing.assert_array_equal(images[0], expected)
    vector.close()
    env.close()


def test_without_gl_the_error_names_the_packages(monkeypatch):
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(RuntimeError, match="apt-get install libegl1") as error:
        check_gl()
    assert "\n" not in str(error.value)


def test_a_closed_environment_can_be_closed_again():
    env = make(observation="vision")
    env.reset(seed=0)
    env.close()
    env.close()


def test_stable_baselines_trains():
    baselines = pytest.importorskip("stable_baselines3")
    env = gymnasium.make("Safexp-PointGoal1-v0")
    baselines.PPO("MlpPolicy", env, n_steps=500, seed=0, device="cpu").learn(2_000)
