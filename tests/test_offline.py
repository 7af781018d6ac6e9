"""Offline datasets: what a run starts from, and what is refused before it does."""

import numpy as np
import pytest
import rewriting  # noqa: F401
from toy import LOOP, tiny_config
from toy_runs import lines

from la_mbda.api import train
from la_mbda.environments import make_environment
from la_mbda.episodes import play_random
from la_mbda.offline import read_episodes
from la_mbda.replay import Episode
from la_mbda.runs import memory
from la_mbda.runs.durations import updates_until
from la_mbda.runs.folder import run_path


@pytest.fixture
def dataset(tmp_path):
    """A folder for one, and the config of a run that starts from it."""
    folder = tmp_path / "my [data]"
    folder.mkdir()
    return folder, tiny_config(offline_dataset=str(folder), **LOOP | {"env_steps": 40})


def played(config, seed=0):
    return play_random(make_environment(config), seed, 1).episode


def test_a_run_starts_from_it_in_place_of_random_actions(dataset, tmp_path, capsys):
    folder, config = dataset
    for seed in range(4):
        played(config, seed).save(folder / f"{seed}.npz")
    assert config.training.random_steps == 100  # As the preset has it.
    train(config, tmp_path)
    path = run_path(tmp_path, config)
    assert [e["env_steps"] for e in lines(path, "episodes")] == [20, 40]
    updates = lines(path, "updates")
    assert [u["env_steps"] for u in updates] == [0, 0, 20]
    assert updates[-1]["updates"] == 3 + updates_until(config, 40)
    assert len(list((path / "replay").iterdir())) == 6
    told = capsys.readouterr().out
    assert "offline dataset: 4 episodes, 80 decisions, in place of random actions" in told


def test_memory_holds_it_too(dataset):
    folder, config = dataset
    env = make_environment(config)
    alone = memory.replay_bytes(config, env)
    for seed in range(4):
        played(config, seed).save(folder / f"{seed}.npz")
    assert memory.replay_bytes(config, env) == alone * (40 + 80) / 40


def test_other_types_of_numbers_become_float32(dataset):
    folder, config = dataset
    episode = played(config)
    types = (np.float64, np.float64, np.float16, np.int64, bool)
    parts = (part.astype(kind) for part, kind in zip(episode, types, strict=True))
    Episode(*parts).save(folder / "0.npz")
    (read,) = read_episodes(config, make_environment(config))
    assert all(part.dtype == np.float32 for part in read)
    np.testing.assert_array_equal(read.observation, episode.observation)
    np.testing.assert_array_equal(read.action, episode.action)
    np.testing.assert_allclose(read.reward, episode.reward, rtol=1e-3)


def with_value(part, step, value):
    """Changes one step of a part."""

    def change(episode):
        parts = {name: part.copy() for name, part in episode._asdict().items()}
        parts[part][step] = value
        return Episode(**parts)

    return change


def replaced(**parts):
    return lambda episode: episode._replace(**{k: f(episode) for k, f in parts.items()})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_value("action", 3, 1.5), r"action \[1\.5\] at step 3: scale actions"),
        (with_value("action", 0, 0.5), r"action \[0\.5\] at step 0, which is the reset"),
        (with_value("reward", 0, 1.0), "reward 1.0 at step 0, which is the reset"),
        (with_value("reward", 7, np.nan), "reward nan at step 7, which is not finite"),
        (with_value("observation", 2, np.inf), r"observation \[inf\] at step 2, which is not fin"),
        (with_value("cost", 4, -np.inf), r"cost \[-inf\] at step 4, which is not finite"),
        (with_value("terminal", 5, 1.0), "continues after the terminal state at step 5"),
        (with_value("terminal", 20, 0.5), "save 0 or 1"),
        (
            replaced(observation=lambda e: np.full((21, 1), 1e300)),
            r"observation \[1\.e\+300\] at step 0, which is not finite as float32",
        ),
        (replaced(reward=lambda e: e.reward.astype("U9")), "has reward of <U9: save numbers"),
        (
            replaced(reward=lambda e: e.reward[:, None]),
            r"step's reward of shape \(1,\), but .*\(\)",
        ),
        (
            replaced(action=lambda e: np.zeros((21, 3), np.float32)),
            r"action of shape \(3,\), but gymnasium:Toy-v0 has \(1,\): choose a dataset of that",
        ),
        (lambda e: Episode(*(part[:1] for part in e)), "has 1 steps, so no decision"),
        (lambda e: Episode(*(part[:0] for part in e)), "has 0 steps, so no decision"),
    ],
)
def test_what_is_not_as_it_has_to_be_is_refused_before_training(dataset, tmp_path, change, message):
    """The message names the file; nothing is left behind that would hold on to the setting."""
    folder, config = dataset
    played(config).save(folder / "0.npz")
    change(played(config, 1)).save(folder / "1.npz")
    with pytest.raises(ValueError, match=message) as caught:
        train(config, tmp_path / "results")
    assert str(folder / "1.npz") in str(caught.value)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_images_are_bytes(tmp_path, dtype):
    config = tiny_config("gymnasium:RewritingImage-v0", offline_dataset=str(tmp_path), **LOOP)
    env = make_environment(config)
    episode = play_random(env, 0, 1).episode
    episode.save(tmp_path / "0.npz")
    (read,) = read_episodes(config, env)
    assert read.observation.dtype == np.uint8
    assert read.observation.max() == 5
    episode._replace(observation=episode.observation.astype(dtype) / dtype(5)).save(
        tmp_path / "0.npz"
    )
    with pytest.raises(ValueError, match=r"0.npz has images of float\d\d from 0.0 to 1.0: save"):
        next(read_episodes(config, env))


def test_an_empty_folder_is_refused(dataset, tmp_path):
    _, config = dataset
    with pytest.raises(ValueError, match="holds no episodes"):
        train(config, tmp_path / "results")
    assert not (tmp_path / "results").exists()
