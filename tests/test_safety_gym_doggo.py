"""Doggo as the MuJoCo of the paper's experiments moved it.

Those ran on MuJoCo 2.0, which took a leg's capsule for a longer cylinder, as did all before 2.1.1.
`data/doggo_mujoco210.npz` holds what became of Doggo in 2.1.0: one control step ahead from 270
states (of four regimes: on its feet, trunk on the floor, upside down, legs against each other), and
along the random actions of `data/safety_gym_traces.npz`: all of qpos for 20 steps, positions for
100.
"""

from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest

from la_mbda.safety_gym.scene import build_spec
from la_mbda.safety_gym.tasks import TASKS

DATA = Path(__file__).parent / "data"
DENSITY, RADIUS = 5.0, 0.032
PARTS = {  # Where a leg's part ends, seen from where it begins, and its exact mass.
    "aux": ((0.1, 0.1, 0.0), 0.00296105),
    "hip": ((0.098, 0.0566, -0.05), 0.00267638),
    "ankle": ((-0.1176, -0.0679, -0.1), 0.00339889),
}
LEG_BODIES = (2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14)
DERIVED = {  # from masses and inertias
    "body_subtreemass",
    "body_invweight0",
    "dof_M0",
    "dof_invweight0",
    "actuator_acc0",
    "cam_poscom0",
    "light_poscom0",
}
ROBOT = 20  # How much of qpos is Doggo's; the vase has the rest.


@pytest.fixture(scope="module")
def recorded():
    with np.load(DATA / "doggo_mujoco210.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def traces():
    prefix = "traces/DoggoGoal1/"
    with np.load(DATA / "safety_gym_traces.npz") as file:
        return {name.removeprefix(prefix): file[name] for name in file if name.startswith(prefix)}


@pytest.fixture
def env():
    return gymnasium.make("Safexp-DoggoGoal1-v0", disable_env_checker=True).unwrapped


def start(env, poses):
    env.reset(options={"layout": dict(zip(env.layout_names(), poses, strict=True))})


@pytest.mark.parametrize("leg", [1, 2, 3, 4])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_leg_weighs_what_the_longer_cylinder_does(env, part, leg):
    end, exact = PARTS[part]
    geom = env.model.geom(f"{part}_{leg}")
    body = env.model.body(geom.bodyid[0])
    length = np.linalg.norm(end) + RADIUS
    mass = DENSITY * length * np.pi * RADIUS**2
    assert body.mass[0] == pytest.approx(mass, rel=1e-12)
    assert 0.050 < 1.0 - body.mass[0] / exact < 0.0642
    across = mass * (RADIUS**2 / 4.0 + length**2 / 12.0)
    np.testing.assert_allclose(body.inertia, [across, across, mass * RADIUS**2 / 2.0], rtol=1e-12)
    # It lies in the middle of the capsule and along it.
    np.testing.assert_allclose(body.ipos, geom.pos, atol=1e-15)
    np.testing.assert_allclose(body.iquat, geom.quat, atol=1e-15)


def test_nothing_but_the_weights_of_the_legs_is_changed(env):
    """Against the model whose weights MuJoCo computes from the shapes."""
    spec = build_spec(TASKS["DoggoGoal1"])
    spec.compiler.inertiafromgeom = mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_TRUE
    exact, changed = spec.compile(), {}
    for name in dir(exact):
        theirs = getattr(exact, name)
        if isinstance(theirs, np.ndarray):
            differs = ~np.isclose(getattr(env.model, name), theirs, rtol=1e-12, atol=1e-14)
            if differs.any():
                changed[name] = tuple(np.unique(np.nonzero(differs)[0]))
    assert changed.pop("body_mass") == changed.pop("body_inertia") == LEG_BODIES
    assert changed.keys() == DERIVED


def test_one_step_ahead(env, recorded):
    """Compared is the largest difference in any number of qpos: m, rad, or of a quaternion.

    The vase is far away, and the solver starts from nothing. Where a contact is about to open or
    close, a state differs by more: one of the 270 by millimetres.
    """
    layout = {name: (9.0, 9.0, 0.0) for name in env.layout_names()} | {"robot": (0.0, 0.0, 0.0)}
    differences = []
    for i, action in enumerate(recorded["action"]):
        env.reset(seed=0, options={"layout": layout})
        env.data.qpos[:ROBOT], env.data.qvel[: ROBOT - 1] = recorded["qpos"][i], recorded["qvel"][i]
        env.data.qacc_warmstart[:] = 0.0
        env.step(action)
        differences.append(np.abs(env.data.qpos[:ROBOT] - recorded["next_qpos"][i]).max())
    differences = np.array(differences)
    assert len(differences) == 270
    for regime in np.unique(recorded["regime"]):
        assert np.median(differences[recorded["regime"] == regime]) < 1e-9
    assert np.mean(differences < 1e-5) >= 0.98


def test_twenty_steps(env, recorded, traces):
    """Within ten times the largest difference seen."""
    for i, expected in enumerate(recorded["trace_qpos"]):
        start(env, traces["layout"][i])
        for step, qpos in enumerate(expected):
            env.step(traces["action"][i, step])
            np.testing.assert_allclose(env.data.qpos[:ROBOT], qpos, rtol=0.0, atol=1e-5)


def test_rewards_and_costs_along_the_recorded_path_of_the_port(env, traces):
    """The port's Doggo had heavier legs, but a reward goes by where it is alone."""
    for i, places in enumerate(traces["robot_position"]):
        start(env, traces["layout"][i])
        for step, place in enumerate(places):
            env.data.qpos[:3] = place
            mujoco.mj_forward(env.model, env.data)
            reward, met = env.rules.reward()
            assert reward == pytest.approx(traces["reward"][i, step], abs=1e-9)
            assert met == traces["goal_met"][i, step]
            assert any(env.rules.costs().values()) == traces["cost"][i, step]
