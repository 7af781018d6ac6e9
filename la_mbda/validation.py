"""Ranges of the settings, and what must fit together; errors name the value and the fix."""

import difflib
import math
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

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
        _refuse(
            values, "final_episodes", "choose 0, or 2 or more (one alone has no standard error)"
        )
    if values["elites"] > values["candidates"]:
        _refuse(values, "elites", f"choose candidates ({values['candidates']}) or fewer")
    if not values["cost_budget"]:
        raise ExpectedError("cost_budget is empty: give one number of 0 or more per constraint")
    if values["episode_steps"] % (repeat := values["action_repeat"]):
        _refuse(values, "episode_steps", f"choose a multiple of action_repeat ({repeat})")


def check_model_based(values: dict) -> None:
    """Raise a ValueError if values do not fit each other, for an agent with a world model."""
    episode = values["episode_steps"]
    steps = episode // values["action_repeat"] + 1
    if values["sequence_length"] > steps:
        but = f"an episode has only {steps} steps"
        _refuse(values, "sequence_length", "choose that or fewer", but)
    if values["replay_capacity"] < episode:
        _refuse(values, "replay_capacity", f"choose at least one episode ({episode})")
    if values["offline_dataset"] is not None:
        return
    if values["random_steps"] < episode:
        fix = f"choose at least one episode ({episode}), or give an offline_dataset"
        _refuse(values, "random_steps", fix)
    if values["env_steps"] < (random_steps := values["random_steps"]):
        _refuse(values, "env_steps", f"choose at least random_steps ({random_steps})")


def check_baseline(values: dict) -> None:
    """Raise a ValueError if values do not fit each other, for a model-free baseline."""
    algorithm, epoch, episode = (values[n] for n in ("algorithm", "epoch_steps", "episode_steps"))
    if epoch % episode:
        _refuse(values, "epoch_steps", f"choose a multiple of episode_steps ({episode})")
    if values["env_steps"] < epoch:
        _refuse(values, "env_steps", f"choose at least one epoch ({epoch})")
    if values["observation"] != "lidar":
        _refuse(values, "observation", "choose lidar", f"{algorithm} learns from vectors")
    if values["offline_dataset"] is not None:
        but = f"{algorithm} learns from its own policy's episodes alone"
        _refuse(values, "offline_dataset", "leave it out", but)
    if len(values["cost_budget"]) != 1:
        _refuse(values, "cost_budget", "give one number", f"{algorithm} knows one constraint")


def _refuse(values: dict, name: str, fix: str, but: str = "") -> NoReturn:
    reason = f", but {but}" if but else ""
    raise ExpectedError(f"{name} is {values[name]}{reason}: {fix}")
