"""Tables 2 and 3 of the paper, from its own scores and from ours.

A table is text cells for people and, beside them, records with the unrounded numbers.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from la_mbda import config
from plotting.aggregate import mean, normalise, score_estimates
from plotting.results import METRICS, PAPER_COST_BUDGET, Estimate, Run, Scores

AVERAGE = "SG6 average"
PARTIAL_AVERAGE = "average, incomplete"
NOT_COMPARABLE = "not comparable with the paper"
TABLE3_ALGORITHMS = ("trpo_lagrangian", "ppo_lagrangian", "cpo", "lambda")
_NAMES = config.ALGORITHMS


@dataclass(frozen=True)
class Table:
    """Cells as text, row by row, under a title; notes follow; records hold the numbers."""

    name: str
    """Of its files, without suffix."""
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...]
    records: list[dict]

    def markdown(self) -> str:
        """The table with aligned columns, to be read as it is or rendered."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        padded = [
            "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
            for line in lines
        ]
        rule = "| " + " | ".join("-" * max(3, width) for width in widths) + " |"
        body = "\n".join([padded[0], rule, *padded[1:]])
        notes = "".join(f"\n- {note}" for note in self.notes)
        return f"### {self.title}\n\n{body}\n" + (f"{notes}\n" if notes else "")

    def latex(self) -> str:
        """The table as a LaTeX `tabular`, notes and title as comments."""
        lines = [f"% {self.title}", *(f"% {note}" for note in self.notes)]
        lines += [rf"\begin{{tabular}}{{{'l' * len(self.columns)}}}", r"\hline"]
        rows = [" & ".join(map(_latex, line)) + r" \\" for line in (self.columns, *self.rows)]
        lines += [rows[0], r"\hline", *rows[1:], r"\hline", r"\end{tabular}"]
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        """The unrounded numbers, one record a line."""
        text = io.StringIO()
        fields = list(self.records[0]) if self.records else []
        writer = csv.DictWriter(text, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.records)
        return text.getvalue()

    def write(self, folder: Path) -> None:
        """Writes the table into a folder as Markdown, LaTeX and CSV."""
        for suffix, text in (("md", self.markdown()), ("tex", self.latex()), ("csv", self.csv())):
            (folder / f"{self.name}.{suffix}").write_text(text, encoding="utf-8")


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
    title = "Table 3, published"
    return _table3("table3_published", title, scores, divisors, TABLE3_ALGORITHMS, notes)


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
    others = sorted({task for task, _ in scores} - set(config.SG6_TASKS))
    if others:
        notes += (f"Not in SG6, hence in Table 2 only: {', '.join(others)}.",)
    title = f"Table 3, {scale_of(runs)}"
    return _table3(f"table3_{slug_of(runs)}", title, scores, divisors, algorithms, notes)


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


def show(value: float | None) -> str:
    """A normalised score as the paper prints it; n/a for None."""
    if value is None:
        return "n/a"
    if value == 0:
        return "0.0"
    return f"{value:z.3f}" if abs(value) < 1e5 else f"{value:.3g}"


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
    scores: Scores,
    divisors: dict[str, Divisor],
    algorithms: Sequence[str],
    notes: tuple[str, ...],
) -> Table:
    cells: dict[tuple[str, str], str] = {}
    records = []
    needed = {(task, algorithm) for task in config.SG6_TASKS for algorithm in algorithms}
    last = AVERAGE if needed <= scores.keys() else PARTIAL_AVERAGE
    for algorithm in algorithms:
        columns = {
            task: normalise(scores[task, algorithm], divisor.scores)
            for task, divisor in divisors.items()
            if (task, algorithm) in scores
        }
        average = {metric: mean([c[metric] for c in columns.values()]) for metric in METRICS}
        notes += _average_notes(_NAMES[algorithm], columns)
        for task, values in {**columns, last: average}.items():
            cells[task, algorithm] = ", ".join(show(values[metric]) for metric in METRICS)
            source = divisors[task].source if task in divisors else ""
            for metric, value in values.items():
                record = {"task": task, "algorithm": _NAMES[algorithm], "metric": metric}
                records.append(record | {"value": value, "normalised_by": source})
    rows = [(t, *(cells.get((t, a), "–") for a in algorithms)) for t in (*divisors, last)]
    return Table(name, title, ("task", *(_NAMES[a] for a in algorithms)), rows, notes, records)


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


def _latex(text: str) -> str:
    """Plain text with LaTeX's special signs and our symbols written out."""
    for sign in "&%$#_":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("–", "--")
