"""Our scores beside the published ones, cell by cell, where both are of the same budget."""

from collections.abc import Sequence

import numpy as np

from la_mbda import config
from plotting.results import COMPARABLE, METRICS, Estimate, Run, Scores
from plotting.table import Table, show
from plotting.tables import changed_note, scale_of, seed_notes, slug_of

SYMBOLS = dict(zip(METRICS, ("Ĵ", "Ĵ_c", "ρ_c"), strict=True))

PUBLISHED_RANGES = (
    "Published: LAMBDA and CEM-MPC, medians over seeds (LAMBDA: 5) with 5 % and 95 % percentiles; "
    "baselines, means over three runs with ends that lie symmetrically about them."
)


def comparison(runs: Sequence[Run], published: dict[str, Scores]) -> Table | None:
    """Ranges of our seeds and of the authors', and whether they overlap.

    Args:
        runs: finished, all of one preset and one source.

    Returns:
        None where no run is of a published budget with the preset's settings.
    """
    theirs = _published_for(runs[0].preset, published)
    runs = [run for run in runs if (run.task, run.algorithm) in theirs]
    changed = [run for run in runs if not run.comparable]
    runs = [run for run in runs if run.comparable]
    if not runs:
        return None
    rows, records = [], []
    for task in config.SG6_TASKS:
        for algorithm, name in config.ALGORITHMS.items():
            scores = [r.score for r in runs if (r.task, r.algorithm) == (task, algorithm)]
            for metric in METRICS if scores else ():
                ours = _range([_value(score, metric) for score in scores])
                record = _compare(ours, theirs[task, algorithm][metric])
                cells = (f"{len(scores)}", _show(ours), _show(theirs[task, algorithm][metric]))
                rows.append((task, name, SYMBOLS[metric], *cells, record["verdict"]))
                who = {"task": task, "algorithm": name, "metric": metric, "seeds": len(scores)}
                records.append(who | record)
    agreeing = sum(record["verdict"] == "overlap" for record in records)
    notes = (
        f"{agreeing} of {len(records)} cells overlap.",
        "Ours: the median over seeds, and their least and largest.",
        PUBLISHED_RANGES,
        "A single seed has no range: it overlaps where it lies within the published one.",
        *seed_notes(runs),
        *changed_note(changed),
    )
    columns = ("task", "algorithm", "", "seeds", "ours", "published", "ranges")
    title = f"Scores beside the published ones, {scale_of(runs)}"
    return Table(f"comparison_{slug_of(runs)}", title, columns, rows, notes, records)


def _published_for(preset: str, published: dict[str, Scores]) -> Scores:
    if preset not in COMPARABLE:
        return {}
    scores = published[COMPARABLE[preset]]
    return scores | published["paper"] if preset == "paper" else scores


def _value(score, metric: str) -> float:
    if metric == "return":
        return score.returns
    return (score.cost_returns if metric == "cost_return" else score.cost_regrets)[0]


def _range(values: Sequence[float]) -> Estimate:
    return Estimate(float(np.median(values)), min(values), max(values))


def _compare(ours: Estimate, theirs: Estimate) -> dict:
    """Numbers of both, and `overlap`, or on which side ours lie."""
    verdict = "overlap"
    if ours.low > theirs.high:
        verdict = "ours higher"
    elif ours.high < theirs.low:
        verdict = "ours lower"
    numbers = {f"ours_{name}": value for name, value in ours._asdict().items()}
    numbers |= {f"published_{name}": value for name, value in theirs._asdict().items()}
    return numbers | {"verdict": verdict}


def _show(estimate: Estimate) -> str:
    if estimate.low == estimate.high:
        return show(estimate.value)
    return f"{show(estimate.value)} ({show(estimate.low)} to {show(estimate.high)})"
