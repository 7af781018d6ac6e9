"""How far a run is by time, and how long it still takes: estimated first, measured as it goes."""

from collections.abc import Mapping


class Pace:
    """What is done and left of each stage, and what a unit of it takes in this process.

    A stage that was not measured yet takes what it was estimated at, times how much slower than
    estimated the others turned out.
    """

    def __init__(
        self, total: Mapping[str, float], done: Mapping[str, float], estimated: Mapping[str, float]
    ):
        """Args:
        total: units of each stage in the whole run.
        done: those done by earlier processes.
        estimated: seconds of a unit of each stage.
        """
        self._total, self._estimated = total, estimated
        self._done = {name: done.get(name, 0.0) for name in total}
        self._begun: set[str] = set()
        self._units = dict.fromkeys(total, 0.0)
        self._seconds = dict.fromkeys(total, 0.0)

    def advance(self, stage: str, units: float, seconds: float) -> None:
        """Count units of a stage, done in some seconds.

        A stage's first units are not measured by, as TensorFlow traces its programs in them.
        """
        self._done[stage] += units
        if stage in self._begun:
            self._units[stage] += units
            self._seconds[stage] += seconds
        self._begun.add(stage)

    @property
    def fraction(self) -> float:
        """The share of the run's time that is over, from 0 to 1."""
        spent, left = self._time(self._done), self.seconds_left
        return spent / (spent + left) if left > 0.0 else 1.0

    @property
    def seconds_left(self) -> float:
        """Until the run's end."""
        return self._time({n: max(0.0, self._total[n] - done) for n, done in self._done.items()})

    def per_second(self, stage: str) -> float | None:
        """Return units of a stage per second of it in this process; None if not measured yet."""
        return self._units[stage] / self._seconds[stage] if self._units[stage] else None

    def _time(self, units: Mapping[str, float]) -> float:
        measured = [name for name, count in self._units.items() if count]
        estimate = sum(self._units[name] * self._estimated[name] for name in measured)
        slowness = sum(self._seconds.values()) / estimate if estimate else 1.0
        seconds = 0.0
        for name, count in units.items():
            if self._units[name]:
                seconds += count * self._seconds[name] / self._units[name]
            else:
                seconds += count * self._estimated[name] * slowness
        return seconds
