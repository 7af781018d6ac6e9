"""What all figures share: style, and how a figure that changed is drawn and saved."""

import hashlib
import inspect
import shlex
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import joblib
import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from la_mbda import config
from la_mbda.runs.files import read_object
from la_mbda.runs.folder import write_json
from plotting.looks import label
from plotting.results import Results

TABLE3_ALGORITHMS = ("trpo_lagrangian", "ppo_lagrangian", "cpo", "lambda")
DPI = 200
KEYS = "keys.json"
LONGEST_LINE = 95
"""Characters of a title's line."""
SOURCES = Path(__file__).parent
STYLE = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "legend.frameon": False,
}


class Drawing(NamedTuple):
    """A figure that can be drawn; what it shows is all that `draw` is given."""

    name: str
    """Of its files, without suffix: `figure_<number>`, or `figure_<number>_<of what>`."""
    numbers: pd.DataFrame
    """The numbers drawn, for the CSV."""
    draw: Callable[..., Figure]
    arguments: tuple
    """What it is called with: frames, paths of files, and what `repr` tells apart."""
    digits: str | None = None
    """How the CSV writes numbers; None for all their digits."""


@dataclass
class Outcome:
    """What the data of a figure or of tables came to."""

    made: list = field(default_factory=list)
    """Each a `Drawing` or a `plotting.table.Table`."""
    notes: list[str] = field(default_factory=list)
    """What a reader could misread."""
    missing: list[str] = field(default_factory=list)
    """What could not be drawn, each with the command that makes its data."""

    def add(self, other: "Outcome") -> None:
        """Take over what another outcome holds; what both say is said once."""
        self.made += other.made
        self.notes = list(dict.fromkeys(self.notes + other.notes))
        self.missing = list(dict.fromkeys(self.missing + other.missing))


class Entry(NamedTuple):
    """A figure or a kind of table, and what makes it of results."""

    name: str
    """What `--only` calls it; a figure's files are called `<name>` or `<name>_<of what>`."""
    caption: str
    make: Callable[[Results], Outcome]


def draw_changed(drawings: Sequence[Drawing], folder: Path) -> list[Path]:
    """Draw what is not there yet as it would be drawn now, as PNG, PDF and CSV.

    A figure's key is of its data, the code in this folder and in the file that draws it, and the
    versions that draw. Keys, with digests of the files, are kept beside the figures, so that a file
    that is missing or was altered is drawn again.

    Returns:
        The path of each PNG, drawn now or before.
    """
    path = folder / KEYS
    try:
        known = read_object(path)
    except ValueError:  # Missing or damaged: everything is drawn, nothing is lost.
        known = {}
    versions = [version(package) for package in ("matplotlib", "pandas")]
    code = _digest(*sorted(SOURCES.glob("*.py")), versions, config.ALGORITHMS)
    changed = {}
    for drawing in drawings:
        what = (drawing.name, drawing.numbers, drawing.draw.__qualname__, *drawing.arguments)
        key = _digest(code, Path(inspect.getsourcefile(drawing.draw)), *what)
        if known.get(drawing.name) != [key, *_file_digests(folder, drawing.name)]:
            changed[key] = drawing
    pool = joblib.Parallel(min(len(changed), joblib.cpu_count()) or 1, return_as="generator")
    saved = pool(joblib.delayed(_save)(drawing, folder) for drawing in changed.values())
    try:
        for (key, drawing), _ in zip(changed.items(), saved, strict=True):
            known[drawing.name] = [key, *_file_digests(folder, drawing.name)]
    finally:
        write_json(path, known)
    return [folder / f"{drawing.name}.png" for drawing in drawings]


def _save(drawing: Drawing, folder: Path) -> None:
    with mpl.rc_context(STYLE):
        figure = drawing.draw(*drawing.arguments)
        path = folder / f"{drawing.name}.png"
        figure.set_dpi(DPI)
        # Laid out once: matplotlib would do it again, and draw twice, for each file.
        if (engine := figure.get_layout_engine()) is not None:
            engine.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(path, dpi=DPI)
        # No date inside: the same numbers give the same file.
        figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})
    how = {"index": False, "lineterminator": "\n", "float_format": drawing.digits}
    drawing.numbers.to_csv(path.with_suffix(".csv"), **how)


def _file_digests(folder: Path, name: str) -> list[str]:
    paths = [folder / f"{name}.{suffix}" for suffix in ("png", "pdf", "csv")]
    return [_digest(path) if path.is_file() else "" for path in paths]


def _digest(*parts: object) -> str:
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, pd.DataFrame):
            found.update(pd.util.hash_pandas_object(part, index=False).to_numpy().tobytes())
            part = list(part.columns)
        elif isinstance(part, Path):
            found.update(part.read_bytes())
            part = part.name
        found.update(repr(part).encode())
    return found.hexdigest()


def wrapped(title: str) -> str:
    """Break lines that are longer than a figure is wide."""
    return "\n".join(textwrap.fill(line, LONGEST_LINE) for line in title.splitlines())


def missing_runs(
    what: str,
    results: Results,
    cells: Iterable[tuple[str, str]],
    preset: str | None = None,
    state: str = "",
) -> str:
    """Say that a figure or table needs runs, and the command that makes them.

    Args:
        what: the name of the figure or table.
        cells: algorithms and tasks.
        preset: of the runs; else the first of ours that will tell something.
        state: "finished " where unfinished runs do not do.
    """
    cells, preset = list(cells), preset or results.telling_presets()[0]
    algorithms = list(dict.fromkeys(algorithm for algorithm, _ in cells))
    groups: dict[tuple[str, ...], list[str]] = {}
    for algorithm in algorithms:
        groups.setdefault(tuple(t for a, t in cells if a == algorithm), []).append(label(algorithm))
    names = [
        f"{' and '.join(group)} on {'any SG6 task' if t == config.SG6_TASKS else ', '.join(t)}"
        for t, group in groups.items()
    ]
    tasks = tuple(task for task in config.TASKS if any(task in cell for cell in cells))
    command = (
        f"{train_command(results.folder)} --preset {preset} --algorithms {','.join(algorithms)}"
    )
    command += f" --tasks {','.join(tasks)}" if tasks != config.SG6_TASKS else ""
    found = f"no {state}runs of {'; '.join(names)}. To make them: {command}"
    return f"{what}, {preset} preset: {found}"


def missing_scores(what: str, results: Results) -> list[str]:
    """List the runs that Table 3's algorithms still need at each preset of ours, with commands."""
    found = []
    ours = results.finished[results.finished["source"] == "ours"]
    for preset in results.telling_presets():
        own = ours[ours["preset"] == preset]
        ran = set(zip(own["algorithm"], own["task"], strict=True))
        long = preset == "paper_long"
        algorithms = [a for a in TABLE3_ALGORITHMS if a in config.BASELINES or not long]
        cells = [(a, task) for a in algorithms for task in config.SG6_TASKS if (a, task) not in ran]
        if cells:
            found.append(missing_runs(what, results, cells, preset, "finished "))
    return found


def train_command(results: Path) -> str:
    """Return the command that trains into a folder of results."""
    return f"bash experiments/run_sg6.sh --results {shlex.quote(str(results))}"
