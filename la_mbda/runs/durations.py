"""How long a run takes: the work of its stages, and what a unit of each took on two CPU cores."""

import math
import time
from typing import NamedTuple

import numpy as np

from la_mbda import algorithms
from la_mbda.config import Config

START_UP = 30.0
"""Seconds until the first environment step: imports, and the compilation of an update."""
REFERENCE_GFLOPS = 205.0
"""What NumPy's large float32 product ran at on the machine of `CPU_RATES`, in GFLOP/s."""


class Rates(NamedTuple):
    """Seconds of a run's parts, at one size on one machine."""

    update: float
    """A full update of an agent with a world model."""
    model_update: float
    """An update of the world model alone, as in pre-training."""
    env_step: float
    """A simulator step while training, with its share of a decision."""
    evaluated_step: float
    """A simulator step of an evaluation, where episodes are stepped as one batch."""


# Measured by `experiments/benchmark.py hours` on two cores.
CPU_RATES = {
    "paper": Rates(9.5, 2.4, 0.0023, 0.0011),
    "cpu": Rates(0.165, 0.07, 0.0012, 0.0007),
    "quick": Rates(0.056, 0.041, 0.0015, 0.0013),
}
# Seconds of a decision of CEM-MPC, alone and as one of ten, by `experiments/benchmark.py planner`.
_PLANNING = {"paper": (0.69, 0.63), "cpu": (0.088, 0.062), "quick": (0.017, 0.0053)}
# Seconds of a simulator step of a model-free baseline, learnt from, and in an evaluation.
_BASELINE_ACTING, _BASELINE_UPDATING, _BASELINE_EVALUATED_STEP = 1 / 8000, 7 / 8000, 1 / 3000


def updates_until(config: Config, env_steps: int) -> float:
    """Full updates that an agent with a world model has made when it is at some env steps."""
    training = config.training
    iterations = max(0.0, (env_steps - training.start_steps) / training.steps_per_iteration)
    return iterations * training.updates_per_iteration


def work_until(config: Config, env_steps: int) -> dict[str, float]:
    """Return units of each stage that a run has done when it is at some env steps.

    A unit is an update, or a simulator step. Saving, a few seconds in all, is left out.
    """
    training = config.training
    finished = env_steps >= training.env_steps
    # The last one is at the budget; none is in the random start.
    passed = (math.ceil if finished else math.floor)(env_steps / training.evaluate_every)
    start = 0 if algorithms.find(config.algorithm).model_free else training.start_steps
    evaluations = max(0, passed - start // training.evaluate_every)
    work: dict[str, float] = {
        "acting": env_steps,
        "evaluating": evaluations * training.evaluation_episodes * training.episode_steps,
        "confirming": training.final_episodes * training.episode_steps if finished else 0,
    }
    if algorithms.find(config.algorithm).model_free:
        return work | {"updating": env_steps}
    pretrained = training.pretraining_updates if env_steps > training.start_steps else 0
    return work | {"pre-training": pretrained, "updating": updates_until(config, env_steps)}


def unit_seconds(config: Config, rates: Rates | None = None) -> dict[str, float]:
    """Return seconds of a unit of each stage.

    Args:
        rates: of an agent with a world model; those of two CPU cores where there are none.
    """
    if algorithms.find(config.algorithm).model_free:
        evaluated = _BASELINE_EVALUATED_STEP
        seconds = {"acting": _BASELINE_ACTING, "updating": _BASELINE_UPDATING}
        return seconds | {"evaluating": evaluated, "confirming": evaluated}
    rates = rates or CPU_RATES[config.preset]
    step, evaluated = rates.env_step, rates.evaluated_step
    if config.algorithm == "cem_mpc":
        alone, of_ten = _PLANNING[config.preset]
        step += alone / config.training.action_repeat
        evaluated += of_ten / config.training.action_repeat
    return {
        "acting": step,
        "pre-training": rates.model_update,
        "updating": rates.update,
        "evaluating": evaluated,
        "confirming": evaluated,
    }


def run_seconds(config: Config, start: int, end: int, rates: Rates | None = None) -> float:
    """Return what a run takes to start and to go from some env steps to others.

    Args:
        rates: as `unit_seconds` takes them; a GPU's are far better than those of two CPU cores.
    """
    before, after = work_until(config, start), work_until(config, end)
    seconds = unit_seconds(config, rates)
    return START_UP + sum(each * (after[name] - before[name]) for name, each in seconds.items())


def machine_slowness(seconds: float = 2.0) -> float:
    """Measure by a float32 matrix product how many times as long as in `CPU_RATES` things take.

    Args: seconds: how long to measure.
    """
    size = 2048
    square = np.random.default_rng(0).standard_normal((size, size), np.float32)
    begin, best = time.perf_counter(), math.inf
    while (now := time.perf_counter()) - begin < seconds:
        square @ square
        best = min(best, time.perf_counter() - now)
    return REFERENCE_GFLOPS * 1e9 * best / (2 * size**3)


def duration(seconds: float) -> str:
    """Format seconds as a person would say them."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
