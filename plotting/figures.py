"""Draws every figure and table of a results folder: `python plotting/figures.py results/`.

Reads the runs below the folder, the shipped runs and the paper's scores; writes RESULTS/figures,
RESULTS/tables and RESULTS/report; prints the tables. What cannot be read or drawn is named and the
rest is still drawn; the exit status is then 2, and 0 with `--partial`. It is 1 where nothing could
be done.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from plotting.all_tables import make_tables
from plotting.bars import draw_bars
from plotting.curve_figures import draw_curve_figures
from plotting.drawing import Outcome, train_command
from plotting.efficiency import draw_efficiency
from plotting.graph import draw_graph
from plotting.pictures import draw_pictures
from plotting.posterior import draw_posteriors
from plotting.report import write_report
from plotting.results import COMPARABLE, Results, Run, Scores, read_published, read_results
from plotting.table import Table


def main(argv: Sequence[str]) -> int:
    """Draws, prints, and returns the exit status."""
    parser = argparse.ArgumentParser(prog="figures.py", description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, help="folder that --results named when training")
    parser.add_argument("--partial", action="store_true", help="exit with 0 if things are missing")
    arguments = parser.parse_args(argv)
    folder = arguments.results
    try:
        results, published = read_results(folder), read_published()
    except (OSError, ValueError) as error:
        return fail(str(error))
    try:
        missing = make_all(folder, results, published)
    except OSError as error:
        return fail(f"cannot write to {folder} ({error})")
    return 2 if missing and not arguments.partial else 0


def fail(message: str) -> int:
    """Says what is wrong, and returns the exit status."""
    print(f"figures.py: error: {message}", file=sys.stderr)
    return 1


def make_all(folder: Path, results: Results, published: dict[str, Scores]) -> list[str]:
    """Writes all figures and tables, prints the tables and what is missing.

    Returns:
        What could not be read or drawn.

    Raises:
        OSError: the folder cannot be written to.
    """
    for warning in results.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for name in ("figures", "tables"):
        (folder / name).mkdir(exist_ok=True)
    tables, third, drawn = make_tables(results.runs, published, folder)
    for table in (*tables, *third):
        table.write(folder / "tables")
    for draw in (draw_pictures, draw_graph):
        drawn.add(draw(folder / "figures"))
    drawn.add(draw_posteriors(results.runs, folder / "figures"))
    for draw in (draw_bars, draw_curve_figures, draw_efficiency):
        drawn.add(draw(results.runs, published, folder / "figures"))
    for table in (*tables, *third):
        print(f"\n{table.markdown()}", end="")
    page = write_report(folder, results, published, third, drawn)
    print_end(folder, results.runs, drawn, [*tables, *third])
    print(f"report: {page}")
    return [*results.warnings, *drawn.missing]


def print_end(folder: Path, runs: Sequence[Run], drawn: Outcome, tables: list[Table]) -> None:
    """What was read, what was written, and what to run where something is missing."""
    print()
    for note in drawn.notes:
        print(f"note: {note}")
    for missing in drawn.missing:
        print(f"missing: {missing}")
    own = [run for run in runs if not run.shipped]
    finished = sum(run.score is not None for run in own)
    if not own:
        print(f"{folder} holds no runs; to make them: {train_command(folder)}")
    elif not any(run.preset in COMPARABLE for run in own):
        print(f"no runs at the paper's scale; to make them: {train_command(folder)} --preset paper")
    print(f"{len(own)} runs read, {finished} finished; {len(runs) - len(own)} shipped runs beside")
    for path in drawn.files:
        print(f"figure: {path}")
    print(f"tables: {folder / 'tables'} ({len(tables)}, each as .md, .tex and .csv)")


if __name__ == "__main__":
    if sys.stdout is not None:
        sys.stdout.reconfigure(errors="replace")  # Some locales have no δ and no λ.
    sys.exit(main(sys.argv[1:]))
