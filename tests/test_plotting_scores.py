"""Figures 1, 4 and 7 and the choice of curves in figures 5 and 9 to 12, by hand-worked numbers."""

import csv

import numpy as np
import pytest
from test_plotting_reading import confirmed, write_lines, write_run, write_score

from la_mbda import config
from plotting.aggregate import epoch_means, normalise_spread
from plotting.bars import draw_bars, scaled
from plotting.curve_figures import draw_curve_figures
from plotting.curves import curve
from plotting.efficiency import (
    Reach,
    draw_efficiency,
    draw_reaches,
    published_reaches,
    reaches_of,
)
from plotting.results import Estimate, read_published, read_results


def read(tmp_path):
    return read_results(tmp_path, shipped=tmp_path / "none").runs


def records(path):
    return list(csv.DictReader(path.with_suffix(".csv").open()))


def names(outcome):
    return [path.name for path in outcome.files]


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
    (run,) = read(tmp_path)
    steps, values = curve(run, "return", 0)
    np.testing.assert_array_equal(steps, [2_000, 4_000])
    np.testing.assert_array_equal(values, [0.5, 1.5])
    np.testing.assert_array_equal(curve(run, "cost_return", 0)[1], [5, 15])
    np.testing.assert_allclose(curve(run, "cost_regret", 0)[1], [0, 0.005, 0.01, 0.015])


def test_curves_of_the_shipped_baselines_end_at_their_scores(tmp_path):
    runs = [run for run in read_results(tmp_path).runs if run.algorithm in config.BASELINES]
    assert len(runs) >= 24
    for run in runs:
        score = run.score
        assert curve(run, "return", 0)[1][-1] == pytest.approx(score.returns, rel=1e-5)
        assert curve(run, "cost_return", 0)[1][-1] == pytest.approx(score.cost_returns[0], rel=1e-5)
        # ρ_c is the mean of the rates at the ends of the last two epochs.
        ends = score.env_steps - np.array([run.epoch_steps, 0])
        costs, steps = run.episodes.cost_returns[:, 0], run.episodes.env_steps
        rates = [costs[steps <= end].sum() / end for end in ends]
        assert np.mean(rates) == pytest.approx(score.cost_regrets[0], rel=1e-6)
        assert curve(run, "cost_regret", 0)[1][-1] == pytest.approx(rates[1], rel=1e-6)
        first = steps <= run.epoch_steps
        epoch = run.episodes.returns[first].mean(), costs[first].mean()
        assert score.first_epoch == pytest.approx(epoch, rel=1e-5)
        assert (score.early_epochs == 2) == (run.preset == "paper")


def test_scaling_by_hand():
    assert scaled([1.0, None, 5.0], higher_is_better=True) == [0, None, 1]
    assert scaled([None], higher_is_better=True) == [None]
    assert scaled([1.0, 2.0, 5.0], higher_is_better=True) == [0, 0.25, 1]
    assert scaled([1.0, 2.0, 5.0], higher_is_better=False) == [1, 0.75, 0]
    assert scaled([3.0, 3.0], higher_is_better=False) == [1, 1]


def test_a_spread_is_normalised_end_by_end():
    score = {
        "return": Estimate(10.0, 5.0, 20.0),
        "cost_return": Estimate(30.0, 20.0, 75.0),
        "cost_regret": Estimate(0.02, 0.01, 0.04),
    }
    ppo = {
        "return": Estimate(20.0),
        "cost_return": Estimate(75.0),
        "cost_regret": Estimate(0.04),
    }
    assert normalise_spread(score, ppo) == {
        "return": Estimate(0.5, 0.25, 1.0),
        "cost_return": Estimate(0.1, 0.0, 1.0),
        "cost_regret": Estimate(0.5, 0.25, 1.0),
    }
    errors = {metric: Estimate(estimate.value, error=2.0) for metric, estimate in score.items()}
    found = normalise_spread(errors, ppo)
    assert (found["return"].error, found["cost_return"].error) == (0.1, 0.04)
    safe = normalise_spread(errors | {"cost_return": Estimate(24.0, error=2.0)}, ppo)
    assert safe["cost_return"] == Estimate(0.0)
    alone = {metric: Estimate(estimate.value) for metric, estimate in score.items()}
    assert normalise_spread(alone, ppo)["return"] == Estimate(0.5)
    assert normalise_spread(score, ppo | {"return": Estimate(-1.0)})["return"] is None


def test_published_summary_has_the_averages_of_table_3(tmp_path):
    outcome = draw_bars([], read_published(), tmp_path)
    assert names(outcome) == ["figure_1_published.png", "figure_4_published.png"]
    found = {(r["algorithm"], r["metric"]): r for r in records(outcome.files[0])}
    assert round(float(found["lambda", "return"]["average"]), 3) == 1.526
    assert round(float(found["cpo", "cost_regret"]["average"]), 3) == 0.642
    assert float(found["lambda", "return"]["scaled"]) == 1
    assert float(found["ppo_lagrangian", "return"]["scaled"]) == 0
    assert float(found["cpo", "cost_return"]["scaled"]) == 0
    bars = {(r["task"], r["algorithm"], r["metric"]): r for r in records(outcome.files[1])}
    assert round(float(bars["DoggoGoal1", "lambda", "return"]["value"]), 3) == 5.4
    assert (outcome.files[0].with_suffix(".pdf")).read_bytes().startswith(b"%PDF")


def test_our_bars_name_what_lacks(tmp_path):
    write_run(tmp_path, score=(17.476, 25.0, 0.02))
    outcome = draw_bars(read(tmp_path), read_published(), tmp_path)
    assert "figure_4_ours_quick.png" in names(outcome)
    assert "figure_1_ours_quick.png" not in names(outcome)
    path = tmp_path / "figure_4_ours_quick.png"
    values = {r["metric"]: float(r["value"]) for r in records(path)}
    assert values["return"] == pytest.approx(1.0)  # Divided by the published PPO's 17.476.
    assert values["cost_return"] == 0
    (missing,) = outcome.missing
    assert missing.startswith("figures 1 and 4, quick preset: no finished runs of ")
    assert "--preset quick --algorithms trpo_lagrangian,ppo_lagrangian,cpo,lambda" in missing


def test_a_quotient_without_meaning_leaves_its_numbers_empty(tmp_path):
    """PPO returns less than nothing: J̄ is n/a, the costs are not."""
    published = read_published()
    divisor = {"return": -1.0, "cost_return": 60.0, "cost_regret": 0.1}
    published["short"]["PointGoal1", "ppo"] = {m: Estimate(v) for m, v in divisor.items()}
    write_run(tmp_path, algorithm="cpo", preset="paper", score=(1.0, 60.0, 0.05))
    draw_bars(read(tmp_path), published, tmp_path)
    rows = records(tmp_path / "figure_4_ours_paper.png")
    values = {r["metric"]: r["value"] for r in rows if r["algorithm"] == "cpo"}
    assert values == {"return": "", "cost_return": "1.0", "cost_regret": "0.5"}


def test_every_bar_is_in_sight_and_a_spare_panel_is_empty():
    few = Reach("PointGoal1", "lambda", 1_000, True, True)
    many = Reach("CarGoal1", "lambda", 1_000_000, True, True)
    more = Reach("PointPush1", "lambda", 2_000_000, True, False)
    figure, rows = draw_reaches([few, many, more], "made up")
    assert [ax.axison for ax in figure.axes] == [True, True, True, False]
    assert all(ax.get_xlim()[0] < 1_000 < 2_000_000 < ax.get_xlim()[1] for ax in figure.axes)
    assert [row["env_steps"] for row in rows] == [1_000, 1_000_000, 2_000_000]


def test_steps_to_lambdas_return_by_hand(tmp_path):
    """Epoch returns of PPO are 0, 4, 8, 12: LAMBDA's 5 is first passed in the third; CPO never."""
    path = write_run(tmp_path, score=None)
    write_score(path, 0.0, 0.0, 0.02, confirmed=confirmed(20.0, 1.0, returns=5.0))
    for algorithm, slope, cost in (("ppo", 4.0, 60.0), ("cpo", 1.0, 24.0)):
        path = write_run(tmp_path, algorithm=algorithm, epoch_steps=2_000, score=None)
        found = {"confirmed": confirmed(cost)} if algorithm == "ppo" else {}
        write_score(path, slope * 3, cost, 0.1, **found)
        lines = [
            {"env_steps": 2_000 * (i + 1), "return": slope * i, "cost_return": cost}
            for i in range(4)
        ]
        write_lines(path / "episodes.jsonl", lines)
    reaches = {r.algorithm: r[2:] for r in reaches_of(read(tmp_path))}
    assert reaches == {
        "lambda": (8_000, True, True),
        "ppo": (6_000, True, False),
        "cpo": (8_000, False, None),
    }
    outcome = draw_efficiency(read(tmp_path), read_published(), tmp_path)
    assert names(outcome) == ["figure_7_published.png", "figure_7_ours_quick.png"]
    assert outcome.missing == []


def test_an_algorithm_keeps_its_budget_where_every_seed_does(tmp_path):
    for seed, cost in enumerate((20.0, 24.9)):
        path = write_run(tmp_path, seed=seed, score=None)
        write_score(path, 5.0, 20.0, 0.02, confirmed=confirmed(cost))
    write_run(tmp_path, algorithm="ppo")
    assert reaches_of(read(tmp_path))[0].safe is True
    path = write_run(tmp_path, seed=2, score=(5.0, 1.0, 0.02))
    assert reaches_of(read(tmp_path))[0].safe is None
    write_score(path, 5.0, 1.0, 0.02, confirmed=confirmed(24.9, 1.0))
    assert reaches_of(read(tmp_path))[0].safe is False


def test_published_baselines_that_never_reach_lambda():
    reaches = {(r.task, r.algorithm): r for r in published_reaches(read_published())}
    never = {task for (task, name), r in reaches.items() if name == "cpo" and not r.reached}
    assert never == {"PointGoal2"}  # CPO returns 0.306 of PPO's at 1M, less than LAMBDA at 10M.
    assert reaches["CarGoal1", "cpo"].env_steps == 1_050_000
    assert not reaches["CarGoal1", "cpo"].safe
    assert reaches["PointButton1", "ppo_lagrangian"].env_steps == 10_000_000


def test_ablation_figures_take_their_own_algorithms(tmp_path):
    for task in config.TASKS:
        for algorithm in ("lambda", "unsafe_lambda", "greedy_lambda", "cem_mpc"):
            write_run(tmp_path, task=task, algorithm=algorithm)
    outcome = draw_curve_figures(read(tmp_path), read_published(), tmp_path)
    assert outcome.missing == []
    shown = {}
    for path in outcome.files:
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
    outcome = draw_curve_figures(read(tmp_path), read_published(), tmp_path)
    assert names(outcome) == ["figure_6_quick.png"]
    (ninth,) = [text for text in outcome.missing if text.startswith("figure 9, ")]
    assert "no runs of LAMBDA on ObservablePointPush1." in ninth
    assert ninth.endswith("--preset quick --algorithms lambda --tasks ObservablePointPush1")
