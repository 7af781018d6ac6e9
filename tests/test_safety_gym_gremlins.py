"""How gremlins move, against recordings of the port that the paper's experiments used."""

from pathlib import Path

import gymnasium
import numpy as np

import la_mbda.safety_gym  # noqa: F401 (registers the environments)

TASK = "PointButton1"


def test_free_gremlins_follow_the_recordings():
    """Until one is touched; only the ghosts' moving a physics step late gives these positions."""
    with np.load(Path(__file__).parent / "data" / "sg_recorded.npz") as file:
        rows = {k.removeprefix(f"{TASK}/"): v for k, v in file.items() if k.startswith(TASK)}
    env = gymnasium.make(f"Safexp-{TASK}-v0", disable_env_checker=True).unwrapped
    errors = []
    for i in range(len(rows["act"])):
        poses = (rows["obj_xpos0"][i], rows["obj_xquat0"][i])
        layout = {"robot": pose(rows["robot_xpos0"][i], rows["robot_xquat0"][i])}
        for name, position, rotation in zip(rows["objects"], *poses, strict=True):
            if not name.endswith("mocap"):
                layout[name.removesuffix("obj")] = pose(position, rotation)
        button = int(rows["goal_button0"][i])
        env.reset(seed=0, options={"layout": layout, "goal_button": button})
        for action, expected in zip(rows["act"][i], rows["obj_xpos"][i], strict=True):
            *_, info = env.step(action)
            if info["cost_gremlins"] or info["goal_met"]:
                break
            gremlins = [env.data.body(f"gremlin{k}obj").xpos for k in range(4)]
            errors.append(np.linalg.norm(np.array(gremlins) - expected[:4], axis=1))
    assert len(errors) > 100
    assert np.median(errors) < 1e-6


def pose(position, rotation):
    """(x, y, yaw) of a body that stands upright."""
    return (*position[:2], 2.0 * np.arctan2(rotation[3], rotation[0]))
