"""Evaluates a trained run: `python experiments/evaluate.py RUN_FOLDER --video FILE`.

`--imagine FOLDER` shows in place of it what the run's model imagines beside a real episode.
"""

import checkout  # noqa: F401

from collections.abc import Sequence
from pathlib import Path

from la_mbda import command_line
from la_mbda.commands import evaluate


def main(argv: Sequence[str]) -> int:
    """Evaluate, and draw what was imagined."""
    return evaluate.main(argv, _draw)


def _draw(folder: Path) -> list[Path]:
    from plotting.posterior import draw_futures  # Takes matplotlib's time, and seldom.

    return draw_futures(folder)


if __name__ == "__main__":
    command_line.run(main)
