"""One live line about a whole sweep: what is done and running, how fast it is, what time is left.

On a terminal the line is drawn over itself. In a plain log it is written twice a minute and
whenever a run begins, ends or is lost.
"""

import math
import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

from la_mbda.config import Config
from la_mbda.runs.durations import duration
from la_mbda.runs.folder import read_score
from la_mbda.runs.local import Outcome, Run

_TERMINAL_SECONDS, _LOG_SECONDS = 1.0, 30.0
_CLEAR = "\r\x1b[2K"

Estimate = Callable[[Config, int, int], float]
"""Seconds, by rule of thumb, that a process of a run takes from some env steps to others."""


@dataclass
class _Track:
    """A run as this sweep has seen it."""

    run: Run
    state: str
    """`waiting`, `running`, or how it ended."""
    begin: int
    """Env steps before this sweep."""
    env_steps: int
    begin_fraction: float = 0.0
    """The share of its time that was over before this sweep."""
    fraction: float = 0.0
    """The share that is over, from 0 to 1."""
    told_left: float | None = None
    """Seconds that it says it still takes, once its process tells them."""
    since: float = 0.0
    """When it last began to run."""
    before: float = 0.0
    """Seconds that it had run until then."""

    def seconds(self, now: float) -> float:
        """Wall time spent on it by this sweep."""
        return self.before + (now - self.since if self.state == "running" else 0.0)

    @property
    def measured(self) -> bool:
        """Whether this sweep has seen it move on."""
        return self.fraction > self.begin_fraction

    def move(self, state: str, now: float) -> None:
        """Change the state."""
        self.before = self.seconds(now)
        self.state, self.since = state, now

    def rate(self, now: float) -> float:
        """Env steps per second in this sweep."""
        return (self.env_steps - self.begin) / max(self.seconds(now), 1e-9)


class Overview:
    """What a sweep tells its `Watcher`, as lines for a person. Threads may share it."""

    def __init__(
        self,
        runs: Sequence[Run],
        estimate: Estimate,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._stream = stream or sys.stderr
        self._estimate, self._clock = estimate, clock
        self._lock = threading.Lock()
        self._terminal = self._stream.isatty()
        self._shown = float("-inf")
        self._tracks = {}
        for run in runs:
            steps = run.env_steps
            track = _Track(run, "finished" if run.finished else "waiting", steps, steps)
            track.fraction = track.begin_fraction = self._fraction_at(run.config, steps)
            self._tracks[run] = track

    def started(self, run: Run) -> None:
        """Tell that a run has begun or is resumed; told again and again it is no news."""
        with self._lock:
            track = self._tracks[run]
            if track.state == "waiting":
                track.move("running", self._clock())
                self._shown = float("-inf")  # The next `refresh` tells, once for all that began.

    def waits(self, run: Run) -> None:
        """Tell that a run is interrupted, as the machine it was on is lost."""
        with self._lock:
            track = self._tracks[run]
            if track.state == "running":
                now = self._clock()
                track.move("waiting", now)
                self._write(f"lost {run}: it resumes elsewhere from its checkpoint", last=True)
                self._show(now)

    def ended(self, run: Run, outcome: Outcome) -> None:
        """Say how a run ended, and where everything stands now."""
        with self._lock:
            track, now = self._tracks[run], self._clock()
            self._read(track)
            track.move(outcome.state, now)
            if outcome.state != "waiting":
                self._write(_news(track, outcome, now), last=True)
                self._show(now)

    def refresh(self) -> None:
        """Show where everything stands if that was not done for a while."""
        with self._lock:
            now = self._clock()
            if now - self._shown >= (_TERMINAL_SECONDS if self._terminal else _LOG_SECONDS):
                self._show(now)

    def close(self) -> None:
        """Leave the last line standing."""
        if self._terminal:
            self._stream.write("\n")
            self._stream.flush()

    def line(self) -> str:
        """Return where everything stands, in a line."""
        now = self._clock()
        tracks = self._tracks.values()
        running = [track for track in tracks if track.state == "running"]
        for track in running:
            self._read(track)
        states = [track.state for track in tracks]
        counts = [f"{states.count('finished')} done"]
        counts += [f"{states.count(state)} {state}" for state in ("running", "waiting", "failed")]
        if "stopped" in states:
            counts.append(f"{states.count('stopped')} stopped")
        parts = [", ".join(counts)]
        if running:
            parts.append(f"{sum(track.rate(now) for track in running):.0f} env steps/s")
            parts.append(f"about {duration(self._seconds_left(now))} left")
            parts.append(", ".join(f"{track.run} at {_percent(track)}" for track in running))
        return "; ".join(parts)

    def _show(self, now: float) -> None:
        self._shown = now
        self._write(self.line(), last=not self._terminal)

    def _write(self, line: str, last: bool) -> None:
        """Write a line, over the one before where that was not a last one."""
        if self._terminal:
            columns = shutil.get_terminal_size().columns
            line = _CLEAR + (line if last else line[: columns - 1])
        self._stream.write(line + ("\n" if last else ""))
        self._stream.flush()

    def _read(self, track: _Track) -> None:
        """Look up how far a run is; resumed, it falls back to its last checkpoint."""
        track.env_steps = track.run.env_steps
        track.begin = min(track.begin, track.env_steps)
        told = track.run.progress
        if track.run.finished:
            track.fraction, track.told_left = 1.0, 0.0
        elif told is not None:
            track.fraction, track.told_left = told["fraction"], told["seconds_left"]
        else:
            track.fraction = self._fraction_at(track.run.config, track.env_steps)
            track.told_left = None
        track.begin_fraction = min(track.begin_fraction, track.fraction)

    def _fraction_at(self, config: Config, env_steps: int) -> float:
        """Return the share of a run's time that is estimated to be over at some env steps."""
        start_up, training = self._parts(config)
        return (self._estimate(config, 0, env_steps) - start_up) / max(training, 1e-9)

    def _parts(self, config: Config) -> tuple[float, float]:
        """Estimated seconds that a process takes to start, and that the whole run takes then."""
        start_up = self._estimate(config, 0, 0)
        return start_up, self._estimate(config, 0, config.training.env_steps) - start_up

    def _seconds_left(self, now: float) -> float:
        """Until the last run ends: what runs tell; else estimates, corrected by those measured."""
        left = []
        for track in self._tracks.values():
            if track.state == "running" and track.told_left is not None:
                left.append(track.told_left)
            elif track.state in ("running", "waiting"):
                start_up, training = self._parts(track.run.config)
                seconds = (1.0 - track.fraction) * training
                if track.state == "waiting" or not track.measured:
                    seconds += start_up
                left.append(seconds * self._slowness(track.run.config.algorithm, now))
        running = sum(track.state == "running" for track in self._tracks.values())
        # An estimate is of a run that has the machine alone; a measured one knows of the others.
        at_once = running if any(track.measured for track in self._tracks.values()) else 1
        return max(max(left), sum(left) / at_once)

    def _slowness(self, algorithm: str, now: float) -> float:
        """Measured seconds for one estimated: of an algorithm, of all where that is unknown."""
        measured = [track for track in self._tracks.values() if track.measured]
        same = [track for track in measured if track.run.config.algorithm == algorithm]
        seconds, estimated = 0.0, 0.0
        for track in same or measured:
            seconds += track.seconds(now)
            start_up, training = self._parts(track.run.config)
            estimated += start_up + (track.fraction - track.begin_fraction) * training
        return seconds / estimated if estimated else 1.0


def _percent(track: _Track) -> str:
    return f"{math.floor(100.0 * track.fraction)} %"


def _news(track: _Track, outcome: Outcome, now: float) -> str:
    """How a run ended."""
    run = track.run
    if outcome.state == "failed":
        return f"failed {run}: {outcome.reason}: see {run.log}"
    if outcome.state == "stopped":
        return f"stopped {run} at {track.env_steps:,} env steps"
    score = read_score(run.path / "score.json")
    costs = score["cost_return"]
    costs = ", ".join(f"{cost:.1f}" for cost in (costs if isinstance(costs, list) else [costs]))
    return (
        f"finished {run}: return {score['return']:.2f}, cost {costs}, "
        f"{duration(track.seconds(now))}, {track.rate(now):.0f} env steps/s"
    )
