"""Where layouts and goals fall, against a plain writing-out of the documented procedure."""

import dataclasses
import itertools

import gymnasium
import numpy as np
import pytest

from la_mbda.safety_gym import TASKS, LayoutError, layout

LAYOUTS = 300
PLAIN_TASKS = ("PointGoal1", "PointPush1", "PointButton1")


def plain_layout(task, rng):
    """Positions by name: each drawn up to 100 times, else from the start; the goal drawn twice."""

    def draw(name, placed):
        room = task.extent - task.keepout(name)
        position = np.array([rng.uniform(-room, room), rng.uniform(-room, room)])
        for other, place in placed.items():
            if np.linalg.norm(position - place) < task.keepout(name) + task.keepout(other):
                return None
        return position

    while True:
        placed = {}
        for name in task.layout_names():
            tries = (draw(name, placed) for _ in range(100))
            placed[name] = next((p for p in tries if p is not None), None)
            if placed[name] is None:
                break
        else:
            break
    if "goal" in placed:
        del placed["goal"]
        tries = (draw("goal", placed) for _ in itertools.repeat(None))
        placed["goal"] = next(p for p in tries if p is not None)
    return placed


def largest_gap(first, second):
    """The two-sample Kolmogorov-Smirnov statistic, and its value at which p is 1e-4."""
    first, second = np.sort(first), np.sort(second)
    points = np.concatenate([first, second])
    gap = np.abs(
        np.searchsorted(first, points, "right") / len(first)
        - np.searchsorted(second, points, "right") / len(second)
    ).max()
    return gap, np.sqrt(-np.log(1e-4 / 2) / 2 * (1 / len(first) + 1 / len(second)))


@pytest.mark.parametrize("task", PLAIN_TASKS)
def test_distributions(task):
    """One distance of each kind per layout, so that the samples are independent."""
    task, rng = TASKS[task], np.random.default_rng(1)
    ours = [layout.sample_layout(task, rng) for _ in range(LAYOUTS)]
    plain = [plain_layout(task, rng) for _ in range(LAYOUTS)]
    names = task.layout_names()
    for first, second in (("robot", names[1]), ("robot", names[-1]), (names[1], names[-1])):
        gaps = [
            [np.linalg.norm(np.array(one[first][:2]) - one[second][:2]) for one in kind]
            for kind in (ours, plain)
        ]
        gap, limit = largest_gap(*gaps)
        assert gap < limit, (first, second)
    for axis in (0, 1):
        gap, limit = largest_gap(*([one[names[1]][axis] for one in kind] for kind in (ours, plain)))
        assert gap < limit, axis


def test_yaws_are_uniform():
    rng = np.random.default_rng(2)
    yaws = [
        pose[2]
        for _ in range(40)
        for pose in layout.sample_layout(TASKS["PointGoal1"], rng).values()
    ]
    expected = np.linspace(0.0, 2.0 * np.pi, len(yaws))
    gap, limit = largest_gap(yaws, expected)
    assert gap < limit
    assert min(yaws) >= 0.0
    assert max(yaws) < 2.0 * np.pi


@pytest.mark.parametrize("task", ["PointGoal1", "PointGoal2", "CarGoal1", "PointPush1"])
def test_new_goals_keep_away_from_where_things_are_by_now(task):
    env = gymnasium.make(f"Safexp-{task}-v0", disable_env_checker=True).unwrapped
    env.reset(seed=4)
    task = TASKS[task]
    movable = [n for n in env.layout_names() if n.startswith(("vase", "box"))]
    env.data.joint(movable[0]).qpos[:2] = (0.9, 0.0)  # Moved since the start.
    env.world.forward()
    goals = []
    for _ in range(150):
        env.rules.next_goal(env.layout, env.np_random)
        goal = env.data.body("goal").xpos[:2].copy()
        goals.append(goal)
        assert np.abs(goal).max() <= task.extent - task.goal_keepout
        for name in env.layout_names():
            if name != "goal":
                distance = np.linalg.norm(goal - env.data.body(name).xpos[:2])
                assert distance >= task.keepout(name) + task.goal_keepout
    assert np.std(goals, 0).min() > 0.2  # They are drawn anew each time.


def test_goal_buttons_are_drawn_from_all_four():
    env = gymnasium.make("Safexp-PointButton1-v0", disable_env_checker=True).unwrapped
    env.reset(seed=0)
    drawn = []
    for _ in range(400):
        env.rules.next_goal(env.layout, env.np_random)
        drawn.append(env.rules.goal_button)
        green = [n for n in env.rules._buttons if env.model.geom(n).rgba[0] == 0.0]
        assert green == drawn[-1:]
    counts = [drawn.count(f"button{i}") for i in range(4)]
    assert min(counts) > 70
    assert any(one == other for one, other in itertools.pairwise(drawn))


def test_a_layout_that_does_not_fit_says_which_object(monkeypatch):
    monkeypatch.setattr(layout, "RESTARTS", 20)
    crowded = dataclasses.replace(TASKS["PointGoal1"], extent=0.6)
    with pytest.raises(LayoutError, match=r"no place for \w+ in 20 layouts of 100 draws"):
        layout.sample_layout(crowded, np.random.default_rng(0))


def test_an_episode_ends_where_no_goal_can_be_placed(monkeypatch):
    env = gymnasium.make("Safexp-PointGoal1-v0", disable_env_checker=True).unwrapped
    env.reset(seed=0)
    poses = env.layout | {"goal": (*env.layout["robot"][:2], 0.0)}
    env.reset(options={"layout": poses})
    monkeypatch.setattr(layout, "GOAL_DRAWS", 0)
    *_, terminated, truncated, info = env.step(np.zeros(2))
    assert info["goal_met"]
    assert (terminated, truncated) == (False, True)
