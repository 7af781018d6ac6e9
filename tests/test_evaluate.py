"""Evaluations: what is refused before they play, and what is told whatever happens after."""

import pytest
from toy_runs import trained

from la_mbda.commands import evaluate


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--save", "/proc/none.json"], "cannot write to /proc"),
        (["--video", "/proc/none/video.mp4"], "cannot write to /proc/none"),
        (["--imagine-at", "3"], r"imagine_at \(\(3,\)\) goes with imagine: give its folder too"),
        (["--imagine-steps", "3"], r"imagine_steps \(3\) goes with imagine"),
        (["--episodes", "0"], "episodes is 0: choose 1 or more"),
        (["--seed", "-1"], "seed is -1: choose 0 or more"),
        (["--imagine", __file__], "cannot write to .*test_evaluate"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_played(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        evaluate.main([str(tmp_path), *options])


@pytest.mark.parametrize("option", [["--imagine", "new/folder"], ["--video", "new/video.mp4"]])
def test_no_folder_is_made_for_what_is_no_run(option, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="is no run folder"):
        evaluate.main([str(tmp_path), *option])
    assert list(tmp_path.iterdir()) == []


def test_scores_are_printed_though_they_cannot_be_saved(tmp_path, monkeypatch, capsys):
    run = trained(tmp_path)

    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(evaluate, "write_json", fail)
    with pytest.raises(OSError, match="the disk is full"):
        evaluate.main([str(run), "--episodes", "2", "--save", str(tmp_path / "scores.json")])
    printed = capsys.readouterr().out
    assert "episode 1: return" in printed
    assert "too few episodes to say whether it keeps the cost budget of 25: choose 100" in printed
