"""Our scores beside the published ones, cell by cell, where both are of the same budget."""

from collections.abc import Sequence
from statistics import mean, median

from la_mbda import config
from plotting.aggregate import reported
from plotting.results import COMPARABLE, METRICS, Estimate, Run, Scores
from plotting.table import Table, show
from plotting.tables import changed_note, scale_of, score_notes, seed_notes, slug_of

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
            seeds = [run for run in runs if (run.task, run.algorithm) == (task, algorithm)]
            for metric in METRICS if seeds else ():
                ours = _range([reported(run)[metric].value for run in seeds], algorithm)
                record = _compare(ours, theirs[task, algorithm][metric])
                first = _first_epoch(seeds, metric)
                cells = (f"{len(seeds)}", "–" if first is None else show(first))
                cells += (_show(ours), _show(theirs[task, algorithm][metric]))
                rows.append((task, name, SYMBOLS[metric], *cells, record["verdict"]))
                who = {"task": task, "algorithm": name, "metric": metric, "seeds": len(seeds)}
                records.append(who | {"first_epoch": first} | record)
    agreeing = sum(record["verdict"] == "overlap" for record in records)
    notes = (
        f"{agreeing} of {len(records)} cells overlap.",
        "Ours: the mean over seeds (of LAMBDA and its variants the median), and their least and "
        "largest.",
        "First epoch: the same of a baseline's first epoch, in which its policy is untrained.",
        PUBLISHED_RANGES,
        "A single seed has no range: it overlaps where it lies within the published one.",
        *score_notes(runs),
        *seed_notes(runs),
        *changed_note(changed),
    )
    columns = ("task", "algorithm", "", "seeds", "first epoch", "ours", "published", "ranges")
    title = f"Scores beside the published ones, {scale_of(runs)}"
    return Table(f"comparison_{slug_of(runs)}", title, columns, rows, notes, records)


def _published_for(preset: str, published: dict[str, Scores]) -> Scores:
    if preset not in COMPARABLE:
        return {}
    scores = published[COMPARABLE[preset]]
    return scores | published["paper"] if preset == "paper" else scores


def _first_epoch(runs: Sequence[Run], metric: str) -> float | None:
    """The mean over seeds, where they all tell it; of ρ_c, it would be the cost once more."""
    place = {"return": 0, "cost_return": 1}.get(metric)
    found = [run.score.first_epoch for run in runs]
    return None if place is None or None in found else mean(values[place] for values in found)


def _range(values: Sequence[float], algorithm: str) -> Estimate:
    middle = mean if algorithm in config.BASELINES else median
    return Estimate(middle(values), min(values), max(values))


def _compare(ours: Estimate, theirs: Estimate) -> dict:
    """Numbers of both, and `overlap`, or on which side ours lie."""
    verdict = "overlap"
    if ours.low > theirs.high:
        verdict = "ours higher"
    elif ours.high < theirs.low:
        verdict = "ours lower"
    numbers = {
        f"{whose}_{name}": getattr(estimate, name)
        for whose, estimate in (("ours", ours), ("published", theirs))
        for name in ("value", "low", "high")
    }
    return numbers | {"verdict": verdict}


def _show(estimate: Estimate) -> str:
    if estimate.low == estimate.high:
        return show(estimate.value)
    return f"{show(estimate.value)} ({show(estimate.low)} to {show(estimate.high)})"
