"""Interquartile means and intervals, by hand and against SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from test_plotting_reading import confirmed, write_run, write_score

from plotting.results import Estimate, read_published, read_results
from plotting.robust import (
    STATISTICS,
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


@pytest.mark.parametrize("name", STATISTICS)
def test_bootstrap_of_one_task_is_scipys(name):
    values = np.random.default_rng(3).normal(5.0, 2.0, 30)
    expected = stats.bootstrap(
        (values,), STATISTICS[name], method="percentile", n_resamples=5_000, rng=1
    ).confidence_interval
    found = stratified_bootstrap([values], STATISTICS[name])
    assert found == pytest.approx(tuple(expected), abs=0.1)


def test_bootstrap_of_several_tasks_is_scipys():
    rng = np.random.default_rng(4)
    strata = [rng.normal(place, 1.0, count) for place, count in ((0, 12), (3, 20), (9, 8))]
    expected = stats.bootstrap(
        strata,
        lambda *drawn, axis: interquartile_mean(np.concatenate(drawn, axis=-1)),
        method="percentile",
        n_resamples=5_000,
        rng=1,
        vectorized=True,
    ).confidence_interval
    found = stratified_bootstrap(strata, interquartile_mean)
    assert found == pytest.approx(tuple(expected), abs=0.05)


def test_bootstrap_by_hand():
    """Of two seeds, both, the one or the other is drawn twice: means 0, 1 and 2."""
    low, high = stratified_bootstrap([np.array([0.0, 2.0])], STATISTICS["mean"])
    assert (low, high) == (0.0, 2.0)
    # Tasks whose seeds agree vary nothing, however far the tasks are apart: of 1, 9, 9, 9.
    agreeing = [np.full(3, 1.0), np.full(5, 9.0)]
    assert stratified_bootstrap(agreeing, interquartile_mean) == (7.0, 7.0)


def test_the_same_seed_gives_the_same_interval_and_another_another():
    strata = [np.random.default_rng(5).normal(size=5) for _ in range(6)]
    found = stratified_bootstrap(strata, interquartile_mean)
    assert found == stratified_bootstrap(strata, interquartile_mean)
    assert found != stratified_bootstrap(strata, interquartile_mean, seed=1)


def test_a_task_with_one_seed_leaves_no_interval():
    for strata in ([[1.0], [9.0]], [[1.0, 2.0], [9.0]]):
        assert stratified_bootstrap([np.array(s) for s in strata], interquartile_mean) is None


def table(tmp_path):
    runs = read_results(tmp_path, shipped=tmp_path / "none").runs
    return robust_table(runs, read_published())


def record(table, metric, statistic):
    """The numbers of LAMBDA's row."""
    (found,) = [r for r in table.records if (r["metric"], r["statistic"]) == (metric, statistic)]
    return found


def test_table_by_hand(tmp_path):
    """Returns of 1, 2, 3 and 8 times the published PPO's 17.476."""
    for seed, times in enumerate((1, 2, 3, 8)):
        path = write_run(tmp_path, seed=seed, score=None)
        # What was confirmed counts, not the protocol's score.
        found = confirmed(20.0 + 4.0 * seed, 0.5, returns=17.476 * times)
        write_score(path, 0.0, 0.0, 0.02, confirmed=found)
    found = table(tmp_path)
    for statistic, value in (("IQM", 2.5), ("median", 2.5), ("mean", 3.5)):
        numbers = record(found, "return", statistic)
        assert numbers["value"] == pytest.approx(value)
        assert 1.0 <= numbers["low"] < value < numbers["high"] <= 8.0
        assert numbers["runs"] == 4
    assert record(found, "within_budget", "share")["value"] == 0.5  # Costs of 20, 24, 28, 32.
    # Excess costs of 0, 0, 3 and 7 over the published PPO's 76.4389 − 25.
    expected = 10.0 / (76.4389 - 25.0) / 4
    assert record(found, "cost_return", "mean")["value"] == pytest.approx(expected)
    assert found.rows[0][-1] == "2 of 4 [0.15, 0.85]"
    notes = "\n".join(found.notes)
    assert "LAMBDA: 1 of 6 tasks: PointGoal1." in notes
    assert "Normalised by the published PPO (short: 1M/2M env steps): PointGoal1." in notes
    assert "LAMBDA: 4 seeds, 8,000 env steps." in notes


def test_only_confirmed_runs_can_keep_their_budget(tmp_path):
    write_run(tmp_path, score=(1.0, 0.0, 0.02))
    assert table(tmp_path).rows[0][-1] == "n/a: not confirmed"
    for seed, cost in ((1, 25.0), (2, 25.01)):
        path = write_run(tmp_path, seed=seed, score=None)
        write_score(path, 1.0, 0.0, 0.02, confirmed=confirmed(cost))
    found = table(tmp_path)
    assert found.rows[0][-1].startswith("1 of 2 ")
    assert any(note.startswith("Not confirmed") and "(0)" in note for note in found.notes)


def test_one_seed_is_named_in_place_of_an_interval(tmp_path):
    write_run(tmp_path, score=(17.476, 20.0, 0.02))
    write_run(tmp_path, task="CarGoal1", seed=0, score=(1.0, 20.0, 0.02))
    write_run(tmp_path, task="CarGoal1", seed=1, score=(1.0, 20.0, 0.02))
    found = table(tmp_path)
    assert all(cell.endswith(" [n/a: one seed]") for cell in found.rows[0][1:4])
    assert record(found, "return", "IQM")["low"] is None
    assert (
        sum(note.startswith("No interval where a task has one seed") for note in found.notes) == 1
    )
    assert "LAMBDA: 1 to 2 seeds per task; tasks with more weigh more." in found.notes


def test_a_divisor_without_meaning_leaves_its_task_out_and_says_so(tmp_path):
    for task in ("PointGoal1", "CarGoal1"):
        for seed in range(2):
            score = (1.5 * 17.476, 76.4389, 0.04)
            write_run(tmp_path, task=task, preset="paper", seed=seed, score=score)
    published = read_published()
    published["short"]["CarGoal1", "ppo"] |= {
        "return": Estimate(-1.0),
        "cost_return": Estimate(76.4389),
    }
    runs = read_results(tmp_path, shipped=tmp_path / "none").runs
    found = robust_table(runs, published)
    assert found.rows[0][1:3] == ("1.500 [1.500, 1.500]", "1.000 [1.000, 1.000]")
    assert record_runs(found, "LAMBDA") == {"return": 2, "cost_return": 4, "cost_regret": 4}
    notes = "\n".join(found.notes)
    assert "LAMBDA: J̄ leaves out n/a: CarGoal1." in notes
    assert "CarGoal1: J̄ is n/a, as Ĵ of the published PPO (short: 1M/2M env steps) is -1" in notes


def record_runs(table, algorithm):
    """How many runs each interquartile mean is over."""
    found = [r for r in table.records if (r["algorithm"], r["statistic"]) == (algorithm, "IQM")]
    return {r["metric"]: r["runs"] for r in found}
