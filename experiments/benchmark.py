"""Measures on this machine: `python experiments/benchmark.py {simulator,update,planner} [options]`.

Rates are of wall time; run it on a quiet machine. `simulator` steps random actions, `update` trains
on random data of the right shapes, `planner` decides on them.
"""

import json
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import gymnasium
import numpy as np
import tyro

from la_mbda import command_line
from la_mbda.config import TASKS
from la_mbda.presets import make_config
from la_mbda.run_folder import processor
from la_mbda.safety_gym import ActionRepeat

VISION_REPEATS = 2
MATMUL_SIZE = 4096


@dataclass(frozen=True)
class Simulator:
    """Environment steps per second with lidar and with pictures, and what a reset takes."""

    tasks: str = ",".join(TASKS[:6])
    """Comma-separated tasks."""
    steps: int = 2_000
    """Environment steps measured for each figure."""
    json: Path | None = None
    """File to write the figures to."""
    against: Path | None = None
    """A Python 3.10 with safety-gymnasium 1.0.0, measured in turn with ours: adds the ratios."""
    pictures: Path | None = None
    """Folder to draw each task into, as the robot sees it and from afar, in place of measuring."""


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
    scaling: bool = False
    """Measure in place of the parts how an update grows with draws, horizon and batch."""
    json: Path | None = None
    """File to write the figures to."""


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


Arguments = (
    Annotated[Simulator, tyro.conf.subcommand("simulator")]
    | Annotated[Update, tyro.conf.subcommand("update")]
    | Annotated[Planner, tyro.conf.subcommand("planner")]
)


def main(argv: Sequence[str]) -> int:
    """Parses, measures and prints."""
    arguments = tyro.cli(Arguments, args=list(argv), description=__doc__)
    if isinstance(arguments, Simulator) and arguments.pictures:
        draw_pictures(arguments.tasks.split(","), arguments.pictures)
        return 0
    if isinstance(arguments, Simulator):
        figures = {}
        for task in arguments.tasks.split(","):
            figures[task] = measure_simulator(task, arguments.steps)
            if arguments.against:
                figures[task] |= compare(figures[task], task, arguments.steps, arguments.against)
        print_table("task", figures)
    elif isinstance(arguments, Planner):
        figures = measure_planner(arguments)
        print_figures(figures)
    elif arguments.scaling:
        figures = measure_scaling(arguments)
        print_table("setting", figures)
    else:
        figures = measure_update(arguments)
        print_figures(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def make(task: str, observation: str = "lidar", repeats: int = 1) -> gymnasium.Env:
    """One of the benchmark's environments.

    Raises:
        ValueError: there is no such task.
    """
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}: choose of {', '.join(TASKS)}")
    env = gymnasium.make(f"Safexp-{task}-v0", observation=observation, disable_env_checker=True)
    return ActionRepeat(env, repeats)


def measure_simulator(task: str, steps: int) -> dict[str, float]:
    """All figures of one task."""
    lidar, vision = make(task), make(task, "vision", VISION_REPEATS)
    begin = time.perf_counter()
    vision.reset(seed=0)
    renderer = time.perf_counter() - begin
    figures = {
        "lidar_steps_per_second": stepping_rate(lidar, steps),
        "vision_steps_per_second": VISION_REPEATS * stepping_rate(vision, steps // 4),
        "reset_seconds": median_seconds(lidar.reset, 50),
        "renderer_start_seconds": renderer,
        "vision_steps_per_second_all_cores": vector_rate(task, steps // 4),
    }
    lidar.close()
    vision.close()
    return figures


def compare(ours: dict[str, float], task: str, steps: int, python: Path) -> dict[str, float]:
    """How many times faster than safety-gymnasium, by figure.

    Raises:
        ValueError: it cannot be measured with that Python.
    """
    script = Path(__file__).with_name("safety_gymnasium_rates.py")
    command = [python, script, task, str(steps)]
    environment = {"MUJOCO_GL": "egl"} | os.environ
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise ValueError(f"cannot measure safety-gymnasium with {python}: {reason}")
    theirs = json.loads(done.stdout.splitlines()[-1])
    return {
        "lidar_ratio": ours["lidar_steps_per_second"] / theirs["lidar_steps_per_second"],
        "vision_ratio": ours["vision_steps_per_second"] / theirs["vision_steps_per_second"],
        "reset_ratio": theirs["reset_seconds"] / ours["reset_seconds"],
    }


def stepping_rate(env: gymnasium.Env, steps: int) -> float:
    """Steps of an environment per second, resets at the end of episodes included."""
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    begin = time.perf_counter()
    for _ in range(steps):
        *_, terminated, truncated, _ = env.step(rng.uniform(-1, 1, env.action_space.shape))
        if terminated or truncated:
            env.reset()
    return steps / (time.perf_counter() - begin)


def vector_rate(task: str, steps: int) -> float:
    """Steps per second, in sum, of gymnasium's vector environment with a process for each core.

    With pictures: stepping a lidar observation takes no longer than handing it over.
    """
    cores = os.cpu_count()
    env = gymnasium.vector.AsyncVectorEnv([lambda: make(task, "vision", VISION_REPEATS)] * cores)
    env.reset(seed=0)
    actions = np.random.default_rng(0).uniform(-1, 1, (steps, *env.action_space.shape))
    begin = time.perf_counter()
    for action in actions:
        env.step(action.astype(np.float32))
    rate = VISION_REPEATS * cores * steps / (time.perf_counter() - begin)
    env.close()
    return rate


def median_seconds(function: Callable[[], object], repeats: int) -> float:
    """Median wall time of a call."""
    return statistics.median(seconds_of(function) for _ in range(repeats))


def seconds_of(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def print_table(title: str, figures: dict[str, dict[str, float]]) -> None:
    """One line per figure's name, under a title for these names."""
    names = list(next(iter(figures.values())))
    titles = [name.replace("_steps_per_second", "/s").replace("_seconds", " s") for name in names]
    widths = [len(title) + 2 for title in titles]
    print(title.ljust(20) + "".join(map(str.rjust, titles, widths)))
    for task, values in figures.items():
        cells = (f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in values.values())
        print(task.ljust(20) + "".join(map(str.rjust, cells, widths)))


def print_figures(figures: dict, indent: str = "") -> None:
    """One line per figure, nested ones below their name."""
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            print_figures(value, indent + "  ")
        else:
            print(f"{indent}{name}".ljust(28), f"{value:,.4g}" if type(value) is float else value)


def measure_update(arguments: Update) -> dict:
    """An update's time as a whole and by parts, and how much of the machine it uses."""
    with command_line.without_native_messages():
        import gflop

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


def measure_planner(arguments: Planner) -> dict:
    """Decisions per second for one environment and for ten, and how much of the machine they use.

    Inferring the belief is part of a decision, but its GFLOP are not counted.
    """
    with command_line.without_native_messages():
        import gflop

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
    return figures


def machine() -> dict:
    """What the figures were measured on."""
    return {
        "machine": f"{os.cpu_count()} x {processor()}",
        "versions": {name: version(name) for name in ("tensorflow", "keras", "numpy")},
    }


def matmul_peak() -> float:
    """GFLOP/s of a large float32 product."""
    import tensorflow as tf

    square = tf.random.stateless_normal([MATMUL_SIZE, MATMUL_SIZE], [0, 0])
    product = min(seconds_of(lambda: tf.linalg.matmul(square, square).numpy()) for _ in range(9))
    return 2 * MATMUL_SIZE**3 / product / 1e9


def busy_agent(config):
    """An agent with one episode to learn from and an active posterior."""
    from la_mbda.agent import Agent

    agent = Agent(config, (64, 64, 3), actions=2)
    agent.observe(random_episode(config.training.episode_steps // config.training.action_repeat))
    agent.posterior.snapshots.assign(config.swag.swag_models)
    return agent


def measure_parts(agent, update: float, repeats: int) -> dict[str, float]:
    """Seconds of an update's parts, each measured alone; the critics are what remains."""
    import tensorflow as tf

    from la_mbda import rssm

    model, training = agent.config.model, agent.config.training
    shape = training.batch_size, training.sequence_length
    beliefs = rssm.Belief(
        tf.random.stateless_normal([*shape, model.stochastic_size], [0, 1]),
        tf.random.stateless_normal([*shape, model.deterministic_size], [0, 2]),
    )

    def imagine_and_improve(draws):
        weights = tf.nest.flatten(agent.actor.weights)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            imagined = agent._imagine(draws, beliefs)
            loss = tf.add_n([tf.reduce_mean(part) for part in imagined])
        return tape.gradient(loss, weights)

    xla = agent.config.compute.compile == "xla"
    imagining = tf.function(imagine_and_improve, jit_compile=xla)
    drawing = tf.function(lambda: agent.draw_models(agent.update_noise), jit_compile=xla)
    draws, batch = drawing(), agent.replay.sample(training.batch_size)
    calls = {
        "world_model": agent.pretrain,
        "imagination_and_actor": lambda: imagining(draws)[0].numpy(),
        "swag": lambda: tf.nest.flatten(drawing())[0].numpy(),
        "replay_sampling": lambda: agent.replay.sample(training.batch_size),
        "host_to_device": lambda: [tf.constant(part) for part in batch],
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


def measure_scaling(arguments: Update) -> dict[str, dict[str, float]]:
    """Seconds per update as one of draws, horizon and batch changes, beside a straight line.

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


def spread(seconds: list[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)}


def random_episode(decisions: int):
    """An episode of noise, in the shapes of PointGoal1."""
    from la_mbda.replay import Episode

    rng, steps = np.random.default_rng(0), decisions + 1
    return Episode(
        rng.integers(0, 256, (steps, 64, 64, 3), np.uint8),
        rng.uniform(-1, 1, (steps, 2)).astype(np.float32),
        rng.normal(size=steps).astype(np.float32),
        (rng.random((steps, 1)) < 0.05).astype(np.float32),
        np.zeros(steps, np.float32),
    )


def draw_pictures(tasks: list[str], folder: Path) -> None:
    """Writes one picture per task: what the robot sees, and the scene from afar."""
    import imageio.v3 as imageio
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        env = gymnasium.make(
            f"Safexp-{task}-v0", observation="vision", quality="smooth", render_mode="rgb_array"
        )
        seen, _ = env.reset(seed=0)
        afar = env.render()
        close = np.asarray(
            Image.fromarray(seen).resize(afar.shape[1::-1], Image.Resampling.BICUBIC)
        )
        imageio.imwrite(folder / f"{task}.png", np.hstack([close, afar]))
        env.close()
        print(folder / f"{task}.png")


if __name__ == "__main__":
    command_line.run(main)
