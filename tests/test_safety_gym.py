"""The simulator's interface: layouts, determinism, state, images, bad input."""

import gymnasium
import numpy as np
import pytest

from la_mbda.safety_gym import TASKS, SafetyGymEnv
from la_mbda.safety_gym.layout import sample_layout
from la_mbda.safety_gym.observations import lidar

SIZES = {
    "PointGoal1": 60,
    "PointGoal2": 60,
    "CarGoal1": 72,
    "PointPush1": 76,
    "PointButton1": 76,
    "DoggoGoal1": 104,
    "ObservablePointPush1": 76,
}


def make(task="PointGoal1", **options):
    return gymnasium.make(f"Safexp-{task}-v0", disable_env_checker=True, **options).unwrapped


def play(env, steps, seed=0):
    """Observations, rewards and costs of random actions."""
    rng = np.random.default_rng(seed)
    outcomes = []
    for _ in range(steps):
        action = rng.uniform(-1, 1, env.action_space.shape)
        observation, reward, *_, info = env.step(action)
        outcomes.append((observation.tobytes(), reward, info["cost"]))
    return outcomes


@pytest.mark.parametrize("task", TASKS)
def test_layouts_keep_their_distances(task):
    rng = np.random.default_rng(0)
    task = TASKS[task]
    for _ in range(300):
        layout = sample_layout(task, rng)
        assert list(layout) == task.layout_names()
        names = list(layout)
        for i, name in enumerate(names):
            position = np.array(layout[name][:2])
            assert np.abs(position).max() <= task.extent - task.keepout(name)
            for other in names[:i]:
                distance = np.linalg.norm(position - layout[other][:2])
                assert distance >= task.keepout(name) + task.keepout(other)


@pytest.mark.parametrize("task", TASKS)
def test_lidar_observation(task):
    env = make(task)
    observation, _ = env.reset(seed=3)
    assert observation.shape == env.observation_space.shape == (SIZES[task],)
    assert env.observation_space.contains(observation)


@pytest.mark.parametrize("task", TASKS)
def test_the_same_seed_gives_the_same_episode(task):
    first, second = make(task), make(task)
    first.reset(seed=5)
    second.reset(seed=5)
    assert play(first, 60) == play(second, 60)
    second.reset(seed=6)
    assert play(first, 5) != play(second, 5)


@pytest.mark.parametrize("observation", ["lidar", "vision"])
@pytest.mark.parametrize("task", TASKS)
def test_state_restores_exactly(task, observation, tmp_path):
    env, other = make(task, observation=observation), make(task, observation=observation)
    env.reset(seed=2)
    play(env, 30)
    np.savez(tmp_path / "state.npz", **env.get_state())
    expected = play(env, 20, seed=1)
    other.reset(seed=9)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as state:
        other.set_state(dict(state))
    assert play(other, 20, seed=1) == expected


def test_an_episode_is_truncated_after_1000_steps():
    env = make()
    env.reset(seed=0)
    ends = [env.step(np.zeros(2))[2:4] for _ in range(1_000)]
    assert ends[-1] == (False, True)
    assert not any(any(end) for end in ends[:-1])


def test_goal_is_resampled_and_rewarded():
    """Walks the goal of PointGoal1 onto the robot and looks at what follows."""
    env = make()
    env.reset(seed=0)
    names = env.layout_names()
    layout = env.layout | {"goal": (*env.layout["robot"][:2], 0.0)}
    env.reset(options={"layout": layout})
    for _ in range(20):
        _, reward, *_, info = env.step(np.zeros(2))
        assert info["goal_met"]
        assert reward == pytest.approx(1.0, abs=0.01)
        break
    goal = env.data.body("goal").xpos[:2]
    for name in names:
        if name != "goal":
            keepout = TASKS["PointGoal1"].keepout(name) + 0.305
            assert np.linalg.norm(goal - env.data.body(name).xpos[:2]) >= keepout


def test_action_repeat_sums_and_draws_once():
    env, single = make("PointButton1", action_repeat=4), make("PointButton1")
    env.reset(seed=1)
    single.reset(seed=1)
    action = np.array([1.0, 0.3])
    for _ in range(50):
        observation, reward, *_, info = env.step(action)
        steps = [single.step(action) for _ in range(4)]
        np.testing.assert_array_equal(observation, steps[-1][0])
        assert reward == pytest.approx(sum(step[1] for step in steps))
        assert info["cost"] == sum(step[4]["cost"] for step in steps)
        assert info["env_steps"] == 4
    with pytest.raises(ValueError, match="action_repeat is 0: choose 1 or more"):
        make("PointButton1", action_repeat=0)


def test_lidar_by_hand():
    """A point ahead fills its bin and one neighbour; another point is out of sight."""
    points, rows = np.array([[1.5, 0.0], [0.0, 4.0]]), np.array([0, 1])
    readings = lidar(points, rows, 2, np.zeros(3), np.eye(3))
    assert readings[0, 0] == pytest.approx(0.5)
    assert readings[0, 1] == pytest.approx(0.0)
    assert readings[0, 15] == pytest.approx(0.5)
    assert readings[0].sum() == pytest.approx(1.0)
    assert readings[1].sum() == 0.0


@pytest.mark.parametrize("task", TASKS)
def test_vision(task):
    """The sky is above, the floor below, the robot's own body in the middle of the lower edge."""
    env = make(task, observation="vision")
    image, _ = env.reset(seed=0)
    assert image.shape == (64, 64, 3)
    assert image.dtype == np.uint8
    sky, ground = image[2].mean(0), image[40, [2, 61]].mean(0)
    assert sky[2] > sky[0] + 30
    assert ground.min() > 60
    body = image[62, 32]
    assert body[0] > 150
    assert body[1:].max() < 60
    env.close()


def test_images_for_videos():
    env = make(render_mode="rgb_array")
    env.reset(seed=0)
    image = env.render()
    assert image.shape == (384, 384, 3)
    assert image.std() > 10
    assert make().render() is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": {"robot": (0, 0, 0)}}, "the layout has no goal"),
        ({"layout": {"tree": (0, 0, 0)}}, "unknown tree"),
        ({"place": 1}, "unknown reset options"),
        ({"goal_button": 2}, "goal_button is 2"),
    ],
)
def test_bad_reset_options(options, message):
    with pytest.raises(ValueError, match=message):
        make().reset(options=options)


@pytest.mark.parametrize(("action", "message"), [([0.0], "shape"), ([np.nan, 0.0], "not finite")])
def test_bad_actions(action, message):
    env = make()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.step(np.array(action))


@pytest.mark.parametrize(
    "options", [{"observation": "smell"}, {"render_mode": "ansi"}, {"quality": "best"}]
)
def test_bad_settings(options):
    with pytest.raises(ValueError, match="choose one of"):
        SafetyGymEnv("PointGoal1", **options)


def test_actions_outside_are_clipped():
    env, other = make(), make()
    env.reset(seed=0)
    other.reset(seed=0)
    np.testing.assert_array_equal(env.step([9.0, -9.0])[0], other.step([1.0, -1.0])[0])
