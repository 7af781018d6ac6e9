"""The augmented Lagrangian against golden values and its formulas."""

import numpy as np
import pytest
import tensorflow as tf

from la_mbda.lagrangian import AugmentedLagrangian
from la_mbda.settings import LagrangianConfig


@pytest.mark.parametrize("case", [0, 1])
def test_golden(golden, case):
    data = golden["augmented_lagrangian"]
    case = data["cases"][case]
    lagrangian = AugmentedLagrangian(
        LagrangianConfig((case["cost_threshold"],), case["lambda0"], case["mu0"])
    )
    for value, row in zip(data["cost_values"], case["steps"], strict=True):
        expected = dict(zip(data["columns"], row, strict=True))
        excess = tf.constant([value - case["cost_threshold"]], tf.float32)
        assert float(lagrangian.psi(excess)) == pytest.approx(expected["psi"], rel=1e-4, abs=1e-9)
        lagrangian.update(excess)
        multiplier = float(lagrangian.multiplier[0])
        assert multiplier == pytest.approx(expected["lambda_after"], rel=1e-4, abs=1e-12)
        assert float(lagrangian.penalty) == pytest.approx(expected["mu_after"], rel=1e-5)


def test_each_constraint_has_its_own_multiplier():
    lagrangian = AugmentedLagrangian(LagrangianConfig((1.0, 1.0, 1.0), 0.5, 0.1, 0.0))
    excess = tf.constant([2.0, 0.0, -20.0])
    # Eq. 8 by hand: active for the first two, −λ²/2μ for the third.
    expected = (0.5 * 2.0 + 0.05 * 4.0) + 0.0 - 0.25 / 0.2
    assert float(lagrangian.psi(excess)) == pytest.approx(expected, rel=1e-6)
    lagrangian.update(excess)
    np.testing.assert_allclose(lagrangian.multiplier, [0.7, 0.5, 0.0], rtol=1e-6)


def test_penalty_stops_growing_at_one():
    lagrangian = AugmentedLagrangian(LagrangianConfig((1.0,), 0.0, 0.999, 0.1))
    for _ in range(3):
        lagrangian.update(tf.zeros([1]))
    assert float(lagrangian.penalty) == 1.0
