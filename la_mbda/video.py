"""A video of an evaluation episode and, beside it, stills and its return and costs so far as JSON.

They lie under the video's name with the suffixes .png and .json. Whoever shows the video can show
the numbers in step with it: their lists have a value per frame, frame i after decision i + 1.
"""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from la_mbda.config import Config
from la_mbda.errors import ExpectedError, check_writable, whole
from la_mbda.runs.folder import write_json

SUFFIXES = (".mp4", ".gif")
FRAMES_PER_SECOND = 25
CAPTION_HEIGHT = 24
STILLS = 4
BLOCK = 16  # Many players show only videos whose sides are multiples of this, in pixels.


def check_path(path: Path) -> None:
    """Make sure that a video can be written to a path.

    Raises:
        ValueError: its suffix is of no video, or a JSON of its name is there and not of a video, or
            its folder cannot be written to.
    """
    if path.suffix not in SUFFIXES:
        raise ExpectedError(f"video {path} must end in {' or '.join(SUFFIXES)}")
    numbers = path.with_suffix(".json")
    if numbers.exists() and not any(path.with_suffix(suffix).exists() for suffix in SUFFIXES):
        raise ExpectedError(f"{numbers} is there and of no video: choose another name than {path}")
    check_writable(path.parent)


class VideoRecorder:
    """Records the first of several episodes that `evaluate` plays; `on_step` is its callback.

    A frame is the task from outside and, of Safety Gym's tasks, what the robot sees beside it.

    Args:
        env: the first episode's, made with `render_mode="rgb_array"`.

    Raises:
        ValueError: the environment draws no images.
    """

    def __init__(self, env: gymnasium.Env):
        modes = env.metadata.get("render_modes") or []
        if "rgb_array" not in modes:
            raise ExpectedError(
                f"{env.unwrapped} draws no images for a video (its render modes are "
                f"{', '.join(modes) or 'none'}, not rgb_array): leave out the video"
            )
        self._env = env
        self._robot_view = getattr(env.unwrapped, "robot_view", None)
        self._frames: list[np.ndarray] = []
        self._returns: list[float] = []
        self._cost_returns: list[list[float]] = []

    def on_step(self, returns: np.ndarray, cost_returns: np.ndarray) -> None:
        """Add a frame: returns `[episodes]` and cost returns `[episodes, constraints]` so far."""
        self._returns.append(float(returns[0]))
        self._cost_returns.append(cost_returns[0].tolist())
        costs = ", ".join(f"{cost:g}" for cost in cost_returns[0])
        image: Any = self._env.render()
        if self._robot_view is not None:
            image = _beside(image, self._robot_view())
        self._frames.append(_captioned(image, f"return {returns[0]:.2f}   cost {costs}"))

    def write(self, path: Path, config: Config) -> None:
        """Write the video, its JSON and its stills."""
        import imageio.v3 as imageio

        path.parent.mkdir(parents=True, exist_ok=True)
        rate: dict[str, Any] = {"fps": FRAMES_PER_SECOND}
        if path.suffix == ".gif":
            rate = {"duration": 1_000 / FRAMES_PER_SECOND, "loop": 0}
        with whole(path) as file:
            imageio.imwrite(file, self._frames, extension=path.suffix, **rate)
        with whole(path.with_suffix(".png")) as file:
            imageio.imwrite(file, self._stills(), extension=".png")
        write_json(path.with_suffix(".json"), self._numbers(config))

    def _stills(self) -> np.ndarray:
        """Frames spread over the episode, the last one among them, side by side."""
        last = np.linspace(0, len(self._frames), STILLS + 1).astype(int)[1:] - 1
        return np.concatenate([self._frames[max(0, index)] for index in last], 1)

    def _numbers(self, config: Config) -> dict:
        return {
            "task": config.task,
            "algorithm": config.algorithm,
            "preset": config.preset,
            "frames_per_second": FRAMES_PER_SECOND,
            "env_steps_per_frame": config.training.action_repeat,
            "cost_budget": list(config.lagrangian.cost_budget),
            "return": self._returns,
            "cost_return": self._cost_returns,
        }


def _beside(image: np.ndarray, view: np.ndarray) -> np.ndarray:
    """Put a smaller image, enlarged to half the height at most, at an image's right."""
    scale = max(1, image.shape[0] // 2 // view.shape[0])
    enlarged = view.repeat(scale, 0).repeat(scale, 1)
    below = np.full_like(image, 255, shape=(image.shape[0] - len(enlarged), *enlarged.shape[1:]))
    return np.concatenate([image, np.concatenate([enlarged, below])], 1)


def _captioned(frame: np.ndarray, text: str) -> np.ndarray:
    """Put a line of text below an image `[height, width, 3]`, in a size that codecs take."""
    from PIL import Image, ImageDraw

    height, width, _ = frame.shape
    size = [-(-length // BLOCK) * BLOCK for length in (width, height + CAPTION_HEIGHT)]
    canvas = Image.new("RGB", size, "white")
    canvas.paste(Image.fromarray(frame), (0, 0))
    ImageDraw.Draw(canvas).text((8, height + 6), text, fill="black")
    return np.asarray(canvas)
