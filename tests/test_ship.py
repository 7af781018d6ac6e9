"""Thinned copies of finished runs say what the runs say."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from run_folders import write_run

from plotting.results import read_results

SCRIPT = Path(__file__).resolve().parents[1] / "experiments" / "ship.py"


def ship(*folders):
    command = [sys.executable, str(SCRIPT), *map(str, folders)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_copies_what_figures_are_drawn_from(tmp_path):
    results, shipped = tmp_path / "results", tmp_path / "shipped"
    run = write_run(results, score=(1.0 / 3.0, 20.0, 0.02))
    unfinished = write_run(results, seed=1, score=None)
    for path in (run, unfinished):
        (path / "run.json").write_text("{}")
        (path / "updates.jsonl").write_text(json.dumps({"env_steps": 5, "loss": 1.0 / 3.0}) + "\n")
        (path / "replay").mkdir()
    (run / "confirmed.jsonl").write_text(json.dumps({"episode": 0, "return": 2.0 / 3.0}) + "\n")
    done = ship(results, shipped)
    assert done.returncode == 0, done.stderr
    copied = shipped / run.relative_to(results)
    assert not (shipped / unfinished.relative_to(results)).exists()
    assert not (copied / "replay").exists()
    assert json.loads((copied / "confirmed.jsonl").read_text())["return"] == 0.666667
    assert json.loads((copied / "updates.jsonl").read_text()) == {"env_steps": 5, "loss": 0.333333}
    found = read_results(results, shipped=shipped)
    scores = found.scores[found.scores["source"] != "published"].groupby("source")["value"]
    ours, theirs = (scores.get_group(source).tolist() for source in ("ours", "shipped"))
    assert theirs == ours
    assert len(ours) == 3
    curves = found.curves[found.curves["seed"] == 0].groupby("source")["env_steps"]
    ours, theirs = (curves.get_group(source).tolist() for source in ("ours", "shipped"))
    assert theirs == ours
    assert ship(results, shipped).stdout == ""  # A second time there is nothing to copy.


@pytest.mark.parametrize("cut", [False, True])
def test_a_copy_of_another_score_is_not_taken_for_this_ones(tmp_path, cut):
    """Of a run that was trained further since, or one that an earlier call left half-written."""
    results, shipped = tmp_path / "results", tmp_path / "shipped"
    run = write_run(results)
    (run / "run.json").write_text("{}")
    assert ship(results, shipped).returncode == 0
    copied = shipped / run.relative_to(results) / "score.json"
    changed = copied if cut else run / "score.json"
    changed.write_text("" if cut else changed.read_text().replace("8000", "9000"))
    before = copied.read_bytes()
    done = ship(results, shipped)
    assert done.returncode == 1
    assert f"remove {copied.parent} to ship that one" in " ".join(done.stderr.split())
    assert copied.read_bytes() == before


def test_a_copy_of_a_run_folder_is_not_shipped_as_another_seed(tmp_path):
    run = write_run(tmp_path / "results")
    shutil.copytree(run, run.with_name("seed_1"))
    done = ship(tmp_path / "results", tmp_path / "shipped")
    assert done.returncode == 1
    assert "seed is 0, but its folder says seed_1" in " ".join(done.stderr.split())
    assert not (tmp_path / "shipped").exists()


def test_nothing_to_ship(tmp_path):
    done = ship(tmp_path, tmp_path / "shipped")
    assert done.returncode == 1
    assert "holds no finished run" in done.stderr
    with pytest.raises(StopIteration):
        next((tmp_path).iterdir())
