"""What a run tells while it goes on: JSON lines, TensorBoard events, a progress bar, times."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite

import tensorflow as tf
from tqdm import tqdm

from la_mbda.config import Config
from la_mbda.errors import ExpectedError, unwritable
from la_mbda.run_folder import METRICS, RunFolder


class Recorder:
    """Records one run from a number of env steps on."""

    def __init__(
        self, config: Config, folder: RunFolder, env_steps: int, seconds: dict[str, float]
    ):
        """Args: seconds: wall time of each stage so far; it is added to."""
        self._folder, self._seconds = folder, seconds
        self._board = tf.summary.create_file_writer(str(folder.path / "tensorboard"))
        self._bar = tqdm(
            total=config.training.env_steps,
            initial=env_steps,
            desc=f"{config.task} {config.algorithm} seed {config.seed}",
            unit=" env steps",
            dynamic_ncols=True,
            mininterval=0.5 if sys.stderr.isatty() else 30.0,
        )

    def log(self, stream: str, env_steps: int, values: dict) -> None:
        """Adds a line to a stream of the run folder, and its numbers to TensorBoard."""
        self._folder.append(stream, {"env_steps": env_steps} | values)
        with self._writing_events(), self._board.as_default(step=env_steps):
            for name, value in values.items():
                if isinstance(value, float):
                    tf.summary.scalar(f"{stream}/{name}", value)
                elif name in METRICS:  # One of each constraint.
                    for i, number in enumerate(value):
                        tf.summary.scalar(f"{stream}/{name}_{i}", number)

    @contextmanager
    def stage(self, name: str, text: str | None = None) -> Iterator[None]:
        """Shows what goes on, and adds up its wall time.

        Args:
            text: to show in place of the name.
        """
        self._bar.set_postfix_str(text or name, refresh=False)
        self._bar.update(0)
        begin = time.perf_counter()
        yield
        self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - begin

    def advance(self, env_steps: int) -> None:
        """Moves the bar on."""
        self._bar.update(env_steps)

    def check_finite(self, metrics: dict[str, float], where: str) -> None:
        """Stops a run that has become nonsense, before that is saved or acted on.

        Raises:
            ValueError: a metric is not finite.
        """
        broken = [f"{name} is {value}" for name, value in metrics.items() if not isfinite(value)]
        if broken:
            raise ExpectedError(
                f"{', '.join(broken)} at {where} of {self._folder.path}: the run stops here. Its "
                f"last checkpoint ({self._folder.checkpoints}) is from before; lower a learning "
                "rate or a clip"
            )

    def close(self) -> None:
        """Ends the bar and the events' file."""
        self._bar.close()
        with self._writing_events():
            self._board.close()

    @contextmanager
    def _writing_events(self) -> Iterator[None]:
        try:
            yield
        except tf.errors.OpError as error:
            raise unwritable(self._folder.path / "tensorboard", error) from error
