"""Reads results: the runs below a folder, the runs that ship with the project, the paper's scores.

Layout: RESULTS/<preset>/<algorithm>/<task>/seed_<n>/ with config.json, episodes.jsonl,
evaluations.jsonl and, when finished, score.json. Scales (presets) never mix.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from la_mbda import config
from la_mbda.presets import make_config
from plotting.records import (
    Score,
    Series,
    folder_name,
    number,
    numbers,
    read_object,
    read_score,
    read_series,
)

REPOSITORY = Path(__file__).resolve().parents[1]
SHIPPED = REPOSITORY / "results" / "shipped"
PUBLISHED = REPOSITORY / "results" / "published" / "scores.json"

METRICS = ("return", "cost_return", "cost_regret")
PAPER_COST_BUDGET = 25.0
PAPER_EPISODE_STEPS = 1_000
# Which published budget runs of a preset can be compared with; none for the reduced scales.
COMPARABLE = {"paper": "short", "paper_long": "long"}
# Settings that change neither what is trained nor how it is scored.
_HARMLESS = ("checkpoint_every",)


class Estimate(NamedTuple):
    """A score with its 5 % and 95 % percentiles, where there are any."""

    value: float
    low: float | None = None
    high: float | None = None


# (task, algorithm) → metric → estimate; algorithms by their names in the config.
Scores = dict[tuple[str, str], dict[str, Estimate]]


@dataclass(frozen=True)
class Run:
    """What one run folder holds."""

    path: Path
    shipped: bool
    """Whether it came with the project."""
    preset: str
    algorithm: str
    task: str
    seed: int
    cost_budgets: tuple[float, ...]
    """Budget d of each constraint: cost per episode. Empty where unknown."""
    episode_steps: float
    """Environment steps of an episode."""
    epoch_steps: float | None
    """Environment steps of a baseline's epoch; None for algorithms that learn without epochs."""
    changed: tuple[str, ...]
    """Settings that differ from the preset's, as `name=value`."""
    evaluations: Series | None
    episodes: Series | None
    score: Score | None

    @property
    def comparable(self) -> bool:
        """Whether its scale is one of the paper's."""
        return self.preset in COMPARABLE and not self.changed


@dataclass(frozen=True)
class Results:
    """All usable runs, sorted, and one line for each thing that could not be used."""

    runs: list[Run]
    warnings: list[str]


def read_results(folder: Path, shipped: Path = SHIPPED) -> Results:
    """Reads the runs below a folder, and the shipped ones beside them.

    Raises:
        ValueError: the folder does not exist.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: give the one that --results named when training")
    runs, warnings = [], []
    places = [shipped] if folder.resolve() == shipped.resolve() else [folder, shipped]
    for place in places:
        for path in sorted(place.glob("*/*/*/seed_*")):
            run = _read_run(path, place == shipped, warnings)
            if run is not None:
                runs.append(run)
    return Results(sorted(runs, key=_order), warnings)


def read_published(path: Path = PUBLISHED) -> dict[str, Scores]:
    """The paper's scores by budget: `paper`, `short` and `long`.

    Raises:
        ValueError: the file is missing or not in the format that its README describes.
    """
    budgets = read_object(path).get("scores")
    names = {shown: name for name, shown in config.ALGORITHMS.items()}
    published: dict[str, Scores] = {}
    try:
        for budget, algorithms in budgets.items():
            published[budget] = {
                (task, names[shown]): {name: _estimate(metrics[name]) for name in METRICS}
                for shown, tasks in algorithms.items()
                for task, metrics in tasks.items()
            }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not in the format of its README ({error!r})") from error
    missing = {"paper", "short", "long"} - published.keys()
    if missing:
        raise ValueError(f"{path}: lacks the budget {min(missing)!r}")
    return published


def _estimate(values: dict) -> Estimate:
    value = number(values, "value")
    if "half_spread" in values:
        half = number(values, "half_spread")
        return Estimate(value, value - half, value + half)
    return Estimate(value, number(values, "low"), number(values, "high"))


def _order(run: Run) -> tuple:
    """Presets, tasks and algorithms in the order of the config; shipped runs last."""
    tasks, algorithms = config.TASKS, tuple(config.ALGORITHMS)
    place = tasks.index(run.task) if run.task in tasks else len(tasks)
    preset = config.PRESETS.index(run.preset)
    algorithm = algorithms.index(run.algorithm)
    return preset, run.shipped, place, run.task, algorithm, run.seed


def _read_run(path: Path, shipped: bool, warnings: list[str]) -> Run | None:
    """Reads one run folder; what is wrong with it goes to the warnings."""
    preset, algorithm, task, seed = path.parts[-4:]
    problem = _misplaced(preset, algorithm, seed)
    if problem:
        warnings.append(f"{path}: {problem}: left out")
        return None
    settings = _read_settings(path, warnings)
    task = _task_name(task, settings, path, warnings)
    if task is None:
        return None
    place = {"preset": preset, "algorithm": algorithm, "task": folder_name(task)}
    place["seed"] = int(seed.removeprefix("seed_"))
    evaluations = _read_curve(path / "evaluations.jsonl", warnings, whole=False)
    episodes = _read_curve(path / "episodes.jsonl", warnings, whole=True)
    score = _read_final(path / "score.json", place, warnings)
    if evaluations is None and episodes is None and score is None:
        warnings.append(f"{path}: holds neither curves nor a score: left out")
        return None
    protocol = () if task.startswith(config.EXTERNAL_TASK_PREFIX) else (PAPER_COST_BUDGET,)
    return Run(
        path=path,
        shipped=shipped,
        cost_budgets=_setting(settings, "lagrangian", "cost_budget", protocol),
        episode_steps=_setting(settings, "training", "episode_steps", (PAPER_EPISODE_STEPS,))[0],
        epoch_steps=_epoch_steps(settings, preset, algorithm, task),
        changed=_changed(preset, task, algorithm, settings),
        evaluations=evaluations,
        episodes=episodes,
        score=score,
        **(place | {"task": task}),
    )


def _misplaced(preset: str, algorithm: str, seed: str) -> str | None:
    if preset not in config.PRESETS:
        return f"unknown preset {preset!r} (known: {', '.join(config.PRESETS)})"
    if algorithm not in config.ALGORITHMS:
        return f"unknown algorithm {algorithm!r} (known: {', '.join(config.ALGORITHMS)})"
    if not seed.removeprefix("seed_").isdecimal():
        return f"{seed!r} is not of the form seed_<number>"
    return None


def _read_settings(path: Path, warnings: list[str]) -> dict:
    """The run's config.json; empty where it is unusable."""
    try:
        return read_object(path / "config.json")
    except ValueError as error:
        warnings.append(f"{error}: the run's settings are unknown, its preset's are assumed")
        return {}


def _task_name(folder: str, settings: dict, path: Path, warnings: list[str]) -> str | None:
    """The task's own name, which for `gymnasium:` ids only the settings know."""
    name = settings.get("task")
    if isinstance(name, str) and name.startswith(config.EXTERNAL_TASK_PREFIX):
        if folder_name(name) == folder:
            return name
    elif folder in config.TASKS:
        return folder
    known = f"{', '.join(config.TASKS)}, {config.EXTERNAL_TASK_PREFIX}<id>"
    warnings.append(f"{path}: unknown task {folder!r} (known: {known}): left out")
    return None


def _read_curve(path: Path, warnings: list[str], whole: bool) -> Series | None:
    if not path.exists():
        warnings.append(f"{path}: missing: its curves are not drawn")
        return None
    series, problems = read_series(path, whole)
    warnings.extend(problems)
    return series


def _read_final(path: Path, place: dict, warnings: list[str]) -> Score | None:
    if not path.exists():
        warnings.append(f"{path}: missing (the run is not finished): left out of the tables")
        return None
    try:
        return read_score(path, place)
    except ValueError as error:
        warnings.append(f"{error}: left out of the tables")
        return None


def _setting(settings: dict, group: str, name: str, default: tuple) -> tuple[float, ...]:
    """Numbers from the settings; the default where they hold none."""
    try:
        return numbers(settings[group], name)
    except (AttributeError, KeyError, TypeError, ValueError):
        return default


def _epoch_steps(settings: dict, preset: str, algorithm: str, task: str) -> float | None:
    if algorithm not in config.BASELINES:
        return None
    standard = make_config(preset, task, algorithm).baseline.epoch_steps
    return _setting(settings, "baseline", "epoch_steps", (standard,))[0]


def _changed(preset: str, task: str, algorithm: str, settings: dict) -> tuple[str, ...]:
    """Settings that differ from the preset's as it is today; fields that it lacks do not count."""
    if not settings:
        return ()
    standard = config.to_dict(make_config(preset, task, algorithm))
    changed = []
    for group, fields in standard.items():
        stored = settings.get(group)
        if isinstance(fields, dict) and isinstance(stored, dict):
            for name, value in fields.items():
                plain = list(value) if isinstance(value, tuple) else value
                if name in stored and stored[name] != plain and name not in _HARMLESS:
                    changed.append(f"{name}={stored[name]}")
    return tuple(changed)
