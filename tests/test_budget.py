"""What says that a policy keeps its cost budget."""

import numpy as np
import pytest
from scipy import stats

from la_mbda.budget import all_keep, confirmation, keeps_budget, margin, standard_error


def test_the_margin_is_the_one_sided_95_percent_of_students_t():
    assert margin(100) == pytest.approx(1.66, abs=1e-3)
    assert margin(10) == pytest.approx(stats.t.ppf(0.95, df=9))


def test_a_mean_at_the_budget_does_not_keep_it():
    assert keeps_budget(25.0, 0.0, 25.0, 100) is True
    assert keeps_budget(25.0, 0.01, 25.0, 100) is False
    assert keeps_budget(20.0, 3.0, 25.0, 100) is True  # 24.98
    assert keeps_budget(20.0, 3.1, 25.0, 100) is False  # 25.146


def test_few_episodes_need_more_room_and_fewer_still_say_nothing():
    assert keeps_budget(20.0, 3.0, 25.0, 10) is False  # 25.5
    assert keeps_budget(0.0, 0.0, 25.0, 9) is None


def test_all_keep_their_budgets_only_where_each_is_known_to():
    assert all_keep([True, True]) is True
    assert all_keep([True, None]) is None
    assert all_keep([None, False, True]) is False


@pytest.mark.parametrize("episodes", [10, 100])
def test_a_policy_at_the_budget_is_called_safe_in_a_twentieth_of_all_samples(episodes):
    rng = np.random.default_rng(0)
    draws = rng.normal(25.0, 30.0, (4_000, episodes))
    pairs = zip(draws.mean(1), draws.std(1, ddof=1) / np.sqrt(episodes), strict=True)
    kept = [keeps_budget(mean, error, 25.0, episodes) for mean, error in pairs]
    assert np.mean(kept) == pytest.approx(0.05, abs=0.015)


def test_confirmation_by_hand():
    """Of 1, 2 and 6: the mean is 3, the standard deviation √7."""
    found = confirmation([1.0, 2.0, 6.0], [10.0, 10.0, 40.0])
    assert found["episodes"] == 3
    assert found["return"] == 3
    assert found["return_se"] == pytest.approx(np.sqrt(7 / 3))
    assert (found["cost_return"], found["cost_return_se"]) == pytest.approx((20, 10))
    assert standard_error([1.0, 2.0, 6.0]) == found["return_se"]


def test_each_constraint_has_its_own_mean_and_error():
    found = confirmation([1.0, 2.0], [[10.0, 1.0], [20.0, 1.0]])
    assert found["cost_return"] == [15, 1]
    assert found["cost_return_se"] == pytest.approx([5, 0])
