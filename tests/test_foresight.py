"""How well a model foresees fresh episodes, on made-up numbers and on a tiny trained run."""

import numpy as np
import pytest
from toy_runs import trained

from la_mbda.api import load_agent
from la_mbda.environments import make_environment
from la_mbda.foresight import Foresight, foresee


def test_correlation():
    foresight = Foresight(np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0, 3.0]))
    assert foresight.correlation == pytest.approx(1.0)
    assert np.isnan(Foresight(np.ones(3), np.arange(3.0)).correlation)


def test_windows_are_of_the_episodes_own_actions(tmp_path):
    """The toy pays for each action at once, so the real sums are known from the actions."""
    agent = load_agent(trained(tmp_path))
    env = make_environment(agent.config)
    found = foresee(agent, env, [0, 1], steps=6)
    assert set(found) == {"reward", "cost_0"}
    for part in found.values():
        # Three whole windows of six decisions in each episode of twenty.
        assert part.imagined.shape == part.real.shape == (6,)
        assert np.isfinite(part.imagined).all()
    assert (found["reward"].real <= 6.0).all()
    assert set(found["cost_0"].real) <= set(map(float, range(7)))
    one, other = (foresee(agent, env, [seed], steps=6)["reward"].real for seed in (0, 1))
    np.testing.assert_array_equal(found["reward"].real, np.concatenate([one, other]))
    with pytest.raises(ValueError, match="an episode has 20 decisions, fewer than the 21"):
        foresee(agent, env, [0], steps=21)
