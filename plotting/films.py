"""Videos of evaluation episodes that lie in run folders, with their return and costs so far.

`python experiments/evaluate.py RUN --video RUN/video.mp4` makes both files of a run.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from la_mbda import config
from la_mbda.run_files import number, numbers, read_object
from plotting.results import Run

VIDEO = "video.mp4"


class Film(NamedTuple):
    """A run's video."""

    run: Run
    path: Path
    counters: dict | None
    """`frames_per_second`, `env_steps_per_frame`, `cost_budget` `[constraints]`, and per frame the
    `return` and `cost_return` `[constraints]` so far; None where they are not known."""


def find_films(runs: Sequence[Run]) -> tuple[list[Film], list[str]]:
    """The first video of each preset, algorithm and task; and what is wrong with counters."""
    films: dict[tuple, Film] = {}
    problems = []
    for run in runs:
        path = run.path / VIDEO
        key = run.preset, run.algorithm, run.task
        if key in films or not path.is_file():
            continue
        try:
            counters = _read_counters(path.with_suffix(".json"))
        except ValueError as error:
            counters = None
            problems.append(f"{error}: the video has no counter beside it. {command(run)}")
        films[key] = Film(run, path, counters)
    return list(films.values()), problems


def unfilmed(runs: Sequence[Run], films: Sequence[Film]) -> list[Run]:
    """One run of each preset, algorithm and task without a video, that could be filmed."""
    filmed = {(film.run.preset, film.run.algorithm, film.run.task) for film in films}
    able: dict[tuple, Run] = {}
    for run in runs:
        key = run.preset, run.algorithm, run.task
        if key not in filmed and (run.path / "checkpoint").is_dir():
            able.setdefault(key, run)
    return list(able.values())


def command(run: Run) -> str:
    """What makes a run's video."""
    path, video = shlex.quote(str(run.path)), shlex.quote(str(run.path / VIDEO))
    return f"To make it: python experiments/evaluate.py {path} --video {video}"


def title(run: Run) -> str:
    """What a run is called in a line."""
    owner = "shipped, " if run.shipped else ""
    name = config.ALGORITHMS[run.algorithm]
    return f"{name} on {run.task}, {owner}{run.preset} preset, seed {run.seed}"


def _read_counters(path: Path) -> dict:
    """The JSON beside a video.

    Raises:
        ValueError: it is missing, or not as `evaluate.py` writes it.
    """
    values = read_object(path)
    try:
        counters = {
            name: number(values, name) for name in ("frames_per_second", "env_steps_per_frame")
        }
        counters["cost_budget"] = numbers(values, "cost_budget")
        counters["return"] = numbers(values, "return")
        costs = values.get("cost_return")
        if not isinstance(costs, list):
            raise ValueError("cost_return is no list")
        counters["cost_return"] = [numbers({"cost_return": row}, "cost_return") for row in costs]
        _check_lengths(counters)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return counters


def _check_lengths(counters: dict) -> None:
    frames, costs = len(counters["return"]), counters["cost_return"]
    if len(costs) != frames:
        raise ValueError(f"cost_return has {len(costs)} frames, return {frames}")
    constraints = len(counters["cost_budget"])
    if any(len(row) != constraints for row in costs):
        raise ValueError(f"cost_return is not of {constraints} costs in each frame")
    if counters["frames_per_second"] <= 0:
        raise ValueError("frames_per_second is not positive")
