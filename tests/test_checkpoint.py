"""Checkpoints are whole, verified, and fall back to the one before."""

from pathlib import Path

import pytest
import tensorflow as tf

from la_mbda.runs import checkpoint


class Pair(tf.Module):
    """Two variables, one of them inside a nested structure."""

    def __init__(self, value):
        super().__init__()
        self.weights = {"layers": [{"kernel": tf.Variable([value])}]}
        self.count = tf.Variable(int(value), dtype=tf.int64)

    @property
    def values(self):
        return float(self.weights["layers"][0]["kernel"][0]), int(self.count)


def save(folder, *values):
    for value in values:
        checkpoint.save(folder, Pair(float(value)), {"value": value}, step=value)


def test_restores_the_newest_and_keeps_two(tmp_path):
    save(tmp_path, 1, 2, 10)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "step_000000000002",
        "step_000000000010",
    ]
    pair = Pair(0.0)
    assert checkpoint.restore(tmp_path, pair) == {"value": 10}
    assert pair.values == (10.0, 10)


def test_what_a_run_has_gone_back_behind_leaves(tmp_path):
    """Trained further, its final episodes no longer count: 604 and 608 were at 600 env steps."""
    save(tmp_path, 604, 608, 602)
    assert [path.name for path in tmp_path.iterdir()] == ["step_000000000602"]
    save(tmp_path, 606)
    assert checkpoint.restore(tmp_path, Pair(0.0)) == {"value": 606}


def test_nothing_saved_is_no_error(tmp_path):
    assert checkpoint.restore(tmp_path / "none", Pair(0.0)) is None


@pytest.mark.parametrize("damage", ["truncate", "remove", "flip", "manifest"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, damage):
    save(tmp_path, 1, 2)
    newest = tmp_path / "step_000000000002"
    data = next(newest.glob("variables.data*"))
    if damage == "truncate":
        data.write_bytes(data.read_bytes()[:-1])
    elif damage == "remove":
        data.unlink()
    elif damage == "flip":
        content = bytearray(data.read_bytes())
        content[0] ^= 1
        data.write_bytes(content)
    else:
        (newest / "manifest.json").write_text('{"step": 2')
    pair = Pair(0.0)
    with pytest.warns(UserWarning, match="step_000000000002 is not usable"):
        assert checkpoint.restore(tmp_path, pair) == {"value": 1}
    assert pair.values == (1.0, 1)


def test_all_damaged_is_an_error(tmp_path):
    save(tmp_path, 1)
    (tmp_path / "step_000000000001" / "manifest.json").write_text("[]")
    with (
        pytest.warns(UserWarning, match="not usable"),
        pytest.raises(ValueError, match=r"no checkpoint .* is usable .* remove the folder"),
    ):
        checkpoint.restore(tmp_path, Pair(0.0))


@pytest.mark.parametrize("name", ["x [v1]", "a*b", "a?b", "a[b", "a[!b]", "back\\slash", "{a,b}"])
def test_paths_that_are_patterns_are_taken_as_they_stand(tmp_path, name):
    folder = tmp_path / name / "checkpoint"
    folder.parent.mkdir()
    save(folder, 1, 2)
    pair = Pair(0.0)
    assert checkpoint.restore(folder, pair) == {"value": 2}
    assert pair.values == (2.0, 2)


@pytest.mark.parametrize("change", ["more", "fewer", "shape"])
def test_another_versions_checkpoint_is_an_error_and_left_alone(tmp_path, change):
    save(tmp_path, 1, 2)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    pair = Pair(0.0)
    if change == "more":
        pair.weights["bias"] = tf.Variable([0.0])
    elif change == "fewer":
        del pair.count
    else:
        pair.weights["layers"][0]["kernel"] = tf.Variable([0.0, 0.0])
    with pytest.raises(ValueError, match="step_000000000002 is whole, but not what") as caught:
        checkpoint.restore(tmp_path, pair)
    assert "remove" not in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


class KilledError(Exception):
    pass


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_while_a_step_is_saved_again_loses_nothing(tmp_path, monkeypatch, moment):
    """As on a stop within an iteration that had been saved before."""
    save(tmp_path, 1)
    rename = Path.rename

    def killed(path, target):
        if path.name == "partial" and moment == "before":
            raise KilledError
        rename(path, target)
        if path.name == "partial":
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KilledError):
            checkpoint.save(tmp_path, Pair(5.0), {"value": 5}, step=1)
    pair, value = Pair(0.0), 1 if moment == "before" else 5
    assert checkpoint.restore(tmp_path, pair) == {"value": value}
    assert pair.values == (value, value)
    checkpoint.save(tmp_path, Pair(6.0), {"value": 6}, step=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step_000000000001"]
    assert checkpoint.restore(tmp_path, Pair(0.0)) == {"value": 6}


def test_an_interrupted_save_is_not_seen(tmp_path):
    save(tmp_path, 1)
    (tmp_path / "partial").mkdir()
    (tmp_path / "partial" / "variables.index").write_text("half")
    pair = Pair(0.0)
    assert checkpoint.restore(tmp_path, pair) == {"value": 1}
    save(tmp_path, 2)
    assert not (tmp_path / "partial").exists()
