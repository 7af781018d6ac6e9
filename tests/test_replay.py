"""Episodes, their files and the uniform sampling of sequences."""

import numpy as np
import pytest

from la_mbda.replay import Episode, EpisodeBuilder, Replay


def episode(length, start=0):
    """An episode whose rewards number its steps."""
    steps = np.arange(start, start + length, dtype=np.float32)
    return Episode(
        np.tile(steps[:, None, None, None], (1, 2, 2, 3)).astype(np.uint8),
        steps[:, None],
        steps,
        steps[:, None],
        np.zeros(length, np.float32),
    )


def test_builder_puts_the_reset_first_and_actions_with_what_they_led_to():
    builder = EpisodeBuilder(np.array([7.0], np.float32), actions=2, constraints=1)
    builder.add(np.array([8.0], np.float32), np.array([0.1, 0.2]), 3.0, np.array([1.0]), False)
    builder.add(np.array([9.0], np.float32), np.array([0.3, 0.4]), 4.0, np.array([0.0]), True)
    built = builder.finish()
    np.testing.assert_array_equal(built.observation[:, 0], [7, 8, 9])
    np.testing.assert_allclose(built.action, [[0, 0], [0.1, 0.2], [0.3, 0.4]])
    np.testing.assert_array_equal(built.reward, [0, 3, 4])
    np.testing.assert_array_equal(built.cost[:, 0], [0, 1, 0])
    np.testing.assert_array_equal(built.terminal, [0, 0, 1])


def test_sequences_are_whole_and_uniform_over_windows():
    replay = Replay(sequence_length=4, capacity=100, seed=0)
    replay.add(episode(5))  # 2 windows
    replay.add(episode(3, start=50))  # too short
    replay.add(episode(8, start=100))  # 5 windows
    batch = replay.sample(7_000)
    assert batch.observation.shape == (7_000, 4, 2, 2, 3)
    assert batch.observation.dtype == np.uint8
    np.testing.assert_array_equal(np.diff(batch.reward, axis=1), 1)
    starts, counts = np.unique(batch.reward[:, 0], return_counts=True)
    np.testing.assert_array_equal(starts, [0, 1, 100, 101, 102, 103, 104])
    assert counts.min() > 850
    assert counts.max() < 1_150


def test_random_state_restores():
    replay = Replay(sequence_length=2, capacity=100, seed=0)
    replay.add(episode(100))
    replay.sample(3)
    state = replay.random_state()
    expected = replay.sample(10).reward
    replay.sample(5)
    replay.set_random_state(state)
    np.testing.assert_array_equal(replay.sample(10).reward, expected)


def test_too_little_data_is_an_error():
    replay = Replay(sequence_length=10, capacity=100, seed=0)
    replay.add(episode(9))
    with pytest.raises(ValueError, match="no remembered episode has 10 steps"):
        replay.sample(1)


def test_files(tmp_path):
    path = tmp_path / "episode.npz"
    episode(6).save(path)
    for before, after in zip(episode(6), Episode.load(path), strict=True):
        np.testing.assert_array_equal(before, after)
        assert before.dtype == after.dtype
    assert list(tmp_path.iterdir()) == [path]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="not a readable episode"):
        Episode.load(path)
    np.savez(path, **episode(6)._replace(reward=np.zeros(2))._asdict())
    with pytest.raises(ValueError, match="different lengths"):
        Episode.load(path)


def test_the_oldest_episodes_are_forgotten_beyond_the_capacity():
    replay = Replay(sequence_length=2, capacity=12, seed=0)
    for start in (0, 100, 200, 300):
        replay.add(episode(6, start))  # 5 decisions
    assert len(replay) == 2
    assert replay.sample(200).reward.min() == 200
    replay.add(episode(50, 400))  # More than the capacity by itself.
    assert len(replay) == 1
    assert replay.sample(200).reward.min() >= 400
