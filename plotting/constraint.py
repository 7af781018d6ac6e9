"""Figure constraint: the multiplier, the safety critic's values and costs over a run.

From `updates.jsonl`, where each line has the means over an iteration's updates. V^c is that of the
trajectories that the pessimistic bound chose, which the multiplier holds against the budget
(Eq. 11). Costs are logged per decision, imagined and in the replayed batch, and shown per episode
of full length; what the policy itself costs comes from `episodes.jsonl`, as moving averages. Runs
without a safety critic have no such numbers, and are left out.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path

import pandas as pd

from la_mbda import config
from la_mbda.runs.files import number, read_series
from plotting.aggregate import arranged, lines_of, task_order
from plotting.curves import COLUMNS, draw_grid
from plotting.drawing import Drawing, Outcome, missing_runs
from plotting.notes import preset_of
from plotting.results import Results
from plotting.run_reading import WHO

# What is logged of each constraint, and what its column is called.
QUANTITIES = {
    "multiplier": "Multiplier λ\n",
    "safety_bound": "V$^c$, pessimistic\n(discounted)",
    "imagined_cost": "Imagined cost\nper episode",
    "real_cost": "Replayed cost\nper episode",
}
PER_DECISION = ("imagined_cost", "real_cost")
AVERAGED = 25
COLUMN_TITLES = QUANTITIES | {"episode_cost": f"Training episodes'\ncost, last {AVERAGED}"}


def constraints(results: Results) -> Outcome:
    """Draw a figure of each preset: a row per task and constraint, a column per quantity."""
    outcome = Outcome()
    found = [curve for run in results.runs.itertuples() for curve in logged(run)]
    for preset, curves in pd.concat(found).groupby("preset", sort=False) if found else ():
        runs = results.runs.loc[curves["run"].unique()]
        lines = pd.concat([lines_of(curves), _budgets(runs)], ignore_index=True)
        lines = arranged(lines.astype({"main": bool}), task=task_order(runs["task"]))
        title = f"The constraint over a run\n{preset_of(runs)}"
        arguments = (lines, title, results.colours, COLUMN_TITLES)
        name = f"figure_constraint_{preset}"
        outcome.made.append(Drawing(name, lines[COLUMNS], draw_grid, arguments, "%.8g"))
    if not found and not results.own_tasks_only:
        cells = product(["lambda"], config.SG6_TASKS)
        outcome.missing.append(missing_runs("figure constraint", results, cells))
    return outcome


def logged(run: tuple) -> Iterator[pd.DataFrame]:
    """Read what a run logged of each constraint, as rows of `Results.curves`.

    Lines of updates that lack it, as of pre-training, or are damaged are left out.

    Args:
        run: a row of `Results.runs`.
    """
    who = {"run": run.Index} | {name: getattr(run, name) for name in WHO}
    updates = list(_objects(run.path / "updates.jsonl"))
    episodes, _ = read_series(run.path / "episodes.jsonl", whole=False) if updates else (None, [])
    for constraint in range(len(run.cost_budgets)):
        names = ["env_steps", *(f"{quantity}_{constraint}" for quantity in QUANTITIES)]
        rows = []
        for values in updates:
            with suppress(ValueError):
                rows.append([number(values, name) for name in names])
        if rows:
            found = pd.DataFrame(rows, columns=["env_steps", *QUANTITIES])
            found[[*PER_DECISION]] *= run.episode_steps / run.action_repeat
            found = [found.melt("env_steps", var_name="metric")]
            if episodes is not None and constraint < episodes.cost_returns.shape[1]:
                costs = pd.Series(episodes.cost_returns[:, constraint])
                costs = costs.rolling(AVERAGED, min_periods=1).mean()
                columns = {"env_steps": episodes.env_steps, "value": costs}
                found.append(pd.DataFrame({"metric": "episode_cost"} | columns))
            yield pd.concat(found).assign(constraint=constraint + 1, **who)


def _objects(path: Path) -> Iterator[dict]:
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            with suppress(ValueError, RecursionError):
                values = json.loads(line)
                if isinstance(values, dict):
                    yield values


def _budgets(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the level that V^c and costs are held against, of each task and constraint."""
    levels = {
        (run.preset, run.task, i + 1, budget, metric)
        for run in runs.itertuples()
        for i, budget in enumerate(run.cost_budgets)
        for metric in COLUMN_TITLES
        if metric != "multiplier"
    }
    columns = ["preset", "task", "constraint", "value", "metric"]
    frame = pd.DataFrame(sorted(levels), columns=columns)
    return frame.assign(source="", algorithm="", line="budget", main=False)
