"""Algorithms, tasks and figures of one's own: drawn, tabulated and reported like the others."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from run_folders import STEPS, write_lines, write_run

from plotting.bars import tasks
from plotting.drawing import draw_changed
from plotting.figures import FIGURES, OF_SG6, TABLES, make_all
from plotting.interactive import panels
from plotting.looks import COLOURS, OWN_COLOURS, colours_of, in_order, label
from plotting.results import read_results
from plotting.table3 import table_3
from plotting.tables import table_2

REPOSITORY = Path(__file__).resolve().parents[1]
MINE, OTHER = "first.mine:Agent", "second.mine:Agent"
TASK = "gymnasium:my_package:MyEnv-v0"


def read(folder):
    return read_results(folder, shipped=folder / "none")


def curves(results):
    """Figure 6."""
    return next(entry for entry in FIGURES if entry.name == "figure_6").make(results)


def test_algorithms_are_ordered_named_and_coloured():
    found = [OTHER, "cpo", MINE, "lambda"]
    assert in_order(found) == ["lambda", "cpo", MINE, OTHER]
    assert in_order(found, last=("lambda", "ppo")) == ["cpo", MINE, OTHER, "lambda"]
    assert label("cpo") == "CPO"
    assert (label(MINE), label(OTHER)) == ("Agent (first.mine)", "Agent (second.mine)")
    colours = colours_of(found)
    assert (colours[MINE], colours[OTHER]) == OWN_COLOURS[:2]
    assert colours["cpo"] == COLOURS["cpo"]
    many = [f"mine:Agent{i}" for i in range(len(OWN_COLOURS) + 1)]
    assert colours_of(many)[many[-1]] == OWN_COLOURS[0]  # They come round again.


def test_variants_are_drawn_beside_their_algorithm(tmp_path):
    for algorithm, name, budget in (("lambda", "", 25.0), ("lambda", "strict", 10.0)):
        for seed in (0, 1):
            write_run(
                tmp_path, "PointGoal1", algorithm, seed=seed, name=name, cost_budget=(budget,)
            )
    write_run(tmp_path, "PointGoal1", "ppo", name="short", observation="lidar")
    results = read(tmp_path)
    assert results.warnings == []
    assert set(results.runs["algorithm"]) == {"lambda", "lambda@strict", "ppo@short"}
    (drawing,) = curves(results).made
    figure = drawing.draw(*drawing.arguments)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"LAMBDA", "LAMBDA (strict)", "PPO (short)"} <= set(names)
    table = table_2(results).made[-1].markdown()
    # A baseline's variant has means as it has, LAMBDA's has medians.
    assert "LAMBDA (strict)" in table
    assert "PPO (short)" in table
    renamed = tmp_path / "quick" / "lambda@other"
    (tmp_path / "quick" / "lambda@strict").rename(renamed)
    results = read(tmp_path)
    assert len(results.warnings) == 2
    assert "name is 'strict', but its folder says 'other'" in results.warnings[0]


def test_an_own_algorithm_has_curves_and_bars_of_its_own(tmp_path):
    for algorithm in ("lambda", MINE, OTHER):
        write_run(tmp_path, preset="cpu", algorithm=algorithm)
    results = read(tmp_path)
    assert results.warnings == []
    assert results.runs["algorithm"].tolist() == ["lambda", MINE, OTHER]
    (drawing,) = curves(results).made
    assert set(drawing.numbers["algorithm"]) == {"lambda", MINE, OTHER, ""}
    figure = drawing.draw(*drawing.arguments)
    colours = {line.get_color() for line in figure.axes[0].lines}
    assert colours == {COLOURS["lambda"], *OWN_COLOURS[:2]}
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"LAMBDA", "Agent (first.mine)", "Agent (second.mine)"} <= set(names)
    bars = next(made for made in tasks(results).made if made.name == "figure_4_ours_cpu")
    assert set(bars.numbers["algorithm"]) == {"lambda", MINE, OTHER}
    draw_changed([drawing, bars], tmp_path)  # In processes of their own.


def test_an_own_algorithm_alone_has_its_task_among_the_learning_curves(tmp_path):
    write_run(tmp_path, algorithm=MINE)
    (drawing,) = curves(read(tmp_path)).made
    assert set(drawing.numbers["algorithm"]) == {MINE, ""}


def test_the_ablations_are_drawn_on_own_tasks(tmp_path):
    for algorithm in ("unsafe_lambda", "cem_mpc"):
        write_run(tmp_path, task="gymnasium:My-v0", algorithm=algorithm)
    (drawing,) = curves(read(tmp_path)).made
    assert set(drawing.numbers["algorithm"]) == {"unsafe_lambda", "cem_mpc", ""}


def test_that_colours_come_round_again_is_said(tmp_path):
    for name in "abcde":
        write_run(tmp_path, name=name)
    notes = curves(read(tmp_path)).notes
    shared = ", ".join(f"LAMBDA ({name})" for name in "abcde")
    assert f"5 algorithms and variants of one's own share 4 colours, in turn: {shared}" in notes


def test_an_own_algorithm_is_tabulated_and_reported(tmp_path):
    write_run(tmp_path, algorithm=MINE, seed=0, score=(4.0, 20.0, 0.02))
    write_run(tmp_path, algorithm=MINE, seed=1, score=(6.0, 20.0, 0.02))
    results = read(tmp_path)
    tables = {t.name: t for make in (table_2, table_3) for t in make(results).made}
    second = tables["table2_ours_quick"]
    assert second.cells.to_dict("records") == [
        {"task": "PointGoal1", "Agent (first.mine)": "5.000, 20.000, 0.020"}
    ]
    assert "Agent (first.mine): 2 seeds, 8,000 env steps." in second.notes
    assert "Agent (first.mine)" in tables["table3_ours_quick"].cells
    assert tables["robust_ours_quick"].cells["algorithm"].tolist() == ["Agent (first.mine)"]
    (line,) = panels(results)["quick"]["tasks"]["PointGoal1"]["Return Ĵ"]["lines"]
    assert (line["name"], line["colour"]) == ("Agent (first.mine)", OWN_COLOURS[0])


@pytest.mark.parametrize("text", ["{", '{"algorithm": "other:Agent"}', '{"algorithm": "a:b c"}'])
def test_without_its_settings_an_own_algorithm_has_no_name(tmp_path, text):
    path = write_run(tmp_path, algorithm=MINE)
    (path / "config.json").write_text(text)
    results = read(tmp_path)
    assert results.runs.empty
    assert "unknown algorithm 'first.mine_Agent' (known: lambda, " in results.warnings[-1]


def test_colours_do_not_change_from_figure_to_figure(tmp_path):
    """Of two own algorithms the first is not finished, and in no bar."""
    write_run(tmp_path, preset="cpu", algorithm=MINE, score=None)
    write_run(tmp_path, preset="cpu", algorithm=OTHER)
    bars = next(m for m in tasks(read(tmp_path)).made if m.name == "figure_4_ours_cpu")
    figure = bars.draw(*bars.arguments)
    assert figure.legends[0].get_patches()[0].get_facecolor()[:3] == pytest.approx(
        [int(OWN_COLOURS[1][i : i + 2], 16) / 255 for i in (1, 3, 5)]
    )


# ---- Tasks


def test_own_tasks_alone_show_nothing_of_the_papers(tmp_path, capsys):
    write_run(tmp_path, task=TASK, score=(7.0, 8.0, 0.02))
    results = read_results(tmp_path)
    assert results.runs["source"].tolist() == ["ours"]  # No shipped run is read.
    assert make_all(results) == []
    assert {path.stem for path in (tmp_path / "figures").glob("*.png")} == {"figure_6_quick"}
    assert {path.stem for path in (tmp_path / "tables").iterdir()} == {"own_tasks_ours_quick"}
    printed = capsys.readouterr().out
    page = (tmp_path / "report" / "index.html").read_text()
    for text in (printed, page):
        assert "Own tasks, ours: quick preset" in text
        assert "7.000, 8.000, 0.020" in text
        assert "not comparable" not in text
        assert "published scores beside" not in text
        assert "at the paper's scale" not in text
    assert page.count("<figcaption>") == 1
    assert "Results on tasks of one&#39;s own" in page or "Results on tasks of one's own" in page


def test_a_named_figure_is_drawn_beside_own_tasks_too(tmp_path):
    write_run(tmp_path, task=TASK)
    make_all(read(tmp_path), {"figure_13"})
    assert (tmp_path / "figures" / "figure_13.png").exists()


def test_own_tasks_beside_the_benchmark_have_a_table_of_their_own(tmp_path):
    write_run(tmp_path, task=TASK, score=(7.0, 8.0, 0.02))
    write_run(tmp_path, score=(10.0, 20.0, 0.02))
    found = {table.name: table for table in table_2(read(tmp_path)).made}
    own, benchmark = found["own_tasks_ours_quick"], found["table2_ours_quick"]
    assert own.title == "Own tasks, ours: quick preset"
    assert own.cells.to_dict("records") == [{"task": TASK, "LAMBDA": "7.000, 8.000, 0.020"}]
    assert benchmark.cells["task"].tolist() == ["PointGoal1"]
    assert "not comparable with the paper" in benchmark.title


def test_what_is_of_the_benchmark_alone_is_known():
    everything = {entry.name for entry in (*TABLES, *FIGURES)}
    assert everything - OF_SG6 == {"table_2", "figure_6", "figure_constraint"}


# ---- Figures


def run_script(folder):
    """Runs the figure of the documents; what it printed, and when its PNG was written."""
    done = subprocess.run(
        [sys.executable, folder / "best_returns.py", folder / "results"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    path = folder / "results" / "figures" / "figure_best_returns.png"
    return done.stdout, path.stat().st_mtime_ns


def test_an_own_figure_is_one_file_as_documented(tmp_path):
    text = (REPOSITORY / "docs" / "figures.md").read_text()
    (script,) = (
        block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "FIGURES" in block
    )
    (tmp_path / "best_returns.py").write_text(script)
    write_run(tmp_path / "results", task=TASK, score=(7.0, 8.0, 0.02))
    printed, first = run_script(tmp_path)
    assert f"figures: {tmp_path}/results/figures (" in printed
    assert (tmp_path / "results" / "figures" / "figure_best_returns.png").exists()
    (row,) = (
        r
        for r in csv.DictReader(
            (tmp_path / "results/figures/figure_best_returns.csv").read_text().splitlines()
        )
        if r["source"] == "ours"
    )
    assert (row["task"], float(row["value"])) == (TASK, 7.0)
    page = (tmp_path / "results" / "report" / "index.html").read_text()
    assert "<b>Figure best returns.</b> The best return on each task." in page
    assert run_script(tmp_path)[1] == first  # Nothing changed.
    (tmp_path / "best_returns.py").write_text(script.replace('"o"', '"s"'))
    assert run_script(tmp_path)[1] > first


def test_an_own_task_has_its_constraint_drawn(tmp_path):
    path = write_run(tmp_path, task=TASK)
    names = ("multiplier_0", "safety_bound_0", "imagined_cost_0", "real_cost_0")
    write_lines(
        path / "updates.jsonl", [{"env_steps": s, **dict.fromkeys(names, 1)} for s in STEPS]
    )
    make_all(read(tmp_path), {"figure_constraint"})
    assert (tmp_path / "figures" / "figure_constraint_quick.png").exists()
