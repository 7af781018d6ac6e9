"""Where a run's numbers go besides its files: TensorBoard, Weights & Biases, or one's own logger.

A logger is made from a run's configuration and folder. Which one there is, if any, is no setting of
the run: a run may be resumed with another one, or without.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from reprlib import repr as short
from typing import Any, Protocol, TypeAlias

from la_mbda import references, validation
from la_mbda.config import Config
from la_mbda.errors import ExpectedError
from la_mbda.runs.files import METRICS

WANDB = "wandb"


class Logger(Protocol):
    """Receives the numbers of a run while it trains."""

    def log(self, stream: str, env_steps: int, values: dict[str, float]) -> None:
        """Take the numbers of one line.

        Args:
            stream: of the run folder: episodes, evaluations or updates.
            env_steps: at which they hold; they do not rise from stream to stream, and a run that
                was killed tells again what came after its last checkpoint.
            values: with several constraints, `cost_return_0`, `cost_return_1`, and so on.
        """

    def close(self, score: dict[str, float] | None) -> None:
        """Take the score of a finished run, or None where it stops before, and end."""


MakeLogger: TypeAlias = Callable[[Config, Path], Logger]
"""Makes the logger of a run from its configuration and its folder, before it trains."""


def find(name: str) -> MakeLogger:
    """Find what makes the loggers of that name: `wandb`, or one's own as `my_package.mine:make`.

    Raises:
        ValueError: there is none of that name; or Weights & Biases is not installed, or nobody is
            logged in.
    """
    if name == WANDB:
        from la_mbda.runs import weights_and_biases

        weights_and_biases.connect()
        return weights_and_biases.WeightsAndBiases
    if not references.is_reference(name):
        validation.choose("track", name, (WANDB, "my_package.module:make_logger"))
    return functools.partial(_make, name, references.load("track", name))


def _make(name: str, make_logger: MakeLogger, config: Config, path: Path) -> Logger:
    """Make a run's logger by what a name says.

    Raises:
        ValueError: that makes none.
    """
    fix = "name what makes a logger of a run's configuration and folder, see docs/running.md"
    try:
        logger = make_logger(config, path)
    except TypeError as error:
        raise ExpectedError(f"track {name} cannot be called so ({error}): {fix}") from error
    if not all(callable(getattr(logger, method, None)) for method in ("log", "close")):
        raise ExpectedError(f"track {name} makes {short(logger)}, without log and close: {fix}")
    return logger


def scalars(values: Mapping[str, Any]) -> dict[str, float]:
    """Pick out the numbers of a line or a score, one of each constraint."""
    found = {}
    for name, value in values.items():
        if isinstance(value, int | float):
            found[name] = float(value)
        elif name in METRICS:
            found |= {f"{name}_{i}": float(number) for i, number in enumerate(value)}
    return found
