"""Environments as the agent meets them: gymnasium API, actions in [-1, 1], repeated actions.

A task is one of Safety Gym's, or `gymnasium:<id>` for any installed environment with Box actions
and Box observations (64x64 images or vectors). `info["cost"]`, a float or an array of one number
per constraint, is the cost; where it is absent the cost is 0.
"""

import gymnasium
import numpy as np

from la_mbda.config import EXTERNAL_TASK_PREFIX, Config
from la_mbda.safety_gym import IMAGE_SIZE, ActionRepeat, check_gl


def check_rendering(config: Config) -> None:
    """Draws a small picture, if the config's task is one that shows pictures.

    Raises:
        RuntimeError: there is no GL library; the message names the packages to install.
    """
    external = config.task.startswith(EXTERNAL_TASK_PREFIX)
    if not external and config.training.observation == "vision":
        check_gl()


def check_vectors(config: Config, env: gymnasium.Env) -> None:
    """Makes sure that an environment shows vectors, which the baselines learn from.

    Raises:
        ValueError: it shows pictures.
    """
    shape = env.observation_space.shape
    if len(shape) != 1:
        raise ValueError(
            f"{config.task} shows pictures {shape}, but {config.algorithm} learns from vectors: "
            "choose another task or lambda"
        )


def make_environment(config: Config, render_mode: str | None = None) -> gymnasium.Env:
    """The config's task, one step of which is one decision of the agent.

    Raises:
        ValueError: an unknown or unsuitable environment.
    """
    training = config.training
    if config.task.startswith(EXTERNAL_TASK_PREFIX):
        env = _make_external(config.task.removeprefix(EXTERNAL_TASK_PREFIX), render_mode)
    else:
        env = gymnasium.make(
            f"Safexp-{config.task}-v0",
            observation=training.observation,
            render_mode=render_mode,
            disable_env_checker=True,
        )
    env = ActionRepeat(env, training.action_repeat)
    return gymnasium.wrappers.TimeLimit(env, training.episode_steps // training.action_repeat)


def _make_external(name: str, render_mode: str | None) -> gymnasium.Env:
    try:
        env = gymnasium.make(name, render_mode=render_mode)
    except (gymnasium.error.Error, ImportError) as error:
        message = f"gymnasium cannot make {name!r} ({error}): install or register it"
        raise ValueError(message) from error
    actions, observations = env.action_space, env.observation_space
    if not isinstance(actions, gymnasium.spaces.Box) or len(actions.shape) != 1:
        raise ValueError(f"{name} has action space {actions}: wrap it to a one-dimensional Box")
    _check_actions(name, actions)
    image = (
        isinstance(observations, gymnasium.spaces.Box)
        and observations.dtype == np.uint8
        and observations.shape[:2] == (IMAGE_SIZE, IMAGE_SIZE)
        and len(observations.shape) == 3
    )
    vector = isinstance(observations, gymnasium.spaces.Box) and len(observations.shape) == 1
    if not image and not vector:
        raise ValueError(
            f"{name} has observation space {observations}: wrap it to give a vector or a uint8 "
            f"image of {IMAGE_SIZE}x{IMAGE_SIZE}"
        )
    if vector:
        env = gymnasium.wrappers.DtypeObservation(env, np.float32)
    return gymnasium.wrappers.RescaleAction(env, np.float32(-1.0), np.float32(1.0))


def _check_actions(name: str, actions: gymnasium.spaces.Box) -> None:
    """Makes sure that actions from -1 to 1 can be scaled to a one-dimensional Box.

    Raises:
        ValueError: they cannot.
    """
    if not actions.shape[0]:
        raise ValueError(f"{name} has no actions {actions}: give it one at least")
    if not np.issubdtype(actions.dtype, np.floating):
        raise ValueError(
            f"{name} has actions of {actions.dtype} {actions}: wrap it to a Box of float32 and "
            "round there"
        )
    with np.errstate(over="ignore"):  # The largest floats stand for no bound.
        spread = actions.high - actions.low
    if not np.isfinite(spread).all():
        raise ValueError(f"{name} has unbounded actions {actions}: give them finite bounds")
    if not (spread > 0.0).all():
        raise ValueError(f"{name} has actions of a single value {actions}: leave these out")


def cost_of(info: dict, constraints: int) -> np.ndarray:
    """The cost `[constraints]` of a decision.

    Raises:
        ValueError: the environment's costs are not as many as the config's budgets.
    """
    cost = np.atleast_1d(np.asarray(info.get("cost", np.zeros(constraints)), np.float32))
    if cost.shape != (constraints,):
        raise ValueError(
            f'info["cost"] has {cost.size} costs, but cost_budget {constraints}: give one for each'
        )
    return cost
