"""Pictures in several threads, copies of the simulator, and GL libraries that are not there."""

import copy
import ctypes.util
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import gymnasium
import numpy as np
import pytest

from la_mbda.safety_gym import rendering

ACTION = np.array([0.3, 0.7])


def make(task="PointGoal2", **options):
    return gymnasium.make(f"Safexp-{task}-v0", **options).unwrapped


def images(env, steps=5):
    """What is seen in an episode's first steps."""
    seen = [env.reset(seed=3)[0]]
    return np.stack(seen + [env.step(ACTION)[0] for _ in range(steps)])


@pytest.fixture(scope="module")
def expected():
    env = make(observation="vision")
    yield images(env)
    env.close()


def in_thread(work):
    """The result of some work in a thread of its own, which has ended."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_threads_draw_side_by_side(expected):
    barrier = Barrier(4)

    def work():
        env = make(observation="vision")
        barrier.wait()
        seen = [images(env) for _ in range(3)]
        env.close()
        return seen

    with ThreadPoolExecutor(4) as pool:
        results = [future.result() for future in [pool.submit(work) for _ in range(4)]]
    np.testing.assert_array_equal(results, np.broadcast_to(expected, (4, 3, *expected.shape)))


def test_an_environment_goes_from_thread_to_thread(expected):
    """Made in one, drawn in others that end, and in the main one in between; closed in another."""
    before = len(rendering.SHARED._renderers)
    env = in_thread(lambda: make(observation="vision"))
    for _ in range(3):
        np.testing.assert_array_equal(in_thread(lambda: images(env)), expected)
        np.testing.assert_array_equal(images(env), expected)
    in_thread(env.close)
    assert len(rendering.SHARED._renderers) == before
    other = make("CarGoal1", observation="vision")
    other.reset(seed=0)
    assert not rendering.SHARED._left  # What the main thread left has been freed in it.
    other.close()


def test_a_process_ends_well_while_a_thread_draws():
    code = """
import threading, gymnasium, la_mbda.safety_gym
def work(env, drawn):
    env.reset(seed=0)
    drawn.set()
    while True:  # Python itself does not wait for a thread in which MuJoCo steps.
        env.render()
for _ in range(2):
    drawn = threading.Event()
    env = gymnasium.make("Safexp-PointGoal1-v0", render_mode="rgb_array")
    threading.Thread(target=work, args=(env.unwrapped, drawn), daemon=True).start()
    drawn.wait()
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda env: pickle.loads(pickle.dumps(env)),
}


@pytest.mark.parametrize("made", COPIES)
@pytest.mark.parametrize("observation", ["lidar", "vision"])
@pytest.mark.parametrize("task", ["PointGoal2", "PointButton1"])
def test_a_copy_goes_on_as_the_original(made, observation, task):
    env = make(task, observation=observation, render_mode="rgb_array")
    env.reset(seed=1)
    for _ in range(20):
        env.step(ACTION)
    env.render()
    twin = COPIES[made](env)
    for _ in range(30):
        ours, theirs = env.step(ACTION), twin.step(ACTION)
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert ours[1:] == theirs[1:]
    np.testing.assert_array_equal(env.render(), twin.render())
    env.close()
    np.testing.assert_array_equal(
        twin.reset(seed=2)[0], make(task, observation=observation).reset(seed=2)[0]
    )
    twin.close()


@pytest.mark.parametrize("made", COPIES)
def test_a_copy_notices_that_it_is_unstable(made):
    env = make("PointGoal1")
    env.reset(seed=0)
    twin = COPIES[made](env)
    twin.data.qvel[:] = 1e12
    *_, terminated, _, info = twin.step(ACTION)
    assert terminated
    assert info["physics_error"]
    *_, terminated, _, info = env.step(ACTION)
    assert not terminated
    twin.reset(seed=0)
    assert not twin.step(ACTION)[2]


def test_a_wrapped_environment_is_copied_too():
    env = gymnasium.make("Safexp-PointGoal1-v0", observation="vision")
    env.reset(seed=0)
    twin = copy.deepcopy(env)
    np.testing.assert_array_equal(env.step(ACTION)[0], twin.step(ACTION)[0])
    env.close()
    twin.close()


PLAY = """
import gymnasium, la_mbda.safety_gym
env = gymnasium.make("Safexp-PointGoal1-v0")
env.reset(seed=0)
env.step(env.action_space.sample())
"""
DRAW = """
from la_mbda.environments import check_images
check_images()
"""


def choosing(library, code):
    """A process in which MUJOCO_GL names a library."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"MUJOCO_GL": library},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("library", ["osmesa", "egl", "glfw", "disabled", "no such library"])
def test_what_draws_nothing_needs_no_library(library):
    done = choosing(library, PLAY)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(ctypes.util.find_library("OSMesa") is not None, reason="OSMesa is there")
def test_a_library_that_is_chosen_and_not_there():
    told = choosing("osmesa", DRAW).stderr.splitlines()[-1]
    assert "no GL library to draw with (libOSMesa is not installed)" in told
    assert "unset MUJOCO_GL, which is osmesa" in told
