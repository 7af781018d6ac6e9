"""Rewards, costs, goals and observations computed from recorded states themselves.

The world is put into each state that the port used by the paper went through while its robot was
driven into things, so that no drift of the simulation can hide a wrong formula.
"""

from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest

import la_mbda.safety_gym  # noqa: F401 (registers the environments)

PARTS = ("hazards", "vases_contact", "vases_velocity", "buttons", "gremlins")
TASKS = ("PointGoal1", "PointGoal2", "CarGoal1", "PointPush1", "PointButton1")
CONTACT_FORCES = "accelerometer"  # Depends on velocities of objects, which are not recorded.


@pytest.fixture(scope="module")
def recordings():
    with np.load(Path(__file__).parent / "data" / "sg_recorded.npz") as file:
        return dict(file)


def yaw(quaternion):
    return 2.0 * np.arctan2(quaternion[3], quaternion[0])


class Recording:
    """One recorded episode and an environment that can be put into any of its states."""

    def __init__(self, recordings, task, index):
        prefix = f"{task}/"
        rows = {k.removeprefix(prefix): v for k, v in recordings.items() if k.startswith(prefix)}
        self.objects = rows.pop("objects")
        self.rows = {name: values[index] for name, values in rows.items()}
        self.env = gymnasium.make(f"Safexp-{task}-v0", disable_env_checker=True).unwrapped
        self.model, self.data = self.env.model, self.env.data
        self.options = self._options()
        self.env.reset(seed=0, options=self.options)

    def _options(self):
        rows = self.rows
        layout = {"robot": (*rows["robot_xpos0"][:2], yaw(rows["robot_xquat0"]))}
        poses = zip(self.objects, rows["obj_xpos0"], rows["obj_xquat0"], strict=True)
        for name, position, rotation in poses:
            if not name.endswith("mocap"):
                layout[name.removesuffix("obj")] = (*position[:2], yaw(rotation))
        button = {"goal_button": int(rows["goal_button0"])} if "button0" in layout else {}
        return {"layout": layout} | button

    def enter(self, step):
        """Puts the world into the state after a step, the goal still being the old one.

        A reset wakes what sleeps and puts the goal in its place; the rules' memory is kept.
        """
        rules = self.env.rules
        memory = {name: getattr(rules, name) for name in ("distances", "buttons_timer")}
        self.env.reset(options=self.options)
        for name, value in memory.items():
            setattr(rules, name, value)
        rows = (self.rows["obj_xpos"][step], self.rows["obj_xquat"][step])
        for name, position, rotation in zip(self.objects, *rows, strict=True):
            body = self.model.body(name)
            if self.model.body_dofnum[body.id]:
                start = self.model.jnt_qposadr[body.jntadr[0]]
                self.data.qpos[start : start + 3] = position
                self.data.qpos[start + 3 : start + 7] = rotation
        position, velocity = self.rows["robot_qpos"][step], self.rows["robot_qvel"][step]
        self.data.qpos[: len(position)] = position
        self.data.qvel[: len(velocity)] = velocity
        mujoco.mj_forward(self.model, self.data)

    def next_goal(self, step):
        """Sets the goal that was drawn in a step, and enters its state anew."""
        rules = self.env.rules
        if "goal" in self.objects:
            self.options["layout"]["goal"] = (*self.rows["goal_xy"][step], 0.0)
        else:
            self.options["goal_button"] = int(self.rows["goal_button"][step])
        self.enter(step)
        rules.buttons_timer = 10 if "button0" in self.objects else 0
        rules.distances = rules._measure()


@pytest.mark.parametrize("task", TASKS)
def test_every_recorded_state(recordings, task):
    seen = check_recording(recordings, task, 0) + check_recording(recordings, task, 1)
    assert seen.sum() > 50


def check_recording(recordings, task, index):
    """Goes through a recording; returns on how many steps each part of the cost was on."""
    recording = Recording(recordings, task, index)
    rules, rows = recording.env.rules, recording.rows
    for step, expected in enumerate(rows["cost_parts"]):
        recording.enter(step)
        reward, met = rules.reward()
        costs = rules.costs()
        rules.tick()
        assert reward == pytest.approx(rows["reward"][step], abs=1e-6), step
        assert met == rows["goal_met"][step], step
        for part, on in zip(PARTS, expected, strict=True):
            # Velocities of objects are not recorded.
            if part in costs and part != "vases_velocity":
                assert (costs[part] > 0) == on, (step, part)
        if met:
            recording.next_goal(step)
        check_observation(recording, step)
    return rows["cost_parts"].sum(0)


def check_observation(recording, step):
    observed, start = recording.env.vector_observation(), 0
    for name, size in recording.env.vector_observation.layout:
        part = slice(start, start + size)
        start += size
        if name != CONTACT_FORCES:
            expected = recording.rows["obs"][step][part]
            label = f"{name} at step {step}"
            np.testing.assert_allclose(observed[part], expected, atol=2e-5, err_msg=label)


def test_recorded_vase_speeds(recordings):
    """Mean speeds over a step, where they are far from the threshold, agree with the cost."""
    rows = {k: recordings[f"PointGoal2/{k}"] for k in ("obj_xpos", "cost_parts")}
    vases = [n.startswith("vase") for n in recordings["PointGoal2/objects"]]
    steps = np.diff(rows["obj_xpos"][:, :, vases].astype(np.float64), axis=1)
    fastest = (np.linalg.norm(steps, axis=-1) / 0.02).max(-1)
    on = rows["cost_parts"][:, 1:, PARTS.index("vases_velocity")]
    assert on[fastest > 0.05].all()
    assert (fastest > 0.05).sum() > 20
