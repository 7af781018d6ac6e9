"""How much memory remembering takes, and whether there is as much."""

import math
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np

from la_mbda.config import Config
from la_mbda.errors import ExpectedError
from la_mbda.offline import recorded_decisions
from la_mbda.spaces import action_count, observation_shape


def replay_bytes(config: Config, env: gymnasium.Env) -> int:
    """Return what all the episodes that a run may remember at a time take in memory.

    Those of an offline dataset are among them. Resets are left out, one step per episode: episodes
    of n decisions take a part of 1 / n more.
    """
    training = config.training
    met = training.env_steps + recorded_decisions(config) * training.action_repeat
    steps = min(training.replay_capacity, met) // training.action_repeat
    observation = math.prod(observation_shape(env)) * np.dtype(env.observation_space.dtype).itemsize
    numbers = action_count(env) + len(config.lagrangian.cost_budget) + 2
    return steps * (observation + numbers * np.dtype(np.float32).itemsize)


def free_bytes(root: Path = Path("/")) -> int | None:
    """Memory that this process can still get: of the machine, and of the job's own limit.

    Args:
        root: where the system's files are.

    Returns:
        None where the system does not tell.
    """
    free = [_machine_bytes(root), _address_bytes(), *_group_bytes(root)]
    return min((number for number in free if number is not None), default=None)


def _machine_bytes(root: Path) -> int | None:
    try:
        lines = _read(root / "proc" / "meminfo").splitlines()
        available = dict(line.split(":", 1) for line in lines)["MemAvailable"]
        return int(available.split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _address_bytes() -> int | None:
    """Return what `ulimit -v` leaves, by which some clusters bound a job."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    try:
        used = int(_read(Path("/proc/self/statm")).split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        used = 0
    return max(0, limit - used)


def _group_bytes(root: Path) -> Iterator[int]:
    """Return what each limit of a control group (a container's, a job's) that holds here leaves.

    A limit holds for all groups below it, so that a job's often stands above the process's own.
    """
    for mount, group, files in _memory_groups(root):
        for folder in (mount / group, *(mount / group).parents):
            limit, used = (_number(folder / name) for name in files)
            if limit is not None and used is not None:
                yield max(0, limit - used + _cached_bytes(folder))
            if folder == mount:
                break


def _memory_groups(root: Path) -> Iterator[tuple[Path, str, tuple[str, str]]]:
    """Of each hierarchy that counts memory: mount, this process's group, files of limit and use.

    Version 2 has one hierarchy for all that is counted, version 1 one for memory; some systems have
    both.
    """
    try:
        groups = [line.split(":", 2) for line in _read(root / "proc/self/cgroup").splitlines()]
        mounts = [line.split() for line in _read(root / "proc/self/mountinfo").splitlines()]
    except OSError:
        return
    for fields in mounts:
        kind, options = fields[fields.index("-") + 1], fields[-1].split(",")
        if kind == "cgroup2":
            names, files = "", ("memory.max", "memory.current")
        elif kind == "cgroup" and "memory" in options:
            names, files = "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        for _, controllers, group in groups:
            if names in controllers.split(","):
                # A container sees its own part of the hierarchy at the mount.
                below = group.removeprefix(fields[3]) if fields[3] != "/" else group
                yield root / fields[4].lstrip("/"), below.lstrip("/"), files


def _number(path: Path) -> int | None:
    """Return a file's number; None for `max`, and where there is no such file."""
    try:
        return int(_read(path))
    except (OSError, ValueError):
        return None


def _cached_bytes(folder: Path) -> int:
    """Return what a group uses to remember files, and gives up where memory is needed."""
    try:
        lines = [line.split() for line in _read(folder / "memory.stat").splitlines()]
    except OSError:
        return 0
    numbers = {name: int(number) for name, number in lines}
    names = ("inactive_file", "active_file")
    # In version 1 the plain names leave out the groups below.
    return sum(numbers.get(f"total_{name}", numbers.get(name, 0)) for name in names)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def check_memory(config: Config, env: gymnasium.Env) -> str:
    """Check the memory that a run's replay will take; return a line on it.

    Raises:
        ValueError: there is not as much; the message names the setting that bounds it.
    """
    needed, free = replay_bytes(config, env), free_bytes()
    text = f"{needed / 1e9:,.2f} GB"
    if free is None:
        return f"replay: up to {text} of memory"
    if needed > free:
        raise ExpectedError(
            f"replay_capacity is {config.training.replay_capacity} env steps, which takes {text} "
            f"of memory, but {free / 1e9:,.2f} GB are free: lower replay_capacity "
            "(of a run that has begun it cannot be: choose other --results then)"
        )
    return f"replay: up to {text} of memory, {free / 1e9:,.0f} GB are free"
