"""How long a run takes: one formula, and what its rates were on two CPU cores."""

from typing import NamedTuple

from la_mbda.config import BASELINES, Config

START_UP = 30.0
"""Seconds until the first environment step: imports, and the compilation of an update."""


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


# Measured by `experiments/benchmark.py cost` on two cores of 218 GFLOP/s together.
CPU_RATES = {
    "paper": Rates(10.0, 2.8, 0.003, 0.0012),
    "cpu": Rates(0.2, 0.085, 0.0025, 0.001),
    "quick": Rates(0.065, 0.05, 0.002, 0.0016),
}
# Seconds of a decision of CEM-MPC, alone and as one of ten, by `experiments/benchmark.py planner`.
_PLANNING = {"paper": (0.69, 0.63), "cpu": (0.088, 0.062), "quick": (0.017, 0.0053)}
# Seconds of a simulator step of a model-free baseline, learning included, and of an evaluation.
_BASELINE_STEP, _BASELINE_EVALUATED_STEP = 1 / 1000, 1 / 3000


def updates_until(config: Config, env_steps: int) -> float:
    """Full updates that an agent with a world model has made when it is at some env steps."""
    training = config.training
    iterations = max(0.0, (env_steps - training.start_steps) / training.steps_per_iteration)
    return iterations * training.updates_per_iteration


def run_seconds(config: Config, rates: Rates, start: int, end: int) -> float:
    """What a run with a world model takes to start and to go from some env steps to others.

    Checkpoints, a few seconds in all, are left out.
    """
    training = config.training
    step, evaluated_step = rates.env_step, rates.evaluated_step
    if config.algorithm == "cem_mpc":
        alone, of_ten = _PLANNING[config.preset]
        step += alone / training.action_repeat
        evaluated_step += of_ten / training.action_repeat
    learnt = updates_until(config, end) - updates_until(config, start)
    seconds = START_UP + learnt * rates.update + (end - start) * step
    seconds += _evaluated_steps(config, start, end) * evaluated_step
    if start <= training.start_steps < end:
        seconds += training.pretraining_updates * rates.model_update
    return seconds


def _evaluated_steps(config: Config, start: int, end: int) -> float:
    """Simulator steps of evaluations between some env steps, and of the final episodes."""
    training = config.training
    evaluations = (end - start) / min(training.evaluate_every, training.env_steps)
    episodes = evaluations * training.evaluation_episodes
    if end >= training.env_steps:
        episodes += training.final_episodes
    return episodes * training.episode_steps


def estimated_seconds(config: Config, start: int, end: int) -> float:
    """The same of any run at the rates of two CPU cores; a GPU is far faster."""
    if config.algorithm in BASELINES:
        evaluated = _evaluated_steps(config, start, end) * _BASELINE_EVALUATED_STEP
        return START_UP / 3 + (end - start) * _BASELINE_STEP + evaluated
    return run_seconds(config, CPU_RATES[config.preset], start, end)
