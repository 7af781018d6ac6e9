"""What a run tells while it trains: JSON lines, numbers for loggers, a progress bar, times."""

import collections
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import isfinite

import numpy as np
from tqdm import tqdm

from la_mbda.config import Config
from la_mbda.errors import ExpectedError
from la_mbda.runs.durations import duration, unit_seconds, work_until
from la_mbda.runs.folder import RunFolder
from la_mbda.runs.loggers import Logger, scalars
from la_mbda.runs.pace import Pace
from la_mbda.runs.progress import RunProgress
from la_mbda.runs.tensorboard import TensorBoard

LAST_EPISODES = 10
"""Episodes whose mean return and cost the bar shows."""
_BAR = "{desc}: {percentage:3.0f}%|{bar:10}| {elapsed}{postfix}"


class Recorder:
    """Records one run from where it stands.

    The bar moves by estimated time, so that it moves in pre-training and evaluations too.
    """

    def __init__(
        self,
        config: Config,
        folder: RunFolder,
        progress: RunProgress,
        loggers: Sequence[Logger] = (),
    ):
        """Args:
        progress: where the run stands; each stage's wall time is added to it.
        loggers: those besides TensorBoard; they end with the recorder.
        """
        self._config, self._folder, self._progress = config, folder, progress
        total = work_until(config, config.training.env_steps)
        self._pace = Pace(total, progress.work(config), unit_seconds(config))
        self._loggers = [TensorBoard(folder.path / "tensorboard"), *loggers]
        self._episodes: collections.deque = collections.deque(maxlen=LAST_EPISODES)
        self._constraint = ""
        self._stage, self._since, self._told = "", 0.0, 0.0
        self._bar = tqdm(
            total=1.0,
            initial=self._pace.fraction,
            desc=f"{config.task} {config.variant} seed {config.seed}",
            bar_format=_BAR,
            dynamic_ncols=True,
            mininterval=0.5 if sys.stderr.isatty() else 30.0,
        )

    def log(self, stream: str, env_steps: int, values: dict) -> None:
        """Add a line to a stream of the run folder, and give its numbers to the loggers."""
        self._folder.append(stream, {"env_steps": env_steps} | values)
        if stream == "episodes":
            self._episodes.append(np.hstack([values["return"], values["cost_return"]]))
        if "multiplier_0" in values:
            multipliers = _listed(values, "multiplier_", ".3g")
            bounds = _listed(values, "safety_bound_", ".1f")
            self._constraint = f"λ {multipliers}" + (f", V^c {bounds}" if bounds else "")
        for logger in self._loggers:
            logger.log(stream, env_steps, scalars(values))

    @contextmanager
    def stage(self, name: str, text: str | None = None) -> Iterator[None]:
        """Show what is being done, and add up its wall time.

        Args:
            text: to show in place of the name.
        """
        self._stage = text or name
        self._tell()
        begin = self._since = time.perf_counter()
        yield
        seconds = self._progress.seconds
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - begin

    def advance(self, stage: str, units: float) -> None:
        """Count updates or env steps of the stage under way as done."""
        now = time.perf_counter()
        self._pace.advance(stage, units, now - self._since)
        self._since = now
        self._tell()

    def _tell(self) -> None:
        """Move the bar, and let a sweep know."""
        self._bar.set_postfix_str(self._text(), refresh=False)
        self._bar.update(self._pace.fraction - self._bar.n)
        now = time.monotonic()
        if now - self._told >= 1.0:
            self._told = now
            values = {"fraction": self._pace.fraction, "seconds_left": self._pace.seconds_left}
            self._folder.tell_progress(values)

    def _text(self) -> str:
        budget = self._config.training.env_steps
        parts = [f"about {duration(self._pace.seconds_left)} left"]
        parts.append(f"{self._progress.env_steps:,}/{budget:,} env steps")
        parts.append(self._stage)
        if self._episodes:
            value, *costs = np.mean(self._episodes, 0)
            parts.append(f"return {value:.1f}, cost {', '.join(f'{cost:.1f}' for cost in costs)}")
        if self._constraint:
            parts.append(self._constraint)
        rate = self._pace.per_second("updating")
        if rate:
            parts.append(f"{rate:.1f} updates/s")
        return ", ".join(parts)

    def check_finite(self, metrics: dict[str, float], where: str) -> None:
        """Stop a run that has become nonsense, before that is saved or acted on.

        Raises:
            ValueError: a metric is not finite.
        """
        broken = [f"{name} is {value}" for name, value in metrics.items() if not isfinite(value)]
        if broken:
            raise ExpectedError(
                f"{', '.join(broken)} at {where} of {self._folder.path}: the run stops here. Its "
                f"last checkpoint ({self._folder.checkpoints}) is from before; lower a learning "
                "rate or a clip, in a new run (other --results, or a --name)"
            )

    def close(self, score: dict | None = None) -> None:
        """End the bar and the loggers, and tell no sweep any more.

        Args:
            score: of a finished run.
        """
        self._bar.close()
        self._folder.end_progress()
        numbers = None
        if score is not None:
            confirmed = scalars(score.get("confirmed", {}))
            numbers = scalars(score) | {f"confirmed_{n}": v for n, v in confirmed.items()}
        with ExitStack() as stack:  # Each of them, even where another one fails.
            for logger in self._loggers:
                stack.callback(logger.close, numbers)


def _listed(values: dict, prefix: str, form: str) -> str:
    """Return the values whose names begin so, one for each constraint."""
    found = [value for name, value in values.items() if name.startswith(prefix)]
    return ", ".join(format(value, form) for value in found)
