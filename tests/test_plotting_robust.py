"""Interquartile means and intervals, by hand and against SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from test_plotting_reading import write_run

from plotting.results import read_published, read_results
from plotting.robust import (
    interquartile_mean,
    robust_table,
    stratified_bootstrap,
    wilson_interval,
)


def test_interquartile_mean_by_hand():
    assert interquartile_mean(np.array([100.0, 1.0, 2.0, -50.0])) == 1.5
    assert interquartile_mean(np.array([7.0])) == 7


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_interquartile_mean_is_scipys_trimmed_mean(values):
    found = interquartile_mean(np.array(values))
    assert found == pytest.approx(stats.trim_mean(values, 0.25), abs=1e-6)


@given(st.integers(1, 60), st.data())
def test_interval_of_a_share_is_scipys(trials, data):
    successes = data.draw(st.integers(0, trials))
    expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high))


def test_no_trials_have_no_share():
    with pytest.raises(ValueError, match="trials is 0"):
        wilson_interval(0, 0)


def test_bootstrap_of_one_task_is_scipys():
    values = np.random.default_rng(3).normal(5.0, 2.0, 30)
    expected = stats.bootstrap(
        (values,), interquartile_mean, method="percentile", n_resamples=5_000, rng=1
    ).confidence_interval
    assert stratified_bootstrap([values]) == pytest.approx(tuple(expected), abs=0.06)


def test_bootstrap_draws_within_tasks_alone():
    """Tasks whose seeds agree vary nothing, however far the tasks are apart."""
    assert stratified_bootstrap([np.full(3, 1.0), np.full(5, 9.0)]) == (7.0, 7.0)  # Of 1, 9, 9, 9.
    assert stratified_bootstrap([np.array([1.0]), np.array([9.0])]) is None
    scores = [np.array([1.0, 2.0]), np.array([9.0])]
    assert stratified_bootstrap(scores) == stratified_bootstrap(scores)


def table(tmp_path):
    runs = read_results(tmp_path, shipped=tmp_path / "none").runs
    return robust_table(runs, runs, read_published())


def test_table_by_hand(tmp_path):
    """Returns of 1 to 4 times the published PPO's 17.476: the middle two have the mean 2.5."""
    for seed in range(4):
        score = (17.476 * (seed + 1), 20.0 + 4.0 * seed, 0.02)
        write_run(tmp_path, seed=seed, score=score)
    found = table(tmp_path)
    records = {record["statistic"]: record for record in found.records}
    assert records["return"]["value"] == pytest.approx(2.5)
    assert 1.0 <= records["return"]["low"] < 2.5 < records["return"]["high"] <= 4.0
    assert records["within_budget"]["value"] == 0.5  # Costs of 20, 24, 28 and 32.
    assert found.rows[0][-1] == "2 of 4 [0.15, 0.85]"
    assert "LAMBDA: 1 of 6 tasks: PointGoal1." in found.notes


def test_one_seed_has_no_interval(tmp_path):
    write_run(tmp_path, score=(17.476, 20.0, 0.02))
    found = table(tmp_path)
    assert found.rows[0][1] == "1.000"
    assert any("One seed per task has no interval" in note for note in found.notes)
