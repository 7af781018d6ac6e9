"""What a run is: a frozen dataclass of all settings, its validation, its JSON round trip."""

import dataclasses
import numbers
import os
import re
import types
import typing
from dataclasses import dataclass, field

from la_mbda import algorithms, settings, validation
from la_mbda.errors import ExpectedError

SG6_TASKS = (
    "PointGoal1",
    "PointGoal2",
    "CarGoal1",
    "PointPush1",
    "PointButton1",
    "DoggoGoal1",
)
TASKS = (*SG6_TASKS, "ObservablePointPush1")
EXTERNAL_TASK_PREFIX = "gymnasium:"
ALGORITHMS = {name: known.display_name for name, known in algorithms.ALGORITHMS.items()}
BASELINES = tuple(name for name, known in algorithms.ALGORITHMS.items() if known.model_free)
EPISODE_STEPS = 1_000
"""Control steps after which Safety Gym's episodes end; said here too, as MuJoCo takes a while."""
SCORED_EPOCHS = 2
"""A baseline's score is that of its last epochs, this many."""
PRESETS = ("paper", "paper_long", "cpu", "quick")


@dataclass(frozen=True)
class Config:
    """One run: what is trained on what, and every setting.

    Raises:
        ValueError: a value is out of range; the message names it and the fix.
    """

    task: str
    """An SG6 task, ObservablePointPush1, or gymnasium:<id> of any installed environment."""
    algorithm: str
    """What to train."""
    preset: str
    """The scale of the run; results of different presets never mix."""
    seed: int
    """The one number that all randomness of the run comes from."""
    name: str = ""
    """What tells a variant from other runs of its algorithm, beside which it lives and is drawn."""
    model: settings.WorldModelConfig = field(default_factory=settings.WorldModelConfig)
    swag: settings.SwagConfig = field(default_factory=settings.SwagConfig)
    behaviour: settings.BehaviourConfig = field(default_factory=settings.BehaviourConfig)
    lagrangian: settings.LagrangianConfig = field(default_factory=settings.LagrangianConfig)
    planner: settings.PlannerConfig = field(default_factory=settings.PlannerConfig)
    baseline: settings.BaselineConfig = field(default_factory=settings.BaselineConfig)
    training: settings.TrainingConfig = field(default_factory=settings.TrainingConfig)
    compute: settings.ComputeConfig = field(default_factory=settings.ComputeConfig)

    def __post_init__(self):
        for part in (self, *(getattr(self, group) for group in GROUPS)):
            for f in dataclasses.fields(part):
                if f.name not in GROUPS:
                    value = typed(f.name, getattr(part, f.name), f.type)
                    object.__setattr__(part, f.name, value)
        validate(self)

    @property
    def variant(self) -> str:
        """The algorithm, with the name of a variant behind it: `lambda@wide`."""
        return f"{self.algorithm}@{self.name}" if self.name else self.algorithm


GROUPS: dict[str, typing.Any] = {
    f.name: f.type for f in dataclasses.fields(Config) if dataclasses.is_dataclass(f.type)
}
GROUP_OF = {f.name: name for name, group in GROUPS.items() for f in dataclasses.fields(group)}


def to_dict(config: Config) -> dict:
    """Return the configuration as nested dicts of plain JSON values."""
    return dataclasses.asdict(config)


def from_dict(values: dict) -> Config:
    """Invert `to_dict`.

    A setting that is newer than the file takes its default, which has to be what runs did until
    then. What a run is (task, algorithm, preset, seed) is always there.

    Raises:
        ValueError: unknown, missing or mistyped fields, or values out of range.
    """
    return _build(Config, values, "config")


def differences(old: Config, new: Config) -> dict[str, tuple]:
    """Return the fields in which two configurations differ, with old and new values."""
    before, after = _flat(old), _flat(new)
    return {name: (value, after[name]) for name, value in before.items() if value != after[name]}


def _flat(config: Config) -> dict:
    names = ("task", "algorithm", "preset", "seed", "name")
    values = {name: getattr(config, name) for name in names}
    return values | {
        name: getattr(getattr(config, group), name) for name, group in GROUP_OF.items()
    }


def _build(cls, values, where: str):
    if not isinstance(values, dict):
        raise ExpectedError(f"{where} must be a JSON object, not {values!r}")
    known = {f.name: f for f in dataclasses.fields(cls)}
    for name in values:
        if name not in known:
            raise ExpectedError(
                f"unknown config field {name!r} in {where}{validation.suggest(name, known)}"
            )
    built = {}
    for name, f in known.items():
        if name in values:
            nested = dataclasses.is_dataclass(f.type)
            built[name] = _build(f.type, values[name], name) if nested else values[name]
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise ExpectedError(f"{where} has no field {name!r}: add it")
    return cls(**built)


def typed(name: str, value, kind):
    """Convert to the field's type, as a run's `config.json` keeps it.

    JSON has no tuples and writes some floats as integers; NumPy has numbers of its own.

    Raises:
        ValueError: it is of another type.
    """
    if typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) is typing.Literal:
        kind = str
    if isinstance(kind, types.UnionType):
        return None if value is None else typed(name, value, typing.get_args(kind)[0])
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise ExpectedError(f"{name} must be a list of numbers, not {value!r}")
        return tuple(typed(name, item, typing.get_args(kind)[0]) for item in value)
    if not isinstance(value, bool):
        if kind is float and isinstance(value, numbers.Real):
            return float(value)
        if kind is int and isinstance(value, numbers.Integral):
            return int(value)
    if kind is str and isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value) is not kind:
        raise ExpectedError(f"{name} must be of type {kind.__name__}, not {value!r}")
    return value


def validate(config: Config) -> None:
    """Check every value's range, and what must fit together.

    Raises:
        ValueError: one line that names the value and the fix.
    """
    validation.choose("preset", config.preset, PRESETS)
    if not config.task.startswith(EXTERNAL_TASK_PREFIX):
        validation.choose("task", config.task, (*TASKS, f"{EXTERNAL_TASK_PREFIX}<id>"))
    algorithms.find(config.algorithm)
    validation.check("seed", config.seed, typing.cast(type, settings.Seed))
    if not re.fullmatch(r"[\w.-]*", config.name):
        raise ExpectedError(f"name is {config.name!r}: choose letters, digits, and _ . -")
    values = _flat(config)
    if config.task in TASKS and values["episode_steps"] > EPISODE_STEPS:
        raise ExpectedError(
            f"episode_steps is {values['episode_steps']}: choose {EPISODE_STEPS} or fewer, as "
            f"episodes of {config.task} end then"
        )
    for group in GROUPS.values():
        for f in dataclasses.fields(group):
            validation.check(f.name, values[f.name], typing.cast(type, f.type))
    validation.check_together(values)
    if algorithms.find(config.algorithm).model_free:
        validation.check_baseline(values)
    else:
        validation.check_model_based(values)
