"""Interquartile means and intervals, by hand and against SciPy."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_folders import confirmed, write_run, write_score

from plotting.aggregate import STATISTICS, statistic, stratified_bootstrap, wilson_interval
from plotting.results import read_results
from plotting.table3 import table_3


def interquartile_mean(values):
    return statistic("IQM", np.array(values))


def test_interquartile_mean_by_hand():
    assert interquartile_mean([100.0, 1.0, 2.0, -50.0]) == 1.5
    assert interquartile_mean([7.0]) == 7


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_interquartile_mean_leaves_out_a_quarter_at_each_end(values):
    cut = len(values) // 4
    middle = sorted(values)[cut : len(values) - cut]
    assert interquartile_mean(values) == pytest.approx(sum(middle) / len(middle), abs=1e-6)


@given(st.integers(1, 60), st.data())
def test_interval_of_a_share_is_wilsons(trials, data):
    """Its ends are the shares from which the one seen is 1.96 standard deviations away."""
    successes = data.draw(st.integers(0, trials))
    share = successes / trials
    z = NormalDist().inv_cdf(0.975)
    for end in wilson_interval(successes, trials):
        distance = z * (end * (1 - end) / trials) ** 0.5
        assert abs(share - end) == pytest.approx(distance, abs=1e-9)


def test_no_trials_have_no_share():
    with pytest.raises(ValueError, match="trials is 0"):
        wilson_interval(0, 0)


def resampled(strata, name, seed=1):
    """The interval by a loop over resamples."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(5_000):
        drawn = [rng.choice(scores, len(scores)) for scores in strata]
        found.append(statistic(name, np.concatenate(drawn)))
    return tuple(np.percentile(found, [2.5, 97.5]))


@pytest.mark.parametrize("name", STATISTICS)
def test_bootstrap_of_one_task_is_a_loops(name):
    values = np.random.default_rng(3).normal(5.0, 2.0, 30)
    assert stratified_bootstrap([values], name) == pytest.approx(resampled([values], name), abs=0.1)


def test_bootstrap_of_several_tasks_draws_within_each():
    rng = np.random.default_rng(4)
    strata = [rng.normal(place, 1.0, count) for place, count in ((0, 12), (3, 20), (9, 8))]
    found = stratified_bootstrap(strata, "IQM")
    assert found == pytest.approx(resampled(strata, "IQM"), abs=0.05)


def test_bootstrap_by_hand():
    """Of two seeds, both, the one or the other is drawn twice: means 0, 1 and 2."""
    low, high = stratified_bootstrap([np.array([0.0, 2.0])], "mean")
    assert (low, high) == (0.0, 2.0)
    # Tasks whose seeds agree vary nothing, however far the tasks are apart: of 1, 9, 9, 9.
    agreeing = [np.full(3, 1.0), np.full(5, 9.0)]
    assert stratified_bootstrap(agreeing, "IQM") == (7.0, 7.0)


def test_the_same_seed_gives_the_same_interval_and_another_another():
    strata = [np.random.default_rng(5).normal(size=5) for _ in range(6)]
    found = stratified_bootstrap(strata, "IQM")
    assert found == stratified_bootstrap(strata, "IQM")
    assert found != stratified_bootstrap(strata, "IQM", seed=1)


def test_a_task_with_one_seed_leaves_no_interval():
    for strata in ([[1.0], [9.0]], [[1.0, 2.0], [9.0]]):
        assert stratified_bootstrap([np.array(s) for s in strata], "IQM") is None


def table(tmp_path):
    tables = table_3(read_results(tmp_path, shipped=tmp_path / "none")).made
    (found,) = [table for table in tables if table.name.startswith("robust")]
    return found


def first_row(table):
    return tuple(table.cells.iloc[0])


def record(table, metric, statistic):
    """The numbers of LAMBDA's row."""
    records = table.records
    own = (records["metric"] == metric) & (records["statistic"] == statistic)
    (found,) = records[own].to_dict("records")
    return found


def test_table_by_hand(tmp_path):
    """Returns of 1, 2, 3 and 8 times the published PPO's 17.476."""
    for seed, times in enumerate((1, 2, 3, 8)):
        path = write_run(tmp_path, seed=seed, score=None)
        # What was confirmed counts, not the protocol's score.
        found = confirmed(20.0 + 4.0 * seed, 0.5, returns=17.476 * times)
        write_score(path, 0.0, 0.0, 0.02, confirmed=found)
    found = table(tmp_path)
    for name, value in (("IQM", 2.5), ("median", 2.5), ("mean", 3.5)):
        numbers = record(found, "return", name)
        assert numbers["value"] == pytest.approx(value)
        assert 1.0 <= numbers["low"] < value < numbers["high"] <= 8.0
        assert numbers["runs"] == 4
    assert record(found, "within_budget", "share")["value"] == 0.5  # Costs of 20, 24, 28, 32.
    # Excess costs of 0, 0, 3 and 7 over the published PPO's 76.4389 − 25.
    expected = 10.0 / (76.4389 - 25.0) / 4
    assert record(found, "cost_return", "mean")["value"] == pytest.approx(expected)
    assert first_row(found)[-1] == "2 of 4 [0.15, 0.85]"
    notes = "\n".join(found.notes)
    assert "LAMBDA: 1 of 6 tasks: PointGoal1." in notes
    assert "Normalised by the published PPO (short: 1M/2M env steps): PointGoal1." in notes
    assert "LAMBDA: 4 seeds, 8,000 env steps." in notes


def test_only_confirmed_runs_can_keep_their_budget(tmp_path):
    write_run(tmp_path, score=(1.0, 0.0, 0.02))
    assert first_row(table(tmp_path))[-1] == "n/a: not confirmed"
    for seed, cost in ((1, 25.0), (2, 25.01)):
        path = write_run(tmp_path, seed=seed, score=None)
        write_score(path, 1.0, 0.0, 0.02, confirmed=confirmed(cost))
    found = table(tmp_path)
    assert first_row(found)[-1].startswith("1 of 2 ")
    assert any(note.startswith("Not confirmed") and "(0)" in note for note in found.notes)


def test_one_seed_is_named_in_place_of_an_interval(tmp_path):
    write_run(tmp_path, score=(17.476, 20.0, 0.02))
    write_run(tmp_path, task="CarGoal1", seed=0, score=(1.0, 20.0, 0.02))
    write_run(tmp_path, task="CarGoal1", seed=1, score=(1.0, 20.0, 0.02))
    found = table(tmp_path)
    assert all(cell.endswith(" [n/a: one seed]") for cell in first_row(found)[1:4])
    assert np.isnan(record(found, "return", "IQM")["low"])
    assert (
        sum(note.startswith("No interval where a task has one seed") for note in found.notes) == 1
    )
    assert "LAMBDA: 1 to 2 seeds per task; tasks with more weigh more." in found.notes
