"""Leaving out what the camera cannot see changes no pixel, also where the floor reflects."""

import numpy as np
import pytest

from la_mbda.safety_gym import TASKS, SafetyGymEnv, rendering


@pytest.mark.parametrize("quality", rendering.QUALITIES)
@pytest.mark.parametrize("task", TASKS)
def test_images_are_the_same_with_all_geoms(task, quality, monkeypatch):
    env = SafetyGymEnv(task, "vision", quality=quality, action_repeat=8)
    rng, hidden = np.random.default_rng(0), 0
    for seed in range(8):
        env.reset(seed=seed)
        for _ in range(3):
            env.step(rng.uniform(-1, 1, env.action_space.shape))
        opacity = env.model.geom_rgba[:, 3].copy()
        image = env.robot_view()
        np.testing.assert_array_equal(env.model.geom_rgba[:, 3], opacity)
        hidden += rendering._unseen(env.model, env.data, env.model.camera("vision").id, 1.0).sum()
        monkeypatch.setattr(rendering, "_unseen", lambda model, *_: np.zeros(model.ngeom, bool))
        np.testing.assert_array_equal(env.robot_view(), image)
        monkeypatch.undo()
    assert hidden > 8 * 5
    env.close()
