"""Kills a small run again and again and checks that nothing of it is lost.

`python experiments/survive.py --kills 6` trains one run undisturbed and one that SIGKILL ends in
turn while it acts, updates, evaluates and writes a checkpoint, and at last while it confirms its
score, each time started again by the same command. All lines, the score and the weights must be the
same bit for bit.
"""

import checkout  # noqa: F401

import itertools
import json
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from la_mbda import command_line, validation
from la_mbda.api import load_agent
from la_mbda.errors import ExpectedError
from la_mbda.runs.folder import STREAMS
from la_mbda.settings import Count

TRAIN = Path(__file__).with_name("train.py")
# Small, and with every stage: an evaluation each 400 env steps, a checkpoint each 200.
OPTIONS = shlex.split("""
    --preset quick --task PointGoal1 --seed 3 --observation lidar --episode-steps 100
    --random-steps 400 --env-steps 1600 --steps-per-iteration 100 --updates-per-iteration 10
    --pretraining-updates 20 --evaluate-every 400 --checkpoint-every 200 --horizon 5
    --deterministic-size 16 --rssm-units 16 --vector-units 16 --head-units 16 --actor-units 16
    --critic-units 16 --swag-burn-in 20 --swag-period 5 --swag-models 3 --final-episodes 8
""")
MOMENTS = ("acting", "checkpointing", "evaluating", "updating")
LAST_MOMENT = "confirming"


@dataclass(frozen=True)
class Survive:
    """Kills a small run again and again and checks that nothing of it is lost."""

    kills: int = 6
    """How often."""
    seed: int = 0
    """Of the delays before each kill."""
    algorithm: str = "lambda"
    """What is trained."""


def main(argv: Sequence[str]) -> int:
    """Run both and compare; the exit status is 1 where they differ."""
    arguments = tyro.cli(Survive, args=list(argv))
    validation.check("kills", arguments.kills, Count)
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder, "whole"), Path(folder, "killed")
        run = Path("quick", arguments.algorithm, "PointGoal1", "seed_3")
        finish(start(whole, arguments.algorithm))
        rng = random.Random(arguments.seed)
        moments = itertools.islice(itertools.cycle(MOMENTS), arguments.kills - 1)
        for moment in (*moments, LAST_MOMENT):
            process = start(killed, arguments.algorithm)
            print(f"killed while {moment}: {kill(process, killed / run, moment, rng)}")
        finish(start(killed, arguments.algorithm))
        differences = compare(whole / run, killed / run)
    print("\n".join(differences) or "the same bit for bit: lines, score, weights")
    return int(bool(differences))


def start(results: Path, algorithm: str) -> subprocess.Popen:
    """Start or resume the run."""
    command = [sys.executable, str(TRAIN), *OPTIONS, "--algorithm", algorithm]
    command += ["--results", str(results)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen) -> None:
    """Wait for the end.

    Raises:
        ValueError: the run failed.
    """
    _, errors = process.communicate()
    if process.returncode:
        raise ExpectedError(
            f"the run ended with {process.returncode}: {errors.decode(errors='replace')[-2_000:]}"
        )


def kill(process: subprocess.Popen, run: Path, moment: str, rng: random.Random) -> str:
    """End a run at some moment of its own; say how far it was.

    Raises:
        ValueError: the run ended before.
    """
    begin = [size(run / f"{stream}.jsonl") for stream in STREAMS]
    while not arrived(run, moment, begin):
        if process.poll() is not None:
            raise ExpectedError(f"the run ended by itself before it was {moment}")
        time.sleep(0.0005)
    if moment != "checkpointing":
        time.sleep(rng.uniform(0.0, 0.05))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    episodes = run / "episodes.jsonl"
    lines = episodes.read_text(encoding="utf-8").splitlines() if episodes.exists() else []
    return f"after {len(lines)} episodes, {size(run / 'updates.jsonl')} bytes of updates"


def arrived(run: Path, moment: str, begin: list[int]) -> bool:
    """Return whether the run, since it was started, has come to the moment."""
    episodes, evaluations, updates, confirmed = (
        size(run / f"{stream}.jsonl") - before
        for stream, before in zip(STREAMS, begin, strict=True)
    )
    if moment == "checkpointing":
        return (run / "checkpoint" / "partial").exists()
    if moment == LAST_MOMENT:
        return confirmed > 0
    if moment == "acting":  # Right after updates.
        return updates > 0
    if moment == "evaluating":  # Right after the episode that makes it due.
        last = last_line(run / "episodes.jsonl")
        return episodes > 0 and evaluations <= 0 and last.get("env_steps", 1) % 400 == 0
    return episodes > 0 and updates > 0


def size(path: Path) -> int:
    """Return bytes of a file, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def last_line(path: Path) -> dict:
    """Return the last whole JSON line."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith("\n")]
    return json.loads(whole[-1]) if whole else {}


def compare(one: Path, other: Path) -> list[str]:
    """Return what differs between two finished runs."""
    names = [f"{stream}.jsonl" for stream in STREAMS] + ["score.json", "config.json"]
    found = [
        f"{name} differs"
        for name in names
        if (one / name).read_bytes() != (other / name).read_bytes()
    ]
    pairs = zip(load_agent(one).variables, load_agent(other).variables, strict=True)
    different = [mine.name for mine, yours in pairs if not np.array_equal(mine, yours)]
    return found + [f"variable {name} differs" for name in different]


if __name__ == "__main__":
    command_line.run(main)
