"""What all figures share: colours, style, and how a figure and its numbers are saved."""

import csv
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure

from la_mbda import config

# One colour per algorithm in every figure. Chosen for their least distance (CIELAB) from one
# another and from the budget's red, as seen with each form of colour blindness.
COLOURS = {
    "lambda": "#0072B2",
    "unsafe_lambda": "#E69F00",
    "greedy_lambda": "#56B4E9",
    "cem_mpc": "#882255",
    "ppo": "#000000",
    "ppo_lagrangian": "#949494",
    "trpo_lagrangian": "#8C564B",
    "cpo": "#DDCC77",
}
BUDGET_COLOUR = "#D00000"
STYLE = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "legend.frameon": False,
}


@dataclass
class Outcome:
    """What drawing a figure or table came to."""

    files: list[Path] = field(default_factory=list)
    """Figures written, as PNG; a PDF and a CSV lie beside each."""
    notes: list[str] = field(default_factory=list)
    """What a reader could misread."""
    missing: list[str] = field(default_factory=list)
    """What could not be drawn, each with the command that makes its data."""

    def add(self, other: "Outcome") -> None:
        """Takes over what another outcome holds."""
        self.files += other.files
        self.notes += other.notes
        self.missing += other.missing

    def lacks(
        self,
        what: str,
        results: Path,
        preset: str | None,
        cells: Sequence[tuple[str, str]],
        state: str = "",
    ) -> None:
        """Notes that a figure or table lacks runs, and the command that makes them.

        Args:
            what: the name of the figure or table.
            preset: None for the default of the command.
            cells: algorithms and tasks.
            state: "finished " where runs that are going on do not do.
        """
        where = f", {preset} preset" if preset else ""
        self.missing.append(f"{what}{where}: {_how_to_train(results, preset, cells, state)}")


def save(figure: Figure, folder: Path, name: str, records: Sequence[dict]) -> Path:
    """Saves a figure as PNG and PDF, and the numbers drawn, one record a line, as CSV.

    Returns:
        The path of the PNG.
    """
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=200)
    figure.set_layout_engine("none")  # It stays as it is: to lay it out takes as long as to draw.
    # No date inside: the same numbers give the same file.
    figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})
    with path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return path


def train_command(results: Path) -> str:
    """The command that trains into a folder of results."""
    return f"bash experiments/run_sg6.sh --results {shlex.quote(str(results))}"


def _how_to_train(
    results: Path, preset: str | None, lacking: Sequence[tuple[str, str]], state: str
) -> str:
    algorithms = dict.fromkeys(algorithm for algorithm, _ in lacking)
    groups: dict[tuple[str, ...], list[str]] = {}
    for algorithm in algorithms:
        groups.setdefault(tuple(t for a, t in lacking if a == algorithm), []).append(algorithm)
    names = [
        f"{' and '.join(config.ALGORITHMS[a] for a in found)} on {_listed(tasks)}"
        for tasks, found in groups.items()
    ]
    tasks = [task for task in config.TASKS if any(task == cell[1] for cell in lacking)]
    command = train_command(results)
    command += f" --preset {preset}" if preset else ""
    command += f" --algorithms {','.join(algorithms)}"
    command += f" --tasks {','.join(tasks)}" if tuple(tasks) != config.SG6_TASKS else ""
    return f"no {state}runs of {'; '.join(names)}. To make them: {command}"


def _listed(tasks: Sequence[str]) -> str:
    return "any SG6 task" if tuple(tasks) == config.SG6_TASKS else ", ".join(tasks)
