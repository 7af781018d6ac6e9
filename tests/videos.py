"""Short videos of an environment that draws one grey."""

import gymnasium
import numpy as np

from la_mbda.presets import make_config
from la_mbda.video import VideoRecorder


class Screen(gymnasium.Env):
    """In place of an environment: its image is all there is to it."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 (gymnasium's name)

    def render(self):
        return np.zeros((48, 64, 3), np.uint8)


def write_video(path, returns, costs):
    """Writes a video of one frame per value."""
    video = VideoRecorder(Screen())
    for value, cost in zip(returns, costs, strict=True):
        video.on_step(np.array([value, 99.0]), np.array([[cost], [99.0]]))
    video.write(path, make_config("quick", "PointGoal1"))
