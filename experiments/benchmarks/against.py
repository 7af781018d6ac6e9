"""Compares an update's time with another commit's, side by side.

Each is measured by its own `benchmark.py update`, in a process of its own; they take turns, so that
what else the machine does meets both.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from la_mbda.errors import ExpectedError

REPOSITORY = Path(__file__).resolve().parents[2]
# What is compared: its name, and where the figures of an update have it.
FIGURES = {
    "update": ("seconds_per_update", "median"),
    "world model": ("parts", "world_model"),
    "imagination, actor": ("parts", "imagination_and_actor"),
    "first call": ("first_call_seconds",),
    "decision": ("decision_seconds",),
    "decision for 10": ("decision_seconds_for_10",),
    "peak memory, GB": ("peak_memory_bytes",),
    "share of peak": ("fraction_of_peak",),
}
UNITS = {"peak memory, GB": 1e9}


def compare(commit: str, options: list[str], rounds: int) -> dict[str, dict[str, float]]:
    """Measure another commit and this checkout, and how many times as large the other's are.

    Args:
        options: of `benchmark.py update`, for both.

    Returns:
        By figure: the medians over the rounds, in seconds where nothing else is said.

    Raises:
        ValueError: there is no such commit.
        ValueError: a benchmark failed.
    """
    found: dict[str, list[dict]] = {"there": [], "here": []}
    with worktree(commit) as other:
        for _ in range(rounds):
            found["there"].append(measure(other, options))
            found["here"].append(measure(REPOSITORY, options))
    table = {}
    for name, keys in FIGURES.items():
        there, here = (
            statistics.median(_value(figures, keys) for figures in found[place])
            / UNITS.get(name, 1)
            for place in ("there", "here")
        )
        table[name] = {commit: there, "here": here, "ratio": there / here}
    return table


@contextmanager
def worktree(commit: str) -> Iterator[Path]:
    """Make a checkout of a commit, removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkout")
        git = ["git", "-C", str(REPOSITORY), "worktree"]
        made = subprocess.run(
            [*git, "add", "--detach", str(path), commit],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if made.returncode:
            raise ExpectedError(f"against is {commit!r}: {made.stderr.strip().splitlines()[-1]}")
        try:
            yield path
        finally:
            subprocess.run([*git, "remove", "--force", str(path)], check=True)


def measure(checkout: Path, options: list[str]) -> dict:
    """Measure the figures of a checkout's `benchmark.py update`."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder, "figures.json")
        script = checkout / "experiments" / "benchmark.py"
        done = subprocess.run(
            [sys.executable, str(script), "update", *options, "--json", str(figures)],
            env=os.environ | {"PYTHONPATH": str(checkout)},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise ExpectedError(f"{script} failed:\n{done.stderr}")
        return json.loads(figures.read_text(encoding="utf-8"))


def _value(figures: dict, keys: tuple[str, ...]) -> float:
    for key in keys:
        figures = figures[key]
    return figures
