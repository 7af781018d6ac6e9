"""How long LAMBDA's update and its decisions take."""

import os
import resource
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import against
from benchmarks.measuring import (
    machine,
    matmul_peak,
    median_seconds,
    print_figures,
    print_table,
    seconds_of,
    spread,
)
from la_mbda.errors import ExpectedError
from la_mbda.presets import make_config
from la_mbda.quiet import without_native_messages
from la_mbda.runs.local import threads


@dataclass(frozen=True)
class Update:
    """Seconds per update and per decision at a preset's size, beside the machine's matmul peak."""

    size: str = "quick"
    """The preset: paper, cpu or quick."""
    updates: int = 10
    """Updates measured after the first."""
    compile: str = "none"
    """Compiler of the update: none or xla."""
    precision: str = "float32"
    """Of products and convolutions: float32 or bfloat16."""
    threads: int | None = None
    """Cores to use; all if not given."""
    scaling: bool = False
    """Measure in place of the parts how an update grows with samples, horizon and batch."""
    against: str | None = None
    """A commit to compare with: both are measured in turn, in processes of their own."""
    rounds: int = 3
    """Turns of each, to compare."""
    json: Path | None = None
    """File to write the figures to."""


def run(arguments: Update) -> dict:
    """Measure and print.

    Raises:
        ValueError: there is no such commit to compare with, or not one core or turn.
    """
    for name in ("threads", "rounds"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise ExpectedError(f"{name} is {value}: choose 1 or more")
    if arguments.threads is not None:  # Before TensorFlow is imported.
        os.environ.update(threads(arguments.threads))
    if arguments.against is not None:
        options = ["--size", arguments.size, "--updates", str(arguments.updates)]
        options += ["--compile", arguments.compile, "--precision", arguments.precision]
        figures = against.compare(arguments.against, options, arguments.rounds)
        print_table("seconds", figures)
    elif arguments.scaling:
        figures = measure_scaling(arguments)
        print_table("setting", figures)
    else:
        figures = measure_update(arguments)
        print_figures(figures)
    return figures


def measure_update(arguments: Update) -> dict:
    """Measure an update's time as a whole and by parts, and how much of the machine it uses."""
    with without_native_messages():
        from benchmarks import gflop

    settings = {"compile": arguments.compile, "precision": arguments.precision}
    agent = busy_agent(make_config(arguments.size, "PointGoal1", **settings))
    first = seconds_of(agent.update)
    seconds = [seconds_of(agent.update) for _ in range(arguments.updates)]
    peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    parts = measure_parts(agent, statistics.median(seconds), arguments.updates)
    peak = matmul_peak()
    gflop_of_parts = gflop.count(agent.config, agent.actions)
    total = sum(gflop_of_parts.values())
    return {
        "size": arguments.size,
        **settings,
        **machine(),
        "seconds_per_update": spread(seconds),
        "first_call_seconds": first,
        "parts": parts,
        "peak_memory_bytes": peak_memory,
        "gflop_per_update": total,
        "gflop_of_parts": gflop_of_parts,
        "matmul_peak_gflops": peak,
        "fraction_of_peak": total / statistics.median(seconds) / peak,
        "decision_seconds": decision_seconds(agent, 1),
        "decision_seconds_for_10": decision_seconds(agent, 10),
    }


def measure_scaling(arguments: Update) -> dict[str, dict[str, float]]:
    """Measure seconds per update as samples, horizon or batch change, beside a straight line.

    Each line holds the seconds measured and, as `line`, what the two ends of its range give.
    """
    ranges = {
        "posterior_samples": (1, 2, 5, 10),
        "horizon": (5, 15, 30),
        "batch_size": (8, 16, 32),
    }
    table = {}
    for name, values in ranges.items():
        seconds = []
        for value in values:
            agent = busy_agent(make_config(arguments.size, "PointGoal1", **{name: value}))
            agent.update()
            seconds.append(statistics.median(seconds_of(agent.update) for _ in range(5)))
        line = np.interp(values, (values[0], values[-1]), (seconds[0], seconds[-1]))
        for value, measured, straight in zip(values, seconds, line, strict=True):
            table[f"{name} {value}"] = {"seconds": measured, "line": float(straight)}
    return table


def busy_agent(config):
    """Make an agent with one episode to learn from and an active posterior."""
    from la_mbda.agent import Agent

    agent = Agent(config, (64, 64, 3), actions=2)
    agent.observe(random_episode(config.training.episode_steps // config.training.action_repeat))
    agent.posterior.snapshots.assign(config.swag.swag_models)
    return agent


def measure_parts(agent, update: float, repeats: int) -> dict[str, float]:
    """Measure seconds of an update's parts, each measured alone; the critics are what remains."""
    import tensorflow as tf

    from la_mbda import rssm

    model, training = agent.config.model, agent.config.training
    count = training.batch_size * training.sequence_length
    starts = rssm.Belief(
        tf.random.stateless_normal([count, model.stochastic_size], [0, 1]),
        tf.random.stateless_normal([count, model.deterministic_size], [0, 2]),
    )

    def imagine_and_improve(samples):
        weights = tf.nest.flatten(agent.actor.weights)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            imagined = agent.imagine(samples, starts, agent.update_noise)
            loss = tf.add_n([tf.reduce_mean(part) for part in imagined])
        return tape.gradient(loss, weights)

    xla = agent.config.compute.compile == "xla"
    imagining = tf.function(imagine_and_improve, jit_compile=xla)
    sampling = tf.function(lambda: agent.sample_models(agent.update_noise), jit_compile=xla)
    samples, batch = sampling(), agent.replay.sample(training.batch_size)
    calls = {
        "world_model": agent.pretrain,
        "imagination_and_actor": lambda: imagining(samples)[0].numpy(),
        "swag": lambda: tf.nest.flatten(sampling())[0].numpy(),
        "replay_sampling": lambda: agent.replay.sample(training.batch_size),
        "host_to_device": lambda: [tf.constant(part) for part in batch if part is not None],
    }
    parts = {}
    for name, call in calls.items():
        call()  # Traces.
        parts[name] = median_seconds(call, repeats)
    return parts | {"critics": update - sum(parts.values())}


def decision_seconds(agent, environments: int, repeats: int = 200) -> float:
    """Median time of one decision for some environments at once."""
    observation = np.zeros((environments, 64, 64, 3), np.uint8)
    state = agent.initial_state(environments)
    agent.act(observation, state, False)
    return median_seconds(lambda: agent.act(observation, state, False), repeats)


def random_episode(decisions: int):
    """Make an episode of noise, in the shapes of PointGoal1."""
    from la_mbda.replay import Episode

    rng, steps = np.random.default_rng(0), decisions + 1
    return Episode(
        rng.integers(0, 256, (steps, 64, 64, 3), np.uint8),
        rng.uniform(-1, 1, (steps, 2)).astype(np.float32),
        rng.normal(size=steps).astype(np.float32),
        (rng.random((steps, 1)) < 0.05).astype(np.float32),
        np.zeros(steps, np.float32),
    )
