"""Reads one file of a run folder, and tells plainly what is wrong with it.

Nothing is repaired: what cannot be trusted is left out, with one line that names file and problem.
"""

import json
import math
from pathlib import Path
from reprlib import repr as short
from typing import Any, NamedTuple

import numpy as np

from la_mbda.errors import ExpectedError

METRICS = ("return", "cost_return", "cost_regret")
_NO_JSON = "no valid JSON"


class Series(NamedTuple):
    """Episodes or evaluations of a run, in the order of environment steps.

    `env_steps` and `returns` are `[n]`; `cost_returns` is `[n, constraints]`. Returns and cost
    returns are undiscounted sums over an episode (the mean over episodes, for an evaluation).
    """

    env_steps: np.ndarray
    returns: np.ndarray
    cost_returns: np.ndarray
    cost_regrets: np.ndarray | None = None
    """`[n, constraints]`, where every line has it: all costs so far per environment step."""


class Confirmed(NamedTuple):
    """Episodes on layouts of their own that confirm a score: means and their standard errors."""

    episodes: int
    returns: float
    returns_error: float
    cost_returns: tuple[float, ...]
    cost_returns_errors: tuple[float, ...]
    layouts: str = ""
    """What sets them apart from those that a run plays itself, if anything."""


class Score(NamedTuple):
    """The score of a finished run: Ĵ, Ĵ_c `[constraints]` and ρ_c `[constraints]`."""

    env_steps: float
    returns: float
    cost_returns: tuple[float, ...]
    cost_regrets: tuple[float, ...]
    confirmed: Confirmed | None = None
    first_epoch: tuple[float, float] | None = None
    """Return and cost return of a baseline's first epoch, of its untrained policy."""
    early_epochs: int = 0
    """Epochs by which a baseline ended before those of the published score."""

    @classmethod
    def read(cls, path: Path, expected: dict[str, object]) -> "Score":
        """Read `score.json` of the run in whose folder it lies.

        Args:
            expected: as for `check_identity`.

        Raises:
            ValueError: a value is missing, not finite or not of this run.
        """
        values = read_object(path)
        try:
            check_identity(values, expected)
            return cls.of(values)
        except ValueError as error:
            raise ExpectedError(f"{path}: {error}") from error

    @classmethod
    def of(cls, values: dict) -> "Score":
        """Take it from what `score.json` holds.

        Raises:
            ValueError: a value is missing or no finite number.
        """
        score = cls(
            returns=number(values, "return"),
            cost_returns=numbers(values, "cost_return"),
            cost_regrets=numbers(values, "cost_regret"),
            env_steps=number(values, "env_steps"),
            confirmed=_read_confirmed(values),
            first_epoch=_read_first_epoch(values),
            early_epochs=int(number({"early_epochs": 0} | values, "early_epochs")),
        )
        if len(score.cost_returns) != len(score.cost_regrets):
            raise ExpectedError("cost_return and cost_regret differ in number of constraints")
        return score


def read_object(path: Path) -> dict:
    """Read a JSON object.

    Raises:
        ValueError: the file is missing, unreadable or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExpectedError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise ExpectedError(f"{path}: {_NO_JSON} ({error})") from error
    if not isinstance(values, dict):
        raise ExpectedError(f"{path}: holds no JSON object")
    return values


def check_identity(values: dict, expected: dict[str, object]) -> None:
    """Make sure that a file is of the run in whose folder it lies.

    Args:
        expected: what its preset, algorithm, task and seed must be, after the folder's place.

    Raises:
        ValueError: one of them is missing or another.
    """
    for name, value in expected.items():
        if name not in values:
            raise ExpectedError(f"{name!r} is missing")
        if folder_name(values[name]) != value:
            raise ExpectedError(f"{name} is {short(values[name])}, but its folder says {value!r}")


def _read_confirmed(values: dict) -> Confirmed | None:
    if "confirmed" not in values:
        return None
    found = values["confirmed"]
    if not isinstance(found, dict):
        raise ExpectedError(f"confirmed is {short(found)}, not an object")
    confirmed = Confirmed(
        int(number(found, "episodes")),
        number(found, "return"),
        number(found, "return_se"),
        numbers(found, "cost_return"),
        numbers(found, "cost_return_se"),
        str(found.get("layouts", "")),
    )
    lengths = {len(costs) for costs in (confirmed.cost_returns, confirmed.cost_returns_errors)}
    if lengths != {len(numbers(values, "cost_return"))}:
        raise ExpectedError("confirmed has not as many costs as cost_return")
    return confirmed


def _read_first_epoch(values: dict) -> tuple[float, float] | None:
    names = ("first_epoch_return", "first_epoch_cost_return")
    if names[0] not in values:
        return None
    return number(values, names[0]), number(values, names[1])


def read_series(path: Path, whole: bool) -> tuple[Series | None, list[str]]:
    """Read `episodes.jsonl` or `evaluations.jsonl`.

    Args:
        whole: each line builds on all before it (a cumulative sum), so that nothing after a bad
            line can be used; otherwise only bad lines are left out.

    Returns:
        The series, None where not one line is usable, and warnings.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None, [f"{path}: missing: its curves are not drawn"]
    except OSError as error:
        return None, [f"{path}: cannot be read ({error.strerror}): not drawn"]
    rows: list[tuple] = []
    bad: list[str] = []
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            rows.append(_row(line, rows[-1] if rows else None))
        except ValueError as error:
            last = index == len(lines) - 1
            half = last and line.startswith("{") and str(error) == _NO_JSON
            bad.append(f"line {index + 1}: {'half-written' if half else error}")
            if whole:
                break
    warnings = [_summary(path, bad, whole and index < len(lines) - 1)] if bad else []
    if not rows:
        return None, warnings or [f"{path}: is empty: not drawn"]
    *columns, regrets = zip(*rows, strict=True)
    steps, returns, costs = (np.array(column, dtype=float) for column in columns)
    told = None if None in regrets else np.array(regrets)
    return Series(steps, returns, costs, told), warnings


def number(values: dict, name: str) -> float:
    """Read a finite number of a JSON object.

    Raises:
        ValueError: it is missing, no number, or not finite.
    """
    if name not in values:
        raise ExpectedError(f"{name!r} is missing")
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpectedError(f"{name} is {short(value)}, not a number")
    try:
        value = float(value)
    except OverflowError as error:  # JSON's whole numbers have no bound.
        raise ExpectedError(f"{name} is {short(value)}, too large") from error
    if not math.isfinite(value):
        raise ExpectedError(f"{name} is {value}")
    return value


def numbers(values: dict, name: str) -> tuple[float, ...]:
    """Read a finite number, or a list of them (one per constraint), as a tuple.

    Raises:
        ValueError: one is missing, no number, or not finite.
    """
    value = values.get(name)
    if not isinstance(value, list):
        return (number(values, name),)
    if not value:
        raise ExpectedError(f"{name} is an empty list")
    return tuple(number({name: item}, name) for item in value)


def folder_name(value: Any) -> Any:
    """Spell a name as run folders do: `gymnasium:` ids lose the signs that paths cannot hold."""
    return value.replace(":", "_").replace("/", "_") if isinstance(value, str) else value


def _row(line: str, before: tuple | None) -> tuple:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ExpectedError(_NO_JSON) from error
    if not isinstance(values, dict):
        raise ExpectedError("no JSON object")
    row = (
        number(values, "env_steps"),
        number(values, "return"),
        numbers(values, "cost_return"),
        numbers(values, "cost_regret") if "cost_regret" in values else None,
    )
    if row[3] is not None and len(row[3]) != len(row[2]):
        raise ExpectedError(f"{len(row[3])} cost regrets beside {len(row[2])} costs")
    if row[0] <= (before[0] if before else 0):
        raise ExpectedError(f"env_steps {row[0]:g} does not come after the line before")
    if before and len(row[2]) != len(before[2]):
        raise ExpectedError(f"{len(row[2])} costs where the lines before have {len(before[2])}")
    return row


def _summary(path: Path, bad: list[str], rest: bool) -> str:
    more = f" (and {len(bad) - 1} more such lines)" if len(bad) > 1 else ""
    kept = "left out with all after it, as the sum is unknown from there" if rest else "left out"
    return f"{path}: {bad[0]}{more}: {kept}"
