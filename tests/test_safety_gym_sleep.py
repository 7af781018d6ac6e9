"""Letting bodies at rest sleep changes no reward and no cost.

Contacts amplify any difference, that of rounding too, so a run is compared only as long as a twin
whose robot starts 1e-12 m aside agrees with it.
"""

import gymnasium
import mujoco
import numpy as np
import pytest

import la_mbda.safety_gym  # noqa: F401 (registers the environments)

STEPS = 250


def run(task, seed, sleep=True, aside=0.0):
    """Rewards and costs `[step]`, and how many bodies slept on average."""
    env = gymnasium.make(f"Safexp-{task}-v0", disable_env_checker=True).unwrapped
    if not sleep:
        env.model.opt.enableflags &= ~int(mujoco.mjtEnableBit.mjENBL_SLEEP)
    env.reset(seed=seed)
    env.data.qpos[0] += aside
    env.world.forward()
    rng, asleep, outcomes = np.random.default_rng(seed), 0, []
    for step in range(STEPS):
        if step % 50 == 0:  # Far enough in one direction to run into things.
            heading = rng.uniform(-1, 1, env.action_space.shape)
        action = np.clip(heading + rng.uniform(-0.5, 0.5, heading.shape), -1, 1)
        _, reward, _, _, info = env.step(action)
        outcomes.append((reward, info["cost"]))
        asleep += (env.data.tree_asleep >= 0).sum()
    return *np.transpose(outcomes), asleep / STEPS


@pytest.mark.parametrize("task", ["PointGoal1", "PointGoal2", "CarGoal1", "PointPush1"])
def test_rewards_and_costs_stay_the_same(task):
    compared = 0
    for seed in range(6):
        rewards, costs, asleep = run(task, seed)
        plain_rewards, plain_costs, _ = run(task, seed, sleep=False)
        twin_rewards, _, _ = run(task, seed, sleep=False, aside=1e-12)
        apart = np.abs(twin_rewards - plain_rewards) > 1e-6
        agreed = int(apart.argmax()) if apart.any() else STEPS
        np.testing.assert_allclose(rewards[:agreed], plain_rewards[:agreed], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(costs[:agreed], plain_costs[:agreed])
        assert asleep > 0.5
        compared += agreed
    assert compared > 6 * 30
