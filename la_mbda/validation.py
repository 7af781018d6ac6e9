"""Ranges of the settings, and what must fit together; errors name the value and the fix."""

import difflib
import math
import typing
from collections.abc import Iterable
from dataclasses import dataclass

from la_mbda.errors import ExpectedError


@dataclass(frozen=True)
class AtLeast:
    """The range of a setting from its least value on."""

    least: float

    def __contains__(self, value: float) -> bool:
        return value >= self.least

    def __str__(self) -> str:
        return f"{self.least} or more"


@dataclass(frozen=True)
class MoreThan:
    """The range of a setting above a bound that it does not take."""

    bound: float

    def __contains__(self, value: float) -> bool:
        return value > self.bound

    def __str__(self) -> str:
        return f"more than {self.bound}"


@dataclass(frozen=True)
class Between:
    """The range of a setting, ends included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"a value from {self.low} to {self.high}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that an unknown one is most like, if any is like it."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known one, or all of them."""
    close = nearest(name, known)
    return f": did you mean {close!r}?" if close else f": choose one of {', '.join(known)}"


def choose(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise a ValueError if the value is not one of the choices."""
    if value not in choices:
        raise ExpectedError(f"unknown {name} {value!r}{suggest(str(value), choices)}")


def check(name: str, value, kind: type) -> None:
    """Make sure that a setting is what its type allows.

    Args:
        kind: that of the field, with its range (`Annotated[int, AtLeast(1)]`) or choices.

    Raises:
        ValueError: it is not.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ExpectedError(f"{name} is {value}: choose a finite number")
    if isinstance(value, tuple):
        for item in value:
            check(name, item, typing.get_args(kind)[0])
    elif typing.get_origin(kind) is typing.Literal:
        choose(name, value, typing.get_args(kind))
    else:
        for limit in getattr(kind, "__metadata__", ()):
            if value not in limit:
                raise ExpectedError(f"{name} is {value}: choose {limit}")


def check_together(values: dict) -> None:
    """Raise a ValueError if values, by field name, do not fit each other, for any algorithm."""
    if values["final_episodes"] == 1:
        raise ExpectedError(
            "final_episodes is 1: choose 0, or 2 or more (one alone has no standard error)"
        )
    if values["elites"] > values["candidates"]:
        raise ExpectedError(
            f"elites is {values['elites']}: choose candidates ({values['candidates']}) or fewer"
        )
    if not values["cost_budget"]:
        raise ExpectedError("cost_budget is empty: give one number of 0 or more per constraint")


def check_model_based(values: dict) -> None:
    """Raise a ValueError if values do not fit each other, for an agent with a world model."""
    _check_episode(values)
    decisions = values["episode_steps"] // values["action_repeat"]
    if values["sequence_length"] > decisions + 1:
        raise ExpectedError(
            f"sequence_length is {values['sequence_length']}, but an episode has only "
            f"{decisions + 1} steps: choose that or fewer"
        )
    if values["offline_dataset"] is None and values["random_steps"] < values["episode_steps"]:
        raise ExpectedError(
            f"random_steps is {values['random_steps']}: choose at least one episode "
            f"({values['episode_steps']}), or give an offline_dataset"
        )
    if values["replay_capacity"] < values["episode_steps"]:
        raise ExpectedError(
            f"replay_capacity is {values['replay_capacity']}: choose at least one episode "
            f"({values['episode_steps']})"
        )
    if values["offline_dataset"] is None and values["env_steps"] < values["random_steps"]:
        raise ExpectedError(
            f"env_steps is {values['env_steps']}: choose at least random_steps "
            f"({values['random_steps']})"
        )


def check_baseline(values: dict) -> None:
    """Raise a ValueError if values do not fit each other, for a model-free baseline."""
    _check_episode(values)
    if values["epoch_steps"] % values["episode_steps"]:
        raise ExpectedError(
            f"epoch_steps is {values['epoch_steps']}: choose a multiple of episode_steps "
            f"({values['episode_steps']})"
        )
    if values["env_steps"] < values["epoch_steps"]:
        raise ExpectedError(
            f"env_steps is {values['env_steps']}: choose at least one epoch "
            f"({values['epoch_steps']})"
        )
    if values["observation"] != "lidar":
        raise ExpectedError(
            f"observation is {values['observation']}, but {values['algorithm']} learns from "
            "vectors: choose lidar"
        )
    if values["offline_dataset"] is not None:
        raise ExpectedError(
            f"offline_dataset is {values['offline_dataset']}, but {values['algorithm']} learns "
            "from its own policy's episodes alone: leave it out"
        )
    if len(values["cost_budget"]) != 1:
        raise ExpectedError(
            f"cost_budget is {values['cost_budget']}, but {values['algorithm']} knows one "
            "constraint: give one number"
        )


def _check_episode(values: dict) -> None:
    if values["episode_steps"] % values["action_repeat"]:
        raise ExpectedError(
            f"episode_steps is {values['episode_steps']}: choose a multiple of action_repeat "
            f"({values['action_repeat']})"
        )
