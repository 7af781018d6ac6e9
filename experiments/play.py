"""Drive a robot by keyboard: `python experiments/play.py --task PointGoal1`.

The window shows the robot from beside it and, to the right, what the robot sees. Arrow keys drive,
R begins a new episode, Esc ends. Each episode's return and cost are printed.
"""

import checkout  # noqa: F401

from collections.abc import Sequence, Set
from dataclasses import dataclass

import gymnasium
import numpy as np
import tyro

from la_mbda import command_line, config
from la_mbda.environments import check_images
from la_mbda.errors import ExpectedError
from la_mbda.safety_gym import IMAGE_SIZE, TASKS, SafetyGymEnv
from la_mbda.safety_gym.env import EPISODE_STEPS, RENDER_SIZE
from la_mbda.safety_gym.robots import ROBOTS
from la_mbda.safety_gym.window import Window
from la_mbda.safety_gym.world import SUBSTEPS
from la_mbda.settings import LagrangianConfig

# An image is shown every 0.04 s at least, for which a step of Point is too short.
FRAME_SECONDS = 0.04
VIEW_SCALE = 3
(BUDGET,) = LagrangianConfig.cost_budget
KEYS = "arrow keys drive, R: new episode, Esc: end"


@dataclass(frozen=True)
class PlayArguments:
    """Drive a robot by keyboard: arrow keys, R for a new episode, Esc to end."""

    task: str = "PointGoal1"
    """Whose robot is Point or Car: a Doggo's twelve joints are too many to drive by hand."""
    seed: int = 0
    """Of the first layout, and of those after it."""


@dataclass
class Episode:
    """What an episode has come to."""

    steps: int = 0
    value: float = 0.0
    cost: float = 0.0
    goals: int = 0

    def add(self, reward: float, info: dict) -> None:
        """Count a decision."""
        self.steps += info["env_steps"]
        self.value += reward
        self.cost += info["cost"]
        self.goals += info["goal_met"]

    def lines(self, task: str) -> list[str]:
        """Return what the window says of it."""
        return [
            task,
            f"step {self.steps} of {EPISODE_STEPS}",
            f"return {self.value:.2f}",
            f"cost {self.cost:.0f} (budget {BUDGET:g})",
            f"goals {self.goals}",
        ]


def main(argv: Sequence[str]) -> int:
    """Open the window and play until it is closed."""
    arguments = tyro.cli(PlayArguments, args=list(argv))
    check_task(arguments.task)
    check_images()
    env = make(arguments.task)
    try:
        play(env, open_window(env, arguments.task), arguments.task, arguments.seed)
    finally:
        env.close()
    return 0


def check_task(task: str) -> None:
    """Make sure that a task can be driven by keyboard.

    Raises:
        ValueError: it is unknown, or its robot has too many joints.
    """
    driven = [name for name in config.TASKS if TASKS[name].robot in STEERING]
    if task not in driven:
        known = f"{task} is a Doggo's, whose twelve joints no keyboard drives"
        what = known if task in TASKS else f"unknown task {task!r}"
        raise ExpectedError(f"{what}: choose one of {', '.join(driven)}")


def make(task: str) -> SafetyGymEnv:
    """Return the simulator, an action of which lasts as long as an image is shown."""
    seconds = ROBOTS[TASKS[task].robot].timestep * SUBSTEPS
    repeat = max(1, round(FRAME_SECONDS / seconds))
    return SafetyGymEnv(task, render_mode="rgb_array", quality="smooth", action_repeat=repeat)


def open_window(env: SafetyGymEnv, task: str) -> Window:
    """Open a window for an environment's images.

    Raises:
        ValueError: there is no display, or no pygame.
    """
    size = (RENDER_SIZE + VIEW_SCALE * IMAGE_SIZE, RENDER_SIZE)
    try:
        return Window(f"{task}: {KEYS}", size, env.metadata["render_fps"])
    except (RuntimeError, gymnasium.error.DependencyNotInstalled) as error:
        raise ExpectedError(str(error)) from error


def play(env: SafetyGymEnv, window: Window, task: str, seed: int) -> list[Episode]:
    """Play episodes until the window is closed, and print what each came to.

    Returns:
        The episodes, the last of which may not be whole.
    """
    played: list[Episode] = []
    going = False
    while True:
        if not going:
            env.reset(seed=None if played else seed)
            played.append(Episode())
        window.show(image_of(env), played[-1].lines(task))
        ended = window.closed or "escape" in window.typed
        going = "r" not in window.typed and not ended
        if going:
            action = STEERING[TASKS[task].robot](window.held)
            _, reward, terminated, truncated, info = env.step(action)
            played[-1].add(float(reward), info)
            going = not (terminated or truncated)
        if not going:
            last = played[-1]
            print(
                f"episode {len(played) - 1}: return {last.value:.2f}, cost {last.cost:.0f}, "
                f"goals {last.goals}, {last.steps} steps"
            )
        if ended:
            window.close()
            return played


def image_of(env: SafetyGymEnv) -> np.ndarray:
    """Return the robot from beside it, and what it sees, larger, uint8 `[384, 576, 3]`."""
    beside, seen = env.render(), env.robot_view().repeat(VIEW_SCALE, 0).repeat(VIEW_SCALE, 1)
    assert beside is not None
    below = np.full((RENDER_SIZE - len(seen), *seen.shape[1:]), 255, np.uint8)
    return np.hstack([beside, np.vstack([seen, below])])


def directions(held: Set[str]) -> tuple[float, float]:
    """Return forwards and to the left, each from -1 to 1, as the arrow keys say that are down."""
    return (
        float("up" in held) - float("down" in held),
        float("left" in held) - float("right" in held),
    )


def steer_point(held: Set[str]) -> np.ndarray:
    """Return its force forwards, and its turning speed."""
    return np.array(directions(held))


def steer_car(held: Set[str]) -> np.ndarray:
    """Return the torques of its wheels; the first is on its right, as it looks."""
    forwards, left = directions(held)
    return np.clip([forwards + left, forwards - left], -1.0, 1.0)


STEERING = {"Point": steer_point, "Car": steer_car}

if __name__ == "__main__":
    command_line.run(main)
