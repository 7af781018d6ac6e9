"""What moves on the report's page: learning curves to choose from, and videos with counters.

The curves' numbers are those of the static figures, as plain values that the page draws. Videos of
evaluation episodes lie in run folders with their return and costs so far: `python
experiments/evaluate.py RUN --video RUN/video.mp4` makes both files of a run.
"""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from la_mbda.errors import ExpectedError
from la_mbda.runs.files import number, numbers, read_object
from plotting.curves import curve_lines, group_name, settled_top
from plotting.looks import label
from plotting.notes import preset_of
from plotting.results import Results
from plotting.table import LABELS

VIDEO = "video.mp4"
PLACE = ["source", "preset", "algorithm", "task"]
"""What runs share of which one video is shown."""


class Video(NamedTuple):
    """A run's video."""

    run: tuple
    """Its row of `Results.runs`."""
    path: Path
    counters: dict | None
    """`frames_per_second`, `env_steps_per_frame`, `cost_budget` `[constraints]`, and per frame the
    `return` and `cost_return` `[constraints]` so far; None where they are not known."""


def panels(results: Results) -> dict[str, dict]:
    """Return all curves by preset, task and metric.

    Returns:
        Preset → `title`, and `tasks`: task → metric → a panel. A panel has its `unit`, `top` (up
        to where a cost regret is worth seeing, else None), `budgets`, and `lines`: `name`,
        `colour`, `published` (a level without steps), `shipped`, environment steps `x`, values `y`
        (median over seeds), `low` and `high` (5 and 95 % of seeds; None for a single one), and
        `seeds`, each with `seed`, `x` (None where it is the line's) and `y`.
    """
    runs = results.runs[results.runs.index.isin(results.curves["run"])]
    found = {}
    for preset, own in runs.groupby("preset", sort=False):
        lines = curve_lines(results, own)
        lines = lines[(lines["constraint"] == 1) | (lines["metric"] != "return")]
        tasks: dict[str, dict] = {}
        what = ["task", "constraint", "metric"]
        for (task, constraint, metric), panel in lines.groupby(what, sort=False):
            name = f"{LABELS[metric].name} {LABELS[metric].symbol}"
            name += f", cost {constraint}" if constraint > 1 else ""
            made = _panel(panel, metric, results.colours)
            if made["lines"]:
                tasks.setdefault(task, {})[name] = made
        found[preset] = {"title": f"Learning curves, {preset_of(own)}", "tasks": tasks}
    return found


def opening(found: dict[str, dict]) -> dict[str, str]:
    """Choose the `preset` and `task` to show first: of LAMBDA, and of our own runs if possible."""

    def rank(place: tuple[str, str]) -> tuple[bool, bool]:
        metrics = found[place[0]]["tasks"][place[1]].values()
        lines = [line for panel in metrics for line in panel["lines"] if not line["published"]]
        lambdas = {group_name(source, "lambda") for source in ("ours", "shipped")}
        known = not lambdas.isdisjoint(line["name"] for line in lines)
        return known, any(not line["shipped"] for line in lines)

    places = [(preset, task) for preset, scale in found.items() for task in scale["tasks"]]
    return dict(zip(("preset", "task"), max(places, key=rank, default=()), strict=False))


def _panel(panel: pd.DataFrame, metric: str, colours: dict[str, str]) -> dict:
    """One plot; it has no lines where no run has such a curve."""
    seeds = panel[~panel["line"].isin(("budget", "published"))]
    if seeds.empty:
        return {"lines": []}
    lines = [
        _line(group, source, algorithm) | {"colour": colours[algorithm]}
        for (source, algorithm), group in seeds.groupby(["source", "algorithm"], sort=False)
    ]
    for level in panel[panel["line"] == "published"].itertuples():
        line = {"name": f"{label(level.algorithm)} (paper)", "published": True, "y": level.value}
        line |= {"low": level.low, "high": level.high, "colour": colours[level.algorithm]}
        lines.append(line)
    top = None
    if metric == "cost_regret":
        own = seeds[seeds["line"] != "median"].groupby(["source", "algorithm", "line"], sort=False)
        points = [line[["env_steps", "value"]].to_numpy() for _, line in own]
        top = settled_top(points, seeds["env_steps"].max())
    budgets = panel.loc[panel["line"] == "budget", "value"].tolist()
    unit = " ".join(LABELS[metric].unit)
    return {"unit": unit, "top": top, "budgets": budgets, "lines": lines}


def _line(group: pd.DataFrame, source: str, algorithm: str) -> dict:
    """Return the seeds of one algorithm; `x` and `y` are None without steps in common."""
    main, steps = group[group["main"]], _plain(group.loc[group["main"], "env_steps"])
    made = {"name": group_name(source, algorithm), "published": False}
    made |= {"shipped": source == "shipped", "x": steps}
    for key, column in {"y": "value", "low": "low", "high": "high"}.items():
        made[key] = _plain(main[column].dropna())
    seeds = []
    for seed, own in group[group["line"] != "median"].groupby("line", sort=False):
        x, y = _plain(own["env_steps"]), _plain(own["value"])
        seeds.append({"seed": int(seed), "x": None if x == steps else x, "y": y})
    return made | {"seeds": seeds}


def _plain(values: pd.Series) -> list[float] | None:
    """Numbers with six digits, which no screen can tell from all; None where there are none."""
    return [float(f"{value:.6g}") for value in values] or None


def find_videos(runs: pd.DataFrame) -> tuple[list[Video], list[str]]:
    """Find the first video of each `PLACE`, and what is wrong with counters."""
    videos, problems = [], []
    for run in _first(runs, lambda path: (path / VIDEO).is_file()).itertuples():
        path = run.path / VIDEO
        try:
            counters = _read_counters(path.with_suffix(".json"))
        except ValueError as error:
            counters = None
            problems.append(f"{error}: the video has no counter beside it. {video_command(run)}")
        videos.append(Video(run, path, counters))
    return videos, problems


def without_video(runs: pd.DataFrame, videos: list[Video]) -> list[tuple]:
    """Find a run of each `PLACE` without a video, of which one can be made."""
    there = {_place(video.run) for video in videos}
    able = _first(runs, lambda path: (path / "checkpoint").is_dir())
    return [run for run in able.itertuples() if _place(run) not in there]


def _first(runs: pd.DataFrame, holds: Callable[[Path], bool]) -> pd.DataFrame:
    """Return the first run of each `PLACE` whose folder holds something."""
    return runs[runs["path"].map(holds).astype(bool)].drop_duplicates(PLACE)


def _place(run: tuple) -> tuple[str, ...]:
    return tuple(getattr(run, name) for name in PLACE)


def video_command(run: tuple) -> str:
    """Return what makes a run's video."""
    path, video = shlex.quote(str(run.path)), shlex.quote(str(run.path / VIDEO))
    return f"To make it: python experiments/evaluate.py {path} --video {video}"


def run_title(run: tuple) -> str:
    """Return what a run is called in a line."""
    owner = "shipped, " if run.source == "shipped" else ""
    return f"{label(run.algorithm)} on {run.task}, {owner}{run.preset} preset, seed {run.seed}"


def _read_counters(path: Path) -> dict:
    """Read the JSON beside a video.

    Raises:
        ValueError: it is missing, or not as `evaluate.py` writes it.
    """
    values = read_object(path)
    try:
        rates = {
            name: number(values, name) for name in ("frames_per_second", "env_steps_per_frame")
        }
        budgets, returns = numbers(values, "cost_budget"), numbers(values, "return")
        if not isinstance(values.get("cost_return"), list):
            raise ExpectedError("cost_return is no list")
        costs = [numbers({"cost_return": row}, "cost_return") for row in values["cost_return"]]
        if len(costs) != len(returns):
            raise ExpectedError(f"cost_return has {len(costs)} frames, return {len(returns)}")
        if any(len(row) != len(budgets) for row in costs):
            raise ExpectedError(f"cost_return is not of {len(budgets)} costs in each frame")
        if rates["frames_per_second"] <= 0:
            raise ExpectedError("frames_per_second is not positive")
    except ValueError as error:
        raise ExpectedError(f"{path}: {error}") from error
    return rates | {"cost_budget": budgets, "return": returns, "cost_return": costs}
