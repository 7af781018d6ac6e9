"""Learning curves, and the command as people run it."""

import csv
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from run_folders import STEPS, write_lines, write_run

from la_mbda import config
from plotting import figures
from plotting.aggregate import MOST_POINTS, band, cost_regret
from plotting.curves import settled_top
from plotting.drawing import Outcome, draw_changed
from plotting.figures import FIGURES, make_all
from plotting.looks import BUDGET_COLOUR, COLOURS, OWN_COLOURS
from plotting.results import read_results

COMMAND = Path(__file__).resolve().parents[1] / "plotting" / "figures.py"


def drawn(tmp_path, shipped="none"):
    """Draws the curves of the runs below a folder; returns paths, notes and the CSV's records."""
    results = read_results(tmp_path, shipped=tmp_path / shipped)
    (sixth,) = [entry for entry in FIGURES if entry.name == "figure_6"]
    outcome = sixth.make(results)
    paths = draw_changed(outcome.made, tmp_path)
    records = []
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
        records += csv.DictReader(path.with_suffix(".csv").read_text().splitlines())
    return paths, outcome.notes, records


def line(records, metric, name):
    """Steps and values of one drawn line."""
    chosen = [r for r in records if (r["metric"], r["line"]) == (metric, name)]
    return [(float(r["env_steps"] or 0), float(r["value"])) for r in chosen]


def run_command(*arguments, cwd):
    return subprocess.run(
        [sys.executable, str(COMMAND), *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_regret_is_all_costs_so_far_per_step():
    found = cost_regret(np.array([1_000.0, 2_000.0, 4_000.0]), np.array([50.0, 0.0, 150.0]))
    np.testing.assert_allclose(found, [0.05, 0.025, 0.05])


def seed_curve(steps, values):
    return pd.DataFrame({"env_steps": steps, "value": values}, dtype=float)


def test_band_by_hand_joins_seeds_only_where_all_have_data():
    found = band([seed_curve([0, 10, 20], [0, 10, 20]), seed_curve([5, 15], [1, 3])])
    np.testing.assert_array_equal(found["env_steps"], [5, 10, 15])
    np.testing.assert_allclose(found["value"], [3, 6, 9])
    np.testing.assert_allclose(found["low"], [1.2, 2.4, 3.6])
    np.testing.assert_allclose(found["high"], [4.8, 9.6, 14.4])


def test_seeds_without_common_steps_have_no_band():
    assert band([seed_curve([1], [1]), seed_curve([2], [1])]) is None


def test_the_numbers_drawn_are_those_of_the_run(tmp_path):
    for seed in range(3):
        write_run(tmp_path, seed=seed)
    paths, notes, records = drawn(tmp_path)
    assert [path.name for path in paths] == ["figure_6_quick.png"]
    assert notes == []
    assert line(records, "return", "2") == [(s, i + 2) for i, s in enumerate(STEPS)]
    assert line(records, "return", "median") == [(s, i + 1) for i, s in enumerate(STEPS)]
    spread = next(r for r in records if (r["metric"], r["line"]) == ("return", "median"))
    assert (float(spread["low"]), float(spread["high"])) == pytest.approx((0.1, 1.9))
    assert line(records, "cost_return", "median") == [(s, 30.0) for s in STEPS]
    assert line(records, "cost_regret", "median") == [(s, 0.02) for s in STEPS]
    assert line(records, "cost_return", "budget") == [(0, 25.0)]
    assert line(records, "cost_regret", "budget") == [(0, 0.025)]


def test_published_lines_are_drawn_at_the_papers_scale_only(tmp_path):
    write_run(tmp_path, preset="quick")
    write_run(tmp_path, preset="cpu", task="CarGoal1")
    write_run(tmp_path, preset="paper")
    write_run(tmp_path, preset="paper", task="CarGoal1", env_steps=8_000)
    _, _, records = drawn(tmp_path)
    published = [r for r in records if r["line"] == "published"]
    # CarGoal1 ran with other settings; the others have not run.
    shown = {("paper", task) for task in config.SG6_TASKS if task != "CarGoal1"}
    assert {(r["preset"], r["task"]) for r in published} == shown
    own = [r for r in published if (r["task"], r["metric"]) == ("PointGoal1", "return")]
    assert {r["algorithm"]: float(r["value"]) for r in own} == {
        "lambda": 18.8228,
        "ppo": 17.476,
        "ppo_lagrangian": 4.19325,
        "trpo_lagrangian": 8.91784,
        "cpo": 15.693,
    }


def test_a_variant_does_not_take_the_published_lines_away(tmp_path):
    write_run(tmp_path, preset="paper")
    write_run(tmp_path, preset="paper", name="critic", bound_by="critic")
    _, _, records = drawn(tmp_path)
    published = {r["task"] for r in records if r["line"] == "published"}
    assert published == set(config.SG6_TASKS)


def test_a_task_without_runs_has_its_published_levels_and_the_budget(tmp_path):
    write_run(tmp_path, preset="paper", algorithm="ppo")
    (sixth,) = [entry for entry in FIGURES if entry.name == "figure_6"]
    (drawing,) = sixth.make(read_results(tmp_path, shipped=tmp_path / "none")).made
    found = drawing.numbers[drawing.numbers["task"] == "DoggoGoal1"]
    assert set(found["line"]) == {"published", "budget"}
    costs = found[found["metric"] == "cost_return"].set_index("algorithm")["value"]
    assert (costs["lambda"], costs[""]) == (11.4, 25)
    figure = drawing.draw(*drawing.arguments)
    assert len(figure.axes) == 3 * len(config.SG6_TASKS)
    texts = [[text.get_text() for text in ax.texts] for ax in figure.axes]
    assert texts == [[]] * 3 + [["no run"]] * 15


def dashes(folder):
    """How the lines of figure 6's first panel are drawn, by their names."""
    (sixth,) = [entry for entry in FIGURES if entry.name == "figure_6"]
    (drawing,) = sixth.make(read_results(folder, shipped=folder / "shipped")).made
    (legend,) = drawing.draw(*drawing.arguments).legends
    lines = zip(legend.get_texts(), legend.get_lines(), strict=False)
    found = {text.get_text(): line.get_linestyle() for text, line in lines}
    return {name: look for name, look in found.items() if name != "cost budget"}


def test_shipped_runs_are_dashed_where_ours_are_beside_them(tmp_path):
    write_run(tmp_path / "shipped", algorithm="ppo")
    assert dashes(tmp_path) == {"PPO (shipped)": "-"}
    write_run(tmp_path)
    assert dashes(tmp_path) == {"LAMBDA": "-", "PPO (shipped)": "--"}


def test_seeds_of_unequal_length_are_said(tmp_path):
    write_run(tmp_path, seed=0)
    write_run(tmp_path, seed=1, steps=STEPS[:2], score=None)
    _, notes, records = drawn(tmp_path)
    assert [step for step, _ in line(records, "return", "median")] == [2_000, 4_000]
    assert [step for step, _ in line(records, "return", "0")] == list(STEPS)
    assert any("LAMBDA on PointGoal1, return: seeds end at 4,000 to 8,000" in n for n in notes)


def test_seeds_without_common_steps_are_said(tmp_path):
    write_run(tmp_path, seed=0, steps=STEPS[:2], score=None)
    write_run(tmp_path, seed=1, steps=STEPS[2:], score=None)
    _, notes, records = drawn(tmp_path)
    assert line(records, "return", "median") == []
    said = "quick preset, LAMBDA on PointGoal1, return: seeds have no steps in common"
    assert f"{said}: no median drawn" in notes


def test_the_first_episodes_costs_set_no_scale():
    """Of 100 env steps, what comes in the first three."""
    regret = np.array([[1.0, 9.0], [3.0, 8.0], [50.0, 2.0], [100.0, 1.0]])
    assert settled_top([regret, regret[2:]], 100.0) == 2.0
    assert settled_top([], 100.0) is None


def test_shipped_runs_are_lines_of_their_own(tmp_path):
    write_run(tmp_path, seed=0)
    write_run(tmp_path / "shipped", seed=1)
    _, _, records = drawn(tmp_path, shipped="shipped")
    seeds = {(r["source"], r["line"]) for r in records if r["metric"] == "return"}
    assert seeds == {("ours", "0"), ("shipped", "1")}


def test_a_run_without_evaluations_still_has_its_regret(tmp_path):
    path = write_run(tmp_path, score=None)
    (path / "evaluations.jsonl").unlink()
    _, _, records = drawn(tmp_path)
    assert line(records, "return", "0") == []
    assert line(records, "cost_regret", "0") == [(s, 0.02) for s in STEPS]


def test_long_runs_are_thinned_but_keep_their_ends(tmp_path):
    path = write_run(tmp_path)
    count = MOST_POINTS * 3
    write_lines(
        path / "episodes.jsonl",
        [{"env_steps": i, "return": 0.0, "cost_return": float(i)} for i in range(1, count + 1)],
    )
    results = read_results(tmp_path, shipped=tmp_path / "none")
    regret = results.curves[results.curves["metric"] == "cost_regret"]
    assert len(regret) == count  # The frame has them all.
    found = results.lines[results.lines["metric"] == "cost_regret"]
    steps = found["env_steps"].to_numpy()
    assert len(steps) == MOST_POINTS
    assert (steps[0], steps[-1]) == (1, count)
    np.testing.assert_allclose(found["value"], (steps + 1) / 2)


def test_each_constraint_has_its_own_row(tmp_path):
    path = write_run(tmp_path, task="gymnasium:My-v0", cost_budget=(25.0, 3.0), score=None)
    for name in ("episodes", "evaluations"):
        text = {"env_steps": 1_000, "return": 1.0, "cost_return": [5.0, 7.0]}
        write_lines(path / f"{name}.jsonl", [text])
    _, _, records = drawn(tmp_path)
    costs = {
        (r["constraint"], r["line"]): float(r["value"])
        for r in records
        if r["metric"] == "cost_return"
    }
    assert costs == {
        ("1", "0"): 5.0,
        ("1", "budget"): 25.0,
        ("2", "0"): 7.0,
        ("2", "budget"): 3.0,
    }


def test_colours_stay_apart_for_the_colour_blind():
    assert COLOURS.keys() == config.ALGORITHMS.keys()
    for matrix in VISIONS.values():
        seen = [lab(matrix @ linear(c)) for c in (*COLOURS.values(), *OWN_COLOURS, BUDGET_COLOUR)]
        assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 20


# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritan": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def linear(colour: str) -> np.ndarray:
    """Linear RGB `[3]` of `#rrggbb`."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB `[3]` of linear RGB, under D65."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_command_draws_what_it_can_and_names_the_rest(tmp_path, capsys):
    results = tmp_path / "results"
    for task in config.SG6_TASKS:
        write_run(results, task=task)
    broken = write_run(results, seed=1)
    (broken / "score.json").write_text("{")
    only = ("--only", "figure_6,figure_9")
    strict = run_command("results", "--strict", *only, cwd=tmp_path)
    assert strict.returncode == 2, strict.stderr
    listed = run_command("results", "--missing", *only, cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    (text,) = [line for line in listed.stdout.splitlines() if line.startswith("missing: ")]
    assert text.startswith("missing: figure 9, quick preset: no runs of LAMBDA on Observable")
    assert "--missing" not in listed.stdout
    done = run_command("results", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "missing: " not in done.stdout
    (text,) = [line for line in done.stdout.splitlines() if "--missing" in line]
    assert text.endswith("; --missing lists the commands")
    # What is missing with the shipped runs beside changes as more of them are shipped.
    make_all(
        read_results(results, shipped=tmp_path / "none"),
        ("table_3", "figure_6", "figure_9", "figure_10", "figure_11"),
    )
    (text,) = [line for line in capsys.readouterr().out.splitlines() if "--missing" in line]
    assert text == (
        "not drawn without more runs: figure 9, figure 10, figure 11; drawn of some runs only: "
        "table 3; --missing lists the commands"
    )
    # Of `quick` nothing is told, and of the shipped runs LAMBDA's.
    assert [line for line in done.stdout.splitlines() if line.startswith("###")] == [
        "### LAMBDA, shipped: cpu preset, 425,000 to 1,000,000 env steps, settings changed in some "
        "runs (reduced scale, not comparable with the paper), and published"
    ]
    chosen = run_command("results", "--only", "table_3", cwd=tmp_path)
    assert "Table 3, published" in chosen.stdout
    assert "| 1.526, 0.0, 0.466 |" in chosen.stdout
    assert "Table 3, ours: quick preset (reduced scale, not comparable" in chosen.stdout
    warnings = [text for text in done.stderr.splitlines() if text.startswith("warning: ")]
    assert len(warnings) == 1
    assert "results/quick/lambda/PointGoal1/seed_1/score.json" in warnings[0]
    assert "7 runs read, 6 finished" in done.stdout
    assert (results / "figures/figure_6_quick.png").stat().st_size > 10_000
    assert "report: results/report/index.html" in done.stdout
    assert (results / "report/index.html").stat().st_size > 1_000_000
    names = {path.stem for path in (results / "tables").glob("*.md")}
    tables = {"table1", "table2_published", "table2_published_long", "table3_published"}
    assert tables | {"table2_ours_quick", "table3_ours_quick"} <= names
    for suffix in ("csv", "tex"):
        assert {path.stem for path in (results / "tables").glob(f"*.{suffix}")} == names


def test_a_folder_without_runs_still_has_the_published_tables(tmp_path, capsys):
    results = read_results(tmp_path, shipped=tmp_path / "none")
    missing = make_all(results, commands=True)
    printed = capsys.readouterr().out
    tables = {"table1", "table2_published", "table2_published_long", "table3_published"}
    assert {path.stem for path in (tmp_path / "tables").iterdir()} == tables
    assert "###" not in printed
    assert f"{tmp_path} holds no runs; to make them: bash experiments/run_sg6.sh" in printed
    drawn = {path.name for path in (tmp_path / "figures").glob("*.png")}
    published = {f"figure_{number}_published.png" for number in (1, 4, 7)}
    assert drawn == published | {f"figure_{number}.png" for number in (2, 8, 13)}
    for number in (5, 6, 9, 10, 11, 12):
        start = f"figure {number}, cpu preset: no runs of "
        (text,) = [text for text in missing if text.startswith(start)]
        assert f"run_sg6.sh --results {tmp_path} --preset cpu --algorithms " in text
        assert f"missing: {text}" in printed


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_what_is_no_folder_is_one_clear_line(tmp_path, name):
    (tmp_path / "file").touch()
    done = run_command(name, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"figures.py: error: {name} is no folder")
    assert len(done.stderr.splitlines()) == 1


def test_the_shipped_runs_themselves_are_no_empty_folder(tmp_path, monkeypatch, capsys):
    write_run(tmp_path)
    monkeypatch.setattr(figures, "SHIPPED", tmp_path)
    figures.print_end(read_results(tmp_path, shipped=tmp_path), Outcome(), [], 0)
    assert capsys.readouterr().out == "\n1 shipped runs read, 1 finished\n"


def test_a_missing_module_that_is_none_of_ours_is_not_blamed_on_the_python(tmp_path):
    (tmp_path / "jinja2.py").write_text("import none_of_ours")
    path = os.pathsep.join([str(tmp_path), str(COMMAND.parents[1])])
    done = subprocess.run(
        [sys.executable, str(COMMAND), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No module named 'none_of_ours'" in done.stderr
    assert "run this by" not in done.stderr
