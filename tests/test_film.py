"""The video of an episode and the numbers beside it."""

import json

import imageio.v3 as imageio
import numpy as np
import pytest

from la_mbda.film import Film, check_path
from la_mbda.presets import make_config


class Screen:
    """In place of an environment: its picture is all there is to it."""

    def render(self):
        return np.zeros((48, 64, 3), np.uint8)


def filmed(path, returns, costs):
    """Writes a video of one frame per value."""
    film = Film(Screen())
    for value, cost in zip(returns, costs, strict=True):
        film.on_step(np.array([value, 99.0]), np.array([[cost], [99.0]]))
    film.write(path, make_config("quick", "PointGoal1"))


def test_the_numbers_have_a_value_per_frame_of_the_first_episode(tmp_path):
    filmed(tmp_path / "new" / "video.mp4", [0.5, 1.5, 1.25], [0.0, 2.0, 3.0])
    numbers = json.loads((tmp_path / "new" / "video.json").read_text())
    assert numbers["return"] == [0.5, 1.5, 1.25]
    assert numbers["cost_return"] == [[0.0], [2.0], [3.0]]
    assert numbers["cost_budget"] == [25.0]
    assert (numbers["frames_per_second"], numbers["env_steps_per_frame"]) == (25, 2)
    who = (numbers["preset"], numbers["algorithm"], numbers["task"])
    assert who == ("quick", "lambda", "PointGoal1")
    frames = imageio.imread(tmp_path / "new" / "video.mp4")
    assert frames.shape == (3, 80, 64, 3)  # With the caption, to whole blocks.
    assert frames[0, :48].max() < 50
    assert frames[0, -8:].min() > 200


def test_stills_are_spread_over_the_episode_up_to_its_end(tmp_path):
    brightness = iter(range(10, 210, 20))

    class Brighter:
        def render(self):
            return np.full((48, 64, 3), next(brightness), np.uint8)

    film = Film(Brighter())
    for _ in range(8):
        film.on_step(np.zeros(1), np.zeros((1, 1)))
    film.write(tmp_path / "video.mp4", make_config("quick", "PointGoal1"))
    stills = imageio.imread(tmp_path / "video.png")
    assert stills.shape == (80, 4 * 64, 3)
    assert stills[0, ::64, 0].tolist() == [30, 70, 110, 150]


def test_a_video_overwrites_only_numbers_of_a_video(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ValueError, match=r"run\.json is there and of no video"):
        check_path(tmp_path / "run.mp4")
    filmed(tmp_path / "video.gif", [0.0], [0.0])
    check_path(tmp_path / "video.gif")


def test_a_file_of_another_kind_is_no_video(tmp_path):
    with pytest.raises(ValueError, match=r"film\.avi must end in \.mp4 or \.gif"):
        check_path(tmp_path / "film.avi")
