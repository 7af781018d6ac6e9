"""Table 2 of the paper, from its own scores and from ours, and what all tables say of runs."""

from collections.abc import Iterator, Sequence

from la_mbda import config
from la_mbda.budget import CONFIDENCE
from plotting.aggregate import score_estimates
from plotting.results import METRICS, Estimate, Run, Scores
from plotting.table import Table, show_with_error

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
    notes = ("Each cell: Ĵ, Ĵ_c, ρ_c. Percentiles are in the CSV.", *score_notes(runs))
    notes += budget_notes(runs) + seed_notes(runs)
    title = f"Table 2, {scale_of(runs)}"
    return _table2(f"table2_{slug_of(runs)}", title, scores, notes, Estimate._fields)


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


def score_notes(runs: Sequence[Run]) -> tuple[str, ...]:
    """What the scores of finished runs are of: how taken over seeds, and over which episodes."""
    runs = [run for run in runs if run.score is not None]
    baselines = [run for run in runs if run.algorithm in config.BASELINES]
    others = [run for run in runs if run not in baselines]
    confirmed = [run for run in others if run.confirmed]
    rest = [run for run in others if not run.confirmed]
    notes: tuple[str, ...] = ()
    if others:
        notes += ("LAMBDA and its variants: medians over seeds.",)
    for count in sorted({run.score.confirmed.episodes for run in confirmed}):
        found = [run for run in confirmed if run.score.confirmed.episodes == count]
        text = f"Ĵ and Ĵ_c over {count} confirmed episodes, of one seed ± the standard error"
        notes += (f"{text}: {_which(found, others)}.",)
    for layouts in dict.fromkeys(run.score.confirmed.layouts for run in confirmed):
        if layouts:
            found = [run for run in confirmed if run.score.confirmed.layouts == layouts]
            notes += (f"Confirmed on {layouts}: {_which(found, confirmed)}.",)
    if rest:
        notes += (f"Ĵ and Ĵ_c of the protocol's evaluation at the end: {_which(rest, others)}.",)
    if baselines:
        notes += (
            "Baselines: means over seeds ± their standard error, of the training episodes of the "
            "last two epochs.",
        )
    early = [run for run in baselines if run.score.early_epochs]
    for count in sorted({run.score.early_epochs for run in early}):
        found = [run for run in early if run.score.early_epochs == count]
        text = f"Ended {count} epochs before those of the published score"
        notes += (f"{text}: {_which(found, baselines)}.",)
    return notes


def budget_notes(runs: Sequence[Run]) -> tuple[str, ...]:
    """Which finished runs keep their budget, by their confirmed episodes."""
    rule = f"(mean cost + {CONFIDENCE} standard errors ≤ d over confirmed episodes)"
    texts = {
        True: f"Keep their budget {rule}",
        False: f"Do not keep their budget {rule}",
        None: "Not confirmed, hence not known whether they keep their budget",
    }
    runs = [run for run in runs if run.score is not None]
    groups = {text: [r for r in runs if r.keeps_budget is kept] for kept, text in texts.items()}
    return tuple(f"{text}: {_which(group, runs)}." for text, group in groups.items() if group)


def _which(runs: Sequence[Run], whole: Sequence[Run]) -> str:
    """Runs in a line, as `LAMBDA on PointGoal1 (0, 1), CarGoal1 (0); …`, or that they are all."""
    if len(runs) == len(whole) > 1:
        return f"all {len(runs)} of them"
    found: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        tasks = found.setdefault(_NAMES[run.algorithm], {})
        tasks.setdefault(run.task, []).append(str(run.seed))
    return "; ".join(
        f"{name} on " + ", ".join(f"{task} ({', '.join(s)})" for task, s in tasks.items())
        for name, tasks in found.items()
    )


def changed_note(runs: Sequence[Run]) -> tuple[str, ...]:
    """Names runs that a comparison leaves out, as their settings are not the preset's."""
    if not runs:
        return ()
    names = ", ".join(f"{_NAMES[r.algorithm]} on {r.task} (seed {r.seed})" for r in runs)
    return (f"Left out, with other settings than the preset's: {names}.",)


def count_seeds(count: int) -> str:
    """A number of seeds in words."""
    return f"{count} seed{'s' if count != 1 else ''}"


def _table2(
    name: str,
    title: str,
    scores: Scores,
    notes: tuple[str, ...],
    fields: tuple[str, ...] = ("value", "low", "high"),
) -> Table:
    """Args: fields: what of each estimate is recorded."""
    algorithms = [a for a in _NAMES if any(a == key[1] for key in scores)]
    known = {task: i for i, task in enumerate(config.TASKS)}
    tasks = sorted({task for task, _ in scores}, key=lambda t: (known.get(t, len(known)), t))
    rows, records = [], []
    for task in tasks:
        cells = []
        for algorithm in algorithms:
            found = scores.get((task, algorithm))
            cells.append(", ".join(show_with_error(found[m]) for m in METRICS) if found else "–")
            for metric, estimate in (found or {}).items():
                record = {"task": task, "algorithm": _NAMES[algorithm], "metric": metric}
                records.append(record | {field: getattr(estimate, field) for field in fields})
        rows.append((task, *cells))
    return Table(name, title, ("task", *(_NAMES[a] for a in algorithms)), rows, notes, records)
