"""TD(λ) values against golden values and a plain reading of the recursion."""

import numpy as np
import pytest

from la_mbda.returns import lambda_values


@pytest.mark.parametrize("case", [0, 1])
def test_golden(golden, case):
    case = golden["lambda_values"][case]
    values = lambda_values(
        *(np.array(case[k], np.float32) for k in ("rewards", "next_values", "terminals")),
        case["discount"],
        case["lambda_"],
    )
    # The golden outputs were recorded with the last time step first.
    expected = np.array(case["output"])[:, ::-1]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)


def test_recursion_with_terminals():
    rng = np.random.default_rng(0)
    rewards, values, terminals = rng.normal(size=(2, 3, 4, 6))[0], *rng.random((2, 3, 4, 6))
    result = lambda_values(*(x.astype(np.float32) for x in (rewards, values, terminals)), 0.9, 0.7)
    expected, later = np.zeros_like(rewards), values[..., -1]
    for t in reversed(range(6)):
        later = rewards[..., t] + 0.9 * (1 - terminals[..., t]) * (
            0.3 * values[..., t] + 0.7 * later
        )
        expected[..., t] = later
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_nothing_leaks_past_a_terminal_state():
    rewards, terminals = np.zeros((1, 3), np.float32), np.array([[0, 1, 0]], np.float32)
    values = lambda_values(rewards, np.full((1, 3), 100.0, np.float32), terminals, 1.0, 1.0)
    np.testing.assert_array_equal(values, [[0.0, 0.0, 100.0]])
