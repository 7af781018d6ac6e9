"""The normalisation of Appendix H, and the statistics over seeds, by hand-worked numbers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from la_mbda.runs.files import METRICS
from plotting.aggregate import SPREAD, mean_with_error, median_with_spread, normalise


def normalised(score, ppo, budget=np.nan):
    """What a score becomes by metric; each of its numbers is a value, or `SPREAD`."""
    rows = [np.resize([*np.atleast_1d(numbers), *[np.nan] * 3], 4) for numbers in score]
    frame = pd.DataFrame(rows, columns=SPREAD)
    frame = frame.assign(task="T", metric=METRICS, budget=budget)
    places = pd.MultiIndex.from_product([["T"], METRICS], names=["task", "metric"])
    found = normalise(frame, pd.Series(ppo, places))
    return {row.metric: tuple(getattr(row, name) for name in SPREAD) for row in found.itertuples()}


def values(score, ppo):
    return [numbers[0] for numbers in normalised(score, ppo).values()]


def test_normalisation_by_hand():
    ppo = (10.0, 65.0, 0.06)
    assert values((5.0, 45.0, 0.03), ppo) == pytest.approx([0.5, 0.5, 0.5])
    assert values((5.0, 25.0, 0.0), ppo) == [0.5, 0.0, 0.0]


def test_the_budget_may_be_another_for_each_row():
    found = normalised((5.0, 45.0, 0.03), (10.0, 55.0, 0.06), budget=[np.nan, 35.0, np.nan])
    assert [numbers[0] for numbers in found.values()] == pytest.approx([0.5, 0.5, 0.5])


@pytest.mark.parametrize("ppo_return", [0.0, -1.0])
def test_a_ppo_return_that_is_not_positive_makes_no_quotient(ppo_return):
    found = values((5.0, 45.0, 0.03), (ppo_return, 65.0, 0.06))
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(0.5)


def test_a_ppo_that_keeps_the_budget_divides_by_a_millionth():
    found = values((5.0, 26.0, 0.03), (10.0, 20.0, 0.0))
    assert found[1] == pytest.approx(1e6)
    assert np.isnan(found[2])


def test_a_spread_is_normalised_end_by_end():
    ppo = (20.0, 75.0, 0.04)
    score = ((10.0, 5.0, 20.0, np.nan), (30.0, 20.0, 75.0, np.nan), (0.02, 0.01, 0.04, np.nan))
    found = normalised(score, ppo)
    assert found["return"][:3] == (0.5, 0.25, 1.0)
    assert found["cost_return"][:3] == (0.1, 0.0, 1.0)
    assert found["cost_regret"][:3] == (0.5, 0.25, 1.0)
    assert np.isnan([numbers[3] for numbers in found.values()]).all()
    errors = [(value[0], np.nan, np.nan, 2.0) for value in score]
    found = normalised(errors, ppo)
    assert (found["return"][3], found["cost_return"][3]) == (0.1, 0.04)
    assert np.isnan(found["return"][1:3]).all()
    safe = normalised([errors[0], (24.0, np.nan, np.nan, 2.0), errors[2]], ppo)["cost_return"]
    assert safe[0] == 0
    assert np.isnan(safe[3])  # The maximum made it 0.
    assert np.isnan(normalised(score, (-1.0, *ppo[1:]))["return"]).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_the_median_lies_between_its_percentiles(values):
    found = median_with_spread(values)
    assert found["value"] == pytest.approx(np.median(values))
    assert min(values) <= found["low"] <= found["value"] <= found["high"] <= max(values)


def test_no_values_have_no_median():
    with pytest.raises(ValueError, match="no values"):
        median_with_spread([])


def test_percentiles_by_hand():
    found = median_with_spread([4.0, 0.0, 2.0, 1.0, 3.0])
    assert [found[name] for name in SPREAD[:3]] == pytest.approx([2.0, 0.2, 3.8])
    assert np.isnan(found["se"])


def test_a_mean_with_its_standard_error_by_hand():
    error = np.sqrt(7 / 3)  # Of 1, 2 and 6 the standard deviation is √7.
    found = mean_with_error([1.0, 2.0, 6.0])
    expected = [3.0, 3.0 - error, 3.0 + error, error]
    assert [found[name] for name in SPREAD] == pytest.approx(expected)
