"""The options that the commands share: a run's choices, and every config field by its name."""

import argparse
import dataclasses
import errno
import faulthandler
import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro

from la_mbda import settings, validation
from la_mbda.config import ALGORITHMS, GROUP_OF, GROUPS, PRESETS, Config
from la_mbda.errors import ExpectedError
from la_mbda.presets import make_groups, overrides

ALGORITHM_HELP = f"{', '.join(ALGORITHMS)}; or one's own, by its agent: my_package.module:MyAgent."
PRESET_HELP = f"{', '.join(PRESETS)} (paper_long only of baselines)."


@dataclass(frozen=True)
class Settings:
    """Where results go, and the settings that the preset gives unless they are set here."""

    results: Path
    """Folder of results."""
    name: str
    """Of a variant, which then lives beside its algorithm's other runs and is drawn with them."""
    track: str
    """Sends the run's numbers elsewhere too: wandb (Weights & Biases), or to one's own logger, by
    what makes it: my_package.module:make_logger."""
    model: settings.WorldModelConfig
    swag: settings.SwagConfig
    behaviour: settings.BehaviourConfig
    lagrangian: settings.LagrangianConfig
    planner: settings.PlannerConfig
    baseline: settings.BaselineConfig
    training: settings.TrainingConfig
    compute: settings.ComputeConfig

    def config(self, preset: str, task: str, algorithm: str, seed: int) -> Config:
        """Make the configuration of one run.

        Raises:
            ValueError: a value is out of range.
        """
        return Config(
            task=task,
            algorithm=algorithm,
            preset=preset,
            seed=seed,
            name=self.name,
            **{group: getattr(self, group) for group in GROUPS},
        )


# What a user can do about errors of the system, by their numbers.
_FIXES = {
    errno.ENOSPC: "free some space and give the command again",
    errno.EDQUOT: "free some space and give the command again",
    errno.ENAMETOOLONG: "choose a shorter one",
}
Arguments = TypeVar("Arguments", bound=Settings)
FIRST = ("env_steps", "observation", "action_repeat", "episode_steps", "cost_budget")
"""The settings that `--help` shows; `--help-all` shows them all."""
FOLLOWED = ("env_steps", "action_repeat", "episode_steps")
"""The settings that others of a preset follow."""


def parse(
    kind: type[Arguments],
    argv: Sequence[str],
    preset: str,
    task: str,
    algorithm: str = "lambda",
    **defaults,
) -> Arguments:
    """Read a command line whose unset settings come from the preset that it names.

    Args:
        preset: taken where the command line names none.
        task: likewise; it decides the budget.
        algorithm: likewise; a baseline has other settings.
        defaults: of further fields of `kind`.

    Raises:
        ValueError: an option is unknown; or the preset or the task is.
    """
    scout = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    scout.add_argument("--preset", default=preset)
    scout.add_argument("--task", default=task)
    scout.add_argument("--algorithm", default=algorithm)
    for name in FOLLOWED:
        option = name.replace("_", "-")
        scout.add_argument(f"--{option}", f"--{name}", default="")
    chosen, _ = scout.parse_known_args(argv)
    given = {name: getattr(chosen, name) for name in FOLLOWED}
    followed: dict[str, Any] = {n: int(value) for n, value in given.items() if value.isdecimal()}
    who = {"preset": chosen.preset, "task": chosen.task, "algorithm": chosen.algorithm}
    values: dict[str, Any] = who | {"seed": 0, "name": "", "results": Path("results"), "track": ""}
    values |= make_groups(**who, **followed) | defaults
    fields = [field.name for field in dataclasses.fields(kind)]
    default = kind(**{name: value for name, value in values.items() if name in fields})
    if not {"-h", "--help"}.isdisjoint(argv):
        default = _brief(default)
    parsed, unknown = tyro.cli(
        type(default),
        args=["--help" if option == "--help-all" else option for option in argv],
        default=default,
        description=f"{kind.__doc__} --help-all shows every setting.",
        config=(tyro.conf.OmitArgPrefixes,),
        return_unknown_args=True,
    )
    if unknown:
        raise ExpectedError(_unknown_option(unknown[0], fields))
    return parsed


def _brief(options: Arguments) -> Arguments:
    """Return the same options with the same values, of which help shows the `FIRST` alone."""
    values: dict[str, Any] = {}
    hidden: dict[str, Any] = {}
    for f in dataclasses.fields(options):
        values[f.name] = getattr(options, f.name)
        if f.name in GROUPS:
            values[f.name] = _brief(values[f.name])
            hidden[f.name] = type(values[f.name])
        elif f.name in GROUP_OF and f.name not in FIRST:
            hidden[f.name] = Annotated[f.type, tyro.conf.Suppress]
    kind: Any = type(options)
    brief: Any = type(kind.__name__, (kind,), {"__annotations__": hidden, "__doc__": kind.__doc__})
    return dataclass(frozen=True)(brief)(**values)


def _unknown_option(option: str, fields: Sequence[str]) -> str:
    """Args: fields: of the command's arguments; those that are groups have options of their own."""
    if not option.startswith("--"):
        return f"unknown argument {option!r}: options are given as --name value"
    names = [name for name in (*fields, *GROUP_OF) if name not in GROUPS]
    options = [f"--{name.replace('_', '-')}" for name in names]
    close = validation.nearest(option.replace("_", "-"), options)
    return f"unknown option {option!r}: " + (f"did you mean {close}?" if close else "see --help")


def overrides_as_arguments(config: Config) -> list[str]:
    """Return the options that turn the config's preset into the config."""
    arguments = []
    for name, value in overrides(config).items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            arguments.append(f"--{option}" if value else f"--no-{option}")
        else:
            values = value if isinstance(value, tuple) else (value,)
            arguments += [f"--{option}", *map(str, values)]
    return arguments


def _open_streams() -> None:
    """Open what the caller has closed (`2>&-`), so that writing there loses what is written."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Takes the lowest number that is free.
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w")


def _check_text(argv: Sequence[str]) -> None:
    """Refuse names of files that are no text, which TensorFlow does not take."""
    for argument in argv:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise ExpectedError(f"{argument!r} is not UTF-8: choose another name") from error


def run(main: Callable[[Sequence[str]], int]) -> None:
    """Run a command and end the process; an expected error is one line and exit status 1.

    Any other keeps its traceback.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Keeps the terminal readable.
    _open_streams()
    # Where a library written in C crashes, the log says what Python was doing.
    faulthandler.enable()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Some locales have no δ and no λ.
    name = Path(sys.argv[0]).name
    try:
        _check_text(sys.argv[1:])
        sys.exit(main(sys.argv[1:]))
    except ExpectedError as error:
        notes = getattr(error, "__notes__", ())
        sys.exit(f"{name}: error: {'; '.join((str(error), *notes))}")
    except OSError as error:
        if error.errno not in _FIXES:
            raise
        sys.exit(f"{name}: error: {error}: {_FIXES[error.errno]}")
    except KeyboardInterrupt:
        print("\ninterrupted: the same command resumes from the last checkpoint", file=sys.stderr)
        sys.exit(130)
