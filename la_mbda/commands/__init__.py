"""The console command `la-mbda`: `la-mbda train …` and `la-mbda evaluate …`."""

from collections.abc import Sequence

from la_mbda import command_line, validation
from la_mbda.commands import evaluate, train

COMMANDS = {"train": train.main, "evaluate": evaluate.main}


def main(argv: Sequence[str]) -> int:
    """Run the command that the first argument names, with the others.

    Raises:
        ValueError: there is no such command.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: la-mbda {train,evaluate} [options]; la-mbda COMMAND --help lists them")
        return 0 if argv else 2
    validation.choose("command", argv[0], COMMANDS)
    return COMMANDS[argv[0]](argv[1:])


def run() -> None:
    """Run the console command and end the process."""
    command_line.run(main)
