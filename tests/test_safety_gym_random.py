"""What uniform random actions come to, over whole episodes, beside the simulators of the paper.

Single traces part in time; means over episodes do not. `ORACLE` has means and standard errors of
the port that the paper's experiments used (30 episodes), and for Doggo of its robot in MuJoCo
2.1.0, whose legs ours has (600 episodes). Costs are of few episodes with much: their errors are
large.
"""

import gymnasium
import numpy as np
import pytest

import la_mbda.safety_gym  # noqa: F401 (registers the environments)

STEPS = 1_000
EPISODES = dict.fromkeys(("PointGoal1", "PointGoal2", "CarGoal1", "PointPush1", "PointButton1"), 40)
EPISODES["DoggoGoal1"] = 100  # As many as it takes to tell the weights of newer MuJoCo's legs.
HINGES = slice(6, 19)  # Of Doggo's velocities: its 13 hinges', behind the free joint's six.
SPREAD = 30**0.5  # The port's figures are means and standard deviations over 30 episodes.
ORACLE = {
    "PointGoal1": {"return": (-0.31, 0.70 / SPREAD), "cost": (10.7, 48 / SPREAD)},
    "PointGoal2": {"return": (-0.12, 0.72 / SPREAD), "cost": (85.9, 151 / SPREAD)},
    "CarGoal1": {"return": (-1.52, 1.47 / SPREAD), "cost": (31.9, 48 / SPREAD)},
    "PointPush1": {"return": (-0.27, 0.55 / SPREAD), "cost": (32.0, 98 / SPREAD)},
    "PointButton1": {"return": (0.02, 1.16 / SPREAD), "cost": (65.3, 127 / SPREAD)},
    "DoggoGoal1": {
        "return": (-2.13939, 0.0785),
        "cost": (40.60833, 2.48348),
        "goals": (0.14833, 0.01509),
        "displacement after 10": (0.11536, 0.0023),
        "displacement after 100": (0.60207, 0.00993),
        "displacement after 1000": (3.56933, 0.05871),
        "path": (24.53482, 0.08441),
        "joint speed": (2.91618, 0.02002),
        "height": (0.16467, 0.00076),
    },
}


def play(env, seed):
    """The figures of one episode."""
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    robot = env.data.body("robot")
    places, heights, speeds = [robot.xpos[:2].copy()], [], []
    returned, cost, goals = 0.0, 0.0, 0
    for _ in range(STEPS):
        _, reward, _, _, info = env.step(rng.uniform(-1.0, 1.0, env.model.nu))
        returned, cost, goals = returned + reward, cost + info["cost"], goals + info["goal_met"]
        places.append(robot.xpos[:2].copy())
        heights.append(robot.xpos[2])
        speeds.append(np.abs(env.data.qvel[HINGES]).mean())
    path = np.array(places)
    figures = {
        f"displacement after {n}": np.linalg.norm(path[n] - path[0]) for n in (10, 100, STEPS)
    }
    figures |= {"path": np.linalg.norm(np.diff(path, axis=0), axis=1).sum()}
    figures |= {"joint speed": np.mean(speeds), "height": np.mean(heights)}
    return figures | {"return": returned, "cost": cost, "goals": goals}


@pytest.mark.parametrize("task", ORACLE)
def test_random_actions_come_to_what_they_did(task):
    """Within four standard errors, of both sides together."""
    env = gymnasium.make(f"Safexp-{task}-v0", disable_env_checker=True).unwrapped
    played = [play(env, seed) for seed in range(EPISODES[task])]
    for name, (mean, error) in ORACLE[task].items():
        ours = np.array([figures[name] for figures in played])
        both = np.hypot(error, ours.std(ddof=1) / np.sqrt(len(ours)))
        assert abs(ours.mean() - mean) < 4.0 * both, name
