"""The runs of a sweep, each a process of its own, on this machine.

A process of its own gives a run its own TensorFlow and GL context and all its memory back at its
end, and one that crashes takes no other with it.
"""

import datetime
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import joblib

from la_mbda.runs.folder import PROGRESS
from la_mbda.runs.overview import Overview
from la_mbda.runs.run import Outcome, Run
from la_mbda.runs.stopping import StopRequest

INTERRUPTED = 130
"""The exit status of a run that was asked to stop and has saved itself."""
_PAUSE = 0.25
_ERROR = re.compile(r"\berror\b|^[\w.]*(Error|Exception|Interrupt)\b", re.IGNORECASE)
_MESSAGE = re.compile(r"error: ")
_PROGRESS = re.compile(r"\d+%\|")


def train_here(
    runs: Sequence[Run], jobs: int, stop: StopRequest, overview: Overview
) -> list[Outcome]:
    """Train runs, `jobs` at a time, which share the cores and the GPUs of this machine.

    When a stop is asked for, the runs that go on save themselves and no others begin.
    """
    jobs = min(jobs, len(runs))
    slots: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
    for share in shares(jobs):
        slots.put(share)

    def train(run: Run) -> Outcome:
        if stop.asked:
            return Outcome("waiting")
        share = slots.get()
        overview.started(run)
        try:
            outcome = attend(run, share, stop, overview.refresh)
        finally:
            slots.put(share)
        overview.ended(run, outcome)
        return outcome

    # Threads in place of joblib's processes (loky): each only waits for the process of its run,
    # and a signal has to reach them all.
    parallel = joblib.Parallel(n_jobs=jobs, backend="threading", batch_size=1)
    try:
        return parallel(joblib.delayed(train)(run) for run in runs)
    except KeyboardInterrupt:  # A second Ctrl-C. The threads end their processes before this one.
        for _ in range(jobs):
            slots.get()
        raise


def shares(jobs: int) -> list[dict[str, str]]:
    """Return environment variables that give each of some runs at a time its share of a machine.

    Cores are divided. GPUs are taken in turn, and runs on the same one take of its memory what they
    need (TF_FORCE_GPU_ALLOW_GROWTH, see la_mbda/__init__.py).
    """
    if jobs == 1:
        return [{}]
    affinity = hasattr(os, "sched_getaffinity")  # Only on Linux; less than all cores in a job.
    cores = len(os.sched_getaffinity(0)) if affinity else os.cpu_count() or 1
    gpus = visible_gpus()
    cards = [{"CUDA_VISIBLE_DEVICES": gpus[i % len(gpus)]} if gpus else {} for i in range(jobs)]
    return [threads(cores // jobs) | card for card in cards]


def threads(cores: int) -> dict[str, str]:
    """Return environment variables that keep TensorFlow to some cores; the user's come first."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return {name: os.environ.get(name, str(max(1, cores))) for name in names}


def visible_gpus() -> list[str]:
    """Return GPUs that runs may use: those of CUDA_VISIBLE_DEVICES where it is set, else all."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name]
    command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        listed = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return listed.split()


def attend(
    run: Run, share: Mapping[str, str], stop: StopRequest, tick: Callable[[], None]
) -> Outcome:
    """Train a run in a process of its own, which writes to its log, and wait for its end.

    Args:
        share: environment variables of that process, besides those of this one.
        stop: once asked for, the run is asked to save itself and to end.
        tick: called a few times a second.
    """
    command = [sys.executable, "-m", "la_mbda.runs.with_parent", str(os.getpid()), sys.executable]
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        (run.path / PROGRESS).unlink(missing_ok=True)  # Of the process before.
        with run.log.open("a", encoding="utf-8") as file:
            now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
            print(f"--- {now} on {socket.gethostname()}", file=file, flush=True)
            begin = run.log.stat().st_size
            process = subprocess.Popen(
                [*command, *run.command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=os.environ | share,
                start_new_session=True,  # A terminal's Ctrl-C would else reach it too.
            )
    except OSError as error:
        return Outcome("failed", f"cannot start it ({error})")
    code = _wait(process, stop, tick)
    if code == 0:
        return Outcome("finished")
    if code == INTERRUPTED:
        return Outcome("stopped")
    return Outcome("failed", failure(run.log, begin, code))


def _wait(process: subprocess.Popen, stop: StopRequest, tick: Callable[[], None]) -> int:
    told = False
    try:
        while process.poll() is None:
            if stop.insisted:
                process.kill()
            elif stop.asked and not told:
                process.terminate()
                told = True
            tick()
            time.sleep(_PAUSE)
    finally:
        if process.poll() is None:  # The sweep itself fails, as where nobody reads what it prints.
            (process.kill if stop.insisted else process.terminate)()
        code = process.wait()
    return code


def failure(log: Path, begin: int, code: int) -> str:
    """Why a process failed, in one line.

    Args:
        begin: bytes of the log before the process wrote to it.
        code: its exit status, or less than 0: the signal that ended it.
    """
    if code < 0:
        memory = " (too little memory?)" if -code == signal.SIGKILL else ""
        return f"ended by {signal.Signals(-code).name}{memory}"
    written = log.read_bytes()[begin:].decode(errors="replace")
    lines = [line.strip() for line in re.split(r"[\r\n]+", written)]
    said = [line for line in lines if line and not _PROGRESS.search(line)]
    # Another process that trains the run writes its bar into the same log, without an end of line.
    mixed = [line[m.start() :] for line in lines if (m := _MESSAGE.search(line))]
    errors = [line for line in said if _ERROR.search(line)] or mixed
    return (errors or said or [f"exit status {code}"])[-1]
