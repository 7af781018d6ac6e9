"""What each preset costs: hours of a run and of the whole benchmark, from rates measured here."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import machine, matmul_peak, print_figures, print_table, seconds_of
from benchmarks.updates import busy_agent
from la_mbda.config import SG6_TASKS, Config
from la_mbda.errors import ExpectedError
from la_mbda.presets import make_config
from la_mbda.runs.durations import Rates, run_seconds, updates_until

if TYPE_CHECKING:
    from la_mbda.model_based import ModelBasedAgent

EPISODE_STEPS = 100
SEEDS = {"paper": 5, "cpu": 1, "quick": 1}


@dataclass(frozen=True)
class Hours:
    """Hours that LAMBDA's runs take at each preset, on this machine and, estimated, on a GPU.

    A GPU's hours are the update's GFLOP, counted from shapes, at an assumed rate; simulating and
    rendering are taken to go on at the rate of this machine.
    """

    sizes: tuple[str, ...] = ("quick", "cpu", "paper")
    """Presets."""
    gpu_tflops: float = 5.0
    """TFLOP/s that a GPU is assumed to sustain in an update (an H100's peak in float32 is 67)."""
    slots: tuple[int, ...] = (1, 6, 30)
    """Runs at the same time for which the benchmark's hours are told: GPUs or nodes of Ray."""
    json: Path | None = None
    """File to write the figures to."""


def run(arguments: Hours) -> dict:
    """Measure and print.

    Raises:
        ValueError: an assumed rate or a number of slots that is not positive.
    """
    if arguments.gpu_tflops <= 0:
        raise ExpectedError(f"gpu_tflops is {arguments.gpu_tflops}: choose more than 0")
    if min(arguments.slots) < 1:
        raise ExpectedError(f"slots are {arguments.slots}: choose 1 or more")
    figures = {**machine(), "matmul_peak_gflops": matmul_peak(), "gpu_tflops": arguments.gpu_tflops}
    print_figures(figures)
    for size in arguments.sizes:
        figures[size] = measure(size, arguments)
        print_table(f"\n{size}, seconds", figures[size]["rates"])
        print_table("hours", figures[size]["hours"])
    return figures


def measure(size: str, arguments: Hours) -> dict[str, dict]:
    """Measure rates of each task, and hours of each task's run and of all, here and on a GPU."""
    from benchmarks import gflop

    configs = [make_config(size, task) for task in SG6_TASKS]
    agent = busy_agent(configs[0])
    update, model_update = (median_after_first(f) for f in (agent.update, agent.pretrain))
    agents, rates, hours = {agent.actions: agent}, {}, {}
    for config in configs:
        here = Rates(update, model_update, *acting_seconds(config, agents))
        parts = gflop.count(config, actions=2)
        giga = arguments.gpu_tflops * 1e3
        gpu = here._replace(
            update=sum(parts.values()) / giga, model_update=parts["world_model"] / giga
        )
        budget = config.training.env_steps
        rates[config.task] = here._asdict()
        hours[config.task] = {
            "updates": updates_until(config, budget),
            "this machine": run_seconds(config, 0, budget, here) / 3600.0,
            "one GPU": run_seconds(config, 0, budget, gpu) / 3600.0,
        }
    hours |= dict(benchmark_hours(hours, SEEDS[size], arguments.slots))
    return {"rates": rates, "hours": hours}


def benchmark_hours(hours: dict, seeds: int, slots: tuple[int, ...]) -> Iterator[tuple[str, dict]]:
    """Return the six tasks with the preset's seeds, for each number of runs at the same time.

    Runs begin in the plan's order, each as soon as a slot is free, as the sweep does.
    """
    for count in slots:
        total = {"updates": seeds * sum(run["updates"] for run in hours.values())}
        for place in ("this machine", "one GPU"):
            free = [0.0] * count
            for run in list(hours.values()) * seeds:
                free.sort()
                free[0] += run[place]
            total[place] = max(free)
        yield f"all, {count} at a time", total


def median_after_first(function, repeats: int = 3) -> float:
    """Median seconds of a call, the tracing one left out."""
    function()
    return statistics.median(seconds_of(function) for _ in range(repeats))


def acting_seconds(config: Config, agents: dict[int, "ModelBasedAgent"]) -> tuple[float, float]:
    """Measure seconds of a simulator step while training and while evaluating, by short episodes.

    Args:
        agents: by their number of actions, whatever task they are of; a missing one is added.
    """
    from la_mbda.algorithms import make_agent
    from la_mbda.environments import make_environment
    from la_mbda.episodes import evaluate, play_exploring

    short = make_config(config.preset, config.task, episode_steps=EPISODE_STEPS)
    environments = [make_environment(short) for _ in range(config.training.evaluation_episodes)]
    actions = environments[0].action_space.shape[0]
    if actions not in agents:
        agents[actions] = make_agent(config, environments[0])
    agent, seeds = agents[actions], list(range(len(environments)))
    exploring = median_after_first(lambda: play_exploring(environments[0], agent, 0))
    evaluating = median_after_first(lambda: evaluate(environments, agent, seeds))
    for env in environments:
        env.close()
    return exploring / EPISODE_STEPS, evaluating / EPISODE_STEPS / len(environments)
