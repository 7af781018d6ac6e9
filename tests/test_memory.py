"""The memory that remembering takes."""

import pytest
from toy import tiny_config

from la_mbda import memory
from la_mbda.environments import make_environment
from la_mbda.episodes import play_random
from la_mbda.presets import make_config
from la_mbda.runs import train


def test_paper_scale_takes_what_its_frames_take():
    config = make_config("paper", "PointGoal1")
    env = make_environment(config)
    assert memory.replay_bytes(config, env) == pytest.approx(6.15e9, rel=0.01)
    half = make_config("paper", "PointGoal1", replay_capacity=500_000)
    assert memory.replay_bytes(half, env) == pytest.approx(3.07e9, rel=0.01)


def test_it_is_what_an_episode_weighs():
    config = tiny_config(env_steps=100)
    env = make_environment(config)
    episode = play_random(env, 0, 1).episode
    per_decision = sum(part.nbytes for part in episode) / episode.steps
    assert memory.replay_bytes(config, env) == 100 * per_decision


def test_what_does_not_fit_is_refused(monkeypatch):
    config = make_config("paper", "PointGoal1")
    env = make_environment(config)
    assert "6.15 GB" in memory.check_memory(config, env)
    monkeypatch.setattr(memory, "free_bytes", lambda: 5_000_000_000)
    with pytest.raises(ValueError, match=r"replay_capacity is 2000000.*6.15 GB.*5.00 GB are free"):
        memory.check_memory(config, env)


def test_a_refused_run_leaves_no_folder_behind(tmp_path, monkeypatch):
    """Else the folder would hold the very setting that has to be changed."""
    monkeypatch.setattr(memory, "free_bytes", lambda: 10)
    with pytest.raises(ValueError, match="lower replay_capacity"):
        train(tiny_config(), tmp_path)
    assert list(tmp_path.iterdir()) == []
