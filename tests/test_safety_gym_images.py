"""What the robot sees, against images of the port that the paper's experiments used.

`data/safety_gym_images.npz` holds 64x64 images, at a reset and after 40 steps, and the full state
of the world that each shows.
"""

from pathlib import Path

import gymnasium
import numpy as np
import pytest

import la_mbda.safety_gym  # noqa: F401 (registers the environments)

TASKS = ("PointGoal1", "PointGoal2", "CarGoal1", "PointPush1", "PointButton1", "DoggoGoal1")


@pytest.fixture(scope="module")
def images():
    with np.load(Path(__file__).parent / "data" / "safety_gym_images.npz") as file:
        return dict(file)


def redraw(env, recorded, i):
    """Puts the world into a recorded state and draws it."""
    options = {"layout": dict(zip(env.layout_names(), recorded["layout"][i], strict=True))}
    if recorded["goal_button"][i] >= 0:
        options["goal_button"] = int(recorded["goal_button"][i])
    env.reset(seed=0, options=options)
    env.data.qpos[:] = recorded["qpos"][i]
    env.data.time = recorded["time"][i]
    env.data.mocap_pos[:] = recorded["mocap_pos"][i]
    env.world.forward()
    return env.robot_view()


@pytest.mark.parametrize(("quality", "tolerance"), [("smooth", 1.0), ("fast", 4.0)])
@pytest.mark.parametrize("task", TASKS)
def test_images_agree(images, task, quality, tolerance):
    """Mean absolute difference, of 255. Antialiasing and reflections are what `fast` lacks."""
    prefix = f"{task}/"
    recorded = {k.removeprefix(prefix): v for k, v in images.items() if k.startswith(prefix)}
    env = gymnasium.make(
        f"Safexp-{task}-v0", observation="vision", quality=quality, disable_env_checker=True
    ).unwrapped
    for i, expected in enumerate(recorded["image"]):
        difference = redraw(env, recorded, i).astype(int) - expected
        assert np.abs(difference).mean() < tolerance
    env.close()


def test_the_box_can_be_seen_through():
    """Appendix D: what is behind the box shows in ObservablePointPush1 alone."""
    seen = []
    for task in ("PointPush1", "ObservablePointPush1"):
        env = gymnasium.make(
            f"Safexp-{task}-v0", observation="vision", disable_env_checker=True
        ).unwrapped
        layout = {
            "robot": (0.0, 0.0, 0.0),
            "goal": (-1.0, -1.0, 0.0),
            "box": (0.8, 0.0, 0.0),
            "hazard0": (-1.0, 0.5, 0.0),
            "hazard1": (-1.0, 1.0, 0.0),
        }
        for place in ((1.6, 0.0, 0.0), (-1.0, -0.3, 0.0)):
            env.reset(options={"layout": layout | {"pillar0": place}})
            seen.append(env.robot_view().astype(int))
        env.close()
    solid, transparent = np.abs(seen[0] - seen[1]), np.abs(seen[2] - seen[3])
    middle = (slice(24, 36), slice(28, 36))
    assert solid[middle].max() == 0
    assert transparent[middle].max() > 25
