"""Which actions an environment of one's own may have."""

import gymnasium
import numpy as np
import pytest
from toy import ToyEnv, tiny_config

from la_mbda.environments import make_environment

HUGE = np.finfo(np.float32).max


def make(box):
    """An environment with these actions, that remembers what it was given."""

    class Boxed(ToyEnv):
        action_space = box

        def step(self, action):
            self.given = action
            return super().step(np.zeros(1, np.float32))

    gymnasium.register("Boxed-v0", Boxed, disable_env_checker=True)
    try:
        return make_environment(tiny_config("gymnasium:Boxed-v0"))
    finally:
        del gymnasium.registry["Boxed-v0"]


@pytest.mark.parametrize(
    ("box", "message"),
    [
        (gymnasium.spaces.Discrete(3), "has action space Discrete"),
        (gymnasium.spaces.MultiDiscrete([3, 2]), "has action space MultiDiscrete"),
        (gymnasium.spaces.Box(0, 3, (2,), np.int64), "has actions of int64 .*round there"),
        (gymnasium.spaces.Box(0, 255, (2,), np.uint8), "has actions of uint8 .*round there"),
        (gymnasium.spaces.Box(-np.inf, 1.0, (2,)), "has unbounded actions"),
        (gymnasium.spaces.Box(-HUGE, HUGE, (2,)), "has unbounded actions"),
        (gymnasium.spaces.Box(np.float32([0, 1]), np.float32([1, 1])), "of a single value"),
        (gymnasium.spaces.Box(-1.0, 1.0, (0,)), "has no actions"),
        (gymnasium.spaces.Box(-1.0, 1.0, ()), "one-dimensional Box"),
        (gymnasium.spaces.Box(-1.0, 1.0, (2, 2)), "one-dimensional Box"),
    ],
)
def test_actions_that_cannot_be_scaled_are_refused(box, message):
    with pytest.raises(ValueError, match=message):
        make(box)


# Gymnasium's own, of a wrapper's spaces without bounds.
@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_actions_of_floats_reach_the_bounds(dtype):
    env = make(gymnasium.spaces.Box(np.array([-3, 1], dtype), np.array([5, 2], dtype), dtype=dtype))
    env.reset(seed=0)
    for action, expected in (([-1, -1], [-3, 1]), ([0, 0], [1, 1.5]), ([1, 1], [5, 2])):
        env.step(np.float32(action))
        np.testing.assert_allclose(env.unwrapped.given, expected, rtol=1e-3)
