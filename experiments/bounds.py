"""Compares the rules of the upper bound on a trained run: `python experiments/bounds.py RUN`.

From every belief of some evaluation episodes the run's policy is followed under each posterior
sample. Printed for the task and for each cost: at how many of these starts both rules of `bound_by`
take the same one, and the mean V_λ of all samples and of those that each rule takes. What `values`
takes is the most that any rule can.
"""

import checkout  # noqa: F401

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from la_mbda import command_line, validation
from la_mbda.api import check_agent, load_agent
from la_mbda.environments import make_environment
from la_mbda.errors import ExpectedError
from la_mbda.settings import BOUND_RULES, Count, Seed

BOUNDED = ("lambda", "unsafe_lambda")


@dataclass(frozen=True)
class BoundsArguments:
    """Compares what each rule of the upper bound chooses; the run stays untouched."""

    run: tyro.conf.Positional[Path]
    """Folder of the run: RESULTS/<preset>/<algorithm>/<task>/seed_<n>."""
    episodes: int = 4
    """Evaluation episodes whose beliefs are started from."""
    seed: int = 0
    """Seed of the episodes' layouts."""


def main(argv: Sequence[str]) -> int:
    """Parse, play, imagine, print.

    Raises:
        ValueError: the run has no bounds, or no posterior to choose from.
    """
    arguments = tyro.cli(BoundsArguments, args=list(argv))
    validation.check("episodes", arguments.episodes, Count)
    validation.check("seed", arguments.seed, Seed)
    config = check_agent(arguments.run)
    if config.algorithm not in BOUNDED:
        raise ExpectedError(
            f"{arguments.run} is of {config.algorithm}, which has no upper bounds: give a run of "
            f"{' or '.join(BOUNDED)}"
        )
    agent = load_agent(arguments.run)
    # These load TensorFlow, as that has.
    from la_mbda.bounds import compare_rules
    from la_mbda.episodes import layout_seed

    if not agent.posterior.active:
        raise ExpectedError(
            f"{arguments.run} has no active posterior, so its samples are all the same model: let "
            "it train further, or choose a run that has its checkpoint (older shipped weights come "
            "without a posterior)"
        )
    env = make_environment(config)
    count = arguments.episodes
    seeds = [layout_seed(config.task, arguments.seed, "evaluate", i) for i in range(count)]
    found = compare_rules(agent, env, seeds)
    env.close()
    samples, starts = found["task"].values.shape
    print(
        f"{config.task} {config.variant} seed {config.seed} ({config.preset} preset): "
        f"{starts:,} starts, {samples} samples"
    )
    head = f"{'mean V_λ':9}{'same sample':>13}{'all samples':>13}"
    print(f"{head}{''.join(map(_heading, BOUND_RULES))}{'lift':>10}{'by noise':>10}")
    for name, comparison in found.items():
        chosen = "".join(f"{comparison.of_chosen(rule):11.3f}" for rule in BOUND_RULES)
        lifts = f"{comparison.lift:10.3f}{comparison.lift_by_noise:10.3f}"
        print(f"{name:9}{comparison.agreement:13.1%}{comparison.of_all:13.3f}{chosen}{lifts}")
    return 0


def _heading(rule: str) -> str:
    return f"{f'by {rule}':>11}"


if __name__ == "__main__":
    command_line.run(main)
