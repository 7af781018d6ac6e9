"""Measures on this machine: `python experiments/benchmark.py COMMAND [options]`.

Rates are of wall time; run it on a quiet machine. `simulator` steps random actions, `update` trains
on random data of the right shapes, `planner` decides on them, `baselines` plays and learns epochs,
`plots` draws made-up runs, `hours` tells what each preset takes.
"""

import checkout  # noqa: F401

from collections.abc import Sequence
from typing import Annotated

import tyro
from benchmarks import baselines, hours, planner, plots, simulator, updates

from la_mbda import command_line
from la_mbda.errors import check_writable
from la_mbda.runs.folder import write_json

COMMANDS = {
    simulator.Simulator: simulator.run,
    updates.Update: updates.run,
    planner.Planner: planner.run,
    baselines.Baselines: baselines.run,
    plots.Plots: plots.run,
    hours.Hours: hours.run,
}
Arguments = (
    Annotated[simulator.Simulator, tyro.conf.subcommand("simulator")]
    | Annotated[updates.Update, tyro.conf.subcommand("update")]
    | Annotated[planner.Planner, tyro.conf.subcommand("planner")]
    | Annotated[baselines.Baselines, tyro.conf.subcommand("baselines")]
    | Annotated[plots.Plots, tyro.conf.subcommand("plots")]
    | Annotated[hours.Hours, tyro.conf.subcommand("hours")]
)


def main(argv: Sequence[str]) -> int:
    """Parse, measure and print."""
    arguments = tyro.cli(Arguments, args=list(argv), description=__doc__)
    if arguments.json:
        check_writable(arguments.json.parent)
    figures = COMMANDS[type(arguments)](arguments)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        write_json(arguments.json, figures)
    return 0


if __name__ == "__main__":
    command_line.run(main)
