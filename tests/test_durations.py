"""How long runs take, by their settings and by rates."""

import pytest

from la_mbda.config import PRESETS
from la_mbda.durations import START_UP, Rates, estimated_seconds, run_seconds, updates_until
from la_mbda.presets import make_config

RATES = Rates(update=2.0, model_update=1.0, env_step=0.01, evaluated_step=0.001)


def test_a_run_is_the_sum_of_its_parts():
    config = make_config(
        "quick",
        "PointGoal1",
        env_steps=10_000,
        random_steps=4_000,
        pretraining_updates=7,
        steps_per_iteration=1_000,
        updates_per_iteration=5,
        evaluate_every=2_000,
        evaluation_episodes=3,
        final_episodes=11,
    )
    assert updates_until(config, 4_000) == 0
    assert updates_until(config, 10_000) == 6 * 5
    learning, playing = 6 * 5 * 2.0 + 7 * 1.0, 10_000 * 0.01
    evaluating = (5 * 3 + 11) * 1_000 * 0.001
    total = run_seconds(config, RATES, 0, 10_000)
    assert total == pytest.approx(START_UP + learning + playing + evaluating)
    for middle in (2_000, 4_000, 7_000):
        parts = run_seconds(config, RATES, 0, middle) + run_seconds(config, RATES, middle, 10_000)
        assert parts == pytest.approx(total + START_UP)  # It starts once more.


@pytest.mark.parametrize("algorithm", ["lambda", "cem_mpc", "ppo"])
def test_every_preset_has_an_estimate(algorithm):
    for preset in PRESETS:
        if preset == "paper_long" and algorithm != "ppo":
            continue
        config = make_config(preset, "PointGoal1", algorithm)
        half = config.training.env_steps // 2
        assert (
            0 < estimated_seconds(config, half, 2 * half) < estimated_seconds(config, 0, 2 * half)
        )
