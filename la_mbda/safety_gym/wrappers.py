"""Action repeat, for any gymnasium environment."""

import gymnasium
import numpy as np

from la_mbda.safety_gym.env import SafetyGymEnv

# What `gymnasium.make` puts around every environment.
_TRANSPARENT = (gymnasium.wrappers.OrderEnforcing, gymnasium.wrappers.PassiveEnvChecker)


class ActionRepeat(gymnasium.Wrapper):
    """Holds each action for several steps and sums their rewards and costs.

    `info` is that of the last step, but `cost` and its parts, where they are numbers, are sums, and
    `env_steps` counts the steps taken. Safety Gym's own environments draw only the last
    observation.

    Raises:
        ValueError: repeats is less than 1.
    """

    def __init__(self, env: gymnasium.Env, repeats: int):
        if repeats < 1:
            raise ValueError(f"repeats is {repeats}: choose 1 or more")
        super().__init__(env)
        self._repeats = repeats
        inner = env
        while isinstance(inner, _TRANSPARENT):
            inner = inner.env
        # Whatever else is wrapped around the environment has to see each step.
        self._safety_gym = inner if isinstance(inner, SafetyGymEnv) else None

    def step(self, action: np.ndarray) -> tuple:
        """One step of the wrapped environment for each repeat, until the episode ends."""
        if self._safety_gym is not None:
            return self._safety_gym.step_repeated(action, self._repeats)
        total, count = 0.0, 0
        costs: dict[str, list] = {}
        while count < self._repeats:
            count += 1
            # A copy for each, as an environment may write into what it is given.
            observation, reward, terminated, truncated, info = self.env.step(np.array(action))
            total += float(reward)
            for name, value in info.items():
                if name == "cost" or name.startswith("cost_"):
                    costs.setdefault(name, []).append(value)
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
