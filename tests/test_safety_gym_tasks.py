"""Tasks of one's own in the simulator."""

import dataclasses

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


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"robot": "Cat"}, "unknown robot 'Cat': choose one of Point, Car, Doggo"),
        ({"kind": "fly"}, "unknown kind 'fly': choose one of goal, push, button"),
        ({"kind": "button"}, "a button task has 0 buttons: buttons are its goals"),
        ({"buttons": Objects(1, 0.2, 0.1)}, "a goal task has 1 buttons"),
        ({"kind": "push"}, "a push task has 0 boxes: push takes one"),
        ({"extent": 0.3}, "extent is 0.3, but robot keeps 0.4: widen it"),
    ],
)
def test_a_task_that_cannot_be_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Task(**{"robot": "Point", "kind": "goal", "extent": 1.5} | values)


def test_objects_that_cannot_be_are_refused():
    for values in ((-1, 0.1, 0.1), (1, -0.1, 0.1), (1, 0.1, 0.0)):
        with pytest.raises(ValueError, match="choose count and keepout of 0 or more"):
            Objects(*values)
