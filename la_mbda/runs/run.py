"""A run of a sweep: what it is and where it stands, as its folder says, and how it ended."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from la_mbda.config import Config
from la_mbda.runs.folder import PROGRESS, final_score

LOG = "train.log"


@dataclass(frozen=True)
class Run:
    """One run of the plan."""

    config: Config
    path: Path
    """Its folder."""
    command: tuple[str, ...]
    """The arguments of the Python interpreter that train it."""

    def __str__(self) -> str:
        return f"{self.config.task} {self.config.variant} seed {self.config.seed}"

    @property
    def log(self) -> Path:
        """What its processes printed, the last one at the end."""
        return self.path / LOG

    @property
    def finished(self) -> bool:
        """Whether it has its score, at its budget.

        Raises:
            ValueError: the score cannot be read.
        """
        return final_score(self.path, self.config) is not None

    @property
    def progress(self) -> dict[str, float]:
        """The fraction of its time that is over and the seconds left, as its process tells them.

        Empty until that has begun, which takes some seconds.
        """
        try:
            return json.loads((self.path / PROGRESS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    @property
    def env_steps(self) -> int:
        """Env steps trained so far, those after the last checkpoint included."""
        try:
            with (self.path / "episodes.jsonl").open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 4096))  # Longer than a line.
                whole_lines = file.read().split(b"\n")[:-1]
            return json.loads(whole_lines[-1])["env_steps"]
        except (OSError, IndexError, ValueError, KeyError):
            return 0


class Outcome(NamedTuple):
    """How the process of a run ended."""

    state: Literal["finished", "stopped", "failed", "waiting"]
    """`waiting`: it was never started, as the sweep was asked to stop before."""
    reason: str = ""
    """Of a failure."""
