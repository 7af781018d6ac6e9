"""Draws every figure and table of a results folder: `python plotting/figures.py results/`.

Reads the runs below the folder, the shipped runs and the paper's scores; writes RESULTS/figures,
RESULTS/tables and RESULTS/report; prints LAMBDA's scores beside the published ones, and Table 3 of
runs at the paper's scale. What the data do not allow is named in a line, with `--missing` each with
the command that makes its data; the exit status is 0 all the same, and 2 with `--strict`. It is 1
where nothing could be done. A figure is drawn only if its data or the code changed since it was
drawn last.
"""

import argparse
import sys
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

try:
    from la_mbda import config
    from la_mbda.errors import ExpectedError
    from plotting import bars, tables
    from plotting.computation_graph import computation_graph
    from plotting.constraint import constraints
    from plotting.curves import learning_curves
    from plotting.drawing import Entry, Outcome, draw_changed, train_command
    from plotting.looks import OWN_COLOURS, label, own_of
    from plotting.posterior import posteriors
    from plotting.report import write_report
    from plotting.results import SHIPPED, Results, read_results
    from plotting.run_reading import COMPARABLE
    from plotting.table3 import table_3
    from plotting.task_images import OBJECTS, task_images
except ModuleNotFoundError as error:
    # The project, its dependencies and its extra `plots`; another module is missing in any Python.
    installed = {"la_mbda", "plotting", "numpy", "gymnasium", "mujoco"}
    installed |= {"matplotlib", "plotly", "jinja2", "pandas", "tabulate", "scipy", "joblib"}
    if error.name not in installed:
        raise
    python = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"
    sys.exit(
        f"figures.py: error: {sys.executable} has no {error.name}: run this by {python}, which "
        "bash experiments/install.sh makes"
    )


BOXES = ("PointPush1", "ObservablePointPush1")
SEEN = ("robot", "goal", "hazard", "box to push")


def learning(results: Results) -> Outcome:
    """Figure 6: LAMBDA, the baselines, and one's own algorithms; on one's own tasks, all."""
    own = own_of(results.runs["algorithm"])
    known = config.ALGORITHMS if results.own_tasks_only else config.BASELINES
    outcome = learning_curves(results, 6, "Learning curves", ("lambda",), welcome=(*known, *own))
    if len(own) > len(OWN_COLOURS):
        outcome.notes.append(
            f"{len(own)} algorithms and variants of one's own share {len(OWN_COLOURS)} colours, in "
            f"turn: {', '.join(map(label, own))}"
        )
    return outcome


def _curves(
    number: int, title: str, needs: Sequence[str], caption: str = "", only: Sequence[str] = ()
) -> Entry:
    """Make the entry of a figure of learning curves; its title is its caption if it has no other.

    Args:
        needs, only: as of `learning_curves`.
    """
    make = partial(learning_curves, number=number, title=title, needs=needs, only=only)
    return Entry(f"figure_{number}", caption or title, make)


WITH_UNSAFE, UNSAFE = "LAMBDA and Unsafe LAMBDA", ("lambda", "unsafe_lambda")
OF_BOXES = "The solid and the transparent box"
FIGURES = [
    Entry(
        "figure_1",
        "SG6 averages, scaled so that the best algorithm has 1 and the worst 0",
        bars.summaries,
    ),
    Entry(
        "figure_2", "The six tasks", lambda r: task_images(r, 2, config.SG6_TASKS, tuple(OBJECTS))
    ),
    Entry(
        "figure_3",
        "What each posterior sample expects of the policy, and those that the bounds choose",
        posteriors,
    ),
    Entry("figure_4", "Normalised scores of each task", bars.tasks),
    _curves(5, WITH_UNSAFE, UNSAFE, f"{WITH_UNSAFE} on PointGoal2", ("PointGoal2",)),
    Entry("figure_6", "Learning curves", learning),
    Entry("figure_7", "Environment steps to LAMBDA's final return", bars.reaches),
    Entry("figure_8", OF_BOXES, lambda r: task_images(r, 8, BOXES, SEEN)),
    _curves(
        9, OF_BOXES, ("lambda",), "PointPush1 with the solid and with the transparent box", BOXES
    ),
    _curves(10, WITH_UNSAFE, UNSAFE),
    _curves(11, "LAMBDA and CEM-MPC", ("lambda", "cem_mpc")),
    _curves(12, "LAMBDA and Greedy LAMBDA", ("lambda", "greedy_lambda")),
    Entry("figure_13", "The computation graph, and where its gradients are cut", computation_graph),
    Entry("figure_constraint", "The constraint over a run", constraints),
]
TABLES = [
    Entry(
        "lambda_and_published",
        "LAMBDA's scores beside the published ones",
        tables.lambda_and_published,
    ),
    Entry("table_1", "The paper's settings and those of the paper preset", tables.table_1),
    Entry("table_2", "Unnormalised scores, and ours beside the published ones", tables.table_2),
    Entry("table_3", "Normalised scores, and robust statistics of them", table_3),
]
# Printed where all tables are made; the others are read from their files.
PRINTED = ("lambda_and_published", "table3_ours_paper", "own_tasks")
# What says nothing of tasks of one's own.
OF_SG6 = {entry.name for entry in (*TABLES, *FIGURES)}
OF_SG6 -= {"table_2", "figure_6", "figure_constraint"}


def main(argv: Sequence[str]) -> int:
    """Draw, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="figures.py", description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, help="folder that --results named when training")
    parser.add_argument("--missing", action="store_true", help="list the commands that make data")
    parser.add_argument("--strict", action="store_true", help="exit with 2 if things are missing")
    parser.add_argument("--only", default="", help="figures and tables: figure_6,table_3")
    arguments = parser.parse_args(argv)
    folder = arguments.results
    try:
        only = _chosen(arguments.only)
        results = read_results(folder)
    except (OSError, ExpectedError) as error:
        return fail(str(error))
    try:
        missing = make_all(results, only, arguments.missing)
    except OSError as error:
        return fail(f"cannot write to {folder} ({error})")
    return 2 if missing and arguments.strict else 0


def fail(message: str) -> int:
    """Say what is wrong, and return the exit status."""
    print(f"figures.py: error: {message}", file=sys.stderr)
    return 1


def _chosen(names: str) -> set[str]:
    """Return the names that `--only` gives, separated by commas; none of them means all.

    Raises:
        ValueError: one of them is unknown.
    """
    known = [entry.name for entry in (*TABLES, *FIGURES)]
    chosen = {name.strip() for name in names.split(",") if name.strip()}
    unknown = sorted(chosen.difference(known))
    if unknown:
        raise ExpectedError(f"--only: unknown {', '.join(unknown)} (known: {', '.join(known)})")
    return chosen


def make_all(results: Results, only: Collection[str] = (), commands: bool = False) -> list[str]:
    """Write figures, tables and the report, print the first tables and what is missing.

    Args:
        only: names of entries; where there are any, the others and the report are left as they are.
        commands: whether to print what is missing with the command that makes it.

    Returns:
        What could not be read or drawn.

    Raises:
        OSError: the folder cannot be written to.
    """
    for warning in results.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for name in ("figures", "tables"):
        (results.folder / name).mkdir(exist_ok=True)
    outcomes = {entry: entry.make(results) for entry in _entries(results, only)}
    made = [(entry, thing) for entry, outcome in outcomes.items() for thing in outcome.made]
    tables = [table for entry, table in made if entry in TABLES]
    for table in tables:
        table.write(results.folder / "tables")
        if only or table.name.startswith(PRINTED):
            print(f"\n{table.markdown()}", end="")
    drawings = [(entry, drawing) for entry, drawing in made if entry in FIGURES]
    paths = draw_changed([drawing for _, drawing in drawings], results.folder / "figures")
    said = Outcome()
    for outcome in outcomes.values():
        said.add(outcome)
    print_end(results, said, paths, len(tables))
    for text in said.missing if commands else []:
        print(f"missing: {text}")
    if said.missing and not commands:
        print(_missing_line(outcomes))
    if not only:
        figures = {path: entry for path, (entry, _) in zip(paths, drawings, strict=True)}
        shown = [t for t in tables if t.name.startswith(("own_tasks", "table3", "robust"))]
        print(f"report: {write_report(results, shown, said, figures)}")
    return [*results.warnings, *said.missing]


def _entries(results: Results, only: Collection[str]) -> list[Entry]:
    """Those that are named; of none, all that have to do with the tasks of the runs."""
    hidden = OF_SG6 if results.own_tasks_only else ()
    return [
        entry
        for entry in (*TABLES, *FIGURES)
        if (entry.name in only if only else entry.name not in hidden)
    ]


def _missing_line(outcomes: Mapping[Entry, Outcome]) -> str:
    """Say which figures and tables need more runs, in one line."""
    short = {entry.name: bool(found.made) for entry, found in outcomes.items() if found.missing}
    said = []
    for text, drawn in (("not drawn without more runs", False), ("drawn of some runs only", True)):
        names = [name for name, some in short.items() if some is drawn]
        if names:
            said.append(f"{text}: {', '.join(names).replace('_', ' ')}")
    return f"{'; '.join(said)}; --missing lists the commands"


def print_end(results: Results, said: Outcome, figures: Sequence[Path], tables: int) -> None:
    """Print what was read, what was written, and what to run where nothing is."""
    print()
    for note in said.notes:
        print(f"note: {note}")
    folder, runs = results.folder, results.runs
    own = runs[runs["source"] == "ours"]
    if folder.resolve() == SHIPPED:
        print(f"{len(runs)} shipped runs read, {runs['finished'].sum()} finished")
    else:
        if own.empty:
            print(f"{folder} holds no runs; to make them: {train_command(folder)}")
        elif not (own["preset"].isin(COMPARABLE).any() or results.own_tasks_only):
            command = f"{train_command(folder)} --preset paper"
            print(f"no runs at the paper's scale; to make them: {command}")
        beside = f"{len(runs) - len(own)} shipped runs beside"
        print(f"{len(own)} runs read, {own['finished'].sum()} finished; {beside}")
    if figures:
        print(f"figures: {folder / 'figures'} ({len(figures)}, each as .png, .pdf and .csv)")
    if tables:
        print(f"tables: {folder / 'tables'} ({tables}, each as .md, .tex and .csv)")


if __name__ == "__main__":
    if sys.stdout is not None:
        sys.stdout.reconfigure(errors="replace")  # Some locales have no δ and no λ.
    sys.exit(main(sys.argv[1:]))
