"""An environment that writes its arrays again at each step, as many simulators do."""

import gymnasium
import numpy as np


class Rewriting(gymnasium.Env):
    """Shows how many steps were made, as a vector or in every byte of an image.

    Step t is rewarded with t and costs t / 4. Observation, reward and cost are the same arrays each
    time, and the action given is overwritten.
    """

    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def __init__(self, image: bool = False, render_mode: str | None = None):
        self.render_mode = render_mode
        if image:
            self.observation_space = gymnasium.spaces.Box(0, 255, (64, 64, 3), np.uint8)
        else:
            self.observation_space = gymnasium.spaces.Box(-100.0, 100.0, (2,), np.float32)
        shape, dtype = self.observation_space.shape, self.observation_space.dtype
        self._state = np.zeros(shape, dtype)
        self._reward, self._cost = np.zeros(()), np.zeros(1, np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._state[:] = 0
        return self._state, {}

    def step(self, action):
        action[:] = 0.0
        self._state += 1
        steps = int(self._state.flat[0])
        self._reward[...], self._cost[:] = steps, steps / 4
        return self._state, self._reward, False, steps >= 5, {"cost": self._cost, "env_steps": 1}


for name, image in (("RewritingVector-v0", False), ("RewritingImage-v0", True)):
    gymnasium.register(name, Rewriting, kwargs={"image": image}, disable_env_checker=True)
