"""Every table of a results folder, in the order in which they are printed."""

from collections.abc import Sequence
from pathlib import Path

from la_mbda.config import SG6_TASKS
from plotting.comparison import comparison
from plotting.drawing import Outcome
from plotting.results import Run, Scores
from plotting.robust import robust_table
from plotting.table import Table
from plotting.table1 import table1
from plotting.table3 import (
    lacking_cells,
    own_divisors,
    published_divisors,
    table3_difference,
    table3_ours,
    table3_published,
)
from plotting.tables import (
    benchmark_runs,
    finished_groups,
    scale_of,
    table2_ours,
    table2_published,
)


def make_tables(
    runs: Sequence[Run], published: dict[str, Scores], results: Path
) -> tuple[list[Table], list[Table], Outcome]:
    """Makes them; writes nothing.

    Args:
        results: the folder of results, for the commands that make what is missing.

    Returns:
        Tables 1 and 2 and the comparison with the published scores; Table 3 in its ways, with the
        robust statistics; notes and what is missing.
    """
    outcome = Outcome()
    plain = [table1(), *table2_published(published)]
    third = [table3_published(published)]
    for group in finished_groups(runs):
        plain.append(table2_ours(group))
        compared = comparison(group, published)
        if compared is not None:
            plain.append(compared)
        third += _normalised(group, runs, published, outcome)
    for preset in dict.fromkeys(run.preset for run in runs if not run.shipped) or [None]:
        lacking = lacking_cells(runs, preset)
        if lacking:
            outcome.lacks("Table 3, ours", results, preset, lacking, "finished ")
    return plain, third, outcome


def _normalised(
    group: list[Run], runs: Sequence[Run], published: dict[str, Scores], outcome: Outcome
) -> list[Table]:
    """What PPO divides, of finished runs of one preset and one source.

    Args:
        runs: among which our own PPO at paper scale is looked for.
    """
    if not benchmark_runs(group):
        outcome.notes.append(f"{scale_of(group)}: no SG6 task is finished, hence no Table 3 of it")
        return []
    tables = [table3_ours(group, published_divisors(SG6_TASKS, published))]
    own = own_divisors(runs)
    if own is not None:
        tables.append(table3_ours(group, own, own=True))
    difference = table3_difference(group, published)
    if difference is None:
        outcome.notes.append(
            f"{scale_of(group)}: no difference from the published Table 3, which takes runs of the "
            "paper preset with its settings unchanged, of algorithms that it has"
        )
    else:
        tables.append(difference)
    return [*tables, robust_table(group, published)]
