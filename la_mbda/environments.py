"""Environments as the agent meets them: gymnasium API, actions in [-1, 1], repeated actions.

A task is one of Safety Gym's, or `gymnasium:<id>` for any installed environment with Box actions
and Box observations (64x64 images or vectors). `info["cost"]`, a float or an array of one number
per constraint, is the cost; where it is absent the cost is 0.
"""

from typing import Any

import gymnasium
import numpy as np

from la_mbda.action_repeat import ActionRepeat
from la_mbda.checked import CheckedEnvironment, CurrentAPI, failed
from la_mbda.config import EXTERNAL_TASK_PREFIX, Config
from la_mbda.errors import ExpectedError
from la_mbda.safety_gym import IMAGE_SIZE, check_gl
from la_mbda.spaces import observation_shape


def check_rendering(config: Config) -> None:
    """Draw a small image, if the config's task is one that shows images.

    Raises:
        ValueError: there is no GL library; the message names the packages to install.
    """
    external = config.task.startswith(EXTERNAL_TASK_PREFIX)
    if not external and config.training.observation == "vision":
        check_images()


def check_images() -> None:
    """Draw a small image.

    Raises:
        ValueError: there is no GL library; the message names the packages to install.
    """
    try:
        check_gl()
    except RuntimeError as error:
        raise ExpectedError(str(error)) from error


def check_vectors(config: Config, env: gymnasium.Env) -> None:
    """Make sure that an environment shows vectors, which the baselines learn from.

    Raises:
        ValueError: it shows images.
    """
    shape = observation_shape(env)
    if len(shape) != 1:
        raise ExpectedError(
            f"{config.task} shows images {shape}, but {config.algorithm} learns from vectors: "
            "choose another task or lambda"
        )


def make_environment(config: Config, render_mode: str | None = None) -> gymnasium.Env:
    """Make the config's task, one step of which is one decision of the agent.

    Whatever it gives is checked, see `checked.py`.

    Raises:
        ValueError: an unknown or unsuitable environment.
        EnvironmentFailedError: its constructor raised an error.
    """
    training = config.training
    repeat = training.action_repeat
    steps = training.episode_steps // repeat
    if config.task.startswith(EXTERNAL_TASK_PREFIX):
        env = _make_external(config.task.removeprefix(EXTERNAL_TASK_PREFIX), render_mode)
        return gymnasium.wrappers.TimeLimit(ActionRepeat(env, repeat), steps)
    env = gymnasium.make(
        f"Safexp-{config.task}-v0",
        observation=training.observation,
        render_mode=render_mode,
        action_repeat=repeat,
        disable_env_checker=True,
    )
    return CheckedEnvironment(gymnasium.wrappers.TimeLimit(env, steps), config.task, repeat)


def _make_external(name: str, render_mode: str | None) -> gymnasium.Env:
    env = _make_current(name, render_mode)
    actions, observations = env.action_space, env.observation_space
    if not isinstance(actions, gymnasium.spaces.Box) or len(actions.shape) != 1:
        raise ExpectedError(f"{name} has action space {actions}: wrap it to a one-dimensional Box")
    _check_actions(name, actions)
    image = (
        isinstance(observations, gymnasium.spaces.Box)
        and observations.dtype == np.uint8
        and observations.shape[:2] == (IMAGE_SIZE, IMAGE_SIZE)
        and len(observations.shape) == 3
    )
    vector = isinstance(observations, gymnasium.spaces.Box) and len(observations.shape) == 1
    if not image and not vector:
        raise ExpectedError(
            f"{name} has observation space {observations}: wrap it to give a vector or a uint8 "
            f"image of {IMAGE_SIZE}x{IMAGE_SIZE}"
        )
    env = CheckedEnvironment(env, f"{EXTERNAL_TASK_PREFIX}{name}")
    if vector:
        env = gymnasium.wrappers.DtypeObservation(env, np.float32)
    return gymnasium.wrappers.RescaleAction(env, np.float32(-1.0), np.float32(1.0))


def _make_current(name: str, render_mode: str | None) -> gymnasium.Env:
    """Make the environment by gymnasium; what keeps its old API is refused once it is used."""
    # Many constructors know no render_mode, and none needs one where nothing is drawn.
    drawing: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
    try:
        env = gymnasium.make(name, **drawing)
    except (gymnasium.error.Error, ModuleNotFoundError) as error:
        message = f"gymnasium cannot make {name!r} ({error}): install or register it"
        raise ExpectedError(message) from error
    except Exception as error:
        if str(error).startswith(("Gym is incompatible", "The environment must inherit")):
            raise ExpectedError(f"{name} is no gymnasium environment: {error}") from error
        if drawing and "unexpected keyword argument 'render_mode'" in str(error):
            raise ExpectedError(
                f"{name} draws no images, as its constructor takes no render_mode: let it take "
                f"{render_mode!r}, or ask for no video"
            ) from error
        raise failed(name, error, "its constructor") from error
    innermost = env
    while isinstance(innermost, gymnasium.Wrapper) and innermost.env is not env.unwrapped:
        innermost = innermost.env
    if not isinstance(innermost, gymnasium.Wrapper):
        return CurrentAPI(env)
    innermost.env = CurrentAPI(innermost.env)
    return env


def _check_actions(name: str, actions: gymnasium.spaces.Box) -> None:
    """Make sure that actions from -1 to 1 can be scaled to a one-dimensional Box.

    Raises:
        ValueError: they cannot.
    """
    if not actions.shape[0]:
        raise ExpectedError(f"{name} has no actions {actions}: give it one at least")
    if not np.issubdtype(actions.dtype, np.floating):
        raise ExpectedError(
            f"{name} has actions of {actions.dtype} {actions}: wrap it to a Box of float32 and "
            "round there"
        )
    with np.errstate(over="ignore"):  # The largest floats stand for no bound.
        spread = actions.high - actions.low
    if not np.isfinite(spread).all():
        raise ExpectedError(f"{name} has unbounded actions {actions}: give them finite bounds")
    if not (spread > 0.0).all():
        raise ExpectedError(f"{name} has actions of a single value {actions}: leave these out")


def cost_of(info: dict, constraints: int) -> np.ndarray:
    """Return the cost `[constraints]` of a decision.

    Raises:
        ValueError: the environment's costs are not as many as the config's budgets.
    """
    cost = np.atleast_1d(np.asarray(info.get("cost", np.zeros(constraints)), np.float32))
    if cost.shape != (constraints,):
        raise ExpectedError(
            f'info["cost"] has {cost.size} costs, but cost_budget {constraints}: give one for each'
        )
    return cost
