"""Table 2 of the paper, from its own scores and from ours, and what all tables say of runs."""

from collections.abc import Iterator, Sequence

from la_mbda import config
from plotting.aggregate import score_estimates
from plotting.results import METRICS, Run, Scores
from plotting.table import Table, show

NOT_COMPARABLE = "not comparable with the paper"
_NAMES = config.ALGORITHMS


def table2_published(published: dict[str, Scores]) -> list[Table]:
    """The paper's unnormalised scores: short budget with LAMBDA and CEM-MPC, then the long one."""
    note = "Each cell: Ĵ, Ĵ_c, ρ_c. Percentiles are in the CSV."
    short = published["short"] | published["paper"]
    return [
        _table2("table2_published", "Table 2, published: 1M/2M env steps", short, (note,)),
        _table2(
            "table2_published_long",
            "Table 2, published: long budget (10M env steps; DoggoGoal1 more)",
            published["long"],
            (note,),
        ),
    ]


def table2_ours(runs: Sequence[Run]) -> Table:
    """Unnormalised scores of finished runs, all of one preset and one source."""
    scores: Scores = {}
    constraints = max(len(run.score.cost_returns) for run in runs if run.score)
    for constraint in range(constraints):
        for (task, algorithm), found in score_estimates(runs, constraint).items():
            label = task if constraint == 0 else f"{task}, cost {constraint + 1}"
            scores[label, algorithm] = found
    notes = ("Each cell: Ĵ, Ĵ_c, ρ_c, medians over seeds. Percentiles are in the CSV.",)
    title = f"Table 2, {scale_of(runs)}"
    return _table2(f"table2_{slug_of(runs)}", title, scores, notes + seed_notes(runs))


def finished_groups(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Finished runs that belong in one table: of one preset, trained here or shipped."""
    finished = [run for run in runs if run.score is not None]
    for key in dict.fromkeys((run.preset, run.shipped) for run in finished):
        yield [run for run in finished if (run.preset, run.shipped) == key]


def benchmark_runs(runs: Sequence[Run]) -> list[Run]:
    """The finished ones on SG6 tasks, over which averages are taken."""
    return [run for run in runs if run.task in config.SG6_TASKS and run.score is not None]


def scale_of(runs: Sequence[Run]) -> str:
    """Whose runs these are and at what scale, saying so where it is not the paper's."""
    owner = "shipped" if runs[0].shipped else "ours"
    preset = runs[0].preset
    if all(run.comparable for run in runs):
        return f"{owner}: {preset} preset"
    changed = ", settings changed" if any(run.changed for run in runs) else ""
    return f"{owner}: {preset} preset{changed} (reduced scale, {NOT_COMPARABLE})"


def slug_of(runs: Sequence[Run]) -> str:
    """What file names say of the source and the preset."""
    return f"{'shipped' if runs[0].shipped else 'ours'}_{runs[0].preset}"


def seed_notes(runs: Sequence[Run]) -> tuple[str, ...]:
    """Per algorithm: seeds and environment steps of the finished runs, and changed settings."""
    notes = []
    for algorithm in _NAMES:
        groups: dict[str, list[str]] = {}
        for task in dict.fromkeys(run.task for run in runs if run.algorithm == algorithm):
            group = [run for run in runs if (run.algorithm, run.task) == (algorithm, task)]
            found = [run.score for run in group if run.score]
            if found:
                steps = sorted({score.env_steps for score in found})
                shown = " to ".join(f"{s:,.0f}" for s in dict.fromkeys((steps[0], steps[-1])))
                groups.setdefault(f"{count_seeds(len(found))}, {shown} env steps", []).append(task)
        for text, tasks in groups.items():
            where = f" ({', '.join(tasks)})" if len(groups) > 1 else ""
            notes.append(f"{_NAMES[algorithm]}: {text}{where}.")
    changed = dict.fromkeys(setting for run in runs if run.score for setting in run.changed)
    if changed:
        notes.append(f"Settings that differ from the preset in some runs: {', '.join(changed)}.")
    return tuple(notes)


def changed_note(runs: Sequence[Run]) -> tuple[str, ...]:
    """Names runs that a comparison leaves out, as their settings are not the preset's."""
    if not runs:
        return ()
    names = ", ".join(f"{_NAMES[r.algorithm]} on {r.task} (seed {r.seed})" for r in runs)
    return (f"Left out, with other settings than the preset's: {names}.",)


def count_seeds(count: int) -> str:
    """A number of seeds in words."""
    return f"{count} seed{'s' if count != 1 else ''}"


def _table2(name: str, title: str, scores: Scores, notes: tuple[str, ...]) -> Table:
    algorithms = [a for a in _NAMES if any(a == key[1] for key in scores)]
    known = {task: i for i, task in enumerate(config.TASKS)}
    tasks = sorted({task for task, _ in scores}, key=lambda t: (known.get(t, len(known)), t))
    rows, records = [], []
    for task in tasks:
        cells = []
        for algorithm in algorithms:
            found = scores.get((task, algorithm))
            cells.append(", ".join(show(found[m].value) for m in METRICS) if found else "–")
            for metric, (value, low, high) in (found or {}).items():
                record = {"task": task, "algorithm": _NAMES[algorithm], "metric": metric}
                records.append(record | {"value": value, "low": low, "high": high})
        rows.append((task, *cells))
    return Table(name, title, ("task", *(_NAMES[a] for a in algorithms)), rows, notes, records)
