"""Reads results into tidy frames: the runs below a folder, the shipped ones, the paper's scores.

Layout: RESULTS/<preset>/<algorithm>/<task>/seed_<n>/ with config.json, episodes.jsonl,
evaluations.jsonl and, when finished, score.json. Scales (presets) never mix.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from la_mbda import config
from la_mbda.errors import ExpectedError
from la_mbda.runs.files import METRICS, number, read_object
from plotting.aggregate import lines_of, task_order
from plotting.looks import colours_of, in_order
from plotting.run_reading import WHO, Run, read_runs

REPOSITORY = Path(__file__).resolve().parents[1]
SHIPPED = REPOSITORY / "results" / "shipped"
PUBLISHED = REPOSITORY / "results" / "published" / "scores.json"
TASK_IMAGES = REPOSITORY / "results" / "task_images"

# The preset whose runs each published budget is of.
BUDGETS = {"short": "paper", "paper": "paper", "long": "paper_long"}
_RUNS = {
    **{"path": object, **dict.fromkeys(WHO, "str"), "seed": "Int64", "finished": bool},
    **{"env_steps": float, "comparable": bool, "changed": object, "reduced": bool},
    **{"cost_budgets": object},
    **dict.fromkeys(("episode_steps", "action_repeat", "epoch_steps"), float),
    **{"confirmed": bool, "n": "Int64"},
    **{"layouts": "str", "kept": object, "early_epochs": int},
}
_CURVES = {
    **{"run": int, **dict.fromkeys(WHO, "str"), "seed": "Int64"},
    **{"metric": "str", "constraint": int, "env_steps": float, "value": float},
}
_SCORES = {
    **{"run": "Int64", **dict.fromkeys(WHO, "str"), "seed": "Int64", "comparable": bool},
    **{"metric": "str", "constraint": int},
    **dict.fromkeys(("value", "low", "high", "se"), float),
    **{"episodes": "str", "n": "Int64"},
    **dict.fromkeys(("env_steps", "first_epoch", "budget"), float),
}


@dataclass(frozen=True)
class Results:
    """What a folder of results holds, with the shipped runs and the published scores beside it.

    `source` is everywhere `ours`, `shipped` or `published`; `run` is the index of `runs`.
    """

    folder: Path
    runs: pd.DataFrame
    """One row per usable run, in the order of the config, shipped ones after ours.

    `path`, the columns of `WHO`, `finished`, `env_steps`, `comparable` (at one of the paper's
    scales), `changed` (settings that differ from the preset's), `reduced` (smaller than the paper's
    scale), `cost_budgets`, `episode_steps`,
    `action_repeat`, `epoch_steps`; of finished ones `confirmed` (episodes on layouts of their own
    tell return and cost; a baseline's score is of 60 training episodes, each on a layout of its
    own, and so are the published ones: it counts as it is), `n` of them, `layouts`, `kept` (whether
    it keeps its budget by its confirmed episodes; None where there are none) and `early_epochs`."""
    scores: pd.DataFrame
    """One row per finished run (or published algorithm and task), metric and constraint (from 1).

    `value` is of confirmed `episodes` where a run is told by them, with its standard error `se` and
    the number `n` of episodes, else of the `protocol`'s; published ones have their ends `low` and
    `high`. `first_epoch` is a baseline's value in its first epoch, `budget` the cost budget d."""
    curves: pd.DataFrame
    """One row per run, metric, constraint and point: `env_steps` and `value`.

    Ĵ and Ĵ_c are those of evaluations, for a baseline the means over two epochs' training episodes
    (the protocol of Ray et al. 2019); ρ_c counts every training episode."""
    warnings: list[str]
    """One line for each thing that could not be used."""
    task_images: Path = TASK_IMAGES
    """The folder with images of the tasks."""

    @property
    def finished(self) -> pd.DataFrame:
        """The runs that have scores."""
        return self.runs[self.runs["finished"]]

    @property
    def own_tasks_only(self) -> bool:
        """Whether there are runs of ours, and all on tasks of one's own: the paper has none."""
        return own_tasks_only(self.runs.loc[self.runs["source"] == "ours", "task"])

    @cached_property
    def lines(self) -> pd.DataFrame:
        """What of the curves is drawn (`plotting.aggregate.lines_of`)."""
        return lines_of(self.curves)

    @cached_property
    def colours(self) -> dict[str, str]:
        """Of each algorithm, one's own included, in every figure."""
        return colours_of(self.runs["algorithm"])

    def groups(self) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        """Finished runs that belong in one table, of one preset and source; and their scores.

        In the order of `runs`: ours before shipped ones, presets as in the config.
        """
        for _, runs in self.finished.groupby(["preset", "source"], sort=False):
            yield runs, self.scores[self.scores["run"].isin(runs.index)]

    def telling_groups(self) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        """Return the groups whose scores tell something: not of `quick`, which learns nothing."""
        return (group for group in self.groups() if group[0]["preset"].iloc[0] != "quick")

    def telling_presets(self) -> list[str]:
        """Return those of our runs, finished or not, that will tell something; else `cpu`."""
        own = self.runs.loc[self.runs["source"] == "ours", "preset"].unique()
        return [preset for preset in own if preset != "quick"] or ["cpu"]

    def published(self, preset: str) -> pd.DataFrame:
        """Return the paper's scores to compare runs of a preset with; empty for most presets."""
        scores = self.scores
        return scores[(scores["source"] == "published") & (scores["preset"] == preset)]


def read_results(
    folder: Path | str, shipped: Path = SHIPPED, published: Path = PUBLISHED
) -> Results:
    """Read the runs below a folder, the shipped ones beside them, and the published scores.

    Beside runs that are all on tasks of one's own, no shipped ones are read.

    Raises:
        ValueError: the folder does not exist, or the published scores are not as their README says.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ExpectedError(
            f"{folder} is no folder: give the one that --results named when training"
        )
    warnings: list[str] = []
    found: list[Run] = []
    if folder.resolve() != shipped.resolve():
        found += read_runs(folder, "ours", warnings)
    if not own_tasks_only([run.row["task"] for run in found]):
        found += read_runs(shipped, "shipped", warnings)
    algorithms = in_order({run.row["algorithm"] for run in found})
    tasks = task_order({run.row["task"] for run in found})
    found.sort(key=lambda run: _order(run.row, algorithms, tasks))
    runs = _frame([run.row for run in found], _RUNS)
    scores = [{"run": i} | row for i, run in enumerate(found) for row in run.scores]
    scores = _frame([*scores, *_published_rows(published)], _SCORES)
    curves = [curve.assign(run=i) for i, run in enumerate(found) for curve in run.curves]
    curves = pd.concat(curves, ignore_index=True) if curves else pd.DataFrame()
    curves = curves.reindex(columns=list(_CURVES)).astype(_CURVES)
    return Results(folder, runs, scores, curves, warnings)


def own_tasks_only(tasks: Collection[str]) -> bool:
    """Return whether there are tasks, and none is of the repository's."""
    return len(tasks) > 0 and not set(tasks).intersection(config.TASKS)


def _frame(rows: list[dict], types: dict) -> pd.DataFrame:
    """Make a frame of the same types whatever it holds: whole numbers stay whole beside gaps."""
    return pd.DataFrame(rows, columns=list(types), dtype=object).astype(types)


def _published_rows(path: Path) -> list[dict]:
    """Return the paper's scores.

    Raises:
        ValueError: the file is missing or not in the format that its README describes.
    """
    budgets = read_object(path).get("scores")
    names = {shown: name for name, shown in config.ALGORITHMS.items()}
    rows = []
    try:
        for budget, algorithms in budgets.items():
            who = {"source": "published", "preset": BUDGETS[budget], "comparable": True}
            for shown, tasks in algorithms.items():
                for task, metrics in tasks.items():
                    cell = who | {"algorithm": names[shown], "task": task, "constraint": 1}
                    for metric in METRICS:
                        rows.append(cell | {"metric": metric} | _published(metrics[metric]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ExpectedError(f"{path}: not in the format of its README ({error!r})") from error
    missing = BUDGETS.keys() - budgets.keys()
    if missing:
        raise ExpectedError(f"{path}: no budget {min(missing)!r}")
    return rows


def _published(values: dict) -> dict:
    value = number(values, "value")
    if "half_spread" in values:
        half = number(values, "half_spread")
        values = {"low": value - half, "high": value + half}
    ends = {name: number(values, name) for name in ("low", "high")}
    return {"value": value, **ends, "episodes": "published"}


def _order(row: dict, algorithms: list[str], tasks: list[str]) -> tuple:
    """Ours before shipped ones; presets, tasks and algorithms in the order of the config."""
    preset, algorithm = config.PRESETS.index(row["preset"]), algorithms.index(row["algorithm"])
    return row["source"] == "shipped", preset, tasks.index(row["task"]), algorithm, row["seed"]
