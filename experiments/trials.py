"""Trials of settings at equal CPU time: `python experiments/trials.py run hold_4 --results DIR`.

Each trial changes some settings of the `cpu` preset and trains one task from one seed until its
process has used so much CPU time, on one thread. It is judged by its last training episodes, and by
how well its model foresees the rewards and costs of fresh ones. `trials.py table` shows all that
were judged. docs/learning.md says what they taught.
"""

import checkout  # noqa: F401

import json
import math
import os
import resource
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Annotated

import tyro

from la_mbda import command_line, validation
from la_mbda.api import load_agent, train
from la_mbda.config import BASELINES, EPISODE_STEPS, Config
from la_mbda.errors import ExpectedError
from la_mbda.presets import make_config
from la_mbda.runs.folder import read_json, run_path, write_json
from la_mbda.settings import Positive

JUDGEMENT = "trial.json"
LAST_EPISODES = 20
FRESH_EPISODES = 10
ENOUGH = 0.98
"""The system counts CPU time by another clock, which runs up to a percent faster."""


def held(decision: int) -> dict:
    """Hold actions for some simulator steps; discounts keep their time scale in these steps."""
    return {
        "action_repeat": decision,
        "episode_steps": EPISODE_STEPS // decision * decision,
        "discount": 1.0 - 0.005 * decision,
        "cost_discount": 1.0 - 0.0025 * decision,
    }


def rates(factor: float) -> dict:
    """Learning rates of actor and critics, times the preset's."""
    names = ("actor_learning_rate", "task_critic_learning_rate", "safety_critic_learning_rate")
    return dict.fromkeys(names, 3e-4 * factor)


UPDATES_100 = {"updates_per_iteration": 100}
# What each trial changes of the preset, or of what it was before (actions held for two steps, 100
# updates), which hold_2 is.
TRIALS = {
    "preset": {},
    "hold_2": held(2) | UPDATES_100,
    "hold_4": UPDATES_100,
    "hold_2_updates_50": held(2),
    "hold_3_updates_50": held(3),
    "hold_5_updates_50": held(5),
    "updates_33": {"updates_per_iteration": 33},
    "rates_2": rates(2.0),
    "rates_3": rates(3.0),
}


@dataclass(frozen=True)
class Run:
    """Trains and judges one task of one trial; an interrupted one is resumed."""

    trial: tyro.conf.Positional[str]
    """Name of the trial."""
    results: Path
    """Folder of all trials."""
    task: str = "PointGoal2"
    """What to learn."""
    algorithm: str = "unsafe_lambda"
    """LAMBDA or one of its ablations."""
    seed: int = 0
    """All randomness of the run comes from it."""
    minutes: float = 30.0
    """CPU time of the training, start-up included."""


@dataclass(frozen=True)
class Table:
    """Shows all trials that were judged, a line for each run."""

    results: Path
    """Folder of all trials."""


def main(argv: Sequence[str]) -> int:
    """Run a trial or show what trials gave.

    Raises:
        ValueError: unknown trial, task or algorithm, or no CPU time.
    """
    command = tyro.cli(
        Annotated[Run, tyro.conf.subcommand("run")]
        | Annotated[Table, tyro.conf.subcommand("table")],
        args=list(argv),
    )
    if isinstance(command, Table):
        show(command.results)
        return 0
    validation.choose("trial", command.trial, TRIALS)
    validation.check("minutes", command.minutes, Positive)
    if command.algorithm in BASELINES:
        raise ExpectedError(
            f"algorithm is {command.algorithm}, which has no model to judge: choose lambda or one "
            "of its ablations"
        )
    config = trial_config(command)
    path = run_path(command.results / command.trial, config)
    train_for(config, command.results / command.trial, path / JUDGEMENT, 60.0 * command.minutes)
    print(line(judge(command.trial, path)))
    return 0


def trial_config(run: Run) -> Config:
    """Return a trial's settings; a budget it does not reach, and no evaluations until there."""
    config = make_config("cpu", run.task, run.algorithm, run.seed, **TRIALS[run.trial])
    # Set afterwards, so that the constraint's schedule is that of the preset's budget.
    longest = {"env_steps": 2_000_000, "evaluate_every": 2_000_000, "checkpoint_every": 20_000}
    return replace(config, training=replace(config.training, **longest))


def train_for(config: Config, results: Path, record: Path, limit: float) -> None:
    """Train until the run's processes have used this many CPU seconds, those of old ones too.

    Raises:
        KeyboardInterrupt: it was stopped before.
    """
    spent = read_json(record)["cpu_seconds"] if record.exists() else 0.0
    if spent >= ENOUGH * limit:
        return
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = "1"
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)  # Before and after the training.
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    seconds = math.ceil(time.process_time() + limit - spent)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))
    try:
        train(config, results)
    except KeyboardInterrupt:
        spent += time.process_time()
        write_json(record, {"cpu_seconds": spent})
        if spent < ENOUGH * limit:
            raise
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))


def judge(trial: str, path: Path) -> dict:
    """Add to a run's record what it reached, where that is not there yet, and return it."""
    record = read_json(path / JUDGEMENT)
    if "episodes" in record:
        return record
    agent = load_agent(path)
    # These load TensorFlow, as that has.
    from la_mbda.environments import make_environment
    from la_mbda.episodes import layout_seed
    from la_mbda.foresight import foresee

    config = agent.config
    env = make_environment(config)
    seeds = [layout_seed(config.task, config.seed, "evaluate", i) for i in range(FRESH_EPISODES)]
    found = foresee(agent, env, seeds, config.behaviour.horizon)
    env.close()
    episodes = _lines(path / "episodes.jsonl")
    last = episodes[-LAST_EPISODES:]
    record |= {
        "trial": trial,
        "task": config.task,
        "algorithm": config.algorithm,
        "seed": config.seed,
        "env_steps": episodes[-1]["env_steps"],
        "updates": int(agent.model.optimizer.iterations) - config.training.pretraining_updates,
        "episodes": len(last),
        "return": fmean(episode["return"] for episode in last),
        "cost_return": fmean(episode["cost_return"] for episode in last),
        "foresight": {
            name: {
                "imagined": float(part.imagined.mean()),
                "real": float(part.real.mean()),
                "correlation": None if math.isnan(part.correlation) else part.correlation,
            }
            for name, part in found.items()
        },
    }
    write_json(path / JUDGEMENT, record)
    return record


def show(results: Path) -> None:
    """Print a line for each judged run, by trial, task and seed."""
    records = [read_json(path) for path in results.glob(f"*/cpu/*/*/seed_*/{JUDGEMENT}")]
    for record in sorted((r for r in records if "episodes" in r), key=_place):
        print(line(record))


def _place(record: dict) -> tuple:
    return (
        record["task"],
        record["algorithm"],
        list(TRIALS).index(record["trial"]),
        record["seed"],
    )


def line(record: dict) -> str:
    """Format a judged run in one line."""
    foresight = "; ".join(
        f"{name} imagined {part['imagined']:.3f}, real {part['real']:.3f}, "
        f"r {'–' if part['correlation'] is None else format(part['correlation'], '.2f')}"
        for name, part in record["foresight"].items()
    )
    return (
        f"{record['task']:12} {record['algorithm']:14} {record['trial']:12} seed {record['seed']}: "
        f"return {record['return']:6.2f}, cost {record['cost_return']:6.1f} (last "
        f"{record['episodes']} episodes), {record['env_steps']:,} env steps, "
        f"{record['updates']:,} updates, {record['cpu_seconds'] / 60:.0f} min of CPU; {foresight}"
    )


def _lines(path: Path) -> list[dict]:
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    command_line.run(main)
