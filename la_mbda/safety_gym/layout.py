"""Where things lie: random layouts that keep everything apart, and explicit ones.

A layout maps each name of `Task.layout_names` to (x, y, yaw), in metres and radians.
"""

from collections.abc import Mapping

import numpy as np

from la_mbda.safety_gym.tasks import Task

Layout = dict[str, tuple[float, float, float]]

DRAWS = 100
RESTARTS = 10_000
GOAL_DRAWS = 10_000

# Yaws are drawn for one kind after the other, in this order.
_YAW_ORDER = ("robot", "vase", "gremlin", "box", "goal", "hazard", "pillar", "button")


class LayoutError(RuntimeError):
    """No place was found for an object."""


def sample_layout(task: Task, rng: np.random.Generator) -> Layout:
    """Sample a random layout.

    Objects are placed one after the other, each uniformly where it keeps its distance to those
    before it; one that finds no place in 100 draws restarts the layout. Then the goal is drawn
    once more against all others.

    Raises:
        LayoutError: an object found no place in any of 10,000 layouts.
    """
    names = task.layout_names()
    for _ in range(RESTARTS):
        placed: dict[str, np.ndarray] = {}
        for name in names:
            position = _draw(task, name, placed, rng, DRAWS)
            if position is None:
                break
            placed[name] = position
        else:
            yaws = _draw_yaws(names, rng)
            if task.has_goal:
                del placed["goal"]
                placed["goal"] = sample_goal(task, placed, rng)
            poses = ((name, *placed[name].tolist(), yaws[name]) for name in names)
            return {name: (x, y, yaw) for name, x, y, yaw in poses}
    raise LayoutError(f"found no place for {name} in {RESTARTS} layouts of {DRAWS} draws")


def sample_goal(
    task: Task, others: Mapping[str, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Sample a place `[2]` for the goal that keeps its distance to all others.

    Args:
        others: positions `[2]` by name.

    Raises:
        LayoutError: none was found in 10,000 draws.
    """
    position = _draw(task, "goal", others, rng, GOAL_DRAWS)
    if position is None:
        raise LayoutError(f"found no place for goal in {GOAL_DRAWS} draws")
    return position


def check_layout(task: Task, layout: Mapping) -> Layout:
    """Check an explicit layout; return it with its values as floats.

    Raises:
        ValueError: it is no mapping, names are missing or unknown, or a value is not three finite
            numbers.
    """
    names = task.layout_names()
    if not isinstance(layout, Mapping):
        raise ValueError(f"layout is {layout!r}: give (x, y, yaw) for each of {names}")
    unknown = [str(name) for name in layout if name not in names]
    if unknown:
        raise ValueError(f"layout has unknown {', '.join(unknown)}: its names are {names}")
    missing = [name for name in names if name not in layout]
    if missing:
        raise ValueError(f"the layout has no {', '.join(missing)}: give (x, y, yaw) for each")
    checked = {}
    for name in names:
        try:
            pose = np.asarray(layout[name], np.float64)
        except (TypeError, ValueError):
            pose = np.zeros(0)
        if pose.shape != (3,) or not np.isfinite(pose).all():
            raise ValueError(f"layout of {name} is {layout[name]!r}: give finite (x, y, yaw)")
        checked[name] = tuple(pose.tolist())
    return checked


def _draw(task: Task, name: str, placed: Mapping, rng, draws: int) -> np.ndarray | None:
    """Return the first of some uniform draws that keeps its distance; None if none does."""
    keepout = task.keepout(name)
    bound = task.extent - keepout
    others = np.array(list(placed.values())).reshape(-1, 2)
    distances = np.array([task.keepout(other) for other in placed]) + keepout
    chunk = 4  # Most objects need few draws; those that need many are drawn many at a time.
    while draws > 0:
        chunk = min(chunk, draws)
        positions = rng.uniform(-bound, bound, (chunk, 2))
        offsets = positions[:, None] - others
        valid = (np.hypot(offsets[..., 0], offsets[..., 1]) >= distances).all(1)
        if valid.any():
            return positions[valid.argmax()]
        draws, chunk = draws - chunk, 8 * chunk
    return None


def _draw_yaws(names: list[str], rng: np.random.Generator) -> dict[str, float]:
    yaws = {}
    for kind in _YAW_ORDER:
        for name in names:
            if name.rstrip("0123456789") == kind:
                yaws[name] = float(rng.uniform(0.0, 2.0 * np.pi))
    return yaws
