"""What says that a policy keeps its cost budget."""

import numpy as np
import pytest
from scipy import stats

from la_mbda.budget import CONFIDENCE, confirmation, keeps_budget, standard_error


def test_the_confidence_is_the_one_sided_95_percent_of_100_episodes():
    assert pytest.approx(stats.t.ppf(0.95, df=99), abs=1e-3) == CONFIDENCE


def test_a_mean_at_the_budget_does_not_keep_it():
    assert keeps_budget(25.0, 0.0, 25.0)
    assert not keeps_budget(25.0, 0.01, 25.0)
    assert keeps_budget(20.0, 3.0, 25.0)  # 24.98
    assert not keeps_budget(20.0, 3.1, 25.0)  # 25.146


def test_a_policy_at_the_budget_is_called_safe_in_a_twentieth_of_all_samples():
    rng = np.random.default_rng(0)
    draws = rng.normal(25.0, 30.0, (4_000, 100))
    errors = draws.std(1, ddof=1) / 10
    kept = [keeps_budget(m, e, 25.0) for m, e in zip(draws.mean(1), errors, strict=True)]
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
