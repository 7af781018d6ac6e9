"""Reads run folders into rows of the frames of results; what is damaged is named and left out."""

import dataclasses
from collections.abc import Collection, Iterator
from pathlib import Path
from reprlib import repr as short
from typing import NamedTuple

import pandas as pd

from la_mbda import algorithms, config
from la_mbda.budget import all_keep, keeps_budget
from la_mbda.errors import ExpectedError
from la_mbda.presets import OWN_TASK_FIELDS, standard_groups
from la_mbda.runs.files import (
    METRICS,
    Score,
    Series,
    check_identity,
    folder_name,
    numbers,
    read_object,
    read_series,
)
from plotting.aggregate import PAPER_COST_BUDGET, cost_regret, epoch_means

# Which published budget runs of a preset can be compared with; none for the reduced scales.
COMPARABLE = {"paper": "short", "paper_long": "long"}
WHO = ["source", "preset", "algorithm", "task", "seed"]
"""What says whose scores and curves are."""
# Of what names: those of the repository, what one's own begin with, and what they look like.
_NAMES = {
    "algorithm": (config.ALGORITHMS, "", "<module>:<Class>"),
    "task": (config.TASKS, config.EXTERNAL_TASK_PREFIX, f"{config.EXTERNAL_TASK_PREFIX}<id>"),
}
# Settings that change neither what is trained nor the protocol's score.
_HARMLESS = ("checkpoint_every", "final_episodes", "evaluate_every", "compile")
# Settings that figures and tables build on, and the least that each can be.
_USED = (
    ("lagrangian", "cost_budget", 0),
    ("training", "env_steps", 1),
    ("training", "episode_steps", 1),
    ("training", "action_repeat", 1),
    ("baseline", "epoch_steps", 1),
)


class Run(NamedTuple):
    """What one run folder holds."""

    row: dict
    """Of `Results.runs`."""
    scores: list[dict]
    """Of `Results.scores`."""
    curves: list[pd.DataFrame]
    """Of `Results.curves`, one for each metric and constraint."""


def read_runs(place: Path, source: str, warnings: list[str]) -> list[Run]:
    """Read all usable runs below a folder; what is wrong with others goes to the warnings."""
    found = (_read_run(path, source, warnings) for path in _run_folders(place, warnings))
    return [run for run in found if run is not None]


def _run_folders(place: Path, warnings: list[str]) -> list[Path]:
    """RESULTS/<preset>/<algorithm>/<task>/seed_<n>; folders that cannot be listed are named."""
    found = [place]
    for _ in range(4):
        below: list[Path] = []
        for folder in found:
            try:
                below += sorted(folder.iterdir())
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                warnings.append(f"{folder}: cannot be read ({error.strerror}): left out")
        found = below
    return [path for path in found if path.name.startswith("seed_")]


def _read_run(path: Path, source: str, warnings: list[str]) -> Run | None:
    """Read one run folder; what is wrong with it goes to the warnings."""
    preset, variant, folder, seed = path.parts[-4:]
    base, _, name = variant.partition("@")
    try:
        _check_place(preset, seed)
        settings = _read_settings(path / "config.json", warnings)
        place = {"preset": preset, "algorithm": base, "task": folder}
        place["seed"] = int(seed.removeprefix("seed_"))
        base, task = _own_name("algorithm", base, settings), _own_name("task", folder, settings)
        algorithms.find(base)
        if preset == "paper_long" and base not in config.BASELINES:
            raise ExpectedError(f"preset paper_long is for {', '.join(config.BASELINES)}")
        if settings:
            check_identity({"name": ""} | settings, place | {"name": name})
    except ValueError as error:
        warnings.append(f"{path}: {error}: left out")
        return None
    evaluations, problems = read_series(path / "evaluations.jsonl", whole=False)
    episodes, more = read_series(path / "episodes.jsonl", whole=True)
    warnings += [*problems, *more]
    score = _read_final(path / "score.json", place, warnings)
    if evaluations is None and episodes is None and score is None:
        warnings.append(f"{path}: holds neither curves nor a score: left out")
        return None
    algorithm = f"{base}@{name}" if name else base
    row = {"path": path, "source": source, **place, "algorithm": algorithm, "task": task}
    row |= _told_by_settings(settings, preset, base, task, bool(score and score.early_epochs))
    row |= _told_by_score(score, base, row["cost_budgets"])
    scores = [] if score is None else list(_score_rows(score, row))
    curves = list(_curves(evaluations, episodes, row["epoch_steps"]))
    return Run(row, scores, [curve.assign(**{n: row[n] for n in WHO}) for curve in curves])


def _told_by_settings(settings: dict, preset: str, base: str, task: str, early: bool) -> dict:
    """Return what of a run's row its settings say.

    Args:
        early: the run's score says itself that it ended before the preset's budget.
    """
    own = task.startswith(config.EXTERNAL_TASK_PREFIX)
    # An own task may not be installed: the preset is as for one of SG6.
    known = _setting(settings, "training", "env_steps", ())
    env_steps = int(known[0]) if known else None
    standard = standard_groups(preset, config.SG6_TASKS[0] if own else task, base, env_steps)
    harmless = [*_HARMLESS, *(OWN_TASK_FIELDS if own else ()), *(["env_steps"] if early else ())]
    changes = _changed(settings, standard, harmless)
    epochs = _setting(settings, "baseline", "epoch_steps", (standard["baseline"].epoch_steps,))
    steps = _setting(settings, "training", "episode_steps", (config.EPISODE_STEPS,))
    protocol = () if own else (PAPER_COST_BUDGET,)
    return {
        "comparable": preset in COMPARABLE and not changes,
        "changed": tuple(changes),
        "reduced": preset not in COMPARABLE or any(changes.values()),
        "cost_budgets": _setting(settings, "lagrangian", "cost_budget", protocol),
        "epoch_steps": epochs[0] if base in config.BASELINES else None,
        "episode_steps": steps[0],
        "action_repeat": _setting(settings, "training", "action_repeat", (1,))[0],
    }


def _told_by_score(score: Score | None, base: str, budgets: tuple[float, ...]) -> dict:
    """Return what of a run's row its score says."""
    row = {"finished": score is not None, "confirmed": False, "layouts": "", "early_epochs": 0}
    if score is not None:
        row |= {"env_steps": score.env_steps, "early_epochs": score.early_epochs}
        row["kept"] = _kept(score, budgets)
        if score.confirmed is not None and base not in config.BASELINES:
            found = score.confirmed
            row |= {"confirmed": True, "n": found.episodes, "layouts": found.layouts}
    return row


def _kept(score: Score, budgets: tuple[float, ...]) -> bool | None:
    """Whether a run keeps its budget by its confirmed episodes; None where there are none."""
    found = score.confirmed
    if found is None or len(found.cost_returns) != len(budgets):
        return None
    costs = zip(found.cost_returns, found.cost_returns_errors, budgets, strict=True)
    return all_keep([keeps_budget(*cost, found.episodes) for cost in costs])


def _score_rows(score: Score, run: dict) -> Iterator[dict]:
    """Tell of a finished run: by confirmed episodes where it has them, else by protocol."""
    found = score.confirmed if run["confirmed"] else None
    who = {name: run[name] for name in (*WHO, "comparable", "env_steps")}
    protocol = who | {"episodes": "protocol"}
    told = protocol if found is None else who | {"episodes": "confirmed", "n": found.episodes}
    first_return, first_cost = score.first_epoch or (None, None)
    value = {"value": score.returns, "first_epoch": first_return}
    if found is not None:
        value |= {"value": found.returns, "se": found.returns_error}
    yield told | value | {"metric": "return", "constraint": 1}
    for i, (cost, regret) in enumerate(zip(score.cost_returns, score.cost_regrets, strict=True)):
        place = {"constraint": i + 1}
        place["budget"] = run["cost_budgets"][i] if i < len(run["cost_budgets"]) else None
        value = {"value": cost, "first_epoch": first_cost}
        if found is not None:
            value |= {"value": found.cost_returns[i], "se": found.cost_returns_errors[i]}
        yield told | place | value | {"metric": "cost_return"}
        yield protocol | place | {"metric": "cost_regret", "value": regret}


def _curves(
    evaluations: Series | None, episodes: Series | None, epoch: float | None
) -> Iterator[pd.DataFrame]:
    """Return a run's curves; those of a baseline, which learns in epochs, by epoch."""
    returns = evaluations if epoch is None else episodes
    if returns is not None:
        steps = returns.env_steps
        for column, values in enumerate((returns.returns, *returns.cost_returns.T)):
            ends, means = (steps, values) if epoch is None else epoch_means(steps, values, epoch)
            points = pd.DataFrame({"env_steps": ends, "value": means})
            yield points.assign(metric=METRICS[column > 0], constraint=max(column, 1))
    if episodes is not None:
        for column, costs in enumerate(episodes.cost_returns.T):
            if episodes.cost_regrets is None:
                regrets = cost_regret(episodes.env_steps, costs)
            else:  # These know of the costs of episodes that were cut, which have no line.
                regrets = episodes.cost_regrets[:, column]
            points = pd.DataFrame({"env_steps": episodes.env_steps, "value": regrets})
            yield points.assign(metric="cost_regret", constraint=column + 1)


def _check_place(preset: str, seed: str) -> None:
    """Make sure that a run folder's place means something.

    Raises:
        ValueError: an unknown or misspelt name.
    """
    if preset not in config.PRESETS:
        raise ExpectedError(f"unknown preset {preset!r} (known: {', '.join(config.PRESETS)})")
    number = seed.removeprefix("seed_")
    if not number.isdecimal() or seed != f"seed_{int(number)}":
        raise ExpectedError(f"{seed!r} is not of the form seed_<number>")


def _own_name(what: str, folder: str, settings: dict) -> str:
    """Return the algorithm or task of a folder; one's own has signs that only the settings hold.

    Raises:
        ValueError: there is none of that name.
    """
    known, prefix, form = _NAMES[what]
    name = settings.get(what)
    own = isinstance(name, str) and name.startswith(prefix) and ":" in name
    if own and folder_name(name) == folder:
        return name
    if folder in known:
        return folder
    raise ExpectedError(f"unknown {what} {folder!r} (known: {', '.join([*known, form])})")


def _read_final(path: Path, place: dict, warnings: list[str]) -> Score | None:
    try:
        return Score.read(path, place)
    except ValueError as error:
        unfinished = isinstance(error.__cause__, FileNotFoundError)
        said = f"{path}: missing (the run is not finished)" if unfinished else error
        warnings.append(f"{said}: left out of the tables")
        return None


def _read_settings(path: Path, warnings: list[str]) -> dict:
    """Read a run's `config.json`; empty, with a warning, where it is unusable."""
    try:
        settings = read_object(path)
        try:
            _check_settings(settings)
        except ValueError as error:
            raise ExpectedError(f"{path}: {error}") from error
    except ValueError as error:
        warnings.append(f"{error}: the run's settings are unknown")
        return {}
    return settings


def _check_settings(settings: dict) -> None:
    """Make sure of the settings that figures and tables build on, where they are there.

    Raises:
        ValueError: one is no number that it can be, or there are no settings.
    """
    if not settings:
        raise ExpectedError("is empty")
    for group in config.GROUPS:
        if not isinstance(settings.get(group, {}), dict):
            raise ExpectedError(f"{group} is {short(settings[group])}, not an object")
    for group, name, least in _USED:
        values = settings.get(group, {})
        if name in values and min(numbers(values, name)) < least:
            raise ExpectedError(f"{name} is {short(values[name])}: {least:g} is the least")


def _setting(settings: dict, group: str, name: str, default: tuple) -> tuple[float, ...]:
    """Numbers from the settings; the default where they hold none."""
    values = settings.get(group, {})
    return numbers(values, name) if name in values else default


def _changed(settings: dict, standard: dict, harmless: Collection[str]) -> dict[str, bool]:
    """Return settings that differ from the preset's as it is today.

    A field younger than the run has the paper's value, as where a run is loaded; of a group that
    is not there nothing is known.

    Returns:
        Of each, `<name>=<value>`: whether it makes the run smaller, as a lower number of steps,
        updates, units or samples does.
    """
    if not settings:
        return {"unknown, without a usable config.json": False}
    found = {}
    for group in config.GROUPS:
        if group not in settings:
            continue
        stored = dataclasses.asdict(config.GROUPS[group]()) | settings[group]
        for name, value in dataclasses.asdict(standard[group]).items():
            plain = list(value) if isinstance(value, tuple) else value
            if stored[name] not in (value, plain) and name not in harmless:
                whole = isinstance(stored[name], int) and isinstance(value, int)
                found[f"{name}={short(stored[name])}"] = whole and stored[name] < value
    return found
