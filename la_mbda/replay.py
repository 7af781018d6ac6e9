"""What the agent remembers: whole episodes, with images as uint8, sampled as sequences.

Step t of an episode holds (a_{t−1}, o_t, r_t, c_t, terminal_t): an action and what came of it. The
first step is the reset, with a zero action, reward and cost; reaching a time limit is not terminal.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from la_mbda.errors import ExpectedError, whole


class Episode(NamedTuple):
    """One episode of T decisions."""

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
        """Write an NPZ file, whole or not at all."""
        with whole(path) as file:
            np.savez_compressed(file, **self._asdict())

    @classmethod
    def load(cls, path: Path) -> "Episode":
        """Read an episode, with the types that the file has.

        Raises:
            ValueError: the file is damaged or is no episode.
        """
        episode = cls(**read_parts(path, cls._fields))
        lengths = {name: len(np.atleast_1d(value)) for name, value in episode._asdict().items()}
        if len(set(lengths.values())) != 1:
            raise ExpectedError(f"{path} has parts of different lengths {lengths}: remove it")
        return episode


class Sequences(NamedTuple):
    """A batch of sequences of an episode's parts, each `[batch, time, …]`."""

    observation: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    cost: np.ndarray
    terminal: np.ndarray
    first: np.ndarray | None = None
    """`[batch, time]` bool: where a sequence begins, or continues with another episode, of which
    nothing is believed yet; None where each lies inside one episode."""


def read_parts(path: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Read some parts of an episode's file, by name.

    Raises:
        ValueError: the file is damaged or is no episode.
    """
    try:
        # Opened here, as NumPy leaves a damaged file open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except MemoryError:
        raise  # The file may be whole.
    except Exception as error:  # A damaged file makes zipfile, zlib and NumPy raise many kinds.
        raise ExpectedError(f"{path} is not a readable episode ({error}): remove it") from error


class EpisodeBuilder:
    """Collects the steps of an episode.

    It copies what it keeps: an environment may write its arrays again at the next step.
    """

    def __init__(self, observation: np.ndarray, actions: int, constraints: int):
        """Args: observation: what `reset` showed."""
        self._steps: list[tuple[np.ndarray, ...]] = []
        self.add(observation, np.zeros(actions, np.float32), 0.0, np.zeros(constraints), False)

    def add(self, observation, action, reward: float, cost: np.ndarray, terminal: bool) -> None:
        """Add what came of an action."""
        self._steps.append(tuple(map(np.array, (observation, action, reward, cost, terminal))))

    def finish(self) -> Episode:
        """Return the episode so far."""
        observation, *rest = map(np.stack, zip(*self._steps, strict=True))
        return Episode(observation, *(part.astype(np.float32) for part in rest))


class Replay:
    """Episodes in memory, sampled as sequences.

    Where every episode is as long as a sequence, a sequence lies whole inside one, uniform over all
    their windows. Where one is shorter, as where a task's failures end its episodes, sequences run
    on over the ends of episodes instead, into others' beginnings: no step is padding, and each
    remembered step is as likely at each place of a sequence.
    """

    def __init__(self, sequence_length: int, capacity: int, seed: int):
        """Args: capacity: decisions remembered; the newest episode is, whatever its length."""
        self._length, self._capacity = sequence_length, capacity
        self._rng = np.random.default_rng(seed)
        self._episodes: list[Episode] = []
        self._decisions = 0
        self._starts: np.ndarray | None = None
        """How many places to begin at the episodes up to each one have; made when it is needed."""
        self._run_on = False

    def __len__(self) -> int:
        return len(self._episodes)

    def add(self, episode: Episode) -> None:
        """Store an episode."""
        self._episodes.append(episode)
        self._decisions += episode.steps - 1
        while self._decisions > self._capacity and len(self._episodes) > 1:
            self._decisions -= self._episodes.pop(0).steps - 1
        self._starts = None

    def sample(self, batch_size: int) -> Sequences:
        """Sample a batch of sequences `[batch, time, …]`.

        Raises:
            ValueError: nothing is remembered.
        """
        if not self._episodes:
            raise ExpectedError("no episode is remembered: add one before sampling")
        if self._starts is None:
            steps = np.array([episode.steps for episode in self._episodes])
            self._run_on = bool(steps.min() < self._length)
            self._starts = np.cumsum(steps if self._run_on else steps - self._length + 1)
        places = self._rng.integers(int(self._starts[-1]), size=batch_size)
        owners = np.searchsorted(self._starts, places, side="right")
        sequences = []
        for place, owner in zip(places, owners, strict=True):
            start = place - (self._starts[owner - 1] if owner else 0)
            sequence = [part[start : start + self._length] for part in self._episodes[owner]]
            sequences.append(self._continue(sequence) if self._run_on else sequence)
        return Sequences(*map(np.stack, zip(*sequences, strict=True)))

    def _continue(self, sequence: list[np.ndarray]) -> list[np.ndarray]:
        """Return the sequence up to its full length, with where its parts begin.

        Any episode may be next, as likely as another. As a place to begin at is as likely in a
        long episode as it is long, every step of all is then equally likely at every time.
        """
        parts, left = [sequence], self._length - len(sequence[0])
        while left > 0:
            owner = self._rng.integers(len(self._episodes))
            parts.append([part[:left] for part in self._episodes[owner]])
            left -= len(parts[-1][0])
        first = np.zeros(self._length, bool)
        first[np.cumsum([0, *(len(part[0]) for part in parts[:-1])])] = True
        return [*map(np.concatenate, zip(*parts, strict=True)), first]

    def random_state(self) -> dict:
        """Return the sampler's state, as plain JSON values."""
        return dict(self._rng.bit_generator.state)

    def set_random_state(self, state: dict) -> None:
        """Restore what `random_state` gave."""
        self._rng.bit_generator.state = state
