"""Tables 2 and 3 of the paper, from its own scores and from ours."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from la_mbda import config
from plotting.aggregate import mean, normalise, score_estimates
from plotting.results import METRICS, PAPER_COST_BUDGET, Estimate, Run, Scores
from plotting.table import Table, show

AVERAGE = "SG6 average"
PARTIAL_AVERAGE = "average, incomplete"
WITHOUT_DOGGO = "without DoggoGoal1"
NOT_COMPARABLE = "not comparable with the paper"
TABLE3_ALGORITHMS = ("trpo_lagrangian", "ppo_lagrangian", "cpo", "lambda")
_NAMES = config.ALGORITHMS


# Task → metric → normalised score, of one algorithm.
Normalised = dict[str, dict[str, float | None]]


class Divisor(NamedTuple):
    """The PPO scores that a task's are normalised by, and whose they are."""

    scores: dict[str, Estimate]
    source: str


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


def table3_published(published: dict[str, Scores]) -> Table:
    """The paper's Table 3, to every printed digit."""
    divisors = {task: published_divisor(task, published) for task in config.SG6_TASKS}
    scores = published["short"] | published["paper"]
    notes = (
        "Each cell: J̄, J̄_c, ρ̄_c (Appendix H), normalised by PPO after 1M/2M env steps.",
        "Scores: the authors' score files; LAMBDA from pixels, the baselines from vectors.",
    )
    columns = _normalised(scores, divisors, TABLE3_ALGORITHMS)
    share = columns["lambda"]["DoggoGoal1"]["return"]
    share /= sum(values["return"] for values in columns["lambda"].values())
    notes += (f"DoggoGoal1 alone makes {share:.0%} of LAMBDA's average J̄.",)
    sources = {task: divisor.source for task, divisor in divisors.items()}
    return _table3("table3_published", "Table 3, published", columns, sources, notes)


def table3_ours(
    runs: Sequence[Run], all_runs: Sequence[Run], published: dict[str, Scores]
) -> Table:
    """Table 3 from finished runs, all of one preset and one source, some on SG6 tasks.

    Args:
        all_runs: among which our own PPO at paper scale is looked for.
    """
    scores = score_estimates(runs)
    found = {algorithm for task, algorithm in scores if task in config.SG6_TASKS}
    algorithms = tuple(algorithm for algorithm in _table3_order() if algorithm in found)
    tasks = [task for task in config.SG6_TASKS if any(task == key[0] for key in scores)]
    divisors = {task: find_divisor(task, all_runs, published) for task in tasks}
    notes = ("Each cell: J̄, J̄_c, ρ̄_c (Appendix H) of medians over seeds.", *seed_notes(runs))
    sources = dict.fromkeys(divisor.source for divisor in divisors.values())
    for source in sources:
        named = [task for task in tasks if divisors[task].source == source]
        notes += (f"Normalised by {source}: {', '.join(named)}.",)
    notes += _divisor_notes(divisors)
    columns = _normalised(scores, divisors, algorithms)
    others = sorted({task for task, _ in scores} - set(config.SG6_TASKS))
    if others:
        notes += (f"Not in SG6, hence in Table 2 only: {', '.join(others)}.",)
    title = f"Table 3, {scale_of(runs)}"
    named_by = {task: divisor.source for task, divisor in divisors.items()}
    return _table3(f"table3_{slug_of(runs)}", title, columns, named_by, notes)


def table3_difference(
    runs: Sequence[Run], all_runs: Sequence[Run], published: dict[str, Scores]
) -> Table | None:
    """Table 3 of finished runs minus the published one, each normalised by its own PPO.

    Args:
        runs: all of one preset and one source.
        all_runs: among which our own PPO at paper scale is looked for.

    Returns:
        None where no run is of the published budget with the preset's settings.
    """
    runs = [run for run in runs if run.preset == "paper" and run.comparable]
    ours, theirs = score_estimates(runs), published["short"] | published["paper"]
    both = [key for key in ours if key in theirs and key[1] != "ppo"]
    if not both:
        return None
    columns: dict[str, Normalised] = {}
    sources = {}
    for task, algorithm in sorted(both, key=lambda key: config.SG6_TASKS.index(key[0])):
        divisor, published_ppo = (
            find_divisor(task, all_runs, published),
            published_divisor(task, published),
        )
        mine = normalise(ours[task, algorithm], divisor.scores)
        yours = normalise(theirs[task, algorithm], published_ppo.scores)
        known = {m: None not in (mine[m], yours[m]) for m in METRICS}
        column = {m: mine[m] - yours[m] if known[m] else None for m in METRICS}
        columns.setdefault(algorithm, {})[task] = column
        sources[task] = f"{divisor.source}; {published_ppo.source}"
    notes = ("Each cell: ours − published, of J̄, J̄_c, ρ̄_c.", *seed_notes(runs))
    columns = {a: columns[a] for a in _table3_order() if a in columns}
    title = f"Table 3, ours minus published, {scale_of(runs)}"
    return _table3(f"table3_difference_{slug_of(runs)}", title, columns, sources, notes)


def find_divisor(task: str, runs: Sequence[Run], published: dict[str, Scores]) -> Divisor:
    """Our own PPO at paper scale where it is finished, ours before shipped; else the published."""
    for shipped in (False, True):
        found = [
            run
            for run in runs
            if (run.task, run.algorithm, run.preset, run.shipped) == (task, "ppo", "paper", shipped)
            and run.score is not None
            and not run.changed
        ]
        if found:
            owner = "the shipped" if shipped else "our own"
            source = f"{owner} PPO (paper preset, {_seeds(len(found))})"
            return Divisor(score_estimates(found)[task, "ppo"], source)
    return published_divisor(task, published)


def finished_groups(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Finished runs that belong in one table: of one preset, trained here or shipped."""
    finished = [run for run in runs if run.score is not None]
    for key in dict.fromkeys((run.preset, run.shipped) for run in finished):
        yield [run for run in finished if (run.preset, run.shipped) == key]


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
                groups.setdefault(f"{_seeds(len(found))}, {shown} env steps", []).append(task)
        for text, tasks in groups.items():
            where = f" ({', '.join(tasks)})" if len(groups) > 1 else ""
            notes.append(f"{_NAMES[algorithm]}: {text}{where}.")
    changed = dict.fromkeys(setting for run in runs if run.score for setting in run.changed)
    if changed:
        notes.append(f"Settings that differ from the preset in some runs: {', '.join(changed)}.")
    return tuple(notes)


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


def _table3(
    name: str,
    title: str,
    columns: dict[str, Normalised],
    sources: dict[str, str],
    notes: tuple[str, ...],
) -> Table:
    """Args: columns of each algorithm by task; sources by task, whose PPO divides."""
    cells: dict[tuple[str, str], str] = {}
    records = []
    tasks = [task for task in config.SG6_TASKS if any(task in c for c in columns.values())]
    whole = all(len(column) == len(config.SG6_TASKS) for column in columns.values())
    ends = [AVERAGE if whole else PARTIAL_AVERAGE]
    if "DoggoGoal1" in tasks and len(tasks) > 1:
        ends.append(WITHOUT_DOGGO)
        notes += ("Without DoggoGoal1: PPO returns little there, so that its J̄ outweigh the rest.",)
    for algorithm, column in columns.items():
        notes += _average_notes(_NAMES[algorithm], column)
        rest = {task: values for task, values in column.items() if task != "DoggoGoal1"}
        averages = dict(zip(ends, (_average(column), _average(rest)), strict=False))
        for task, values in (column | averages).items():
            cells[task, algorithm] = ", ".join(show(values[metric]) for metric in METRICS)
            for metric, value in values.items():
                record = {"task": task, "algorithm": _NAMES[algorithm], "metric": metric}
                records.append(record | {"value": value, "normalised_by": sources.get(task, "")})
    rows = [(t, *(cells.get((t, a), "–") for a in columns)) for t in (*tasks, *ends)]
    return Table(name, title, ("task", *(_NAMES[a] for a in columns)), rows, notes, records)


def _normalised(
    scores: Scores, divisors: dict[str, Divisor], algorithms: Sequence[str]
) -> dict[str, Normalised]:
    return {
        algorithm: {
            task: normalise(scores[task, algorithm], divisor.scores)
            for task, divisor in divisors.items()
            if (task, algorithm) in scores
        }
        for algorithm in algorithms
    }


def _average(column: Normalised) -> dict[str, float | None]:
    return {metric: mean([values[metric] for values in column.values()]) for metric in METRICS}


def _average_notes(algorithm: str, columns: dict[str, dict[str, float | None]]) -> tuple[str, ...]:
    """What the average of an algorithm does not hold."""
    notes: tuple[str, ...] = ()
    missing = [task for task in config.SG6_TASKS if task not in columns]
    if missing:
        count = f"{len(columns)} of {len(config.SG6_TASKS)} tasks"
        notes += (f"{algorithm}: the average is over {count}, without {', '.join(missing)}.",)
    for metric, symbol in (("return", "J̄"), ("cost_regret", "ρ̄_c")):
        absent = [task for task, values in columns.items() if values[metric] is None]
        if absent:
            notes += (f"{algorithm}: the average of {symbol} leaves out n/a: {', '.join(absent)}.",)
    return notes


def _divisor_notes(divisors: dict[str, Divisor]) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    for task, (scores, source) in divisors.items():
        if scores["return"].value <= 0:
            value = scores["return"].value
            notes += (f"{task}: J̄ is n/a, as Ĵ of {source} is {value:.3g}, not positive.",)
        if scores["cost_regret"].value <= 0:
            notes += (f"{task}: ρ̄_c is n/a, as ρ_c of {source} is not positive.",)
        if scores["cost_return"].value <= PAPER_COST_BUDGET:
            notes += (f"{task}: J̄_c is over 1e-6, as {source} keeps to the budget.",)
    return notes


def published_divisor(task: str, published: dict[str, Scores]) -> Divisor:
    """The published PPO after the short run."""
    return Divisor(published["short"][task, "ppo"], "the published PPO (short: 1M/2M env steps)")


def _table3_order() -> tuple[str, ...]:
    """The paper's columns last, so that LAMBDA stays where the eye looks for it."""
    return (*(a for a in _NAMES if a not in TABLE3_ALGORITHMS), *TABLE3_ALGORITHMS)


def _seeds(count: int) -> str:
    return f"{count} seed{'s' if count != 1 else ''}"
