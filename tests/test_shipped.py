"""The trained policy that the repository ships still loads, and still drives to its goals."""

import numpy as np
import pytest
import tensorflow as tf

from la_mbda.api import check_agent, load_agent
from la_mbda.environments import make_environment
from la_mbda.episodes import evaluate
from plotting.results import SHIPPED


# A random policy's mean return is near 0, a goal reached adds about 1.5.
@pytest.mark.parametrize(("task", "least"), [("PointGoal1", 12.0), ("DoggoGoal1", 4.0)])
def test_the_shipped_policy_reaches_goals(task, least):
    agent = load_agent(SHIPPED / "cpu" / "lambda" / task / "seed_0")
    environments = [make_environment(agent.config) for _ in range(4)]
    played = evaluate(environments, agent, seeds=[0, 1, 2, 3])
    for env in environments:
        env.close()
    assert played.returns.mean() > least


@pytest.mark.parametrize("task", ["PointGoal1", "PointGoal2", "CarGoal1", "DoggoGoal1"])
def test_shipped_agents_have_samples_of_their_posterior(task):
    agent = load_agent(SHIPPED / "cpu" / "lambda" / task / "seed_0")
    assert bool(agent.posterior.active)
    (kernel, *_) = tf.nest.flatten(agent.posterior.sample(3, agent.evaluation_noise))
    assert not np.array_equal(kernel[0], kernel[1])


def test_a_shipped_run_without_weights_says_so():
    runs = [path.parent for path in SHIPPED.glob("*/*/*/seed_*/config.json")]
    without = [path for path in runs if not (path / "weights").exists()]
    assert len(without) > 20
    for path in without:
        with pytest.raises(ValueError, match=r"has no checkpoint and no weights: .*shipped ones"):
            check_agent(path)
