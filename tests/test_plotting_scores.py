"""Figures 1, 4 and 7 and the choice of curves in figures 5 and 9 to 12, by hand-worked numbers."""

import csv

import numpy as np
import pandas as pd
import pytest
from run_folders import confirmed, write_lines, write_run, write_score

from la_mbda import config
from plotting import figures
from plotting.aggregate import epoch_means
from plotting.bars import (
    _draw_reaches,
    published_reaches,
    reaches,
    reaches_of,
    scaled,
    summaries,
    tasks,
)
from plotting.drawing import draw_changed
from plotting.looks import COLOURS
from plotting.results import read_results
from plotting.table3 import table_3


def read(tmp_path):
    return read_results(tmp_path, shipped=tmp_path / "none")


def drawn(tmp_path, *makers):
    """Draws figures of the runs below a folder; their paths and what is missing."""
    outcomes = [make(read(tmp_path)) for make in makers]
    made = [drawing for outcome in outcomes for drawing in outcome.made]
    missing = dict.fromkeys(text for outcome in outcomes for text in outcome.missing)
    return draw_changed(made, tmp_path), list(missing)


def points(results, run, metric):
    """Environment steps and values of a run's curve."""
    own = (results.curves["run"] == run) & (results.curves["metric"] == metric)
    return results.curves.loc[own, ["env_steps", "value"]].to_numpy().T


def records(path):
    return list(csv.DictReader(path.with_suffix(".csv").read_text().splitlines()))


def names(paths):
    return [path.name for path in paths]


def test_epochs_by_hand():
    steps = np.array([1_000.0, 2_000.0, 3_000.0, 7_000.0])
    ends, means = epoch_means(steps, np.array([1.0, 3.0, 8.0, 5.0]), epoch_steps=2_000)
    np.testing.assert_array_equal(ends, [2_000, 3_000, 7_000])
    np.testing.assert_array_equal(means, [2, 4, 5])  # None ended in the third epoch.


def test_a_baselines_curve_is_of_its_training_epochs(tmp_path):
    path = write_run(tmp_path, algorithm="ppo", epoch_steps=2_000)
    episodes = [
        {"env_steps": 1_000 * (i + 1), "return": float(i), "cost_return": 10.0 * i}
        for i in range(4)
    ]
    write_lines(path / "episodes.jsonl", episodes)
    results = read(tmp_path)
    steps, values = points(results, 0, "return")
    np.testing.assert_array_equal(steps, [2_000, 4_000])
    np.testing.assert_array_equal(values, [0.5, 1.5])
    np.testing.assert_array_equal(points(results, 0, "cost_return")[1], [5, 15])
    np.testing.assert_allclose(points(results, 0, "cost_regret")[1], [0, 0.005, 0.01, 0.015])


def test_curves_of_the_shipped_baselines_end_at_their_scores(tmp_path):
    results = read_results(tmp_path)
    runs = results.runs[results.runs["algorithm"].isin(config.BASELINES)]
    assert len(runs) >= 24
    for run in runs.itertuples():
        own = results.scores[results.scores["run"] == run.Index].set_index("metric")
        returns, costs = (points(results, run.Index, m)[1] for m in ("return", "cost_return"))
        ends, rates = points(results, run.Index, "cost_regret")
        score = own["value"]
        assert returns[-1] == pytest.approx(score["return"], rel=1e-5)
        assert costs[-1] == pytest.approx(score["cost_return"], rel=1e-5)
        # ρ_c is the mean of the rates at the ends of the last two epochs.
        last_epochs = run.env_steps - np.array([run.epoch_steps, 0])
        places = [np.searchsorted(ends, end, side="right") - 1 for end in last_epochs]
        found = [rates[i] * ends[i] / end for i, end in zip(places, last_epochs, strict=True)]
        assert np.mean(found) == pytest.approx(score["cost_regret"], rel=1e-5)
        assert rates[-1] == pytest.approx(found[1], rel=1e-5)
        first = own["first_epoch"]
        assert (first["return"], first["cost_return"]) == pytest.approx(
            (returns[0], costs[0]), rel=1e-5
        )
        assert (run.early_epochs == 2) == (run.preset == "paper")


@pytest.mark.parametrize(
    ("values", "higher", "expected"),
    [
        ([1.0, 2.0, 5.0], True, [0, 0.25, 1]),
        ([1.0, 2.0, 5.0], False, [1, 0.75, 0]),
        ([3.0, 3.0], False, [1, 1]),
    ],
)
def test_scaling_by_hand(values, higher, expected):
    np.testing.assert_array_equal(scaled(pd.Series(values), higher), expected)


def test_published_summary_has_the_averages_of_table_3(tmp_path):
    paths, _ = drawn(tmp_path, summaries, tasks)
    assert names(paths) == ["figure_1_published.png", "figure_4_published.png"]
    found = {(r["algorithm"], r["metric"]): r for r in records(paths[0])}
    assert round(float(found["lambda", "return"]["average"]), 3) == 1.526
    assert round(float(found["cpo", "cost_regret"]["average"]), 3) == 0.642
    assert float(found["lambda", "return"]["scaled"]) == 1
    assert float(found["ppo_lagrangian", "return"]["scaled"]) == 0
    assert float(found["cpo", "cost_return"]["scaled"]) == 0
    bars = {(r["task"], r["algorithm"], r["metric"]): r for r in records(paths[1])}
    assert round(float(bars["DoggoGoal1", "lambda", "return"]["value"]), 3) == 5.4
    assert paths[0].with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_our_bars_name_what_lacks(tmp_path):
    write_run(tmp_path, preset="cpu", score=(17.476, 25.0, 0.02))
    paths, missing = drawn(tmp_path, summaries, tasks)
    assert "figure_4_ours_cpu.png" in names(paths)
    assert "figure_1_ours_cpu.png" not in names(paths)
    path = tmp_path / "figure_4_ours_cpu.png"
    values = {r["metric"]: float(r["value"]) for r in records(path)}
    assert values["return"] == pytest.approx(1.0)  # Divided by the published PPO's 17.476.
    assert values["cost_return"] == 0
    (missing,) = missing
    assert missing.startswith("figures 1 and 4, cpu preset: no finished runs of ")
    assert "--preset cpu --algorithms trpo_lagrangian,ppo_lagrangian,cpo,lambda" in missing


def test_runs_that_learn_nothing_are_in_no_summary(tmp_path):
    for algorithm in ("lambda", "ppo"):
        for task in config.SG6_TASKS:
            write_run(tmp_path, preset="quick", algorithm=algorithm, task=task)
    paths, missing = drawn(tmp_path, summaries, tasks, reaches)
    assert {path.stem.removeprefix("figure_") for path in paths} == {
        "1_published",
        "4_published",
        "7_published",
    }
    assert all("--preset cpu" in text for text in missing)  # What makes runs that would be in them.


def test_every_bar_is_in_sight_with_what_it_says_and_a_spare_panel_is_empty():
    rows = [
        ("PointGoal1", "lambda", 1_000, True, True),
        ("CarGoal1", "lambda", 1_000_000, True, None),
        ("PointPush1", "lambda", 2_000_000, False, False),
    ]
    numbers = pd.DataFrame(rows, columns=["task", "algorithm", "env_steps", "reached", "safe"])
    figure = _draw_reaches(numbers, "made up", COLOURS)
    assert [ax.axison for ax in figure.axes] == [True, True, True, False]
    assert all(ax.get_xlim()[0] < 1_000 < 2_000_000 < ax.get_xlim()[1] for ax in figure.axes)
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert texts == [" 1k ✓", " 1M ?", " > 2M ✗"]
    assert [bar.get_hatch() for ax in figure.axes for bar in ax.patches] == [None, None, "////"]


def reached(tmp_path):
    """Steps, whether LAMBDA's return was reached, and safety, by algorithm."""
    results = read(tmp_path)
    ((runs, scores),) = results.groups()
    found, _ = reaches_of(runs, scores, results)
    return {row.algorithm: (row.env_steps, row.reached, row.safe) for row in found.itertuples()}


def test_steps_to_lambdas_return_by_hand(tmp_path):
    """Means over PPO's epochs are 0, 4, 12, 20: LAMBDA's 10 is passed in the third; CPO never."""
    path = write_run(tmp_path, preset="cpu", score=None)
    write_score(path, 0.0, 0.0, 0.02, confirmed=confirmed(20.0, 1.0, returns=10.0))
    for algorithm, slope, cost in (("ppo", 8.0, 60.0), ("cpo", 1.0, 24.0)):
        path = write_run(tmp_path, preset="cpu", algorithm=algorithm, epoch_steps=2_000, score=None)
        found = {"confirmed": confirmed(cost)} if algorithm == "ppo" else {}
        write_score(path, slope * 3, cost, 0.1, **found)
        lines = [
            {"env_steps": 2_000 * (i + 1), "return": slope * i, "cost_return": cost}
            for i in range(4)
        ]
        write_lines(path / "episodes.jsonl", lines)
    assert reached(tmp_path) == {
        "lambda": (8_000, True, True),
        "ppo": (6_000, True, False),
        "cpo": (8_000, False, None),
    }
    write_run(
        tmp_path, preset="cpu", algorithm="cpo", seed=1, score=None
    )  # Not finished, hence not counted.
    assert reached(tmp_path)["cpo"][:2] == (8_000, False)
    paths, missing = drawn(tmp_path, reaches)
    assert names(paths) == ["figure_7_published.png", "figure_7_ours_cpu.png"]
    assert missing == []


def test_lambda_is_held_against_its_own_curve_as_the_others_are(tmp_path):
    """Its evaluations return 1, 2, 3 and 4, the third of which passes a score of 2.8."""
    path = write_run(tmp_path, preset="cpu", task="PointButton1", seed=1, score=None)
    write_run(tmp_path, preset="cpu", task="PointButton1", algorithm="ppo")
    for score, steps in ((2.8, 6_000), (5.0, 8_000)):  # That of other episodes may be above all.
        write_score(path, 4.0, 20.0, 0.02, confirmed=confirmed(20.0, 1.0, returns=score))
        assert reached(tmp_path)["lambda"] == (steps, True, True)


def test_costs_are_held_against_the_runs_own_budget_as_in_the_robust_table(tmp_path):
    """PPO's published cost on PointGoal1 is 76.4389: an excess of 10 is 0.1505 of its own."""
    path = write_run(tmp_path, preset="cpu", cost_budget=(10.0,), score=None)
    write_score(path, 10.0, 20.0, 0.02, confirmed=confirmed(20.0, 1.0))
    made = next(m for m in tasks(read(tmp_path)).made if m.name == "figure_4_ours_cpu")
    cost = made.numbers.set_index("metric").loc["cost_return", "value"]
    assert cost == pytest.approx(10.0 / (76.4389 - 10.0), rel=1e-4)
    third = {table.name: table for table in table_3(read(tmp_path)).made}
    row = third["table3_ours_cpu"].records.set_index(["task", "metric"])["value"]
    assert row["PointGoal1", "cost_return"] == cost
    robust = third["robust_ours_cpu"].records.set_index(["metric", "statistic"])["value"]
    assert robust["cost_return", "IQM"] == cost
    note = "J̄_c against their own budget of 10, not 25: LAMBDA on PointGoal1 (0)."
    assert all(note in third[f"{name}_ours_cpu"].notes for name in ("table3", "robust"))


def test_an_algorithm_keeps_its_budget_where_every_seed_does(tmp_path):
    for seed, cost in enumerate((20.0, 24.9)):
        path = write_run(tmp_path, preset="cpu", seed=seed, score=None)
        write_score(path, 10.0, 20.0, 0.02, confirmed=confirmed(cost))
    write_run(tmp_path, preset="cpu", algorithm="ppo")
    assert reached(tmp_path)["lambda"][2] is True
    path = write_run(tmp_path, preset="cpu", seed=2, score=(10.0, 1.0, 0.02))
    assert reached(tmp_path)["lambda"][2] is None
    write_score(path, 10.0, 1.0, 0.02, confirmed=confirmed(24.9, 1.0))
    assert reached(tmp_path)["lambda"][2] is False


def test_a_task_that_lambda_has_not_learnt_sets_no_aim(tmp_path):
    """The paper's LAMBDA returns 18.82 on PointGoal1 and 16.75 on CarGoal1: here half of it."""
    write_run(tmp_path, preset="cpu", score=(9.4, 20.0, 0.02))
    write_run(tmp_path, preset="cpu", task="CarGoal1", score=(8.4, 20.0, 0.02))
    for task in ("PointGoal1", "CarGoal1"):
        write_run(tmp_path, preset="cpu", algorithm="ppo", task=task)
    outcome = reaches(read(tmp_path))
    ours = next(made for made in outcome.made if made.name == "figure_7_ours_cpu")
    assert set(ours.numbers["task"]) == {"CarGoal1"}
    (note,) = outcome.notes
    assert "without PointGoal1, where LAMBDA returns less than 50% of the published return" in note
    write_score(tmp_path / "cpu/lambda/CarGoal1/seed_0", 8.3, 20.0, 0.02)
    outcome = reaches(read(tmp_path))
    assert [made.name for made in outcome.made] == ["figure_7_published"]
    assert outcome.missing == []  # More runs would not help.


def test_a_zero_and_a_missing_bar_are_told_apart(tmp_path):
    write_run(tmp_path, preset="cpu", score=(10.0, 20.0, 0.02))  # No excess cost.
    write_run(tmp_path, preset="cpu", task="CarGoal1", score=(10.0, 60.0, 0.02))
    write_run(tmp_path, preset="cpu", task="CarGoal1", algorithm="ppo", score=(10.0, 60.0, 0.02))
    bars = next(made for made in tasks(read(tmp_path)).made if made.name == "figure_4_ours_cpu")
    figure = bars.draw(*bars.arguments)
    texts = [[text.get_text() for text in ax.texts] for ax in figure.axes]
    # A row per metric, a column per task; PPO did not run on PointGoal1.
    assert texts == [["no run"], [], ["0", "no run"], [], ["no run"], []]
    assert [len(ax.patches) for ax in figure.axes] == [1, 2] * 3


def test_of_one_seed_a_bar_has_its_standard_error_and_no_excess_is_below_0(tmp_path):
    """The published PPO returns 17.476 on PointGoal1, at a cost of 76.4389."""
    path = write_run(tmp_path, preset="cpu", score=None)
    write_score(path, 1.0, 2.0, 0.02, confirmed=confirmed(26.0, 2.0, returns=10.0))
    bars = next(made for made in tasks(read(tmp_path)).made if made.name == "figure_4_ours_cpu")
    returns, costs, regrets = bars.draw(*bars.arguments).axes
    ends = [ax.collections[0].get_segments()[0][:, 1].tolist() for ax in (returns, costs)]
    assert ends[0] == pytest.approx([9.5 / 17.476, 10.5 / 17.476])
    assert ends[1] == pytest.approx([0.0, 3.0 / (76.4389 - 25.0)])
    assert not regrets.collections  # Nothing is known of its spread.


def test_the_averages_axis_says_what_is_better(tmp_path):
    (drawing,) = summaries(read(tmp_path)).made
    figure = drawing.draw(*drawing.arguments)
    assert {ax.get_ylabel() for ax in figure.axes} == {"scaled, higher is better"}


def test_published_baselines_that_never_reach_lambda(tmp_path):
    found = published_reaches(read(tmp_path)).set_index(["task", "algorithm"])
    never = found.xs("cpo", level="algorithm")["reached"]
    # CPO returns 0.306 of PPO's at 1M, less than LAMBDA at 10M.
    assert never.index[~never].tolist() == ["PointGoal2"]
    assert found.loc[("CarGoal1", "cpo"), "env_steps"] == 1_050_000
    assert not found.loc[("CarGoal1", "cpo"), "safe"]
    assert found.loc[("PointButton1", "ppo_lagrangian"), "env_steps"] == 10_000_000


CURVES = [
    entry.make
    for entry in figures.FIGURES
    if entry.name.removeprefix("figure_") in ("5", "6", "9", "10", "11", "12")
]


def test_ablation_figures_take_their_own_algorithms(tmp_path):
    for task in config.TASKS:
        for algorithm in ("lambda", "unsafe_lambda", "greedy_lambda", "cem_mpc"):
            write_run(tmp_path, task=task, algorithm=algorithm)
    paths, missing = drawn(tmp_path, *CURVES)
    assert missing == []
    shown = {}
    for path in paths:
        found = [r for r in records(path) if r["algorithm"]]
        cells = {r["algorithm"] for r in found}, {r["task"] for r in found}
        shown[int(path.stem.split("_")[1])] = cells
    everything = set(config.TASKS)
    assert shown == {
        5: ({"lambda", "unsafe_lambda"}, {"PointGoal2"}),
        6: ({"lambda"}, everything),
        9: ({"lambda"}, {"PointPush1", "ObservablePointPush1"}),
        10: ({"lambda", "unsafe_lambda"}, everything),
        11: ({"lambda", "cem_mpc"}, everything),
        12: ({"lambda", "greedy_lambda"}, everything),
    }


def test_a_figure_of_one_box_alone_is_not_drawn(tmp_path):
    write_run(tmp_path, task="PointPush1")
    paths, missing = drawn(tmp_path, *CURVES)
    assert names(paths) == ["figure_6_quick.png"]
    (ninth,) = [text for text in missing if text.startswith("figure 9, ")]
    assert "no runs of LAMBDA on ObservablePointPush1." in ninth
    assert ninth.endswith("--preset quick --algorithms lambda --tasks ObservablePointPush1")
