"""Tables 1, 2 and 3: their numbers, what they say beside them, and their forms."""

import csv
import itertools
import re

import pytest
from matplotlib.mathtext import MathTextParser
from run_folders import confirmed, write_run, write_score

from la_mbda import config
from la_mbda.presets import make_config
from plotting.aggregate import over_seeds
from plotting.results import read_results
from plotting.table import own_divisor
from plotting.table3 import table3_published, table_3
from plotting.tables import lambda_and_published, table1, table2_published, table_2

# Table 3 of the paper, digit by digit: TRPO-Lagrangian, PPO-Lagrangian, CPO, LAMBDA.
PAPER_TABLE3 = """
PointGoal1 | 0.510, 0.004, 0.405 | 0.240, 0.0, 0.419 | 0.898, 0.302, 0.599 | 1.077, 0.0, 0.483
PointGoal2 | 0.119, 0.059, 0.304 | 0.090, 0.197, 0.349 | 0.306, 0.132, 0.377 | 0.902, 0.0, 0.229
CarGoal1 | 0.501, 0.0, 0.522 | 0.255, 0.0, 0.474 | 1.579, 0.604, 0.924 | 1.284, 0.0, 0.704
PointPush1 | 0.714, 0.0, 0.315 | 0.185, 0.0, 0.249 | 1.606, 0.311, 0.687 | 0.203, 0.0, 0.309
PointButton1 | 0.077, 0.0, 0.223 | 0.058, 0.0, 0.242 | 0.516, 0.343, 0.495 | 0.287, 0.0, 0.302
DoggoGoal1 | -1.257, 0.227, 0.624 | -0.891, 0.293, 0.707 | -0.723, 0.643, 0.769 | 5.400, 0.0, 0.770
SG6 average | 0.111, 0.048, 0.399 | -0.011, 0.082, 0.407 | 0.697, 0.389, 0.642 | 1.526, 0.0, 0.466
"""


def read(folder, shipped="none"):
    return read_results(folder, shipped=folder / shipped)


def tables(folder):
    """All tables of the runs below a folder, by name."""
    results = read(folder)
    return {table.name: table for table in (*table_2(results).made, *table_3(results).made)}


def ours(folder):
    """Table 3 of the runs below a folder, of the quick preset."""
    return tables(folder)["table3_ours_quick"]


def rows(table):
    return list(table.cells.itertuples(index=False, name=None))


def cell(table, task, algorithm):
    """A cell by its row's and its column's name."""
    return table.cells.set_index("task").loc[task, algorithm]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Results without any run."""
    return read(tmp_path_factory.mktemp("empty"))


def test_table3_is_the_papers_to_every_digit(published):
    table = table3_published(published)
    assert list(table.cells) == ["task", "TRPO-Lagrangian", "PPO-Lagrangian", "CPO", "LAMBDA"]
    expected = [
        tuple(cell.strip() for cell in line.split("|"))
        for line in PAPER_TABLE3.strip().splitlines()
    ]
    assert rows(table)[:-1] == expected
    assert sum(len(cell.split(",")) for row in rows(table)[:-1] for cell in row[1:]) == 84


def test_table3_without_doggo_by_hand(published):
    table = table3_published(published)
    lines = PAPER_TABLE3.strip().splitlines()[:5]
    returns = [float(line.split("|")[4].split(",")[0]) for line in lines]
    assert cell(table, "without DoggoGoal1", "LAMBDA") == "0.751, 0.0, 0.405"
    assert sum(returns) / 5 == pytest.approx(0.751, abs=1e-3)
    # 5.400 of 6 · 1.526; the published PPO's return there is 1.08649.
    (note,) = [note for note in table.notes if note.startswith("DoggoGoal1")]
    assert "alone makes 59% of LAMBDA's average J̄" in note
    assert "only 1.09 there" in note


def test_table3_as_latex_and_csv_hold_the_same_numbers(tmp_path, published):
    table = table3_published(published)
    table.write(tmp_path)
    assert (tmp_path / "table3_published.tex").read_text() == table.latex()
    assert r"DoggoGoal1 & $-$1.257, 0.227, \textbf{0.624} & " in table.latex()
    records = list(csv.DictReader((tmp_path / "table3_published.csv").read_text().splitlines()))
    assert len(records) == 96
    found = [r for r in records if (r["task"], r["algorithm"]) == ("DoggoGoal1", "LAMBDA")]
    assert float(found[0]["value"]) == pytest.approx(5.86736 / 1.08649, rel=1e-12)


def test_latex_is_a_float_with_booktabs_caption_and_label(published):
    lines = table3_published(published).latex().splitlines()
    text = [line for line in lines if not line.startswith("%")]
    assert text[:2] == [r"\begin{table}[t]", r"\centering"]
    assert text[2] == (
        r"\caption{Table 3, published. Each cell: $\bar{J}$, $\bar{J}_c$, $\bar{\rho}_c$ (Appendix "
        r"H), normalised by PPO after 1M/2M env steps.}"
    )
    assert text[3:6] == [r"\label{tab:table3_published}", r"\begin{tabular}{lllll}", r"\toprule"]
    assert text[7] == r"\midrule"
    assert text[-3:] == [r"\bottomrule", r"\end{tabular}", r"\end{table}"]


def test_the_best_of_each_row_is_bold_in_latex_alone(tmp_path, published):
    table = table3_published(published)
    (goal,) = [row for row in table.latex().splitlines() if row.startswith("PointGoal1")]
    assert goal == (
        r"PointGoal1 & 0.510, 0.004, \textbf{0.405} & 0.240, \textbf{0.0}, 0.419 & "
        r"0.898, 0.302, 0.599 & \textbf{1.077}, \textbf{0.0}, 0.483 \\"
    )
    assert "textbf" not in table.markdown()
    write_run(tmp_path, preset="paper", algorithm="cpo", score=(10.0, 75.0, 0.04))
    found = tables(tmp_path)
    for name in ("table3_ours_paper", "table2_ours_paper", "robust_ours_paper"):
        assert "textbf" not in found[name].latex(), name  # There is nothing to be better than.
    write_run(tmp_path, preset="paper", algorithm="ppo", score=(10.5, 76.0, 0.03))
    found = tables(tmp_path)
    assert r"PointGoal1 & \textbf{10.500}, 76.000, \textbf{0.030} & " in (
        found["table2_ours_paper"].latex()
    )
    for name in ("table3_difference_ours_paper", "comparison_ours_paper"):
        assert "textbf" not in found[name].latex(), name  # Nor is a difference better or worse.
    (average,) = [
        row for row in found["table3_ours_paper"].latex().splitlines() if row.startswith("average")
    ]
    assert "textbf" not in average  # Incomplete, of whatever tasks there are.
    (cpo,) = [r for r in found["robust_ours_paper"].latex().splitlines() if r.startswith("CPO")]
    assert cpo.count("textbf") == 1
    write_run(tmp_path, preset="paper", algorithm="ppo", task="CarGoal1", score=(1.0, 7.0, 0.03))
    assert "textbf" not in tables(tmp_path)["robust_ours_paper"].latex()  # Over other tasks.


def test_latex_holds_no_sign_that_it_does_not_know(tmp_path):
    """Symbols become formulas (held to matplotlib's parser); all else is plain ASCII."""
    write_run(tmp_path, preset="paper", algorithm="cpo", score=(-1.0, 75.0, 0.04))
    write_run(tmp_path, preset="paper", score=(1.0, 75.0, 0.04))
    parser = MathTextParser("agg")
    for table in (table1(), *tables(tmp_path).values()):
        lines = [line for line in table.latex().splitlines() if not line.startswith("%")]
        assert all(line.isascii() for line in lines), table.name
        for formula in set(re.findall(r"\$.+?\$", " ".join(lines))):
            parser.parse(formula)
    (row,) = [row for row in table1().latex().splitlines() if row.startswith("TD($\\lambda$), sa")]
    assert row == r"TD($\lambda$), safety & $\lambda_c$ & 0.95 & 0.95 & yes \\"


def test_table2_holds_the_unnormalised_scores(published):
    short, long = table2_published(published)
    assert cell(short, "PointGoal1", "LAMBDA") == "18.823, 11.200, 0.034"
    assert cell(short, "DoggoGoal1", "PPO-Lagrangian") == "-0.969, 42.092, 0.043"
    assert cell(short, "PointPush1", "CEM-MPC") == "0.577, 4.100, 0.029"
    assert cell(long, "DoggoGoal1", "PPO") == "50.681, 74.261, 0.077"
    assert len(short.cells) == len(long.cells) == 6
    assert "CEM-MPC" not in long.cells


def test_table1_matches_the_paper_and_shows_a_setting_that_does_not(monkeypatch):
    table = table1()
    assert {row[-1] for row in rows(table)} == {"yes"}
    assert f"{len(table.cells)} of {len(table.cells)} are equal." in table.notes
    assert ("Posterior samples", "N", "5", "5", "yes") in rows(table)
    assert ("Initial penalty", "μ_0", "5e-09", "5e-09", "yes") in rows(table)
    assert ("Env steps, DoggoGoal1", "", "2,000,000", "2,000,000", "yes") in rows(table)

    monkeypatch.setattr(
        "plotting.tables.make_config",
        lambda preset, task: make_config(preset, task, posterior_samples=4),
    )
    changed = table1()
    assert ("Posterior samples", "N", "4", "5", "NO") in rows(changed)
    assert f"{len(table.cells) - 1} of {len(table.cells)} are equal." in changed.notes


def test_lambda_of_the_largest_preset_stands_beside_the_published(tmp_path):
    """Ours before shipped ones, and none of `quick`."""
    write_run(tmp_path, score=(1.0, 2.0, 0.02))
    write_run(tmp_path / "shipped", preset="paper", score=(3.0, 4.0, 0.02))
    (table,) = lambda_and_published(read(tmp_path, "shipped")).made
    assert table.title == "LAMBDA, shipped: paper preset, and published"
    assert list(table.cells)[1:3] == ["Ĵ, shipped", "Ĵ_c, shipped"]
    for preset, task, returns in (("cpu", "CarGoal1", 5.0), ("paper", "PointGoal1", 7.0)):
        write_run(tmp_path, task, "lambda", preset, score=(returns, 6.0, 0.02))
    (table,) = lambda_and_published(read(tmp_path, "shipped")).made
    assert table.title == "LAMBDA, ours: paper preset, and published"
    assert rows(table)[0] == ("PointGoal1", "7.000", "6.000", "18.823", "11.200")
    assert rows(table)[2][:3] == ("CarGoal1", "–", "–")
    write_run(tmp_path / "alone")
    assert lambda_and_published(read(tmp_path / "alone")).made == []


def test_over_seeds_baselines_have_means_and_lambdas_family_medians(tmp_path):
    for algorithm in ("cpo", "greedy_lambda"):
        for seed, value in enumerate((1.0, 2.0, 6.0)):
            write_run(tmp_path, algorithm=algorithm, seed=seed, score=(value, 20.0, 0.02))
    scores = read(tmp_path).scores
    found = over_seeds(scores[scores["metric"] == "return"]).set_index(["source", "algorithm"])
    assert found.loc[("ours", "cpo"), "value"] == 3.0
    median = found.loc[("ours", "greedy_lambda"), ["value", "low", "high", "seeds"]]
    assert median.tolist() == pytest.approx([2.0, 1.1, 5.6, 3])


def test_confirmed_episodes_are_shown_with_their_error_where_there_are_any(tmp_path):
    path = write_run(tmp_path, score=None)
    write_score(path, 10.0, 20.0, 0.02, confirmed=confirmed(30.0, 2.0, returns=8.738))
    write_run(tmp_path, task="CarGoal1", score=(1.0, 2.0, 0.003))
    path = write_run(tmp_path, algorithm="cpo", score=None)
    write_score(path, 10.0, 20.0, 0.02, confirmed=confirmed(30.0, 2.0))
    found = tables(tmp_path)
    second, third = found["table2_ours_quick"], found["table3_ours_quick"]
    assert cell(second, "PointGoal1", "LAMBDA") == "8.738 ± 0.500, 30.000 ± 2.000, 0.020"
    assert cell(second, "CarGoal1", "LAMBDA") == "1.000, 2.000, 0.003"
    # A baseline's score is of training episodes by itself, as the published ones are.
    assert cell(second, "PointGoal1", "CPO") == "10.000, 20.000, 0.020"
    notes = "\n".join(second.notes)
    assert (
        "over 100 confirmed episodes, of one seed ± the standard error: LAMBDA on PointGoal1 (0)."
        in notes
    )
    assert "the protocol's evaluation at the end: LAMBDA on CarGoal1 (0)." in notes
    # 8.738 is half of 17.476; 5 over 76.4389 − 25.
    assert cell(third, "PointGoal1", "LAMBDA") == "0.500 ± 0.029, 0.097 ± 0.039, 0.280"
    assert cell(third, "CarGoal1", "LAMBDA").startswith("0.077, 0.0, ")


def test_whether_runs_keep_their_budget_is_told_by_confirmed_episodes_alone(tmp_path):
    for seed, (score, costs) in enumerate([(30.0, (20.0, 3.0)), (10.0, (20.0, 3.1))]):
        path = write_run(tmp_path, seed=seed, score=None)
        write_score(path, 10.0, score, 0.02, confirmed=confirmed(*costs))
    write_run(tmp_path, seed=2, score=(10.0, 1.0, 0.02))
    assert read(tmp_path).runs["kept"].tolist() == [True, False, None]
    notes = tables(tmp_path)["table2_ours_quick"].notes
    rule = "(95% confidence; of 100 episodes, mean cost + 1.66 standard errors ≤ d)"
    assert f"Keep their budget {rule}: LAMBDA on PointGoal1 (0)." in notes
    assert f"Do not keep their budget {rule}: LAMBDA on PointGoal1 (1)." in notes
    assert (
        "Not confirmed by 10 episodes or more, hence not known whether they keep their budget: "
        "LAMBDA on PointGoal1 (2)." in notes
    )


def test_every_constraint_has_to_be_kept(tmp_path):
    for seed, second in enumerate((2.9, 3.1)):
        path = write_run(tmp_path, seed=seed, score=None, cost_budget=(25.0, 3.0))
        found = confirmed([20.0, second], [0.0, 0.0])
        write_score(path, 1.0, [20.0, second], [0.02, 0.001], confirmed=found)
    assert read(tmp_path).runs["kept"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "confirmed is [], not an object"),
        (confirmed(float("nan")), "cost_return is nan"),
        (confirmed([1.0, 2.0], [0.1, 0.1]), "not as many costs"),
        ({"episodes": 3}, "'return' is missing"),
    ],
)
def test_damaged_confirmed_episodes_leave_a_score_out(tmp_path, value, message):
    path = write_run(tmp_path, score=None)
    write_score(path, 10.0, 20.0, 0.02, confirmed=value)
    results = read(tmp_path)
    (warning,) = results.warnings
    assert message in warning
    assert not results.runs["finished"][0]


def test_special_layouts_and_early_ends_are_said(tmp_path):
    path = write_run(tmp_path, score=None)
    write_score(path, 1.0, 2.0, 0.1, confirmed=confirmed(1.0, layouts="layouts of another kind"))
    place = {"preset": "paper", "algorithm": "cpo"}
    path = write_run(tmp_path, **place, score=None, env_steps=1_000_000)
    write_score(path, 1.0, 2.0, 0.1, early_epochs=2)
    write_run(tmp_path, **place, seed=1, env_steps=1_000_000)
    found = tables(tmp_path)
    assert "Confirmed on layouts of another kind: LAMBDA on PointGoal1 (0)." in (
        found["table2_ours_quick"].notes
    )
    runs = read(tmp_path).runs
    early, changed = runs[runs["preset"] == "paper"].itertuples()
    assert early.comparable
    assert changed.changed == ("env_steps=1000000",)
    assert "Ended 2 epochs before those of the published score: CPO on PointGoal1 (0)." in (
        found["table2_ours_paper"].notes
    )


def test_our_table3_takes_medians_and_the_published_ppo_and_says_its_scale(tmp_path):
    for task in config.SG6_TASKS:
        for seed, value in enumerate((1.0, 100.0, 3.0)):
            write_run(tmp_path, task=task, seed=seed, score=(value, 35.0, 0.01))
    table = ours(tmp_path)
    assert "quick preset" in table.title
    assert "not comparable with the paper" in table.title
    expected = f"{3 / 17.476:.3f}, {10 / (76.4389 - 25):.3f}, {0.01 / 0.0713641:.3f}"
    assert cell(table, "PointGoal1", "LAMBDA") == expected
    assert table.cells["task"].tolist()[-2:] == ["SG6 average", "without DoggoGoal1"]
    notes = "\n".join(table.notes)
    assert "LAMBDA: 3 seeds, 8,000 env steps." in notes
    assert "of the protocol's evaluation at the end: all 18 of them." in notes
    assert f"the published PPO (short: 1M/2M env steps): {', '.join(config.SG6_TASKS)}" in notes


def write_ppo(tmp_path, doggo_return=2.0):
    """Our own PPO at the paper's scale: three seeds on every task."""
    for task, seed in itertools.product(config.SG6_TASKS, range(3)):
        value = doggo_return if task == "DoggoGoal1" else 2.0
        write_run(
            tmp_path, task, "ppo", "paper", seed, score=(value - 0.5 + 0.5 * seed, 45.0, 0.04)
        )


def test_both_sides_are_divided_by_the_published_ppo_whatever_ppo_of_ours_there_is(tmp_path):
    write_run(tmp_path, preset="paper", score=(17.476, 35.0, 0.02))
    write_run(tmp_path, algorithm="ppo", preset="paper", score=(4.0, 45.0, 0.04))
    third = table_3(read(tmp_path)).made
    assert [table.name for table in third] == [
        "table3_published",
        "table3_ours_paper",
        "table3_difference_ours_paper",
        "robust_ours_paper",
    ]
    assert cell(third[1], "PointGoal1", "LAMBDA").startswith("1.000, ")
    assert cell(third[1], "PointGoal1", "PPO").startswith("0.229, ")
    assert cell(third[2], "PointGoal1", "LAMBDA").startswith("-0.077, ")  # 1 − 1.077
    (note,) = [note for note in third[2].notes if note.startswith("Normalised by")]
    assert note == "Normalised by the published PPO (short: 1M/2M env steps): PointGoal1."


def test_our_own_ppo_divides_in_a_table_beside_where_every_task_has_three_seeds(tmp_path):
    write_run(tmp_path, score=(6.0, 35.0, 0.02))
    write_ppo(tmp_path)
    found = tables(tmp_path)
    table = found["table3_ours_quick_own_ppo"]
    # Over means of 1.5, 2 and 2.5.
    assert cell(table, "PointGoal1", "LAMBDA") == "3.000, 0.500, 0.500"
    assert table.title.endswith(", normalised by our own PPO")
    note = "Normalised by our own PPO (paper preset, 3 seeds or more): PointGoal1."
    assert note in table.notes
    assert cell(found["table3_ours_quick"], "PointGoal1", "LAMBDA").startswith("0.343, ")
    (tmp_path / "paper/ppo/CarGoal1/seed_1/score.json").unlink()
    assert own_divisor(read(tmp_path)) is None


def test_a_ppo_with_changed_settings_is_no_divisor(tmp_path):
    write_ppo(tmp_path)
    assert own_divisor(read(tmp_path)) is not None
    path = tmp_path / "paper/ppo/CarGoal1/seed_1/config.json"
    path.write_text(path.read_text().replace('"env_steps": 1050000', '"env_steps": 60000'))
    assert own_divisor(read(tmp_path)) is None


def test_a_failed_ppo_gives_na_left_out_of_the_average(tmp_path):
    for task in config.SG6_TASKS:
        write_run(tmp_path, task=task, preset="paper", score=(1.0, 35.0, 0.02))
    write_ppo(tmp_path, doggo_return=-1.0)
    table = tables(tmp_path)["table3_ours_paper_own_ppo"]
    assert cell(table, "DoggoGoal1", "LAMBDA") == "n/a, 0.500, 0.500"
    assert cell(table, "SG6 average", "LAMBDA") == "0.500, 0.500, 0.500"
    notes = "\n".join(table.notes)
    assert "DoggoGoal1: J̄ is n/a, as Ĵ of our own PPO (paper preset, 3 seeds or more) is" in notes
    assert "LAMBDA: the average of J̄ leaves out n/a: DoggoGoal1." in notes
    assert "not comparable" not in table.title


def test_an_average_over_fewer_tasks_is_not_called_the_sg6_average(tmp_path):
    write_run(tmp_path, score=(17.476, 25.0, 0.0713641))
    table = ours(tmp_path)
    assert table.cells["task"].tolist() == ["PointGoal1", "average, incomplete"]
    assert rows(table)[-1][1] == "1.000, 0.0, 1.000"
    assert any("the average is over 1 of 6 tasks, without PointGoal2" in n for n in table.notes)


def test_tasks_outside_sg6_are_in_table2_only(tmp_path):
    write_run(tmp_path, score=(1.0, 2.0, 0.003))
    write_run(tmp_path, task="ObservablePointPush1", score=(4.0, 5.0, 0.006))
    found = tables(tmp_path)
    second, third = found["table2_ours_quick"], found["table3_ours_quick"]
    assert cell(second, "ObservablePointPush1", "LAMBDA") == "4.000, 5.000, 0.006"
    assert "ObservablePointPush1" not in set(third.cells["task"])
    assert "Not in SG6, hence not in this table: ObservablePointPush1." in third.notes


def test_further_constraints_have_rows_of_table2_and_are_no_seeds_of_table3(tmp_path):
    for seed, cost in enumerate(([35.0, 1.0], [35.0, 2.0])):
        path = write_run(tmp_path, seed=seed, score=None, cost_budget=(25.0, 3.0))
        write_score(path, 17.476, cost, [0.0713641, 0.5])
    write_run(tmp_path, seed=2, score=(17.476, 35.0, 0.0713641))
    found = tables(tmp_path)
    second, third = found["table2_ours_quick"], found["table3_ours_quick"]
    assert cell(second, "PointGoal1", "LAMBDA") == "17.476, 35.000, 0.071"
    assert cell(second, "PointGoal1, cost 2", "LAMBDA") == "17.476, 1.500, 0.500"
    assert cell(third, "PointGoal1", "LAMBDA") == "1.000, 0.194, 1.000"
    robust = found["robust_ours_quick"].records.set_index(["metric", "statistic"])
    assert robust.loc[("cost_return", "IQM"), "runs"] == 3
    assert robust.loc[("cost_return", "mean"), "value"] == pytest.approx(10 / (76.4389 - 25))


def test_difference_from_the_published_table_by_hand(tmp_path):
    write_run(tmp_path, algorithm="cpo", preset="paper", score=(10.0, 75.0, 0.04))
    table = tables(tmp_path)["table3_difference_ours_paper"]
    # Ours 10/17.476, 50/51.4389 and 0.04/0.0713641; published 0.898, 0.302, 0.599.
    assert cell(table, "PointGoal1", "CPO") == "-0.326, 0.670, -0.038"
    assert list(table.cells) == ["task", "CPO"]


def test_no_difference_at_other_scales(tmp_path):
    write_run(tmp_path)
    write_run(tmp_path, task="CarGoal1", preset="paper", env_steps=8_000)
    found = tables(tmp_path)
    assert {"table3_ours_quick", "table3_ours_paper"} <= found.keys()
    assert not any(name.startswith("table3_difference") for name in found)


def difference(tmp_path, scores):
    """The table of differences of runs at the paper's scale: (algorithm, task) → score."""
    for (algorithm, task), score in scores.items():
        write_run(tmp_path, preset="paper", algorithm=algorithm, task=task, score=score)
    return tables(tmp_path)["table3_difference_ours_paper"]


def test_the_differences_average_is_that_of_its_cells_and_says_what_it_lacks(tmp_path):
    table = difference(
        tmp_path,
        {
            ("cpo", "PointGoal1"): (8.738, 75.0, 0.04),
            ("cpo", "DoggoGoal1"): (0.543245, 75.0, 0.04),
        },
    )
    # 0.5 − 0.898 and 0.5 + 0.723; published ρ̄_c of 0.599 and 0.769.
    assert cell(table, "DoggoGoal1", "CPO").startswith("1.223, ")
    assert cell(table, "average, incomplete", "CPO").startswith("0.413, ")
    assert cell(table, "without DoggoGoal1, incomplete", "CPO").startswith("-0.398, ")
    notes = "\n".join(table.notes)
    assert "CPO: the average is over 2 of 6 tasks, without PointGoal2" in notes
    assert notes.count("Normalised by ") == 1


def test_the_difference_names_runs_whose_settings_were_changed(tmp_path):
    write_run(tmp_path, preset="paper", algorithm="cpo", score=(10.0, 75.0, 0.04))
    place = {"preset": "paper", "algorithm": "cpo", "task": "CarGoal1"}
    write_run(tmp_path, **place, seed=2, env_steps=60_000)
    table = tables(tmp_path)["table3_difference_ours_paper"]
    assert table.cells["task"].tolist() == ["PointGoal1", "average, incomplete"]
    left_out = "Left out, with other settings than the preset's: CPO on CarGoal1 (seed 2)."
    assert left_out in table.notes
    assert "not comparable" not in table.title


def test_our_ppo_differs_from_the_published_too(tmp_path):
    table = difference(tmp_path, {("ppo", "PointGoal1"): (8.738, 76.4389, 0.1427282)})
    assert cell(table, "PointGoal1", "PPO") == "-0.500, 0.0, 1.000"


def test_doggo_is_named_where_it_outweighs_the_other_tasks(tmp_path):
    """With PPO's published returns of 17.476 and 1.08649: 1 and 3 make 75 %, 1 and 0.5 a third."""
    for seed, doggo in enumerate((3.0, 0.5)):
        results = tmp_path / str(seed)
        write_run(results, score=(17.476, 20.0, 0.02))
        write_run(results, task="DoggoGoal1", score=(doggo * 1.08649, 20.0, 0.02))
    (note,) = [note for note in ours(tmp_path / "0").notes if note.startswith("DoggoGoal1 alone")]
    assert "makes 75% of LAMBDA's average J̄" in note
    assert not any(note.startswith("DoggoGoal1 alone") for note in ours(tmp_path / "1").notes)


def test_what_table3_lacks_is_one_line_with_a_command_that_makes_it(tmp_path):
    for task in config.SG6_TASKS:
        write_run(tmp_path, preset="paper", task=task)
        write_run(tmp_path, preset="paper", task=task, algorithm="cpo")
    write_run(tmp_path, algorithm="ppo", preset="paper_long")
    (tmp_path / "paper/cpo/CarGoal1/seed_0/score.json").unlink()
    paper, long = table_3(read(tmp_path)).missing
    assert paper == (
        "Table 3, ours, paper preset: no finished runs of TRPO-Lagrangian and PPO-Lagrangian on "
        "any SG6 task; CPO on CarGoal1. To make them: bash experiments/run_sg6.sh --results "
        f"{tmp_path} --preset paper --algorithms trpo_lagrangian,ppo_lagrangian,cpo"
    )
    assert "--preset paper_long --algorithms trpo_lagrangian,ppo_lagrangian,cpo" in long
    assert "lambda" not in long  # It has no such preset.


def test_shipped_runs_alone_leave_table3_to_be_made(tmp_path):
    write_run(tmp_path / "shipped", preset="paper")
    (missing,) = table_3(read(tmp_path, "shipped")).missing
    assert missing.startswith("Table 3, ours, cpu preset: no finished runs of ")
    assert missing.count(" --preset cpu") == 1


def test_why_there_is_no_difference_is_said(tmp_path):
    write_run(tmp_path)
    write_run(tmp_path, preset="paper", task="CarGoal1", env_steps=8_000)
    outcome = table_3(read(tmp_path))
    assert not any("difference" in table.title for table in outcome.made)
    changed, quick = [note for note in outcome.notes if "no difference" in note]
    assert changed.startswith("ours: paper preset, settings changed (reduced scale")
    assert quick.startswith("ours: quick preset (reduced scale")
