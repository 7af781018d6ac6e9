"""Runs a plan of algorithms x tasks x seeds, then scores, figures and Table 3.

Finished runs are skipped and unfinished ones go on, so the same command can be given again and
again. Each run is a process of its own: `experiments/train.py` with the plan's options. Ctrl-C and
SIGTERM let the runs that go on save themselves first.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib

from la_mbda import command_line
from la_mbda.config import SG6_TASKS, Config
from la_mbda.environments import check_rendering
from la_mbda.run_folder import check_config, run_path
from la_mbda.scores import collect_scores
from la_mbda.stopping import StopRequest

REPOSITORY = Path(__file__).resolve().parents[1]
STOP = StopRequest()


@dataclass(frozen=True)
class SweepArguments(command_line.Settings):
    """Trains every run of a plan, then draws figures and tables and prints Table 3."""

    preset: str
    """paper, cpu or quick; the default is paper where TensorFlow sees a GPU, else quick."""
    algorithms: str = "lambda"
    """Comma-separated: lambda, unsafe_lambda, greedy_lambda, cem_mpc."""
    tasks: str = ",".join(SG6_TASKS)
    """Comma-separated tasks."""
    seeds: str = ""
    """Comma-separated seeds; the default is 0,1,2,3,4 for paper, else 0."""
    jobs: int = 1
    """Runs at the same time."""
    index: int | None = None
    """Train only this one of the plan, counted from 0, as one of a cluster's array jobs does."""
    backend: str = "local"
    """local, or ray for a cluster (RAY_ADDRESS) with the results on a shared folder."""


def main(argv: Sequence[str]) -> int:
    """Plans, trains, collects, draws; the exit status is not 0 if a run failed."""
    plan, arguments = make_plan(argv)
    for config in plan:
        check_rendering(config)
    if arguments.index is not None:
        plan = [choose_run(plan, arguments.index)]
    print_plan(plan, arguments.results)
    begin = time.perf_counter()
    todo = [config for config in plan if not is_finished(config, arguments.results)]
    with STOP:
        failed = run_all(todo, arguments) if todo else []
    if STOP.asked:
        raise KeyboardInterrupt
    if arguments.index is not None:  # The last of the jobs, or the plan given again, does the rest.
        return 1 if failed else 0
    for algorithm in dict.fromkeys(config.algorithm for config in plan):
        collect_scores(arguments.results, arguments.preset, algorithm)
    figures = [sys.executable, str(REPOSITORY / "plotting" / "figures.py"), str(arguments.results)]
    drawn = subprocess.run(figures, check=False).returncode
    print_end(plan, failed, arguments.results, time.perf_counter() - begin)
    return 1 if failed or drawn else 0


def make_plan(argv: Sequence[str]) -> tuple[list[Config], SweepArguments]:
    """The configurations of all runs, each checked against what its folder already holds.

    Raises:
        ValueError: a bad option, or a folder with a run of other settings.
    """
    preset = "quick" if any(a.split("=")[0] == "--preset" for a in argv) else default_preset()
    arguments = command_line.parse(SweepArguments, argv, preset=preset, task=SG6_TASKS[0])
    if arguments.jobs < 1:
        raise ValueError(f"jobs is {arguments.jobs}: choose 1 or more")
    if arguments.backend not in ("local", "ray"):
        raise ValueError(f"unknown backend {arguments.backend!r}: choose local or ray")
    seeds = arguments.seeds or ("0,1,2,3,4" if arguments.preset == "paper" else "0")
    plan = []
    for seed in split(seeds):
        if not seed.isdecimal():
            raise ValueError(f"seed {seed!r} is no whole number: give seeds as 0,1,2")
        for task in split(arguments.tasks):
            # Read once more for each task, as the preset's budget depends on it.
            settings = command_line.parse(SweepArguments, argv, preset=preset, task=task)
            for algorithm in split(arguments.algorithms):
                config = settings.config(settings.preset, task, algorithm, int(seed))
                check_config(run_path(arguments.results, config), config)
                plan.append(config)
    return plan, arguments


def choose_run(plan: list[Config], index: int) -> Config:
    """One run of the plan.

    Raises:
        ValueError: the plan has no such run.
    """
    if not 0 <= index < len(plan):
        raise ValueError(
            f"index is {index}: the plan has {len(plan)} runs, choose 0 to {len(plan) - 1}"
        )
    return plan[index]


def split(text: str) -> list[str]:
    """The items of a comma-separated list.

    Raises:
        ValueError: an item is empty or given twice.
    """
    items = [item.strip() for item in text.split(",")]
    if not all(items) or len(set(items)) != len(items):
        raise ValueError(f"{text!r} has an empty or a double item: give each once, as a,b,c")
    return items


def default_preset() -> str:
    """`paper` where TensorFlow sees a GPU, else `quick`."""
    with command_line.without_native_messages():
        import tensorflow as tf  # Takes seconds, and is needed for nothing else here.

    return "paper" if tf.config.list_physical_devices("GPU") else "quick"


def is_finished(config: Config, results: Path) -> bool:
    """Whether a run has its score."""
    return (run_path(results, config) / "score.json").exists()


def estimated_seconds(config: Config) -> float:
    """What a run takes on two CPU cores (a GPU is far faster), from measured rates."""
    training = config.training
    per_update = {"paper": 12.0, "cpu": 0.6, "quick": 0.1}[config.preset]
    iterations = (training.env_steps - training.random_steps) / training.steps_per_iteration
    updates = training.pretraining_updates + iterations * training.updates_per_iteration
    evaluations = max(1, training.env_steps // training.evaluate_every)
    evaluated = evaluations * training.evaluation_episodes * training.episode_steps
    return 30.0 + updates * per_update + (training.env_steps + evaluated) * step_seconds(config)


def step_seconds(config: Config) -> float:
    """What an environment step takes with its share of a decision; a planner's take longer."""
    planning = {"paper": 0.8, "cpu": 0.15, "quick": 0.013}[config.preset]
    decision = planning / config.training.action_repeat
    return 1 / 400.0 + (decision if config.algorithm == "cem_mpc" else 0.0)


def print_plan(plan: list[Config], results: Path) -> None:
    """What will be done, and about how long it will take."""
    print(f"Plan: {len(plan)} runs, results in {results}")
    total = 0.0
    for config in plan:
        path = run_path(results, config)
        if is_finished(config, results):
            state = "finished"
        else:
            seconds = estimated_seconds(config)
            total += seconds
            verb = "go on" if any((path / "checkpoint").glob("step_*")) else "train"
            state = f"{verb}, {config.training.env_steps:,} env steps, about {duration(seconds)}"
        print(f"  {config.algorithm:14} {config.task:18} seed {config.seed}: {state}")
    if total:
        print(f"Estimated: {duration(total)} on two CPU cores, one run after the other", flush=True)
    if plan[0].preset != "paper":
        print(f"The {plan[0].preset} preset is a reduced scale: its scores are not the paper's.")


def duration(seconds: float) -> str:
    """Seconds as a person would say them."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def run_all(todo: list[Config], arguments: SweepArguments) -> list[Config]:
    """Trains the runs, as many at a time as asked for, and returns those that failed."""
    backend = "threading"  # Each thread only waits for the process of its run.
    if arguments.backend == "ray":
        backend = register_ray()
    with joblib.parallel_config(backend=backend, n_jobs=arguments.jobs):
        codes = joblib.Parallel()(
            joblib.delayed(train_in_process)(
                config, arguments.results.resolve(), min(arguments.jobs, len(todo))
            )
            for config in todo
        )
    return [config for config, code in zip(todo, codes, strict=True) if code]


def register_ray() -> str:
    """Makes joblib send runs to a Ray cluster.

    Raises:
        ValueError: Ray is not installed.
    """
    try:
        from ray.util.joblib import register_ray as register
    except ImportError as error:
        raise ValueError("backend ray needs Ray: pip install 'ray[default]'") from error
    register()
    return "ray"


def train_in_process(config: Config, results: Path, jobs: int) -> int:
    """Trains one run in a process of its own; returns its exit status.

    Args:
        jobs: how many run at the same time. They share the cores; and what each prints goes to
            train.log in its folder, where several would mix.
    """
    if STOP.asked:
        return 1
    command = [sys.executable, str(REPOSITORY / "experiments" / "train.py")]
    command += ["--preset", config.preset, "--task", config.task, "--algorithm", config.algorithm]
    command += ["--seed", str(config.seed), "--results", str(results)]
    command += command_line.overrides_as_arguments(config)
    if jobs == 1:
        return wait(subprocess.Popen(command, start_new_session=True))
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    share = {"TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": threads}
    path = run_path(results, config)
    path.mkdir(parents=True, exist_ok=True)
    with (path / "train.log").open("a") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, env=share | os.environ, start_new_session=True
        )
        code = wait(process)
    print(f"{'failed' if code else 'finished'}: {path} (train.log)", flush=True)
    return code


def wait(process: subprocess.Popen) -> int:
    """The exit status of a run, which is asked to stop when this process is.

    Runs are sessions of their own, as a terminal's Ctrl-C would else reach them a second time.
    """
    asked = False
    try:
        while True:
            try:
                return process.wait(0.5)
            except subprocess.TimeoutExpired:
                if STOP.asked and not asked:
                    process.terminate()
                    asked = True
    except KeyboardInterrupt:  # A second Ctrl-C does not wait.
        process.kill()
        raise


def print_end(plan: list[Config], failed: list[Config], results: Path, seconds: float) -> None:
    """The last screen: what is where, and what failed."""
    preset = plan[0].preset
    print(f"\n{len(plan) - len(failed)} of {len(plan)} runs finished in {duration(seconds)}.")
    for config in failed:
        print(f"  failed: {run_path(results, config)}: the same command tries it again")
    print(f"  runs     {results / preset}")
    print(f"  scores   {results / preset / 'scores'}")
    print(f"  figures  {results / 'figures'}")
    print(f"  tables   {results / 'tables'}")


if __name__ == "__main__":
    command_line.run(main)
