"""How long `plotting/figures.py` takes for a benchmark's worth of runs."""

import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measuring import machine, print_figures
from la_mbda import config
from la_mbda.errors import ExpectedError
from la_mbda.presets import make_config
from la_mbda.runs.folder import run_path

STEPS = 1_000_000
FIGURES = Path(__file__).resolve().parents[2] / "plotting" / "figures.py"


@dataclass(frozen=True)
class Plots:
    """Seconds of `figures.py` for made-up runs of every algorithm on every SG6 task."""

    seeds: int = 5
    """Seeds of each."""
    evaluations: int = 80
    """Evaluations of each run."""
    episodes: int = 1_000
    """Training episodes of each run."""
    json: Path | None = None
    """File to write the figures to."""


def run(arguments: Plots) -> dict:
    """Measure and print.

    Raises:
        ValueError: the command fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        count = make_runs(results, arguments)
        begin = time.perf_counter()
        command = [sys.executable, FIGURES, results]
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        seconds = time.perf_counter() - begin
        if done.returncode:
            raise ExpectedError(f"figures.py failed:\n{done.stderr}")
        written = len(list((results / "figures").glob("*.png")))
    figures = {"runs": count, "figures": written, "seconds": seconds, **machine()}
    print_figures(figures)
    return figures


def make_runs(results: Path, arguments: Plots) -> int:
    """Write runs with random curves; return how many."""
    rng = np.random.default_rng(0)
    cells = list(itertools.product(config.ALGORITHMS, config.SG6_TASKS, range(arguments.seeds)))
    for algorithm, task, seed in cells:
        settings = make_config("cpu", task, algorithm, seed)
        path = run_path(results, settings)
        path.mkdir(parents=True)
        (path / "config.json").write_text(json.dumps(config.to_dict(settings)), encoding="utf-8")
        write_lines(path / "episodes.jsonl", arguments.episodes, episode_of, rng)
        write_lines(path / "evaluations.jsonl", arguments.evaluations, evaluation_of, rng)
        score = {"task": task, "algorithm": algorithm, "seed": seed, "preset": "cpu"}
        score |= {"env_steps": STEPS, "return": rng.normal(10.0, 3.0), "cost_regret": 0.03}
        score["cost_return"] = rng.gamma(2.0, 15.0)
        (path / "score.json").write_text(json.dumps(score), encoding="utf-8")
    return len(cells)


def write_lines(path: Path, count: int, values: Callable, rng: np.random.Generator) -> None:
    """Write lines with what a run's would have, evenly spread over its env steps."""
    steps = np.linspace(0, STEPS, count + 1)[1:].astype(int).tolist()
    lines = (json.dumps({"env_steps": s} | values(rng)) + "\n" for s in steps)
    path.write_text("".join(lines), encoding="utf-8")


def episode_of(rng: np.random.Generator) -> dict:
    """Return a training episode's figures."""
    cost = rng.gamma(2.0, 15.0)
    values = {"return": rng.normal(10.0, 3.0), "cost_return": cost}
    return values | {"length": 1_000, "cost_regret": cost / 1_000}


def evaluation_of(rng: np.random.Generator) -> dict:
    """Return an evaluation's means, and the values of its ten episodes."""
    returns, costs = rng.normal(10.0, 3.0, 10), rng.gamma(2.0, 15.0, 10)
    means = {"return": returns.mean(), "cost_return": costs.mean()}
    return means | {"returns": returns.tolist(), "cost_returns": costs.tolist()}
