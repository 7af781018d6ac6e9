"""Trains one run: `python experiments/train.py --task PointGoal1 --preset cpu --seed 0`."""

import checkout  # noqa: F401

from la_mbda import command_line
from la_mbda.commands.train import main

if __name__ == "__main__":
    command_line.run(main)
