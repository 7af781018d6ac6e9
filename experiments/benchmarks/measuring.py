"""What the benchmarks share: timing a call, the machine and its peak, printing."""

import os
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

from la_mbda.quiet import without_native_messages
from la_mbda.runs.folder import processor

MATMUL_SIZE = 4096


def median_seconds(function: Callable[[], object], repeats: int) -> float:
    """Median wall time of a call."""
    return statistics.median(seconds_of(function) for _ in range(repeats))


def seconds_of(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def spread(seconds: list[float]) -> dict[str, float]:
    """Return median, least and most."""
    return {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)}


def machine() -> dict:
    """Return what the figures were measured on."""
    return {
        "machine": f"{os.cpu_count()} x {processor()}",
        "versions": {name: version(name) for name in ("tensorflow", "keras", "numpy")},
    }


def matmul_peak() -> float:
    """Measure GFLOP/s of a large float32 product."""
    with without_native_messages():
        import tensorflow as tf

    square = tf.random.stateless_normal([MATMUL_SIZE, MATMUL_SIZE], [0, 0])
    product = min(seconds_of(lambda: tf.linalg.matmul(square, square).numpy()) for _ in range(9))
    return 2 * MATMUL_SIZE**3 / product / 1e9


def print_table(title: str, figures: dict[str, dict[str, float]]) -> None:
    """Print one line per figure's name, under a title for these names."""
    names = list(next(iter(figures.values())))
    titles = [name.replace("_steps_per_second", "/s").replace("_seconds", " s") for name in names]
    widths = [max(len(title) + 2, 10) for title in titles]
    print(title.ljust(20) + "".join(map(str.rjust, titles, widths)))
    for task, values in figures.items():
        cells = (f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in values.values())
        print(task.ljust(20) + "".join(map(str.rjust, cells, widths)))


def print_figures(figures: dict, indent: str = "") -> None:
    """Print one line per figure, nested ones below their name."""
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            print_figures(value, indent + "  ")
        else:
            print(f"{indent}{name}".ljust(28), f"{value:,.4g}" if type(value) is float else value)
