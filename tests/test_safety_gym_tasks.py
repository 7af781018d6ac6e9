"""Tasks of one's own in the simulator."""

import dataclasses

import gymnasium
import numpy as np
import pytest

from la_mbda.safety_gym import TASKS, Objects, SafetyGymEnv, Task


def play(env, steps=20):
    """Observations, rewards and infos of fixed actions."""
    env.action_space.seed(0)
    observation, _ = env.reset(seed=3)
    played = [(observation, 0.0, {})]
    for _ in range(steps):
        observation, reward, _, _, info = env.step(env.action_space.sample())
        played.append((observation, reward, info))
    return played


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_the_same_by_name_and_by_its_numbers(name):
    named, numbered = (play(SafetyGymEnv(task), 5) for task in (name, TASKS[name]))
    for (one, reward, info), (other, other_reward, other_info) in zip(named, numbered, strict=True):
        np.testing.assert_array_equal(one, other)
        assert (reward, info) == (other_reward, other_info)


def test_level_0_has_a_goal_and_nothing_else():
    env = SafetyGymEnv(Task("Point", "goal", extent=1.0), "lidar", render_mode="rgb_array")
    played = play(env)
    assert played[0][0].shape == (28,)  # PointGoal1's 60 without the lidars of hazards and vases.
    assert all(info["cost"] == 0.0 for _, _, info in played[1:])
    assert {name for name in played[1][2] if name.startswith("cost_")} == set()
    assert env.render().shape == (384, 384, 3)
    assert env.robot_view().shape == (64, 64, 3)
    goal = env.unwrapped.data.body("goal").xpos[:2]
    assert np.abs(goal).max() < 1.0
    env.close()


def test_what_lies_there_is_as_told():
    task = dataclasses.replace(TASKS["PointGoal1"], hazards=Objects(30, 0.0, 0.6), extent=1.6)
    env = SafetyGymEnv(task)
    assert sum(name.startswith("hazard") for name in env.layout_names()) == 30
    played = play(env, 200)
    # Thirty discs of that size leave next to nowhere to go.
    assert sum(info["cost"] for _, _, info in played[1:]) > 100


def test_a_button_task_and_a_push_task_of_ones_own():
    for task in (
        Task("Car", "button", buttons=Objects(2, 0.2, 0.1)),
        Task("Doggo", "push", extent=2.0, box=Objects(1, 0.2, 0.2, constrained=False)),
    ):
        assert np.isfinite([reward for _, reward, _ in play(SafetyGymEnv(task))]).all()


def test_a_state_goes_back_to_its_own_task_alone():
    level_0 = Task("Point", "goal", extent=1.0)
    env, other = SafetyGymEnv(level_0), SafetyGymEnv(dataclasses.replace(level_0, extent=1.1))
    env.reset(seed=0)
    other.reset(seed=0)
    state = env.get_state()
    env.step(np.ones(2))
    env.set_state(state)
    with pytest.raises(ValueError, match="state is of Task"):
        other.set_state(state)


def test_a_state_goes_to_an_equal_task_however_it_is_written():
    by_numbers = Task("Point", "goal", extent=1), Task("Point", "goal", extent=1.0)
    for pair in (("PointGoal1", TASKS["PointGoal1"]), by_numbers):
        for one, other in (pair, pair[::-1]):
            env, again = SafetyGymEnv(one), SafetyGymEnv(other)
            env.reset(seed=0)
            again.reset(seed=1)
            again.set_state(env.get_state())
            np.testing.assert_array_equal(again.step(np.ones(2))[0], env.step(np.ones(2))[0])


def drive(env, **places):
    """Start at the origin, facing along x, with things where they are told, and drive on."""
    layout = {name: (9.0, float(i), 0.0) for i, name in enumerate(env.layout_names())}
    places = {name: (*place, 0.0) for name, place in places.items()}
    options = {"layout": layout | {"robot": (0.0, 0.0, 0.0)} | places}
    if "button0" in layout:
        options["goal_button"] = 0
    env.reset(seed=0, options=options)
    return [env.step([1.0, 0.0])[4] for _ in range(60)]


@pytest.mark.parametrize(
    ("kind", "objects", "places"),
    [
        ("hazard", Objects(1, 0.18, 0.2), {"hazard0": (0.3, 0.0)}),
        ("vase", Objects(1, 0.15, 0.1), {"vase0": (0.4, 0.0)}),
        ("pillar", Objects(1, 0.3, 0.2), {"pillar0": (0.5, 0.0)}),
        ("gremlin", Objects(1, 0.4, 0.1), {"gremlin0": (0.4, -0.35)}),
        ("button", Objects(2, 0.2, 0.1), {"button1": (0.4, 0.0)}),
    ],
)
def test_objects_cost_where_they_are_constrained_alone(kind, objects, places):
    task = "button" if kind == "button" else "goal"
    for constrained in (True, False):
        own = dataclasses.replace(objects, constrained=constrained)
        env = SafetyGymEnv(Task("Point", task, **{f"{kind}s": own}))
        infos = drive(env, **places)
        assert any(info["cost"] for info in infos) is constrained
        assert all((f"cost_{kind}s" in info) is constrained for info in infos)


def test_all_things_are_drawn_however_many_there_are():
    pillar = Objects(1, 0.3, 0.2)
    images = []
    for hazards in (1, 400):
        task = Task("Point", "goal", extent=30.0, hazards=Objects(hazards, 0, 0.2), pillars=pillar)
        env = SafetyGymEnv(task, "vision")
        drive(env, pillar0=(1.5, 0.0))
        images.append(env.robot_view())
        env.close()
    np.testing.assert_array_equal(images[0][20:44, 28:36], images[1][20:44, 28:36])


def test_the_floor_reaches_beyond_every_layout():
    floors = {}
    for extent in (1.5, 2.0, 8.0):
        env = SafetyGymEnv(Task("Point", "goal", extent=extent))
        floors[extent] = env.model.geom("floor").size[0]
    assert floors == {1.5: 3.5, 2.0: 3.5, 8.0: 9.5}


def test_a_task_goes_through_the_json_of_its_spec():
    task = dataclasses.replace(TASKS["PointGoal2"], extent=2.5)
    made = gymnasium.make("la_mbda.safety_gym:Safexp-v0", task=task)
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(made.spec.to_json()))
    assert again.unwrapped.world.task == task


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"robot": "Cat"}, "unknown robot 'Cat': choose one of Point, Car, Doggo"),
        ({"kind": "fly"}, "unknown kind 'fly': choose one of goal, push, button"),
        ({"kind": "button"}, "a button task has 0 buttons: buttons are its goals"),
        ({"buttons": Objects(1, 0.2, 0.1)}, "a goal task has 1 buttons"),
        ({"kind": "push"}, "a push task has 0 boxes: push takes one"),
        ({"extent": 0.3}, "extent is 0.3, but robot keeps 0.4: widen it"),
        ({"extent": float("nan")}, "extent is nan: choose a finite number"),
        ({"extent": "2"}, "extent is '2': choose a finite number"),
        ({"gremlin_travel": float("inf")}, "gremlin_travel is inf: choose a finite number"),
        ({"goal_keepout": -5.0}, "goal_keepout is -5.0: choose 0 or more"),
        ({"view_extent": 0}, "view_extent is 0.0: choose more than 0"),
        ({"box_alpha": 7.0}, "box_alpha is 7.0: choose a value from 0 to 1"),
        ({"hazards": 3}, "hazards is 3: give Objects"),
        ({"kind": "push", "box": Objects(1, 0.2, 0.2)}, "box is constrained, but to push it is"),
    ],
)
def test_a_task_that_cannot_be_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Task(**{"robot": "Point", "kind": "goal", "extent": 1.5} | values)


def test_objects_that_cannot_be_are_refused():
    for values in ((-1, 0.1, 0.1), (1, -0.1, 0.1), (1, 0.1, 0.0)):
        with pytest.raises(ValueError, match="choose count and keepout of 0 or more"):
            Objects(*values)
    with pytest.raises(ValueError, match=r"count is 1\.5: choose a whole number"):
        Objects(1.5, 0.1, 0.1)
    with pytest.raises(ValueError, match="keepout is nan: choose a finite number"):
        Objects(1, float("nan"), 0.1)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (None, "task is None: give one of PointGoal1"),
        ({"robot": "Point"}, "is no Task: .*missing 1 required positional argument: 'kind'"),
        ({"robot": "Point", "kind": "goal", "walls": 1}, "is no Task: .*'walls'"),
    ],
)
def test_what_is_no_task_is_refused(task, message):
    with pytest.raises(ValueError, match=message):
        SafetyGymEnv(task)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": {}}, "the layout has no robot"),
        ({"layout": [1, 2]}, r"layout is \[1, 2\]: give \(x, y, yaw\) for each of"),
        ({"layout": {3: (0, 0, 0)}}, "layout has unknown 3: its names are"),
        ({"goal_button": 1.0}, "goal_button is 1.0, but PointButton1 has 4 buttons"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SafetyGymEnv("PointButton1").reset(options=options)
