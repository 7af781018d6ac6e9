"""What the agent remembers: whole episodes, with images as uint8, and uniform sequence sampling.

Step t of an episode holds (a_{t−1}, o_t, r_t, c_t, terminal_t): an action and what came of it. The
first step is the reset, with a zero action, reward and cost; reaching a time limit is not terminal.
"""

import itertools
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from la_mbda.errors import ExpectedError, writing


class Episode(NamedTuple):
    """One episode of T decisions, or a batch of sequences with a leading batch axis."""

    observation: np.ndarray
    """`[T + 1, 64, 64, 3]` uint8 images or `[T + 1, size]` float32 vectors."""
    action: np.ndarray
    """`[T + 1, actions]` float32 in [-1, 1]."""
    reward: np.ndarray
    """`[T + 1]` float32, summed over the repeated action."""
    cost: np.ndarray
    """`[T + 1, constraints]` float32, summed over the repeated action."""
    terminal: np.ndarray
    """`[T + 1]` float32, 1 where the task itself ended."""

    @property
    def steps(self) -> int:
        """T + 1."""
        return len(self.reward)

    def save(self, path: Path) -> None:
        """Writes an NPZ file, whole or not at all."""
        partial = path.with_suffix(".partial")
        with writing(partial):
            with partial.open("wb") as file:
                np.savez_compressed(file, **self._asdict())
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Episode":
        """Reads an episode.

        Raises:
            ValueError: the file is damaged or is no episode.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                episode = cls(**{name: file[name] for name in cls._fields})
        except Exception as error:  # A damaged file makes zipfile, zlib and NumPy raise many kinds.
            raise ExpectedError(f"{path} is not a readable episode ({error}): remove it") from error
        lengths = {name: len(value) for name, value in episode._asdict().items()}
        if len(set(lengths.values())) != 1:
            raise ExpectedError(f"{path} has parts of different lengths {lengths}: remove it")
        return episode


class EpisodeBuilder:
    """Collects the steps of an episode while it goes on."""

    def __init__(self, observation: np.ndarray, actions: int, constraints: int):
        """Args: observation: what `reset` showed."""
        self._steps = [
            (observation, np.zeros(actions, np.float32), 0.0, np.zeros(constraints), 0.0)
        ]

    def add(self, observation, action, reward: float, cost: np.ndarray, terminal: bool) -> None:
        """Adds what came of an action."""
        self._steps.append((observation, action, reward, cost, float(terminal)))

    def finish(self) -> Episode:
        """The episode so far."""
        observation, *rest = map(np.stack, zip(*self._steps, strict=True))
        return Episode(observation, *(part.astype(np.float32) for part in rest))


class Replay:
    """Episodes in memory, sampled as sequences that lie whole inside one episode."""

    def __init__(self, sequence_length: int, capacity: int, seed: int):
        """Args: capacity: decisions remembered; the newest episode is, whatever its length."""
        self._length, self._capacity = sequence_length, capacity
        self._rng = np.random.default_rng(seed)
        self._episodes: list[Episode] = []
        self._starts: list[int] = []  # how many windows the episodes up to each one have

    def __len__(self) -> int:
        return len(self._episodes)

    def add(self, episode: Episode) -> None:
        """Remembers an episode; one shorter than a sequence cannot be sampled and is left out."""
        if episode.steps < self._length:
            return
        self._episodes.append(episode)
        decisions = sum(episode.steps - 1 for episode in self._episodes)
        while decisions > self._capacity and len(self._episodes) > 1:
            decisions -= self._episodes.pop(0).steps - 1
        windows = (episode.steps - self._length + 1 for episode in self._episodes)
        self._starts = list(itertools.accumulate(windows))

    def sample(self, batch_size: int) -> Episode:
        """A batch of sequences `[batch, time, …]`, uniform over every window of every episode.

        Raises:
            ValueError: no episode is as long as a sequence.
        """
        if not self._episodes:
            raise ExpectedError(
                f"no remembered episode has {self._length} steps: lower sequence_length "
                "or let the episodes be longer"
            )
        windows = self._rng.integers(self._starts[-1], size=batch_size)
        owners = np.searchsorted(self._starts, windows, side="right")
        sequences = []
        for window, owner in zip(windows, owners, strict=True):
            start = window - (self._starts[owner - 1] if owner else 0)
            sequences.append([part[start : start + self._length] for part in self._episodes[owner]])
        return Episode(*map(np.stack, zip(*sequences, strict=True)))

    def random_state(self) -> dict:
        """The sampler's state, as plain JSON values."""
        return self._rng.bit_generator.state

    def set_random_state(self, state: dict) -> None:
        """Restores what `random_state` gave."""
        self._rng.bit_generator.state = state
