"""Runs a plan of algorithms x tasks x seeds, then scores, figures and Table 3.

Finished runs are skipped and unfinished ones go on, so the same command can be given again and
again. Each run is a process of its own, `experiments/train.py` with the plan's options, here or on
a Ray cluster; where one fails, the others go on. Ctrl-C and SIGTERM let the runs that go on save
themselves first.
"""

import checkout  # noqa: F401

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from la_mbda import command_line, validation
from la_mbda.config import SG6_TASKS, Config
from la_mbda.environments import check_rendering
from la_mbda.errors import ExpectedError
from la_mbda.presets import make_config
from la_mbda.quiet import without_native_messages
from la_mbda.runs import loggers, on_ray
from la_mbda.runs.durations import duration, machine_slowness, run_seconds
from la_mbda.runs.folder import check_config, run_path
from la_mbda.runs.local import train_here
from la_mbda.runs.overview import Estimate, Overview
from la_mbda.runs.run import Outcome, Run
from la_mbda.runs.scores import collect_scores
from la_mbda.runs.stopping import StopRequest
from la_mbda.settings import Count

REPOSITORY = Path(__file__).resolve().parents[1]
STOP = StopRequest()


@dataclass(frozen=True)
class SweepArguments(command_line.Settings):
    """Train every run of a plan, then draw figures and tables."""

    preset: str
    """paper, cpu or quick; the default is paper where TensorFlow sees a GPU, else quick. Of the
    baselines there is paper_long too."""
    algorithms: Annotated[
        str, tyro.conf.arg(help=f"Comma-separated: {command_line.ALGORITHM_HELP}")
    ] = "lambda"
    tasks: str = ",".join(SG6_TASKS)
    """Comma-separated tasks."""
    seeds: str = ""
    """Comma-separated seeds; the default is 0,1,2,3,4 for paper, else 0."""
    jobs: int = 1
    """Runs at the same time; with backend ray, on each node without a GPU."""
    index: int | None = None
    """Train only this one of the plan, counted from 0, as one of a cluster's array jobs does."""
    backend: str = "local"
    """local, or ray for a Ray cluster (RAY_ADDRESS) with the results on a shared folder."""


def main(argv: Sequence[str]) -> int:
    """Plan, train, collect, draw; the exit status is not 0 if a run failed."""
    plan, arguments = make_plan(argv)
    if arguments.backend == "ray":
        on_ray.connect()
    else:
        for run in plan:
            check_rendering(run.config)
    if arguments.index is not None:
        plan = [choose_run(plan, arguments.index)]
    estimate = make_estimate(plan, arguments.backend)
    print_plan(plan, arguments.results, estimate)
    begin = time.perf_counter()
    outcomes = run_all(plan, arguments, estimate)
    if STOP.asked:
        raise KeyboardInterrupt
    unfinished = {run: end for run, end in outcomes.items() if end.state != "finished"}
    if arguments.index is not None:  # The last of the jobs, or the plan given again, does the rest.
        return 1 if unfinished else 0
    for config in {run.config.variant: run.config for run in plan}.values():
        collect_scores(arguments.results, config)
    figures = [str(REPOSITORY / "plotting" / "figures.py"), str(arguments.results)]
    drawn = subprocess.run([sys.executable, *figures], check=False).returncode
    print_end(plan, unfinished, arguments.results, time.perf_counter() - begin)
    if not unfinished:
        print_next(plan, estimate)
    return 1 if unfinished or drawn else 0


def make_plan(argv: Sequence[str]) -> tuple[list[Run], SweepArguments]:
    """Make all runs, the settings of each checked against what its folder already holds.

    Raises:
        ValueError: a bad option, or a folder with a run of other settings.
    """
    scout = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    scout.add_argument("--preset")
    scout.add_argument("--algorithms", default=SweepArguments.algorithms)
    given, _ = scout.parse_known_args(argv)
    preset, first = given.preset or default_preset(), given.algorithms.split(",")[0].strip()
    arguments = command_line.parse(SweepArguments, argv, preset, SG6_TASKS[0], first)
    validation.check("jobs", arguments.jobs, Count)
    if arguments.backend not in ("local", "ray"):
        raise ExpectedError(f"unknown backend {arguments.backend!r}: choose local or ray")
    if arguments.track:
        loggers.find(arguments.track)  # Each run's process does that again, and uses it.
    seeds = arguments.seeds or default_seeds(arguments.preset)
    plan = []
    for seed in split(seeds):
        if not seed.isdecimal():
            raise ExpectedError(f"seed {seed!r} is no whole number: give seeds as 0,1,2")
        for task in split(arguments.tasks):
            for algorithm in split(arguments.algorithms):
                # Read once more for each, as the preset's settings depend on them.
                settings = command_line.parse(SweepArguments, argv, preset, task, algorithm)
                config = settings.config(settings.preset, task, algorithm, int(seed))
                run = make_run(config, arguments.results.resolve(), arguments.track)
                check_config(run.path, config)
                plan.append(run)
    return plan, arguments


def default_seeds(preset: str) -> str:
    """Five where the paper's are five, else one."""
    return "0,1,2,3,4" if preset == "paper" else "0"


def choose_run(plan: list[Run], index: int) -> Run:
    """Make one run of the plan.

    Raises:
        ValueError: the plan has no such run.
    """
    if not 0 <= index < len(plan):
        raise ExpectedError(
            f"index is {index}: the plan has {counted(plan)}, choose 0 to {len(plan) - 1}"
        )
    return plan[index]


def counted(plan: Sequence[Run]) -> str:
    """Return how many runs there are, in words."""
    return f"{len(plan)} run{'' if len(plan) == 1 else 's'}"


def split(text: str) -> list[str]:
    """Return the items of a comma-separated list.

    Raises:
        ValueError: an item is empty or given twice.
    """
    items = [item.strip() for item in text.split(",")]
    if not all(items) or len(set(items)) != len(items):
        raise ExpectedError(f"{text!r} has an empty or a double item: give each once, as a,b,c")
    return items


def default_preset() -> str:
    """Return `paper` where TensorFlow sees a GPU, else `quick`."""
    with without_native_messages():
        import tensorflow as tf  # Takes seconds, and is needed for nothing else here.

    return "paper" if tf.config.list_physical_devices("GPU") else "quick"


def make_estimate(plan: list[Run], backend: str) -> Estimate:
    """Return how long runs take on the cores of this machine, which is measured for two seconds.

    Nodes of a cluster are taken to be as fast as the machine of `durations.CPU_RATES`.
    """
    local = backend == "local" and not all(run.finished for run in plan)
    slowness = machine_slowness() if local else 1.0
    return lambda config, start, end: slowness * run_seconds(config, start, end)


def print_plan(plan: list[Run], results: Path, estimate: Estimate) -> None:
    """Print what will be done, and about how long it will take."""
    print(f"Plan: {counted(plan)}, results in {results}")
    total = 0.0
    for run in plan:
        config = run.config
        if run.finished:
            state = "finished"
        else:
            done, budget = run.env_steps, config.training.env_steps
            seconds = estimate(config, done, budget)
            total += seconds
            verb = "go on" if done else "train"
            state = f"{verb}, {budget - done:,} env steps, about {duration(seconds)}"
        print(f"  {config.variant:14} {config.task:18} seed {config.seed}: {state}")
    if total:
        print(f"Estimated: {duration(total)} on these CPU cores, one run after the other")
    preset = plan[0].config.preset
    if preset not in ("paper", "paper_long"):
        print(f"The {preset} preset is a reduced scale: its scores are not the paper's.")
    sys.stdout.flush()


def run_all(plan: list[Run], arguments: SweepArguments, estimate: Estimate) -> dict[Run, Outcome]:
    """Train the runs that are not finished and say how each ended."""
    todo = [run for run in plan if not run.finished]
    if not todo:
        return {}
    overview = Overview(plan, estimate)
    train = on_ray.train_on_ray if arguments.backend == "ray" else train_here
    with STOP:
        outcomes = train(todo, arguments.jobs, STOP, overview)
    overview.close()
    return dict(zip(todo, outcomes, strict=True))


def make_run(config: Config, results: Path, track: str) -> Run:
    """Return a run and the command that trains it."""
    command = [str(REPOSITORY / "experiments" / "train.py")]
    command += ["--preset", config.preset, "--task", config.task, "--algorithm", config.algorithm]
    command += ["--seed", str(config.seed), "--results", str(results)]
    command += ["--name", config.name] if config.name else []
    command += ["--track", track] if track else []
    command += command_line.overrides_as_arguments(config)
    return Run(config, run_path(results, config), tuple(command))


def print_end(
    plan: list[Run], unfinished: dict[Run, Outcome], results: Path, seconds: float
) -> None:
    """Print the last screen: what is where, and what failed."""
    folder = results / plan[0].config.preset
    works = ": every stage works (not a result)"
    said = works if plan[0].config.preset == "quick" and not unfinished else ""
    done = len(plan) - len(unfinished)
    print(f"\n{done} of {counted(plan)} finished in {duration(seconds)}{said}.")
    for run, outcome in unfinished.items():
        print(f"  {outcome.state}: {run}: {outcome.reason or 'by a signal'}: see {run.log}")
    if unfinished:
        print("  the same command resumes them")
    print(f"  runs     {folder}")
    print(f"  scores   {folder / 'scores'}")
    print(f"  figures  {results / 'figures'}")
    print(f"  tables   {results / 'tables'}")
    print(f"  report   {results / 'report' / 'index.html'}")


def print_next(plan: list[Run], estimate: Estimate) -> None:
    """Print the same runs at the next larger scale, and how long they take."""
    larger = {"quick": "cpu", "cpu": "paper"}.get(plan[0].config.preset)
    if larger is None:
        return
    configs = [
        make_config(larger, run.config.task, run.config.algorithm, run.config.seed) for run in plan
    ]
    seconds = sum(estimate(config, 0, config.training.env_steps) for config in configs)
    parts = {
        "algorithms": ([config.algorithm for config in configs], SweepArguments.algorithms),
        "tasks": ([config.task for config in configs], SweepArguments.tasks),
        "seeds": ([str(config.seed) for config in configs], default_seeds(larger)),
    }
    command = f"bash experiments/run_sg6.sh --preset {larger}"
    for name, (values, default) in parts.items():
        given = ",".join(dict.fromkeys(values))
        command += f" --{name} {given}" if given != default else ""
    print(f"  next     {command} (about {duration(seconds)} on these CPU cores)")


if __name__ == "__main__":
    command_line.run(main)
