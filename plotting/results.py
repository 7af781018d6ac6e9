"""Reads results: the runs below a folder, the runs that ship with the project, the paper's scores.

Layout: RESULTS/<preset>/<algorithm>/<task>/seed_<n>/ with config.json, episodes.jsonl,
evaluations.jsonl and, when finished, score.json. Scales (presets) never mix.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from la_mbda import config
from la_mbda.budget import keeps_budget
from la_mbda.run_files import (
    Score,
    Series,
    check_identity,
    folder_name,
    number,
    read_object,
    read_series,
)
from plotting.run_settings import changed, epoch_steps, read_settings, setting

REPOSITORY = Path(__file__).resolve().parents[1]
SHIPPED = REPOSITORY / "results" / "shipped"
PUBLISHED = REPOSITORY / "results" / "published" / "scores.json"

METRICS = ("return", "cost_return", "cost_regret")
PAPER_COST_BUDGET = 25.0
PAPER_EPISODE_STEPS = 1_000
# Which published budget runs of a preset can be compared with; none for the reduced scales.
COMPARABLE = {"paper": "short", "paper_long": "long"}


class Estimate(NamedTuple):
    """A score with what is known of its spread."""

    value: float
    low: float | None = None
    """The 5 % percentile over seeds; of baselines, one standard error below the mean."""
    high: float | None = None
    error: float | None = None
    """Its standard error: of one run over its confirmed episodes, of a mean over seeds."""


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
    def confirmed(self) -> bool:
        """Whether episodes on layouts of their own tell its return and cost.

        A baseline's score is of 60 training episodes, each on a layout of its own, and so are the
        published ones: it counts as it is.
        """
        return (
            self.score is not None
            and self.score.confirmed is not None
            and self.algorithm not in config.BASELINES
        )

    @property
    def keeps_budget(self) -> bool | None:
        """Whether it keeps its budget by its confirmed episodes; None where there are none."""
        found = self.score.confirmed if self.score else None
        if found is None or len(found.cost_returns) != len(self.cost_budgets):
            return None
        costs = zip(found.cost_returns, found.cost_returns_errors, self.cost_budgets, strict=True)
        return all(keeps_budget(*cost) for cost in costs)

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
        for path in _run_folders(place, warnings):
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


def _read_run(path: Path, shipped: bool, warnings: list[str]) -> Run | None:
    """Reads one run folder; what is wrong with it goes to the warnings."""
    preset, algorithm, task, seed = path.parts[-4:]
    try:
        _check_place(preset, algorithm, seed)
        settings = read_settings(path / "config.json", warnings)
        place = {"preset": preset, "algorithm": algorithm, "task": task}
        place["seed"] = int(seed.removeprefix("seed_"))
        task = _task_name(task, settings)
        if settings:
            check_identity(settings, place)
    except ValueError as error:
        warnings.append(f"{path}: {error}: left out")
        return None
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
        cost_budgets=setting(settings, "lagrangian", "cost_budget", protocol),
        episode_steps=setting(settings, "training", "episode_steps", (PAPER_EPISODE_STEPS,))[0],
        epoch_steps=epoch_steps(settings, preset, algorithm, task),
        changed=changed(settings, preset, algorithm, task, bool(score and score.early_epochs)),
        evaluations=evaluations,
        episodes=episodes,
        score=score,
        **(place | {"task": task}),
    )


def _check_place(preset: str, algorithm: str, seed: str) -> None:
    """Makes sure that a run folder's place means something.

    Raises:
        ValueError: an unknown or misspelt name.
    """
    if preset not in config.PRESETS:
        raise ValueError(f"unknown preset {preset!r} (known: {', '.join(config.PRESETS)})")
    if algorithm not in config.ALGORITHMS:
        known = ", ".join(config.ALGORITHMS)
        raise ValueError(f"unknown algorithm {algorithm!r} (known: {known})")
    if preset == "paper_long" and algorithm not in config.BASELINES:
        raise ValueError(f"preset paper_long is for {', '.join(config.BASELINES)}")
    number = seed.removeprefix("seed_")
    if not number.isdecimal() or seed != f"seed_{int(number)}":
        raise ValueError(f"{seed!r} is not of the form seed_<number>")


def _task_name(folder: str, settings: dict) -> str:
    """The task's own name, which for `gymnasium:` ids only the settings know.

    Raises:
        ValueError: there is no such task.
    """
    name = settings.get("task")
    if isinstance(name, str) and name.startswith(config.EXTERNAL_TASK_PREFIX):
        if folder_name(name) == folder:
            return name
    elif folder in config.TASKS:
        return folder
    known = f"{', '.join(config.TASKS)}, {config.EXTERNAL_TASK_PREFIX}<id>"
    raise ValueError(f"unknown task {folder!r} (known: {known})")


def _read_curve(path: Path, warnings: list[str], whole: bool) -> Series | None:
    series, problems = read_series(path, whole)
    warnings.extend(problems)
    return series


def _read_final(path: Path, place: dict, warnings: list[str]) -> Score | None:
    try:
        path.stat()
        return Score.read(path, place)
    except FileNotFoundError:
        warnings.append(f"{path}: missing (the run is not finished): left out of the tables")
        return None
    except OSError as error:
        warnings.append(f"{path}: cannot be read ({error.strerror}): left out of the tables")
        return None
    except ValueError as error:
        warnings.append(f"{error}: left out of the tables")
        return None
