"""Running statistics against NumPy."""

import numpy as np
import pytest

from la_mbda.running_statistics import CostScale, Normalizer


def test_normalizer_has_the_moments_of_all_data():
    data = np.random.default_rng(0).normal([3.0, -1.0], [2.0, 0.1], (500, 2)).astype(np.float32)
    normalizer = Normalizer(2)
    for part in np.split(data, [10, 200, 201]):
        normalizer.update(part)
    expected = (data - data.mean(0)) / data.std(0)
    np.testing.assert_allclose(normalizer(data), expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(normalizer(np.float32([1e6, -1e6])), [10.0, -10.0])


def test_costs_of_safety_gym_scale_with_the_action_repeat():
    scale = CostScale(constraints=1, action_repeat=2)
    scale.update(np.array([[0.0], [1.0], [2.0]]))
    assert float(scale()[0]) == 2.0


def test_other_costs_scale_with_their_mean_where_positive():
    scale = CostScale(constraints=2, action_repeat=2)
    scale.update(np.array([[0.0, 0.5], [1.0, 0.0]]))
    scale.update(np.array([[2.0, 3.5]]))
    np.testing.assert_allclose(scale(), [2.0, 2.0])
    scale.update(np.array([[0.0, 5.0]]))
    assert float(scale()[1]) == pytest.approx(3.0)
