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
    replay.add(episode(8, start=100))  # 5 windows
    batch = replay.sample(7_000)
    assert batch.observation.shape == (7_000, 4, 2, 2, 3)
    assert batch.observation.dtype == np.uint8
    np.testing.assert_array_equal(np.diff(batch.reward, axis=1), 1)
    starts, counts = np.unique(batch.reward[:, 0], return_counts=True)
    np.testing.assert_array_equal(starts, [0, 1, 100, 101, 102, 103, 104])
    assert counts.min() > 850
    assert counts.max() < 1_150
    assert batch.first is None
    # One draw decides on a sequence: runs from before short episodes were learnt from go on as is.
    drawn = np.random.default_rng(0).integers(7, size=7_000)
    np.testing.assert_array_equal(batch.reward[:, 0], np.where(drawn < 2, drawn, drawn + 98))


def test_over_short_episodes_every_step_is_as_likely_at_each_place():
    replay = Replay(sequence_length=6, capacity=1_000, seed=0)
    episodes = [episode(n, start) for start, n in ((0, 2), (100, 9), (200, 3), (300, 6))]
    for one in episodes:
        replay.add(one)
    batch = replay.sample(20_000)
    assert batch.reward.shape == (20_000, 6)
    every = np.concatenate([one.reward for one in episodes])
    for place in range(6):
        steps, counts = np.unique(batch.reward[:, place], return_counts=True)
        np.testing.assert_array_equal(steps, every)
        np.testing.assert_allclose(counts, 1_000, atol=4.5 * np.sqrt(950))


def test_a_sequence_over_the_ends_of_episodes_says_where_the_next_begins():
    replay = Replay(sequence_length=6, capacity=1_000, seed=0)
    for start, n in ((0, 2), (100, 9), (200, 3)):
        replay.add(episode(n, start))
    batch = replay.sample(500)
    assert batch.first[:, 0].all()
    begins = np.isin(batch.reward, [0, 100, 200])
    np.testing.assert_array_equal(batch.first[:, 1:], begins[:, 1:])
    goes_on = ~batch.first[:, 1:]
    assert (np.diff(batch.reward, axis=1)[goes_on] == 1).all()
    ended = np.isin(batch.reward, [1, 108, 202])  # No episode is left before its end.
    np.testing.assert_array_equal(batch.first[:, 1:], ended[:, :-1])
    np.testing.assert_array_equal(batch.observation[..., 0, 0, 0], batch.reward % 256)
    np.testing.assert_array_equal(batch.action[..., 0], batch.reward)


def test_once_short_episodes_are_forgotten_sequences_are_whole_again():
    replay = Replay(sequence_length=4, capacity=12, seed=0)
    replay.add(episode(3))
    assert replay.sample(1).first is not None
    replay.add(episode(6, 100))
    assert replay.sample(1).first is not None
    replay.add(episode(7, 200))  # 2 + 5 + 6 decisions are one too many.
    assert replay.sample(1).first is None


def test_random_state_restores():
    replay = Replay(sequence_length=2, capacity=100, seed=0)
    replay.add(episode(100))
    replay.sample(3)
    state = replay.random_state()
    expected = replay.sample(10).reward
    replay.sample(5)
    replay.set_random_state(state)
    np.testing.assert_array_equal(replay.sample(10).reward, expected)


def test_nothing_to_sample_from_is_an_error():
    with pytest.raises(ValueError, match="no episode is remembered"):
        Replay(sequence_length=10, capacity=100, seed=0).sample(1)


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
    replay = Replay(sequence_length=2, capacity=10, seed=0)
    for start in (0, 100, 200, 300):
        replay.add(episode(6, start))  # 5 decisions, two of which are all that there is room for.
    assert len(replay) == 2
    assert replay.sample(200).reward.min() == 200
    replay.add(episode(50, 400))  # More than the capacity by itself.
    assert len(replay) == 1
    assert replay.sample(200).reward.min() >= 400
