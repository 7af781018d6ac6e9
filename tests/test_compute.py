"""Compiled by XLA and in bfloat16, an update gives the numbers of the plain one."""

import numpy as np
import pytest
import tensorflow as tf
from batches import random_batch
from toy import tiny_config

from la_mbda.agent import Agent

SIZES = {"terminal_head": True, "horizon": 4, "swag_burn_in": 1, "swag_period": 1, "swag_models": 2}


def run(observation_shape, updates=3, **settings):
    """Metrics of some updates, the last ones with an active posterior, and what then is decided."""
    agent = Agent(tiny_config(**SIZES, **settings), observation_shape, 2)
    rng, metrics = np.random.default_rng(0), []
    for _ in range(updates):
        batch = random_batch(rng)
        batch = batch._replace(cost=batch.cost[..., :1])
        if len(observation_shape) == 3:
            images = rng.integers(0, 256, (3, 7, *observation_shape), np.uint8)
            batch = batch._replace(observation=images)
        metrics.append({k: float(v) for k, v in agent.learn(batch).items()})
    assert metrics[0]["posterior_active"] == 0.0
    assert metrics[-1]["posterior_active"] == 1.0
    observation = batch.observation[:, 0]
    for explore in (True, False):
        action, _ = agent.act(observation, agent.initial_state(3), explore)
        metrics[-1][f"action, explore={explore}"] = action
    return agent, metrics


@pytest.mark.parametrize("observation_shape", [(6,), (64, 64, 3)])
def test_xla_gives_the_same_numbers(observation_shape):
    (plain, expected), (compiled, metrics) = (
        run(observation_shape, compile=compiler) for compiler in ("none", "xla")
    )
    for ours, theirs in zip(metrics, expected, strict=True):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            np.testing.assert_allclose(ours[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    assert int(compiled.posterior.snapshots) == int(plain.posterior.snapshots) == 3
    assert int(compiled.updates) == 3


@pytest.mark.parametrize("observation_shape", [(6,), (64, 64, 3)])
def test_bfloat16_agrees_and_keeps_its_state_in_float32(observation_shape):
    _, (expected, *_) = run(observation_shape)
    agent, (metrics, *_) = run(observation_shape, precision="bfloat16")
    for name in ("model_loss", "observation_loss", "reward_loss", "cost_loss", "kl", "task_bound"):
        assert metrics[name] == pytest.approx(expected[name], rel=0.02, abs=0.02), name
    assert metrics["kl"] != expected["kl"]
    variables = [v for v in agent.variables if v.dtype.is_floating]
    assert {v.dtype for v in variables} == {tf.float32}
