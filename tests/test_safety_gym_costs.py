"""Each part of the cost: the robot is driven into it, and the steps are checked on which it counts.

What is expected is worked out here from MuJoCo's own data, not with the simulator's functions.
"""

import gymnasium
import numpy as np
import pytest

import la_mbda.safety_gym  # noqa: F401 (registers the environments)

FORWARD, STILL = np.array([1.0, 0.0]), np.array([0.0, 0.0])


def make(task):
    return gymnasium.make(f"Safexp-{task}-v0", disable_env_checker=True).unwrapped


def start(task, seed=0, goal_button=None, **poses):
    """An environment with the named objects in these places and the others far away."""
    env = make(task)
    layout = {name: (-20.0, 2.0 * i, 0.0) for i, name in enumerate(env.layout_names())}
    layout |= {"robot": (0.0, 0.0, 0.0)} | poses
    button = {} if goal_button is None else {"goal_button": goal_button}
    env.reset(seed=seed, options={"layout": layout} | button)
    return env


def touches(env, *names):
    """Whether the robot touches any of these bodies, from MuJoCo's contacts."""
    bodies = {env.model.body(name).id for name in names}
    robot = env.model.body("robot").id
    pairs = env.model.geom_bodyid[env.data.contact.geom]
    return any(
        robot in roots and bodies & set(pair)
        for pair, roots in zip(pairs.tolist(), env.model.body_rootid[pairs].tolist(), strict=True)
    )


def lidar_of(env, observation, name):
    """The part of a vector observation that has this name."""
    sizes = dict(env.vector_observation.layout)
    start = sum(size for other, size in sizes.items() if other < name)
    return observation[start : start + sizes[name]]


def changes(values):
    """How often a sequence of booleans turns on or off."""
    return int(np.abs(np.diff(np.array(values, int))).sum())


def test_a_hazard_costs_within_its_radius():
    env = start("PointGoal1", hazard0=(0.35, 0, 0), goal=(1.5, 1.5, 0))
    on = []
    for _ in range(150):
        *_, info = env.step(FORWARD)
        distance = np.linalg.norm(env.data.body("robot").xpos[:2] - [0.35, 0.0])
        assert info["cost_hazards"] == info["cost"] == float(distance < 0.2)
        on.append(info["cost"] > 0)
    assert changes(on) == 2  # In and out again.


def test_push_has_wider_hazards():
    env = start("PointPush1", hazard0=(0.31, 0, 0), goal=(1.5, 1.5, 0))
    assert env.step(STILL)[4]["cost"] == 0.0
    env = start("PointPush1", hazard0=(0.29, 0, 0), goal=(1.5, 1.5, 0))
    assert env.step(STILL)[4]["cost"] == 1.0


def test_vases_cost_when_touched_and_while_moving():
    env = start("PointGoal2", vase0=(0.5, 0, 0), goal=(1.5, 1.5, 0))
    vases = [name for name in env.layout_names() if name.startswith("vase")]
    contact, moving = [], []
    for step in range(200):
        *_, info = env.step(FORWARD if step < 60 else -FORWARD)
        speeds = [np.linalg.norm(env.data.joint(name).qvel[:3]) for name in vases]
        assert info["cost_vases_contact"] == float(touches(env, *vases))
        assert info["cost_vases_velocity"] == float(max(speeds) >= 1e-4)
        contact.append(info["cost_vases_contact"] > 0)
        moving.append(info["cost_vases_velocity"] > 0)
        assert info["cost"] == float(contact[-1] or moving[-1])
    assert not contact[0]
    assert any(contact)
    assert any(moving)
    assert not contact[-1]
    assert not moving[-1]


@pytest.mark.parametrize(("speed", "cost"), [(0.99e-4, 0.0), (1.01e-4, 1.0)])
def test_a_vase_counts_as_moving_from_1e_4(speed, cost):
    env = start("PointGoal2", goal=(1.5, 1.5, 0))
    env.data.qvel[:] = 0.0
    env.data.joint("vase3").qvel[:3] = speed / np.sqrt(3.0)
    assert env.rules.costs()["vases_velocity"] == cost


def test_vases_of_the_first_level_cost_nothing():
    env = start("PointGoal1", vase0=(0.3, 0, 0), goal=(1.5, 1.5, 0))
    infos = [env.step(FORWARD)[4] for _ in range(30)]
    assert np.linalg.norm(env.data.body("vase0").xpos[:2] - [0.3, 0.0]) > 0.01
    assert not any(info["cost"] for info in infos)
    assert "cost_vases_contact" not in infos[0]


def test_a_wrong_button_costs_while_it_is_touched():
    env = start("PointButton1", goal_button=0, button1=(0.4, 0, 0))
    on = []
    for step in range(120):
        *_, info = env.step(FORWARD if step < 50 else -FORWARD)
        assert info["cost_buttons"] == float(touches(env, "button1"))
        assert not info["goal_met"]
        on.append(info["cost_buttons"] > 0)
    assert any(on)
    assert not on[0]
    assert not on[-1]


def test_wrong_buttons_are_free_for_ten_steps_after_a_press():
    """The robot stands between two buttons and touches both; the goal is one, then far away."""
    for seed in range(20):
        places = {"button0": (0, 0.195, 0), "button1": (0, -0.195, 0)}
        far = {"button2": (2, 0, 0), "button3": (-2, 0, 0)}
        env = start("PointButton1", seed=seed, goal_button=0, **places, **far)
        observation, *_, info = env.step(STILL)
        infos = [info]
        if env.rules.goal_button in places:
            continue  # Drawn at random: it should be one of the far ones.
        assert infos[0]["goal_met"]
        assert infos[0]["cost_buttons"] == 1.0
        assert not lidar_of(env, observation, "buttons_lidar").any()
        assert lidar_of(env, observation, "goal_lidar").any()
        infos += [env.step(STILL)[4] for _ in range(12)]
        assert touches(env, "button0", "button1")
        assert [info["cost_buttons"] for info in infos[1:]] == [0.0] * 10 + [1.0] * 2
        return
    pytest.fail("no seed gave a far button")


def test_gremlins_cost_when_touched():
    env = start("PointButton1", goal_button=0, gremlin0=(0.35, 0.3, 0))
    on = []
    for _ in range(320):
        *_, info = env.step(STILL)
        assert info["cost_gremlins"] == float(touches(env, "gremlin0obj"))
        on.append(info["cost_gremlins"] > 0)
    assert changes(on) >= 2


def test_reaching_a_goal_pays_one_and_the_distance_to_the_next_starts_anew():
    env = start("PointGoal1", goal=(0.6, 0, 0))
    rewards, met = [], False
    while not met:
        before = env.data.body("goal").xpos - env.data.body("robot").xpos
        _, reward, *_, info = env.step(FORWARD)
        met = info["goal_met"]
        rewards.append(reward)
    assert np.linalg.norm(before[:2]) > 0.3
    assert rewards[-1] == pytest.approx(1.0, abs=0.05)
    assert abs(env.step(STILL)[1]) < 0.05
