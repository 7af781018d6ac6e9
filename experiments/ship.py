"""Copies finished runs, thinned, into a folder that is small enough to keep under version control.

`python experiments/ship.py results results/shipped` takes every finished run's configuration,
provenance, score and metrics, confirmed episodes included, and where it has them its video and what
Figure 3 is drawn from; not its replay, checkpoints, events and logs.
`--weights cpu/lambda/PointGoal1/seed_0` adds the weights of that run's agent, with which
`evaluate.py` plays, and a few samples of its posterior, with which it imagines.
"""

import checkout  # noqa: F401

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from la_mbda import command_line
from la_mbda.api import SAMPLES, WEIGHTS, save_weights
from la_mbda.config import PRESETS
from la_mbda.errors import ExpectedError, whole
from la_mbda.runs.folder import STREAMS, check_place, read_score

WHOLE = ("config.json", "run.json")
WHERE_MADE = (
    *(f"video.{suffix}" for suffix in ("mp4", "png", "json")),
    *(f"imagined/{name}" for name in ("policy.csv", "futures.json")),
)
DIGITS = 6


@dataclass(frozen=True)
class Ship:
    """Copies finished runs, thinned; a run that is there already is left as it is."""

    results: tyro.conf.Positional[Path]
    """Folder of results to copy from."""
    shipped: tyro.conf.Positional[Path]
    """Folder to copy to."""
    weights: tuple[str, ...] = ()
    """Runs, as paths below the folder of results, whose agents' weights go along."""


def main(argv: Sequence[str]) -> int:
    """Parse, copy, say what."""
    arguments = tyro.cli(Ship, args=list(argv))
    scores = [p for preset in PRESETS for p in arguments.results.glob(f"{preset}/*/*/*/score.json")]
    if not scores:
        raise ExpectedError(f"{arguments.results} holds no finished run: give a folder of results")
    for name in arguments.weights:
        if arguments.results / name / "score.json" not in scores:
            raise ExpectedError(f"weights {name} is no finished run below {arguments.results}")
    for score in scores:
        check_place(score, read_score(score))
        there = arguments.shipped / score.relative_to(arguments.results)
        if there.exists() and there.read_bytes() != score.read_bytes():
            raise ExpectedError(
                f"{there} is another than {score}, which was trained further or anew: remove "
                f"{there.parent} to ship that one"
            )
    for score in sorted(scores):
        run = score.parent
        target = arguments.shipped / run.relative_to(arguments.results)
        if not (target / "score.json").exists():
            copy(run, target)
            copy_whole(score, target / "score.json")
            size = sum(path.stat().st_size for path in target.iterdir())
            print(f"{target}: {size / 1e3:.0f} kB")
        for name in WHERE_MADE:
            if (run / name).exists() and not (target / name).exists():
                copy_whole(run / name, target / name)
    for name in arguments.weights:
        ship_weights(arguments.results / name, arguments.shipped / name)
    return 0


def ship_weights(run: Path, target: Path) -> None:
    """Save the weights of a finished run beside its copy.

    Raises:
        ValueError: the run has no usable checkpoint.
    """
    save_weights(run, target)
    for name in (WEIGHTS, SAMPLES):
        if (target / name).exists():
            size = sum(path.stat().st_size for path in (target / name).glob("*/*"))
            print(f"{target / name}: {size / 1e3:.0f} kB")


def copy_whole(path: Path, target: Path) -> None:
    """Copy a file so that a copy that is broken off leaves none of its name."""
    target.parent.mkdir(exist_ok=True)
    with whole(target) as file:
        file.write(path.read_bytes())
    print(f"{target}: {target.stat().st_size / 1e3:.0f} kB")


def copy(run: Path, target: Path) -> None:
    """Copy one run but for its score, which goes last, as it marks the copy as whole."""
    target.mkdir(parents=True, exist_ok=True)
    for stream in STREAMS:
        source = run / f"{stream}.jsonl"
        if source.exists():  # Not every run plays final episodes.
            lines = source.read_text(encoding="utf-8").splitlines()
            thinned = (json.dumps(shortened(json.loads(line))) + "\n" for line in lines)
            (target / source.name).write_text("".join(thinned), encoding="utf-8")
    for name in WHOLE:
        shutil.copyfile(run / name, target / name)


def shortened(value):
    """Return the same JSON value with floats of fewer digits."""
    if isinstance(value, dict):
        return {name: shortened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shortened(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


if __name__ == "__main__":
    command_line.run(main)
