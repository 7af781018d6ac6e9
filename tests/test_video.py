"""The video of an episode and the numbers beside it."""

import json

import imageio.v3 as imageio
import numpy as np
import pytest
from videos import Screen, write_video

from la_mbda.presets import make_config
from la_mbda.safety_gym.env import SafetyGymEnv
from la_mbda.video import VideoRecorder, check_path


# imageio leaves the pipes of ffmpeg to be closed by the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_numbers_have_a_value_per_frame_of_the_first_episode(tmp_path):
    write_video(tmp_path / "new" / "video.mp4", [0.5, 1.5, 1.25], [0.0, 2.0, 3.0])
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

    class Brighter(Screen):
        def render(self):
            return np.full((48, 64, 3), next(brightness), np.uint8)

    video = VideoRecorder(Brighter())
    for _ in range(8):
        video.on_step(np.zeros(1), np.zeros((1, 1)))
    video.write(tmp_path / "video.mp4", make_config("quick", "PointGoal1"))
    stills = imageio.imread(tmp_path / "video.png")
    assert stills.shape == (80, 4 * 64, 3)
    assert stills[0, ::64, 0].tolist() == [30, 70, 110, 150]


def test_a_video_overwrites_only_numbers_of_a_video(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ValueError, match=r"run\.json is there and of no video"):
        check_path(tmp_path / "run.mp4")
    write_video(tmp_path / "video.gif", [0.0], [0.0])
    check_path(tmp_path / "video.gif")


def test_a_file_of_another_kind_is_no_video(tmp_path):
    with pytest.raises(ValueError, match=r"video\.avi must end in \.mp4 or \.gif"):
        check_path(tmp_path / "video.avi")


def test_what_the_robot_sees_is_beside_the_image_from_outside(tmp_path):
    env = SafetyGymEnv("PointGoal1", render_mode="rgb_array")
    env.reset(seed=0)
    video = VideoRecorder(env)
    video.on_step(np.zeros(1), np.zeros((1, 1)))
    video.write(tmp_path / "video.gif", make_config("quick", "PointGoal1"))
    (frame,) = imageio.imread(tmp_path / "video.gif")
    assert frame.shape == (416, 384 + 192, 3)
    seen = frame[1:192:3, 385:576:3].astype(float)
    # The file's palette has few colours.
    assert np.abs(seen - env.robot_view()).mean() < 10.0
    assert np.abs(frame[:384, :384].astype(float) - env.render()).mean() < 10.0
    env.close()


def test_a_task_that_draws_no_images_is_refused():
    class Blind(Screen):
        metadata = {"render_modes": ["human"]}  # noqa: RUF012

    with pytest.raises(ValueError, match="draws no images for a video"):
        VideoRecorder(Blind())
