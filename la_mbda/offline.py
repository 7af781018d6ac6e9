"""Offline datasets: recorded episodes that a run starts from in place of random actions.

They are NPZ files in the format of a run's `replay/`. Whatever is not as it has to be is refused
before anything is learnt from it; other types of numbers become float32, but images are bytes.
"""

from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np

from la_mbda.config import Config
from la_mbda.errors import ExpectedError
from la_mbda.replay import Episode, read_parts


def recorded_decisions(config: Config) -> int:
    """Return how many decisions the config's dataset holds; 0 where there is none."""
    dataset = config.training.offline_dataset
    if dataset is None:
        return 0
    parts = (read_parts(path, ["reward"]) for path in _paths(Path(dataset)))
    return sum(len(part["reward"]) - 1 for part in parts)


def check_dataset(config: Config, env: gymnasium.Env) -> str:
    """Check the config's dataset, all of which is read; return a line on it.

    Raises:
        ValueError: as `read_episodes`.
    """
    decisions = [episode.steps - 1 for episode in read_episodes(config, env)]
    text = f"offline dataset: {len(decisions):,} episodes, {sum(decisions):,} decisions"
    training = config.training
    if sum(decisions) * training.action_repeat > training.replay_capacity:
        text += f", of which replay_capacity ({training.replay_capacity:,}) keeps the last ones"
    return f"{text}, in place of random actions"


def read_episodes(config: Config, env: gymnasium.Env) -> Iterator[Episode]:
    """Read the episodes of the config's dataset, in the order of their names.

    Args:
        env: the config's task.

    Raises:
        ValueError: there is none, or a file is damaged or holds no episode of this task; the
            message names the file, the value and the fix.
    """
    assert config.training.offline_dataset is not None
    folder = Path(config.training.offline_dataset)
    paths = _paths(folder)
    if not paths:
        raise ExpectedError(f"offline_dataset {folder} holds no episodes (*.npz): choose another")
    for path in paths:
        episode = Episode.load(path)
        _check_shapes(path, episode, config, env)
        _check_images(path, episode, env)
        episode = _as_float32(path, episode)
        _check_values(path, episode)
        yield episode


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.npz"))


def _check_shapes(path: Path, episode: Episode, config: Config, env: gymnasium.Env) -> None:
    found = tuple(part.shape[1:] for part in episode)
    costs = (len(config.lagrangian.cost_budget),)
    expected = (env.observation_space.shape, env.action_space.shape, (), costs, ())
    if found != expected:
        name, value, right = next(
            parts
            for parts in zip(Episode._fields, found, expected, strict=True)
            if parts[1] != parts[2]
        )
        raise ExpectedError(
            f"{path} has a step's {name} of shape {value}, but {config.task} has {right}: choose "
            "a dataset of that task"
        )
    if episode.steps < 2:
        raise ExpectedError(f"{path} has {episode.steps} steps, so no decision: remove it")


def _check_images(path: Path, episode: Episode, env: gymnasium.Env) -> None:
    """Numbers from 0 to 1 would all be black, and larger ones wrap around."""
    images = episode.observation
    if env.observation_space.dtype == np.uint8 and images.dtype != np.uint8:
        raise ExpectedError(
            f"{path} has images of {images.dtype} from {images.min()} to {images.max()}: "
            "save bytes from 0 to 255 (uint8)"
        )


def _as_float32(path: Path, episode: Episode) -> Episode:
    parts = {}
    for name, part in episode._asdict().items():
        if part.dtype.kind not in "biuf":
            raise ExpectedError(f"{path} has {name} of {part.dtype}: save numbers")
        if name == "observation" and part.ndim == 4:
            parts[name] = part
            continue
        with np.errstate(over="ignore"):  # It becomes infinite, and is refused.
            parts[name] = part.astype(np.float32)
        finite = np.isfinite(parts[name])
        if not finite.all():
            step = int(np.argwhere(~finite)[0][0])
            raise ExpectedError(
                f"{path} has {name} {part[step]} at step {step}, which is not finite as float32: "
                "repair or remove it"
            )
    return Episode(**parts)


def _check_values(path: Path, episode: Episode) -> None:
    beyond = np.abs(episode.action).max(1) > 1.0
    if beyond.any():
        step = int(np.argmax(beyond))
        raise ExpectedError(
            f"{path} has the action {episode.action[step]} at step {step}: scale actions from the "
            "task's bounds to [-1, 1]"
        )
    for name in ("action", "reward", "cost", "terminal"):
        first = getattr(episode, name)[0]
        if np.any(first != 0.0):
            raise ExpectedError(
                f"{path} has {name} {first} at step 0, which is the reset: put an action and what "
                "came of it at the step that it led to, and 0 first"
            )
    terminal = episode.terminal
    if not np.isin(terminal, (0.0, 1.0)).all():
        raise ExpectedError(f"{path} has terminal {terminal}: save 0 or 1")
    if terminal[:-1].any():
        raise ExpectedError(
            f"{path} continues after the terminal state at step {int(terminal.argmax())}: save "
            "each episode in a file of its own"
        )
