"""How long CEM-MPC's decisions take."""

import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import machine, matmul_peak, print_figures
from benchmarks.updates import decision_seconds
from la_mbda.presets import make_config
from la_mbda.quiet import without_native_messages


@dataclass(frozen=True)
class Planner:
    """CEM-MPC's decisions per second at a preset's size, beside the machine's matmul peak.

    Each decision makes all of its iterations: nothing here is learnt that would let it stop early.
    """

    size: str = "quick"
    """The preset: paper, cpu or quick."""
    decisions: int = 20
    """Decisions measured after the first."""
    json: Path | None = None
    """File to write the figures to."""


def run(arguments: Planner) -> dict:
    """Measure and print decisions per second, for one environment and for ten.

    Inferring the belief is part of a decision, but its GFLOP are not counted.
    """
    with without_native_messages():
        from benchmarks import gflop
        from la_mbda.cem_mpc import CemMpcAgent

    # No search settles at a deviation of 0.
    config = make_config(arguments.size, "PointGoal1", "cem_mpc", planner_stop_std=0.0)
    agent = CemMpcAgent(config, (64, 64, 3), actions=2)
    agent.posterior.snapshots.assign(config.swag.swag_models)
    iterations = config.planner.planner_iterations
    total = gflop.count_plan(config, agent.actions, iterations)
    figures = {"size": arguments.size, **machine(), "load_average": os.getloadavg()[0]}
    figures |= {"iterations": iterations, "gflop_per_decision": total}
    peak = figures["matmul_peak_gflops"] = matmul_peak()
    for environments in (1, 10):
        seconds = decision_seconds(agent, environments, arguments.decisions)
        figures[f"for_{environments}"] = {
            "seconds": seconds,
            "decisions_per_second": environments / seconds,
            "fraction_of_peak": environments * total / seconds / peak,
        }
    print_figures(figures)
    return figures
