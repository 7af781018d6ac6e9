"""How long runs take, by their settings and by rates."""

import pytest

from la_mbda.config import PRESETS
from la_mbda.presets import make_config
from la_mbda.runs.durations import (
    START_UP,
    Rates,
    machine_slowness,
    run_seconds,
    unit_seconds,
    updates_until,
    work_until,
)

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
    evaluating = (3 * 3 + 11) * 1_000 * 0.001  # At 6,000, 8,000 and 10,000, and at last.
    total = run_seconds(config, 0, 10_000, RATES)
    assert total == pytest.approx(START_UP + learning + playing + evaluating)
    for middle in (2_000, 4_000, 7_000):
        parts = run_seconds(config, 0, middle, RATES)
        parts += run_seconds(config, middle, 10_000, RATES)
        assert parts == pytest.approx(total + START_UP)  # It starts once more.


@pytest.mark.parametrize("algorithm", ["lambda", "cem_mpc", "ppo"])
def test_every_preset_has_an_estimate(algorithm):
    for preset in PRESETS:
        if preset == "paper_long" and algorithm != "ppo":
            continue
        config = make_config(preset, "PointGoal1", algorithm)
        budget = config.training.env_steps
        assert 0 < run_seconds(config, budget // 2, budget) < run_seconds(config, 0, budget)
        assert set(unit_seconds(config)) == set(work_until(config, budget))


def test_a_planner_takes_its_time_for_each_decision():
    config = make_config("cpu", "PointGoal1", "cem_mpc", action_repeat=4)
    plain = unit_seconds(make_config("cpu", "PointGoal1", action_repeat=4))
    assert unit_seconds(config)["acting"] == pytest.approx(plain["acting"] + 0.088 / 4)


def test_evaluations_begin_after_the_random_start_and_end_at_the_budget():
    config = make_config("quick", "PointGoal1", evaluate_every=3_000, env_steps=8_000)
    of_one = config.training.evaluation_episodes * config.training.episode_steps
    assert work_until(config, 7_999)["evaluating"] == 1 * of_one
    assert work_until(config, 8_000)["evaluating"] == 2 * of_one


def test_a_machine_is_measured_by_a_matrix_product(monkeypatch):
    assert 0.001 < machine_slowness(seconds=0.1) < 1000.0
    clock = iter(0.5 * i for i in range(100))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    # Half a second for 2 · 2048³ operations is 34.4 GFLOP/s.
    assert machine_slowness(seconds=2.0) == pytest.approx(205.0 / 34.36, rel=1e-3)
