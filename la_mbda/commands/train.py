"""Trains one run: `la-mbda train --task PointGoal1 --preset cpu --seed 0`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from la_mbda import command_line
from la_mbda.api import train
from la_mbda.runs import loggers
from la_mbda.runs.files import numbers
from la_mbda.runs.folder import run_path


@dataclass(frozen=True)
class TrainArguments(command_line.Settings):
    """Train one run to its budget, or resume it. Every setting can be given by its name."""

    task: str
    """An SG6 task, ObservablePointPush1, or gymnasium:<id>."""
    algorithm: Annotated[str, tyro.conf.arg(help=command_line.ALGORITHM_HELP)]
    preset: Annotated[str, tyro.conf.arg(help=command_line.PRESET_HELP)]
    seed: int
    """All randomness of the run comes from it."""


def main(argv: Sequence[str]) -> int:
    """Parse, train, print the score."""
    arguments = command_line.parse(TrainArguments, argv, preset="cpu", task="PointGoal1")
    config = arguments.config(arguments.preset, arguments.task, arguments.algorithm, arguments.seed)
    make_logger = loggers.find(arguments.track) if arguments.track else None
    score = train(config, arguments.results, make_logger)
    costs = ", ".join(f"{cost:.2f}" for cost in numbers(score, "cost_return"))
    regrets = ", ".join(f"{regret:.4f}" for regret in numbers(score, "cost_regret"))
    print(
        f"{config.task} {config.variant} seed {config.seed} ({config.preset} preset): "
        f"return {score['return']:.2f}, cost return {costs}, cost regret {regrets}, "
        f"{score['env_steps']} env steps"
    )
    if confirmed := score.get("confirmed"):
        means, errors = (numbers(confirmed, name) for name in ("cost_return", "cost_return_se"))
        pairs = zip(means, errors, strict=True)
        costs = ", ".join(f"{cost:.2f} ± {error:.2f}" for cost, error in pairs)
        print(
            f"confirmed over {confirmed['episodes']} other layouts: return "
            f"{confirmed['return']:.2f} ± {confirmed['return_se']:.2f}, cost return {costs}"
        )
    print(f"results: {run_path(arguments.results, config)}")
    return 0
