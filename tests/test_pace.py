"""How far a run is by time, and how long it still takes."""

import pytest

from la_mbda.runs.pace import Pace

TOTAL = {"acting": 100.0, "updating": 40.0, "confirming": 50.0}
ESTIMATED = {"acting": 1.0, "updating": 5.0, "confirming": 2.0}


def test_estimates_count_before_anything_is_measured():
    pace = Pace(TOTAL, {"acting": 50.0}, ESTIMATED)
    assert pace.seconds_left == 50.0 + 200.0 + 100.0
    assert pace.fraction == pytest.approx(50.0 / 400.0)
    assert pace.per_second("updating") is None


def test_a_stage_goes_by_its_own_time_and_others_by_how_slow_that_is():
    pace = Pace(TOTAL, {}, ESTIMATED)
    pace.advance("updating", 1.0, 60.0)  # Traced: no measure of the others.
    assert pace.seconds_left == 100.0 + 39 * 5.0 + 100.0
    pace.advance("updating", 3.0, 30.0)
    # 10 s each in place of 5: all else is taken to be twice as slow as well.
    assert pace.per_second("updating") == pytest.approx(0.1)
    assert pace.seconds_left == pytest.approx(200.0 + 36 * 10.0 + 200.0)
    pace.advance("acting", 10.0, 3.0)
    pace.advance("acting", 10.0, 3.0)
    # Acting is measured at 0.3 s now; what was measured took 33 s in place of 25.
    left = 80 * 0.3 + 36 * 10.0 + 50 * 2.0 * 33.0 / 25.0
    assert pace.seconds_left == pytest.approx(left)
    spent = 20 * 0.3 + 4 * 10.0
    assert pace.fraction == pytest.approx(spent / (spent + left))


def test_it_ends_at_one_even_where_more_was_done_than_planned():
    pace = Pace(TOTAL, {}, ESTIMATED)
    for stage, units in TOTAL.items():
        pace.advance(stage, units + 1.0, 1.0)
    assert pace.seconds_left == 0.0
    assert pace.fraction == 1.0
