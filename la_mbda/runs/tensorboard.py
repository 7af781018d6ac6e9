"""A run's numbers as events for TensorBoard."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from la_mbda.errors import unwritable


class TensorBoard:
    """The `Logger` that every run has.

    Raises, in each method:
        ValueError: the events cannot be written.
    """

    def __init__(self, path: Path):
        self._path = path
        self._writer = tf.summary.create_file_writer(str(path))

    def log(self, stream: str, env_steps: int, values: dict[str, float]) -> None:
        """Write the numbers of one line."""
        with self._writing(), self._writer.as_default(step=env_steps):
            for name, value in values.items():
                tf.summary.scalar(f"{stream}/{name}", value)

    def close(self, score: dict[str, float] | None) -> None:
        """End the file; the score is no curve."""
        with self._writing():
            self._writer.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except tf.errors.OpError as error:
            raise unwritable(self._path, error) from error
