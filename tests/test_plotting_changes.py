"""A figure is drawn only if its data or the code changed; `--only`; and what a new figure takes."""

import json
import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from matplotlib.figure import Figure
from run_folders import write_run, write_score

from plotting import drawing, figures
from plotting.drawing import Drawing, Outcome
from plotting.results import read_results

PAST = 1_000_000_000
"""A time of modification, in seconds."""


def make(folder, only=()):
    return figures.make_all(read_results(folder, shipped=folder / "none"), only)


def redrawn(folder, **how):
    """Draws once more; which PNGs, PDFs or CSVs were written."""
    paths = [path for path in (folder / "figures").iterdir() if path.suffix != ".json"]
    for path in paths:
        os.utime(path, (PAST, PAST))
    make(folder, **how)
    return {path.stem for path in paths if path.exists() and path.stat().st_mtime != PAST}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder of results with figures of it."""
    folder = tmp_path_factory.mktemp("drawn")
    write_run(folder, preset="cpu")
    write_run(folder, algorithm="ppo", task="CarGoal1", preset="quick")
    make(folder)
    return folder


@pytest.fixture
def results(drawn, tmp_path):
    """A copy of it."""
    return shutil.copytree(drawn, tmp_path / "results")


def test_what_did_not_change_is_not_drawn_but_still_listed(results, capsys):
    capsys.readouterr()
    assert redrawn(results) == set()
    printed = capsys.readouterr().out
    count = len(list((results / "figures").glob("*.png")))
    assert f"figures: {results / 'figures'} ({count}, each as .png, .pdf and .csv)\n" in printed
    assert (results / "report" / "index.html").read_text().count("<figcaption>") == count


def test_what_shows_changed_data_is_drawn_again(results):
    run = results / "cpu/lambda/PointGoal1/seed_0"
    write_score(run, 11.0, 20.0, 0.02)
    assert redrawn(results) == {"figure_4_ours_cpu"}
    path = run / "evaluations.jsonl"
    path.write_text(path.read_text().replace('"return": 3.0', '"return": 3.5'))
    assert redrawn(results) == {"figure_6_cpu"}
    assert redrawn(results) == set()


def test_a_changed_title_counts_as_data(results):
    path = results / "cpu/lambda/PointGoal1/seed_0/config.json"
    settings = json.loads(path.read_text())
    settings["training"]["batch_size"] += 1
    path.write_text(json.dumps(settings))
    assert redrawn(results) == {"figure_4_ours_cpu", "figure_6_cpu"}


def test_other_code_draws_everything(results, monkeypatch, tmp_path_factory):
    sources = tmp_path_factory.mktemp("sources")
    (sources / "bars.py").write_text("WIDTH = 1")
    monkeypatch.setattr(drawing, "SOURCES", sources)
    everything = {path.stem for path in (results / "figures").glob("*.png")}
    assert len(everything) > 6
    assert redrawn(results) == everything
    (sources / "bars.py").write_text("WIDTH = 2")
    assert redrawn(results, only={"figure_13"}) == {"figure_13"}
    assert redrawn(results, only={"figure_13"}) == set()


def test_other_versions_draw_everything(results, monkeypatch):
    monkeypatch.setattr(drawing, "version", lambda package: f"{package} 99")
    assert redrawn(results, only={"figure_13"}) == {"figure_13"}


@pytest.mark.parametrize("suffix", ["png", "pdf", "csv"])
def test_a_file_that_is_missing_or_was_altered_is_made_again(results, suffix):
    path = results / "figures" / f"figure_13.{suffix}"
    before = path.read_bytes()
    path.unlink()
    assert redrawn(results) == {"figure_13"}
    path.write_bytes(before[:-20])
    assert redrawn(results, only={"figure_13"}) == {"figure_13"}
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"figure_13": 3}', b"\xff\x00"])
def test_damaged_keys_draw_again_and_are_made_whole(results, content):
    path = results / "figures" / "keys.json"
    before = path.read_bytes()
    path.write_bytes(content)
    assert redrawn(results, only={"figure_13"}) == {"figure_13"}
    assert json.loads(path.read_text())["figure_13"] == json.loads(before)["figure_13"]
    assert not path.with_name("keys.json.partial").exists()


def test_only_what_is_named_is_drawn(tmp_path, capsys):
    write_run(tmp_path)
    missing = make(tmp_path, only={"figure_6", "table_3"})
    made = {path.name for path in (tmp_path / "figures").iterdir()}
    assert made == {"figure_6_quick.png", "figure_6_quick.pdf", "figure_6_quick.csv", "keys.json"}
    names = {path.stem for path in (tmp_path / "tables").iterdir()}
    assert names == {"table3_published", "table3_ours_quick", "robust_ours_quick"}
    assert all(text.startswith(("figure 6", "Table 3")) for text in missing)
    assert not (tmp_path / "report").exists()  # It would lack the others.
    assert "report: " not in capsys.readouterr().out
    make(tmp_path, only={"figure_13"})  # What was drawn before keeps its key.
    assert redrawn(tmp_path, only={"figure_6"}) == set()
    assert figures.main([str(tmp_path), "--only", "table_1, figure_13"]) == 0
    assert (tmp_path / "tables" / "table1.md").exists()


def test_an_unknown_name_is_an_error_that_lists_the_known(tmp_path, capsys):
    assert figures.main([str(tmp_path), "--only", "figure_6,figure_99"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(
        "figures.py: error: --only: unknown figure_99 (known: lambda_and_published, table_1, "
    )
    assert "figure_constraint)" in error
    assert list(tmp_path.iterdir()) == []


def test_a_figure_is_one_entry(tmp_path, monkeypatch):
    """Here: best returns as points. It is drawn, listed, shown and skipped like any other."""

    def draw(numbers):
        figure = Figure()
        figure.subplots().plot(numbers["task"], numbers["value"], "o")
        return figure

    def best_returns(results):
        found = results.scores[results.scores["metric"] == "return"]
        best = found.groupby("task", sort=False)["value"].max().reset_index()
        return Outcome([Drawing("figure_14", best, draw, (best,))])

    entry = figures.Entry("figure_14", "The best returns of all", best_returns)
    monkeypatch.setattr(figures, "FIGURES", [*figures.FIGURES, entry])
    make(tmp_path)
    page = (tmp_path / "report" / "index.html").read_text()
    assert "<b>Figure 14.</b> The best returns of all." in page
    numbers = pd.read_csv(tmp_path / "figures" / "figure_14.csv").set_index("task")["value"]
    assert numbers["DoggoGoal1"] == 50.681
    assert redrawn(tmp_path) == set()
    assert redrawn(tmp_path, only={"figure_14"}) == set()


def test_loading_the_command_takes_only_what_it_needs():
    heavy = "{'scipy', 'plotly', 'tensorflow', 'keras', 'mujoco'}"
    code = f"import sys, plotting.figures; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
