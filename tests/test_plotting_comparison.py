"""Our scores beside the published ones."""

import pytest
from run_folders import write_run, write_score

from la_mbda import config
from plotting.results import read_results
from plotting.tables import table_2


def compared(folder):
    """The comparison of the runs below a folder; None where there is none."""
    tables = table_2(read_results(folder, shipped=folder / "none")).made
    found = [table for table in tables if table.name.startswith("comparison")]
    return found[0] if found else None


def rows(table):
    return list(table.cells.itertuples(index=False, name=None))


def verdicts(table):
    cells = ["task", "algorithm", "metric"]
    return table.records.set_index(cells)["verdict"].to_dict()


def test_single_seeds_and_ranges(tmp_path):
    # Published after 1M steps: 4.19 (3.04 to 5.35), 24.1 (19.1 to 29.1), 0.0299 (0.0288 to 0.0311).
    where = {"task": "PointGoal1", "algorithm": "ppo_lagrangian", "preset": "paper"}
    write_run(tmp_path, **where, score=(6.0, 20.0, 0.02))
    table = compared(tmp_path)
    assert list(verdicts(table).values()) == ["ours higher", "overlap", "ours lower"]
    assert rows(table)[0][:6] == ("PointGoal1", "PPO-Lagrangian", "Ĵ", "1", "–", "6.000")
    assert "1 of 3 cells overlap." in table.notes
    write_run(tmp_path, **where, seed=1, score=(5.0, 40.0, 0.025))
    table = compared(tmp_path)
    assert list(verdicts(table).values()) == ["overlap", "overlap", "ours lower"]
    assert rows(table)[0][3:6] == ("2", "–", "5.500 (5.000 to 6.000)")
    assert table.records["published_low"][0] == pytest.approx(3.03599)


def test_the_first_epoch_stands_beside_a_baselines_score(tmp_path):
    for seed, first in enumerate((1.0, 2.0, 6.0)):
        path = write_run(tmp_path, algorithm="cpo", preset="paper", seed=seed, score=None)
        epoch = {"first_epoch_return": first, "first_epoch_cost_return": 10.0 * first}
        write_score(path, 15.0 * first, 40.0, 0.043, **epoch)
    assert [row[2:6] for row in rows(compared(tmp_path))] == [
        ("Ĵ", "3", "3.000", "45.000 (15.000 to 90.000)"),
        ("Ĵ_c", "3", "30.000", "40.000"),
        ("ρ_c", "3", "–", "0.043"),
    ]


def test_the_long_budget_and_lambda_have_published_scores_of_their_own(tmp_path):
    write_run(tmp_path / "a", algorithm="cpo", preset="paper_long", score=(24.0, 40.0, 0.0405))
    assert set(verdicts(compared(tmp_path / "a")).values()) == {"overlap"}
    write_run(tmp_path / "b", preset="paper", score=(19.0, 20.0, 0.03))
    assert ("PointGoal1", "LAMBDA", "return") in verdicts(compared(tmp_path / "b"))


def test_reduced_scales_and_changed_settings_are_not_compared(tmp_path):
    write_run(tmp_path / "a", preset="cpu", algorithm="ppo")
    assert compared(tmp_path / "a") is None
    write_run(tmp_path / "b", preset="paper", algorithm="ppo", env_steps=60_000)
    assert compared(tmp_path / "b") is None


def test_whose_runs_and_how_many_are_said(tmp_path):
    for seed in range(3):
        write_run(tmp_path, preset="paper", algorithm="cpo", seed=seed, score=(15.0, 40.0, 0.043))
    place = {"preset": "paper", "algorithm": "cpo", "task": "CarGoal1"}
    write_run(tmp_path, **place, seed=4, env_steps=60_000)
    table = compared(tmp_path)
    assert table.title == "Scores beside the published ones, ours: paper preset"
    assert {row[:2] + row[3:4] for row in rows(table)} == {("PointGoal1", "CPO", "3")}
    assert set(table.records["seeds"]) == {3}
    assert "CPO: 3 seeds, 8,000 env steps." in table.notes
    left_out = "Left out, with other settings than the preset's: CPO on CarGoal1 (seed 4)."
    assert left_out in table.notes


def test_published_baselines_have_symmetrical_ends(tmp_path):
    """They are means over three runs; of LAMBDA, half of the percentiles' distance is published."""
    scores = read_results(tmp_path, shipped=tmp_path / "none").scores
    scores = scores[scores["algorithm"].isin(config.BASELINES)]
    assert len(scores) == 2 * 4 * 6 * 3
    for row in scores.itertuples():
        assert row.high - row.value == pytest.approx(row.value - row.low, rel=1e-3, abs=1e-5)
