"""The shapes of an environment's spaces, both Boxes."""

import gymnasium


def observation_shape(env: gymnasium.Env) -> tuple[int, ...]:
    """Return the shape of an observation."""
    shape = env.observation_space.shape
    assert shape is not None  # A Box's.
    return shape


def action_count(env: gymnasium.Env) -> int:
    """Return the number of values of an action `[actions]`."""
    shape = env.action_space.shape
    assert shape is not None
    return shape[0]
