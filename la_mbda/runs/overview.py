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
from dataclasses import dataclass, field
from typing import TextIO

from la_mbda.config import Config
from la_mbda.runs.durations import duration
from la_mbda.runs.files import numbers
from la_mbda.runs.folder import read_score
from la_mbda.runs.run import Outcome, Run

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
    told: dict[str, float] = field(default_factory=dict)
    """What its process says of its time, see `Run.progress`."""
    since: float = 0.0
    """When it last began to run."""
    before: float = 0.0
    """Seconds that it had run until then."""

    def seconds(self, now: float) -> float:
        """Wall time spent on it by this sweep."""
        return self.before + (now - self.since if self.state == "running" else 0.0)

    @property
    def fraction(self) -> float:
        """The share of its time that is over; until it tells, that of its env steps."""
        if self.told:
            return self.told["fraction"]
        return self.env_steps / self.run.config.training.env_steps

    def move(self, state: str, now: float) -> None:
        """Change the state."""
        self.before = self.seconds(now)
        self.state, self.since = state, now

    def rate(self, now: float) -> float:
        """Env steps per second in this sweep."""
        return (self.env_steps - self.begin) / max(self.seconds(now), 1e-9)


class Overview:
    """What a sweep is told of its runs, as lines for a person. Threads may share it."""

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
            state = "finished" if run.finished else "waiting"
            self._tracks[run] = _Track(run, state, steps, steps)

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
            _read(track)
            if outcome.state == "finished":
                track.told = {"fraction": 1.0, "seconds_left": 0.0}
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
            _read(track)
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

    def _seconds_left(self, now: float) -> float:
        """Until the last run ends: what runs tell, else estimates, corrected by what runs tell."""
        left = []
        for track in self._tracks.values():
            config = track.run.config
            if track.state == "running" and track.told:
                left.append(track.told["seconds_left"])
            elif track.state in ("running", "waiting"):
                seconds = self._estimate(config, track.env_steps, config.training.env_steps)
                left.append(seconds * self._slowness(config.algorithm, now))
        running = sum(track.state == "running" for track in self._tracks.values())
        # An estimate is of a run that has the machine alone; what runs tell knows of the others.
        at_once = running if any(track.told for track in self._tracks.values()) else 1
        return max(max(left), sum(left) / at_once)

    def _slowness(self, algorithm: str, now: float) -> float:
        """Seconds for one estimated: of an algorithm's runs that tell, of all where none does."""
        telling = [track for track in self._tracks.values() if track.told]
        same = [track for track in telling if track.run.config.algorithm == algorithm]
        seconds, estimated = 0.0, 0.0
        for track in same or telling:
            config = track.run.config
            seconds += track.seconds(now) + track.told["seconds_left"]
            estimated += self._estimate(config, track.begin, config.training.env_steps)
        return seconds / estimated if estimated else 1.0


def _read(track: _Track) -> None:
    """Look up how far a run is; resumed, it falls back to its last checkpoint."""
    track.env_steps, track.told = track.run.env_steps, track.run.progress
    track.begin = min(track.begin, track.env_steps)


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
    costs = ", ".join(f"{cost:.1f}" for cost in numbers(score, "cost_return"))
    return (
        f"finished {run}: return {score['return']:.2f}, cost {costs}, "
        f"{duration(track.seconds(now))}, {track.rate(now):.0f} env steps/s"
    )
