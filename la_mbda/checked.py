"""An environment whose every value is checked where it is received, before it is learnt from.

What is not finite, or not in gymnasium's API, is refused with the environment's name, the step and
the value; an error of the environment's own code keeps its traceback and gains the place.
"""

import gymnasium
import numpy as np

from la_mbda.errors import BadEnvironmentError, EnvironmentFailedError

_LARGEST = float(np.finfo(np.float32).max)
_OLD_STEP = (
    "step returns four values, as in gym before 0.26: return observation, reward, terminated, "
    "truncated, info"
)
_OLD_RESET = "reset returns only an observation, as in gym before 0.26: return observation, info"
_OLD_SEED = (
    "reset takes no seed or options, as in gym before 0.26: define reset(self, *, seed=None, "
    "options=None)"
)


class CurrentAPI(gymnasium.Wrapper):
    """Stands right around an environment and refuses gym's old API, which other wrappers trip over.

    Raises:
        BadEnvironmentError: `step` does not return five values, or `reset` not two, or it takes no
            seed.
    """

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple:
        """Begin an episode."""
        try:
            result = self.env.reset(seed=seed, options=options)
        except TypeError as error:
            if "reset() got an unexpected keyword argument" in str(error):
                raise BadEnvironmentError(_OLD_SEED) from error
            raise
        if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict)):
            raise BadEnvironmentError(_OLD_RESET)
        return result

    def step(self, action: np.ndarray) -> tuple:
        """Make one step."""
        result = self.env.step(action)
        if not isinstance(result, tuple) or len(result) != 5:
            if isinstance(result, tuple) and len(result) == 4:
                raise BadEnvironmentError(_OLD_STEP)
            raise BadEnvironmentError(
                f"step returns {_short(result)}: return observation, reward, terminated, "
                "truncated, info"
            )
        if not isinstance(result[4], dict):
            raise BadEnvironmentError(f"step's info is {_short(result[4])}: return a dict")
        return result


class CheckedEnvironment(gymnasium.Wrapper):
    """Checks all that an environment gives, and says where it failed.

    Args:
        name: the environment's, for messages.
        repeats: environment steps of one step of what is wrapped.

    Raises:
        BadEnvironmentError: an observation, a reward, a cost or an end is not a finite number, or
            an observation is not of the shape that the environment names.
        EnvironmentFailedError: the environment raised an error, which is the cause.
    """

    def __init__(self, env: gymnasium.Env, name: str, repeats: int = 1):
        super().__init__(env)
        self._name, self._repeats = name, repeats
        self._seed: int | None = None
        self._steps = 0

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple:
        """Begin an episode."""
        self._seed, self._steps = seed, 0
        try:
            observation, info = self.env.reset(seed=seed, options=options)
            self._check_observation(observation)
        except Exception as error:
            self._raise(error, f"reset(seed={seed})")
        return observation, info

    def step(self, action: np.ndarray) -> tuple:
        """Make one step."""
        try:
            observation, reward, terminated, truncated, info = self.env.step(action)
            self._check_observation(observation)
            _check_finite("the reward", reward)
            _check_finite("terminated", terminated)
            _check_finite("truncated", truncated)
            _check_finite('info["cost"]', info.get("cost", 0.0))
        except Exception as error:
            begun = f"the episode that reset(seed={self._seed}) begins"
            self._raise(error, f"step {self._steps + 1} of {begun}")
        self._steps += self._repeats
        return observation, reward, terminated, truncated, info

    def render(self):
        """Draw an image, uint8 `[height, width, 3]` in the mode `rgb_array`."""
        try:
            image = self.env.render()
            if self.render_mode == "rgb_array":
                _check_image(image)
        except Exception as error:
            self._raise(error, f"render after step {self._steps}")
        return image

    def _raise(self, error: Exception, where: str):
        if isinstance(error, BadEnvironmentError):
            raise BadEnvironmentError(f"{self._name}: {error} (in {where})") from None
        raise failed(self._name, error, where) from error

    def _check_observation(self, observation) -> None:
        _check_finite("the observation", observation)
        shape = self.observation_space.shape
        if np.shape(observation) != shape:
            raise BadEnvironmentError(
                f"the observation has shape {np.shape(observation)}, but observation_space has "
                f"{shape}: make them one"
            )


def failed(name: str, error: Exception, where: str) -> EnvironmentFailedError:
    """Return the error to raise from one that an environment's own code raised."""
    message = " ".join(str(error).split())
    return EnvironmentFailedError(f"{name} failed in {where}: {type(error).__name__}: {message}")


def _check_finite(what: str, value) -> None:
    """Raise a BadEnvironmentError if a value has not only numbers that float32 can hold."""
    if isinstance(value, float | int):
        if abs(value) <= _LARGEST:  # And so it is no NaN.
            return
        bad = value
    else:
        numbers = _as_numbers(value)
        if numbers is None:
            bad = value
        elif numbers.dtype.kind in "bui" or (finite := np.isfinite(numbers)).all():
            return
        elif numbers.ndim == 0:
            bad = value
        else:
            index = tuple(map(int, np.argwhere(~finite)[0]))
            bad, what = np.asarray(value)[index], f"{what} at {list(index)}"
    raise BadEnvironmentError(
        f"{what} is {_short(bad)}: mend the environment so that it gives finite numbers"
    )


def _check_image(image) -> None:
    """Raise a BadEnvironmentError if it is none that a video can show."""
    array = isinstance(image, np.ndarray)
    if not (array and image.dtype == np.uint8 and image.ndim == 3 and image.shape[-1] == 3):
        found = f"{image.dtype} {list(image.shape)}" if array else _short(image)
        raise BadEnvironmentError(f"it gives {found}: return a uint8 array [height, width, 3]")


def _as_numbers(value) -> np.ndarray | None:
    """Convert to integers, or to float32, which is learnt from; None if it is neither."""
    try:
        array = np.asarray(value)
        if array.dtype.kind in "bui" or array.dtype == np.float32:
            return array
        with np.errstate(over="ignore"):
            return array.astype(np.float32) if array.dtype.kind in "fO" else None
    except (TypeError, ValueError):  # None, text, lists of several lengths.
        return None


def _short(value) -> str:
    number = isinstance(value, int | float | np.number)
    text = str(value) if number else " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:80]} …"
