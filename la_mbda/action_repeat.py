"""Action repeat, for any gymnasium environment that has none of its own."""

import copy

import gymnasium
import numpy as np


class ActionRepeat(gymnasium.Wrapper):
    """Holds each action for several steps and sums their rewards and costs.

    `info` is that of the last step, but `cost` and its parts, where they are numbers, are sums, and
    `env_steps` counts the steps taken.
    """

    def __init__(self, env: gymnasium.Env, repeats: int):
        super().__init__(env)
        self._repeats = repeats

    def step(self, action: np.ndarray) -> tuple:
        """Take one step of the wrapped environment for each repeat, until the episode ends."""
        total, count = 0.0, 0
        costs: dict[str, list] = {}
        while count < self._repeats:
            count += 1
            # A copy for each, as an environment may write into what it is given.
            observation, reward, terminated, truncated, info = self.env.step(np.array(action))
            total += float(reward)
            for name, value in info.items():
                if name == "cost" or name.startswith("cost_"):
                    # A copy, as an environment may write its own array again.
                    costs.setdefault(name, []).append(copy.deepcopy(value))
            if terminated or truncated:
                break
        sums = {
            name: sum((np.asarray(value, np.float64) for value in values), 0.0)
            for name, values in costs.items()
            if name == "cost" or _are_numbers(values)
        }
        return observation, total, terminated, truncated, info | sums | {"env_steps": count}


def _are_numbers(values: list) -> bool:
    """Whether values are numbers, or arrays of them of one shape, which have a sum."""
    try:
        arrays = [np.asarray(value) for value in values]
    except ValueError:  # Lists of several lengths.
        return False
    numbers = all(array.dtype.kind in "buif" for array in arrays)
    return numbers and len({array.shape for array in arrays}) == 1
