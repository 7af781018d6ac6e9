"""SG6, the benchmark of the paper, on today's MuJoCo (Ray et al. 2019, as the paper measured it).

import gymnasium, la_mbda.safety_gym
env = gymnasium.make("Safexp-PointGoal1-v0", observation="vision", action_repeat=2)
level_0 = la_mbda.safety_gym.Task("Point", "goal", extent=1.0)
env = gymnasium.make("Safexp-v0", task=level_0)
"""

import gymnasium

from la_mbda.safety_gym import loading  # noqa: F401 (before whatever else imports MuJoCo)
from la_mbda.safety_gym.env import IMAGE_SIZE, SafetyGymEnv
from la_mbda.safety_gym.layout import LayoutError
from la_mbda.safety_gym.rendering import check_gl
from la_mbda.safety_gym.tasks import TASKS, Objects, Task

__all__ = [
    "IMAGE_SIZE",
    "TASKS",
    "LayoutError",
    "Objects",
    "SafetyGymEnv",
    "Task",
    "check_gl",
]

gymnasium.register("Safexp-v0", entry_point="la_mbda.safety_gym.env:SafetyGymEnv")

for _task in TASKS:
    gymnasium.register(
        f"Safexp-{_task}-v0",
        entry_point="la_mbda.safety_gym.env:SafetyGymEnv",
        kwargs={"task": _task},
    )
