"""The gymnasium environment of SG6."""

import json
import threading
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import gymnasium
import mujoco
import numpy as np

from la_mbda.safety_gym.layout import Layout, LayoutError, check_layout, sample_layout
from la_mbda.safety_gym.observations import VectorObservation
from la_mbda.safety_gym.rendering import QUALITIES, SHARED
from la_mbda.safety_gym.rules import Rules
from la_mbda.safety_gym.tasks import TASKS, Objects, Task
from la_mbda.safety_gym.window import Window, check_display
from la_mbda.safety_gym.world import SUBSTEPS, World

EPISODE_STEPS = 1_000
IMAGE_SIZE = 64
RENDER_SIZE = 384
ERROR_REWARD = -10.0
OBSERVATIONS = ("lidar", "vision")


def _choose(name: str, value, choices: Iterable) -> None:
    if value not in choices:
        listed = ", ".join(map(str, choices))
        raise ValueError(f"unknown {name} {value!r}: choose one of {listed}")


def _as_task(task: Task | Mapping) -> Task:
    """Return the task; of the fields of one, as JSON keeps them in a gymnasium `EnvSpec`, too.

    Raises:
        ValueError: it is none.
    """
    if isinstance(task, Mapping):
        try:
            parts = {k: Objects(**v) if isinstance(v, Mapping) else v for k, v in task.items()}
            return Task(**dict[str, Any](parts))
        except TypeError as error:  # Unknown or missing fields.
            raise ValueError(f"task {dict(task)} is no Task: {error}") from error
    if not isinstance(task, Task):
        raise ValueError(f"task is {task!r}: give one of {', '.join(TASKS)}, or a Task")
    return task


def _as_numbers(name: str) -> str:
    """Spell a task, given by its name or as it reads, by its numbers."""
    return repr(TASKS[name]) if name in TASKS else name


class SafetyGymEnv(gymnasium.Env):
    """One of Safety Gym's tasks, by its name, or a `Task` of one's own.

    Actions are `[-1, 1]^n`; values outside are clipped. Observations are a float32 vector (`lidar`)
    or what the robot sees, uint8 `[64, 64, 3]` (`vision`). An episode is truncated after 1,000
    control steps, which last 0.02 s (Point), 0.04 s (Car) or 0.1 s (Doggo). `info` has `cost` (0.0
    or 1.0 of a control step), its parts `cost_<part>`, `goal_met`, `env_steps`, the control steps
    taken, and `physics_error` where the simulation became unstable: then the reward is −10 and the
    episode ends. `world` has its bodies, `rules` its goal, rewards and costs, and
    `vector_observation` what of a vector means what.

    Args:
        render_mode: `rgb_array` for images on request, `human` for a window that shows each step at
            the pace of the simulated time.
        action_repeat: control steps for which each action is held; they are observed once, at
            their end, and their rewards and costs are summed.

    Raises:
        ValueError: an unknown task, observation, quality or render mode, an action repeat that is
            less than 1, or a task that cannot be.
        RuntimeError: `human` without a display.
        gymnasium.error.DependencyNotInstalled: `human` without pygame.
    """

    metadata = {"render_modes": ["rgb_array", "human"], "render_fps": 50}  # noqa: RUF012

    def __init__(
        self,
        task: str | Task | Mapping,
        observation: str = "lidar",
        render_mode: str | None = None,
        quality: str = "fast",
        action_repeat: int = 1,
    ):
        if isinstance(task, str):
            _choose("task", task, TASKS)
            self._task_name, task = task, TASKS[task]
        else:
            task = _as_task(task)
            self._task_name = repr(task)
        for name, value, choices in (
            ("observation", observation, OBSERVATIONS),
            ("quality", quality, QUALITIES),
            ("render_mode", render_mode, (None, *self.metadata["render_modes"])),
        ):
            _choose(name, value, choices)
        if action_repeat < 1 or action_repeat != int(action_repeat):
            raise ValueError(f"action_repeat is {action_repeat}: choose 1 or more")
        if render_mode == "human":
            check_display()
        self.render_mode = render_mode
        self._window: Window | None = None
        self._action_repeat = action_repeat
        self._vision = observation == "vision"
        self.world = World(task)
        self.rules = Rules(self.world)
        self.vector_observation = VectorObservation(self.world, self.rules)
        self._quality = quality
        self._renderers: dict[tuple, Any] = {}
        self._layout: Layout = {}
        self._steps = 0
        seconds = self.model.opt.timestep * SUBSTEPS * action_repeat
        self.metadata = {**self.metadata, "render_fps": 1.0 / seconds}
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self.model.nu,), np.float32)
        if self._vision:
            shape = (IMAGE_SIZE, IMAGE_SIZE, 3)
            self.observation_space = gymnasium.spaces.Box(0, 255, shape, np.uint8)
        else:
            shape = (self.vector_observation.size,)
            self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, shape, np.float32)

    @property
    def model(self) -> mujoco.MjModel:
        """MuJoCo's model."""
        return self.world.model

    @property
    def data(self) -> mujoco.MjData:
        """MuJoCo's data."""
        return self.world.data

    @property
    def layout(self) -> Layout:
        """Where the episode's things lay at its start: (x, y, yaw) in metres and radians, by name.

        The start of another episode takes it as the option `layout`.
        """
        return dict(self._layout)

    def layout_names(self) -> list[str]:
        """Return the names that an explicit layout must give."""
        return self.world.task.layout_names()

    def reset(
        self, *, seed: int | None = None, options: dict | None = None
    ) -> tuple[np.ndarray, dict]:
        """Begin an episode.

        Args:
            seed: fixes this and all later layouts and goals.
            options: `layout`, (x, y, yaw) in metres and radians for each of `layout_names`, in
                place of a random one, and `goal_button`, the number of the first goal button.

        Raises:
            ValueError: unknown options, or an incomplete layout.
            LayoutError: no random layout was found.
        """
        super().reset(seed=seed)
        layout, goal_button = self._check_options(options or {})
        self._layout = layout or sample_layout(self.world.task, self.np_random)
        self._steps = 0
        self.world.place(self._layout)
        self.rules.start(self.np_random, goal_button)
        self._show()
        return self._observe(), {}

    def _check_options(self, options: dict) -> tuple[Layout | None, int | None]:
        unknown = set(options) - {"layout", "goal_button"}
        if unknown:
            raise ValueError(f"unknown reset options {sorted(unknown)}: use layout or goal_button")
        task = self.world.task
        layout, goal_button = options.get("layout"), options.get("goal_button")
        whole = isinstance(goal_button, Integral)
        if goal_button is not None and not (whole and goal_button in range(task.buttons.count)):
            raise ValueError(
                f"goal_button is {goal_button!r}, but {self._task_name} has {task.buttons.count} "
                "buttons: choose one from 0, or leave it out"
            )
        return None if layout is None else check_layout(task, layout), goal_button

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Take as many control steps as actions are held for, fewer where the episode ends.

        Raises:
            ValueError: the action has the wrong shape or is not finite.
        """
        control = self._check_action(action)
        total, count = 0.0, 0
        summed: dict[str, Any] = {}
        while count < self._action_repeat:
            count += 1
            reward, terminated, truncated, info = self._advance(control)
            total += reward
            summed = {name: summed.get(name, type(value)()) + value for name, value in info.items()}
            if terminated or truncated:
                break
        for flag in ("goal_met", "physics_error"):
            if flag in summed:
                summed[flag] = bool(summed[flag])
        self._show()
        return self._observe(), total, terminated, truncated, summed | {"env_steps": count}

    def _check_action(self, action: np.ndarray) -> np.ndarray:
        control = np.asarray(action, np.float64)
        if control.shape != self.action_space.shape:
            raise ValueError(
                f"action has shape {control.shape}: give one of {self.action_space.shape}"
            )
        if not np.isfinite(control).all():
            raise ValueError(f"action {action} is not finite: give values from -1 to 1")
        return np.clip(control, -1.0, 1.0)

    def _advance(self, control: np.ndarray) -> tuple[float, bool, bool, dict]:
        """Physics, reward, cost, timer and goal of one control step, in the original's order."""
        stable = self.world.step(control)
        self._steps += 1
        truncated = self._steps >= EPISODE_STEPS
        if not stable:
            info = {"cost": 0.0, "goal_met": False, "physics_error": True}
            return ERROR_REWARD, True, truncated, info
        reward, met = self.rules.reward()
        costs = self.rules.costs()
        self.rules.tick()
        if met:
            try:
                self.rules.next_goal(self._layout, self.np_random)
            except LayoutError:
                truncated = True
        info = {"cost": float(any(costs.values())), "goal_met": met}
        return reward, False, truncated, info | {f"cost_{k}": v for k, v in costs.items()}

    def _observe(self) -> np.ndarray:
        return self.robot_view() if self._vision else self.vector_observation()

    def render(self) -> np.ndarray | None:
        """Draw a uint8 `[384, 384, 3]` from beside the robot in mode `rgb_array`, else None."""
        if self.render_mode != "rgb_array":
            return None
        return self._beside()

    def _beside(self) -> np.ndarray:
        return self._draw("track", RENDER_SIZE, "clear")

    def _show(self) -> None:
        """Show the robot from beside it, where people watch."""
        if self.render_mode != "human":
            return
        if self._window is None:
            size = (RENDER_SIZE, RENDER_SIZE)
            self._window = Window(self._task_name, size, self.metadata["render_fps"])
        self._window.show(self._beside())

    def robot_view(self) -> np.ndarray:
        """Return what the robot sees, uint8 `[64, 64, 3]`: the observation of `vision`."""
        return self._draw("vision", IMAGE_SIZE, self._quality)

    def _draw(self, camera: str, size: int, quality: str) -> np.ndarray:
        key = (threading.get_ident(), self._task_name, size, size, quality)
        if key not in self._renderers:
            self._renderers[key] = SHARED.acquire(key, self.model)
        return self._renderers[key].render(self.model, self.data, camera)

    def get_state(self) -> dict[str, np.ndarray]:
        """Everything that decides how the episode continues, as arrays that `numpy.savez` can save.

        With `set_state`, the continuation is the same to the last bit.
        """
        rest = {
            "task": self._task_name,
            "layout": self._layout,
            "goal_button": self.rules.goal_button,
            "buttons_timer": self.rules.buttons_timer,
            "steps": self._steps,
            "random": self.np_random.bit_generator.state,
        }
        goal = self.world.position("goal")[:2] if self.world.task.has_goal else np.zeros(2)
        return {
            **self.world.state(),
            "goal": np.array(goal),
            "distances": self.rules.distances.copy(),
            "rest": np.frombuffer(json.dumps(rest).encode(), np.uint8),
        }

    def set_state(self, state: dict[str, np.ndarray]) -> np.ndarray:
        """Go back to what `get_state` gave, and return what is observed there.

        Raises:
            ValueError: the state is of another task.
        """
        rest = json.loads(bytes(state["rest"]))
        if _as_numbers(rest["task"]) != _as_numbers(self._task_name):
            raise ValueError(f"state is of {rest['task']}: make that task to go on with it")
        self._layout = {name: tuple(pose) for name, pose in rest["layout"].items()}
        self._steps = rest["steps"]
        self.np_random.bit_generator.state = rest["random"]
        self.world.place(self._layout)
        if self.world.task.has_goal:
            self.world.move_goal(state["goal"])
        else:
            self.rules.set_goal_button(rest["goal_button"])
        self.rules.buttons_timer = rest["buttons_timer"]
        self.rules.distances = np.array(state["distances"])
        self.world.restore(state)
        return self._observe()

    def __getstate__(self) -> dict:
        """Return what a copy has: all but the renderers and the window, which it makes itself."""
        return self.__dict__ | {"_renderers": {}, "_window": None}

    def close(self) -> None:
        """Give up the renderers and close the window."""
        if self._window is not None:
            self._window.close()
            self._window = None
        for key in self._renderers:
            SHARED.release(key)
        self._renderers = {}
