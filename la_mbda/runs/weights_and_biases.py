"""A run's numbers on Weights & Biases, whose package is loaded for nothing else.

Its own environment variables hold: WANDB_MODE=offline, WANDB_PROJECT, WANDB_ENTITY, WANDB_API_KEY.
"""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from la_mbda import config as config_module
from la_mbda.config import Config
from la_mbda.errors import ExpectedError, whole

PROJECT = "la_mbda"
IDENTITY = "la_mbda_id.txt"
"""The file below a run's `wandb/` with the id under which a run is resumed."""
_SECONDS_TO_FINISH = 30.0


def connect() -> ModuleType:
    """Load the package and make sure that somebody is logged in, unless it works offline.

    Raises:
        ValueError: it is not installed, or nobody is logged in and no terminal is there to ask.
    """
    try:
        import wandb
    except ImportError as error:
        raise ExpectedError(
            "track wandb needs Weights & Biases: pip install 'la_mbda[track]'"
        ) from error
    with _refusing(wandb):
        if wandb.setup().settings.mode == "online":
            wandb.login()
    return wandb


class WeightsAndBiases:
    """The `Logger` that keeps one run of W&B for one run folder, however often it is resumed.

    Once training has begun, nothing that W&B fails in stops it.
    """

    def __init__(self, config: Config, path: Path):
        """Begin, or go on.

        Raises:
            ValueError: W&B is not installed, or cannot be reached.
        """
        wandb = connect()
        folder = path.resolve() / "wandb"
        folder.mkdir(exist_ok=True)
        with _refusing(wandb):
            self._run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                dir=folder.parent,
                id=_identity(folder / IDENTITY),
                resume="allow",
                reinit="create_new",  # A run of the caller's own stays as it is.
                name=f"{config.task}/{config.variant}/seed_{config.seed}",
                group=config.task,
                job_type=config.variant,
                config=config_module.to_dict(config),
                allow_val_change=True,  # A larger budget.
                settings=wandb.Settings(
                    console="off",  # The bar is no log.
                    quiet=True,
                    finish_timeout=_SECONDS_TO_FINISH,  # Else it waits for a lost network.
                ),
            )
            # W&B's own step has to rise, which env steps do not from stream to stream.
            self._run.define_metric("env_steps", hidden=True)
            self._run.define_metric("*", step_metric="env_steps")
        self._lost = False

    def log(self, stream: str, env_steps: int, values: dict[str, float]) -> None:
        """Hand over the numbers of one line; the upload runs beside the training."""
        named = {f"{stream}/{name}": value for name, value in values.items()}
        with self._reporting_failure():
            self._run.log({"env_steps": env_steps} | named)

    def close(self, score: dict[str, float] | None) -> None:
        """Put the score into the summary and end; a run that only stops is no finished one."""
        with self._reporting_failure():
            if score is not None:
                self._run.summary.update({f"score/{name}": v for name, v in score.items()})
            self._run.finish(exit_code=int(score is None))

    @contextmanager
    def _reporting_failure(self) -> Iterator[None]:
        """Tell the first failure, after which no other call can do anything."""
        try:
            yield
        except Exception as error:
            if not self._lost:
                self._lost = True
                print(f"\nW&B is lost ({error}): the run continues without it", file=sys.stderr)


def _identity(path: Path) -> str:
    """Return the run's id in W&B: of a run folder, as two machines may train a run of one name."""
    if not path.exists():
        with whole(path) as file:
            file.write(secrets.token_hex(4).encode())
    return path.read_text(encoding="utf-8").strip()


@contextmanager
def _refusing(wandb: ModuleType) -> Iterator[None]:
    """Turn what W&B refuses before training into one line."""
    try:
        yield
    except (wandb.errors.Error, ValueError) as error:  # ValueError: of its settings.
        said = " ".join(str(error).split()).rstrip(".")
        raise ExpectedError(
            f"track wandb: {said}: log in with `wandb login`, or give WANDB_MODE=offline and "
            "upload later with `wandb sync`"
        ) from error
