"""Windows, in SDL's display for tests: `render_mode="human"`, and driving by keyboard."""

import copy
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import play
import pytest

from la_mbda.errors import ExpectedError
from la_mbda.safety_gym import SafetyGymEnv
from la_mbda.safety_gym.window import Window, check_display

pygame = pytest.importorskip(
    "pygame", reason="pygame is not installed: pip install 'la_mbda[play]'"
)
REPOSITORY = Path(__file__).resolve().parents[1]
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")


@pytest.fixture(autouse=True)
def screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    yield
    pygame.display.quit()


def shown():
    """What the window shows, `[height, width, 3]`."""
    return pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)


def press(key, down=True):
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN if down else pygame.KEYUP, key=key))


# ---- The environment


def test_a_window_shows_each_step():
    env = gymnasium.make("la_mbda.safety_gym:Safexp-PointGoal1-v0", render_mode="human")
    other = SafetyGymEnv("PointGoal1", render_mode="rgb_array")
    env.reset(seed=0)
    other.reset(seed=0)
    np.testing.assert_array_equal(shown(), other.render())
    before = shown()
    for _ in range(10):
        env.step(np.array([1.0, 1.0], np.float32))
        other.step(np.array([1.0, 1.0], np.float32))
    assert not np.array_equal(shown(), before)
    np.testing.assert_array_equal(shown(), other.render())
    assert env.render() is None
    env.close()
    assert not pygame.display.get_init()


@pytest.mark.parametrize(
    ("task", "repeat", "fps"),
    [("PointGoal1", 1, 50), ("PointGoal1", 2, 25), ("CarGoal1", 1, 25), ("DoggoGoal1", 1, 10)],
)
def test_it_is_shown_as_fast_as_it_happens(task, repeat, fps):
    env = SafetyGymEnv(task, render_mode="human", action_repeat=repeat)
    env.reset(seed=0)
    assert env.metadata["render_fps"] == pytest.approx(fps)
    assert env._window.fps == env.metadata["render_fps"]
    env.close()


def test_after_its_window_was_closed_an_episode_goes_on():
    env = SafetyGymEnv("PointGoal1", render_mode="human")
    env.reset(seed=0)
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    for _ in range(3):
        env.step(np.zeros(2))
    assert not pygame.display.get_init()
    env.reset()
    env.close()


def test_a_copy_has_no_window_yet():
    env = SafetyGymEnv("PointGoal1", render_mode="human")
    env.reset(seed=0)
    same = copy.deepcopy(env)
    env.close()
    action = np.array([1.0, 0.5])
    np.testing.assert_array_equal(same.step(action)[0], env.step(action)[0])
    same.close()


def test_a_closed_copy_leaves_the_original_its_window():
    env = SafetyGymEnv("PointGoal1", render_mode="human")
    env.reset(seed=0)
    same = copy.deepcopy(env)
    same.step(np.zeros(2))
    same.close()
    env.step(np.zeros(2))
    np.testing.assert_array_equal(shown(), env._beside())
    env.close()


WATCHED = """
import os, signal
import numpy as np
from la_mbda.safety_gym import SafetyGymEnv

env = SafetyGymEnv("PointGoal1", render_mode="human", observation="vision")
env.reset(seed=0)
for _ in range(3):
    env.step(np.ones(2))
print("watched", flush=True)
os.kill(os.getpid(), signal.SIGTERM)
env.step(np.ones(2))
"""


def watch(**display):
    """Runs an environment with a window in a process of its own, which then has a SIGTERM."""
    rest = {name: value for name, value in os.environ.items() if name not in DISPLAYS}
    command = [sys.executable, "-c", WATCHED]
    return subprocess.run(
        command, env=rest | display, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def test_a_signal_ends_the_process_as_without_a_window():
    done = watch(SDL_VIDEODRIVER="dummy")
    assert (done.stdout, done.returncode) == ("watched\n", -signal.SIGTERM), done.stderr


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed: apt-get install")
def test_an_x_server_shows_it_too():
    """There SDL may draw by GL itself, which the display for tests never does."""
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            done = watch(DISPLAY=f":{server.stdout.readline().strip()}")
        finally:
            server.terminate()
    assert done.stdout == "watched\n", done.stderr


def test_without_a_display_one_line_says_what_to_do(monkeypatch):
    for name in DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RuntimeError, match=r"^no display .*WAYLAND_DISPLAY is set.*rgb_array"):
        SafetyGymEnv("PointGoal1", render_mode="human")


@pytest.mark.parametrize("driver", ["x11", None])
def test_a_display_that_does_not_answer(monkeypatch, driver):
    """SDL itself would then draw into nothing."""
    for name in DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    if driver:
        monkeypatch.setenv("SDL_VIDEODRIVER", driver)
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(RuntimeError, match=r"^no display to open a window on \(.*use a machine"):
        Window("title", (10, 10), 50)


def test_without_pygame_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(gymnasium.error.DependencyNotInstalled, match=r"la_mbda\[play\]"):
        check_display()


# ---- Driving


@pytest.mark.parametrize("task", ["PointGoal1", "CarGoal1"])
def test_keys_drive_forwards_and_turn(task):
    """Forwards is where the robot looks, as its camera says; left is counterclockwise."""
    env = SafetyGymEnv(task)
    steer = play.STEERING[play.TASKS[task].robot]
    moved, turned = {}, {}
    for key in ("up", "down", "left", "right"):
        env.reset(seed=0)
        start = env.data.body("robot").xpos.copy()
        ahead = -env.data.camera("vision").xmat.reshape(3, 3)[:, 2].copy()
        for _ in range(10):
            env.step(steer({key}))
        moved[key] = (env.data.body("robot").xpos - start) @ ahead
        now = -env.data.camera("vision").xmat.reshape(3, 3)[:, 2]
        turned[key] = np.cross(ahead, now)[2]
    assert moved["up"] > 0.005 > -0.005 > moved["down"]
    assert turned["left"] > 0.05 > -0.05 > turned["right"]


def test_an_episode_is_driven_by_keys(monkeypatch, capsys):
    env = play.make("PointGoal1")
    window = play.open_window(env, "PointGoal1")
    keys = {3: (pygame.K_UP, True), 20: (pygame.K_UP, False), 25: (pygame.K_r, True)}
    keys |= {26: (pygame.K_r, False), 30: (pygame.K_ESCAPE, True)}
    show, images = window.show, []

    def show_and_press(image, lines):
        if len(images) in keys:
            press(*keys[len(images)])
        images.append(image)
        show(image, lines)

    monkeypatch.setattr(window, "show", show_and_press)
    first, second = play.play(env, window, "PointGoal1", seed=3)
    assert window.closed
    assert (first.steps, second.steps) == (2 * 25, 2 * 4)  # Two steps of 0.02 s to an image.
    assert abs(first.value) > 0.001
    assert not np.array_equal(images[2], images[19])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"episode 0: return {first.value:.2f}, cost 0, goals 0, 50 steps"
    assert printed[1].startswith("episode 1: return 0.00, cost ")


def test_the_window_shows_both_views_and_the_numbers():
    env = play.make("PointGoal1")
    window = play.open_window(env, "PointGoal1")
    env.reset(seed=0)
    window.show(play.image_of(env), play.Episode(4, 1.25, 3.0, 1).lines("PointGoal1"))
    view = env.robot_view()
    np.testing.assert_array_equal(shown()[:384, :384], env.render())
    np.testing.assert_array_equal(shown()[1:192:3, 385:576:3], view)
    assert (shown()[200:, 385:] == 0).any()  # Letters.
    window.close()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("DoggoGoal1", "DoggoGoal1 is a Doggo's, whose twelve joints no keyboard drives: choose"),
        ("PointGoal9", "unknown task 'PointGoal9': choose one of PointGoal1"),
    ],
)
def test_what_cannot_be_driven_is_said(task, message):
    with pytest.raises(ExpectedError, match=message):
        play.check_task(task)


def test_the_script_without_a_display_ends_in_one_line():
    done = subprocess.run(
        [sys.executable, REPOSITORY / "experiments" / "play.py", "--task", "CarGoal1"],
        env={name: value for name, value in os.environ.items() if name not in DISPLAYS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("play.py: error: no display to open a window on")
    assert done.stderr.count("\n") == 1
