"""The runs of a sweep on a Ray cluster, with the results on a folder that all nodes share.

Each run is a task of Ray's. Ray starts a task again elsewhere when its node is lost, and the run
resumes from its last checkpoint. What its process does is read from its folder.
"""

import os
import socket
import time
from collections.abc import Mapping, Sequence

from la_mbda.errors import ExpectedError
from la_mbda.runs.local import attend, threads
from la_mbda.runs.lock import is_locked
from la_mbda.runs.overview import Overview
from la_mbda.runs.run import Outcome, Run
from la_mbda.runs.stopping import StopRequest

_PAUSE = 1.0
# A run without its lock for so long is not just between its end and Ray's word of it.
_LOST_SECONDS = 5.0
# A lost node's lock of a run stays until the file server gives it up.
_LOCK_SECONDS = 300.0


def connect() -> None:
    """Join the cluster that RAY_ADDRESS names, else the one of this machine.

    Raises:
        ValueError: Ray is not installed, or there is no such cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise ExpectedError("backend ray needs Ray: pip install -e '.[cluster]'") from error
    address = os.environ.get("RAY_ADDRESS", "auto")
    host, _, port = address.rpartition(":")
    try:
        if port.isdecimal():  # Ray itself would try for minutes.
            socket.create_connection((host, int(port)), timeout=10.0).close()
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (OSError, RuntimeError) as error:
        raise ExpectedError(
            f"no Ray cluster at RAY_ADDRESS {address!r} ({error}): start one with "
            "`ray start --head`, and give its host:port"
        ) from error


def train_on_ray(
    runs: Sequence[Run], jobs: int, stop: StopRequest, overview: Overview
) -> list[Outcome]:
    """Train runs on the cluster that this process has joined, as many at a time as it has room.

    Args:
        jobs: runs at a time on each node, where the nodes have no GPUs; else each takes a GPU.
    """
    import ray

    cpus, gpus = share_of_a_run([node["Resources"] for node in ray.nodes() if node["Alive"]], jobs)
    # Tried again whenever its node or worker is lost, but not when the run itself fails.
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=-1, retry_exceptions=False)(_train)
    outcomes, seen = {}, {}
    going_on = {task.remote(run, threads(cpus)): run for run in runs}
    told = False
    while going_on:
        ended, _ = ray.wait(list(going_on), timeout=_PAUSE)
        for reference in ended:
            run = going_on.pop(reference)
            outcomes[run] = _outcome(reference)
            overview.ended(run, outcomes[run])
        if stop.asked and not told:
            for reference in going_on:
                ray.cancel(reference)
            told = True
        for run in going_on.values():
            now = time.monotonic()
            if is_locked(run.path):
                seen[run] = now
                overview.started(run)
            elif now - seen.get(run, now) > _LOST_SECONDS:
                overview.waits(run)
        overview.refresh()
    return [outcomes[run] for run in runs]


def share_of_a_run(nodes: Sequence[Mapping[str, float]], jobs: int) -> tuple[int, int]:
    """Return CPUs and GPUs that a run asks for, such that all of any node's can be in use.

    Args:
        nodes: what each node has, in Ray's words; one without CPUs trains nothing.
        jobs: runs at a time on a node without GPUs.
    """
    cpus_and_gpus = [(node.get("CPU", 0), int(node.get("GPU", 0))) for node in nodes]
    with_gpus = [cpus // gpus for cpus, gpus in cpus_and_gpus if cpus and gpus]
    if with_gpus:
        return max(1, int(min(with_gpus))), 1
    cpus = [cpus for cpus, _ in cpus_and_gpus if cpus]
    return max(1, int(min(cpus, default=1) // jobs)), 0


def _train(run: Run, share: Mapping[str, str]) -> Outcome:
    """Train a run in a process beside Ray's worker, which watches it: the task."""
    with StopRequest() as stop:  # Ray cancels a task by a Ctrl-C to its worker.
        deadline = time.monotonic() + _LOCK_SECONDS
        while is_locked(run.path) and not stop.asked and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        return Outcome("waiting") if stop.asked else attend(run, share, stop, tick=lambda: None)


def _outcome(reference) -> Outcome:
    """How a task that is over ended."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.TaskCancelledError:
        return Outcome("waiting")
    except ray.exceptions.RayError as error:
        return Outcome("failed", f"Ray: {str(error).splitlines()[-1]}")
