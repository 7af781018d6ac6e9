"""What a command prints where it fails."""

import ast
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from la_mbda.errors import ExpectedError
from la_mbda.presets import make_config
from la_mbda.replay import Episode
from la_mbda.runs.folder import PROGRESS, RunFolder, write_json

REPOSITORY = Path(__file__).resolve().parents[1]
COMMAND = "import sys; from la_mbda import command_line\nfrom la_mbda.errors import *\n"


def command(body):
    """The end of a command whose main is some Python."""
    code = f"{COMMAND}def main(_):\n    {body}\nsys.argv = ['command.py']\ncommand_line.run(main)"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False
    )


def test_an_expected_error_is_one_line():
    done = command("raise ExpectedError('x is 3: choose 4')")
    assert (done.returncode, done.stderr) == (1, "command.py: error: x is 3: choose 4\n")


@pytest.mark.parametrize("kind", ["ValueError", "RuntimeError", "KeyError", "OSError"])
def test_any_other_keeps_its_traceback(kind):
    done = command(f"raise {kind}('of another')")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert 'File "<string>"' in done.stderr


def test_a_full_disk_is_one_line_wherever_it_is_met():
    done = command("raise OSError(28, 'No space left on device', '/there/film.mp4')")
    assert "Traceback" not in done.stderr
    assert "'/there/film.mp4': free some space" in done.stderr


@pytest.mark.parametrize("folder", ["la_mbda", "experiments", "plotting"])
def test_our_own_checks_raise_the_expected_error(folder):
    """Another's ValueError is no message to a user; the simulator stands alone and is converted."""
    for path in (REPOSITORY / folder).rglob("*.py"):
        if "safety_gym" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                name = ast.unparse(node.exc.func)
                assert name not in ("ValueError", "RuntimeError"), f"{path}:{node.lineno}"


@pytest.fixture
def full(monkeypatch):
    """The disk is full as a file is flushed to it."""

    def fsync(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)


FULL = r"cannot write .*No space left on device.*: free some space"


def test_a_full_disk_leaves_no_half_episode(tmp_path, full):
    columns = [np.ones([5, n], np.float32) for n in (4, 2, 1, 1, 1)]
    with pytest.raises(ExpectedError, match=FULL):
        Episode(*columns).save(tmp_path / "episode_000000.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_files_as_they_were(tmp_path, monkeypatch, request):
    write_json(tmp_path / "score.json", {"return": 1.0})
    request.getfixturevalue("full")
    with pytest.raises(ExpectedError, match=FULL):
        write_json(tmp_path / "score.json", {"return": 2.0})
    assert [path.name for path in tmp_path.iterdir()] == ["score.json"]
    assert '"return": 1.0' in (tmp_path / "score.json").read_text()


def test_progress_that_cannot_be_told_stops_nothing(tmp_path):
    folder = RunFolder(tmp_path / "run", make_config("quick", "PointGoal1"))
    (tmp_path / "run" / PROGRESS).mkdir()
    folder.tell_progress({"fraction": 0.5, "seconds_left": 3.0})
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), MemoryError()])
def test_a_run_that_cannot_be_trained_further_is_as_it_was(tmp_path, monkeypatch, error):
    RunFolder(tmp_path / "run", make_config("quick", "PointGoal1"))
    score = {"env_steps": 8_000, "return": 0.3, "cost_return": 12.0, "cost_regret": 0.1}
    write_json(tmp_path / "run" / "score.json", score)
    (tmp_path / "run" / "confirmed.jsonl").write_text("{}\n")
    before = {path: path.is_dir() or path.read_bytes() for path in tmp_path.rglob("*")}
    longer = RunFolder(tmp_path / "run", make_config("quick", "PointGoal1", env_steps=9_000))

    def copy(*_):
        raise error

    monkeypatch.setattr(shutil, "copy", copy)
    with pytest.raises((ExpectedError, MemoryError), match=f"{FULL}|^$"):
        longer.extend()
    after = {path: path.is_dir() or path.read_bytes() for path in tmp_path.rglob("*")}
    assert before.items() <= after.items()


LIMITED = """
import resource, sys
from pathlib import Path
import tensorflow as tf
from la_mbda.runs import checkpoint
from la_mbda.runs.progress import RunProgress
from la_mbda.runs.recorder import Recorder
from la_mbda.runs.folder import RunFolder
sys.path.insert(0, {tests!r})
from toy import tiny_config

root, folder = tf.Module(), Path({folder!r})
root.value = tf.Variable(tf.zeros([100_000]))
checkpoint.save(folder, root, {{}}, 1)
config = tiny_config()
run = RunFolder(folder / "run", config)
recorder = Recorder(config, run, RunProgress())
run.append("updates", {{"first": 1}})
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
for write in (
    lambda: checkpoint.save(folder, root, {{}}, 2),
    lambda: run.append("updates", {{"second": "x" * 3_000}}),
    lambda: [recorder.log("updates", i, {{"a": 1.0}}) for i in range(30)] + [recorder.close()],
):
    try:
        write()
    except ValueError as error:
        print(type(error).__name__, error)
"""


def test_no_room_for_what_tensorflow_and_streams_write(tmp_path):
    """A limit on the size of files stands in for the disk's."""
    code = LIMITED.format(tests=str(REPOSITORY / "tests"), folder=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False
    )
    told = done.stdout.splitlines()
    assert len(told) == 3, done.stderr
    assert all(line.startswith("UnwritableError cannot write ") for line in told)
    assert "File too large" in told[0]
    assert [path.name for path in tmp_path.glob("step_*")] == ["step_000000000001"]
    assert not (tmp_path / "partial").exists()
    assert (tmp_path / "run" / "updates.jsonl").read_text().startswith('{"first": 1}\n')
    assert "second" not in (tmp_path / "run" / "updates.jsonl").read_text()
