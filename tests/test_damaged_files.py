"""Files that were changed or damaged are read right or refused with a message, never half."""

import json
import math
from types import SimpleNamespace

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from la_mbda.config import Config, from_dict, to_dict
from la_mbda.presets import make_config
from la_mbda.replay import Episode
from la_mbda.runs import checkpoint
from la_mbda.runs.files import METRICS
from la_mbda.runs.folder import RunFolder, read_config, read_json, read_score, run_path

SCORE = {"task": "PointGoal1", "return": 1.5, "cost_return": 20.0, "cost_regret": 0.04}
SCORE |= {"env_steps": 8_000}
MANY = settings(
    max_examples=350, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=4,
)


@st.composite
def mutations(draw, original):
    """The text of a JSON file with a value replaced, a key removed or added, or bytes changed."""
    tree = json.loads(json.dumps(original))
    node = tree
    while any(isinstance(v, dict) for v in node.values()) and draw(st.booleans()):
        node = draw(st.sampled_from([v for v in node.values() if isinstance(v, dict)]))
    kind = draw(st.sampled_from(["replace", "remove", "add", "cut", "byte", "other"]))
    key = draw(st.sampled_from(sorted(node)))
    if kind == "replace":
        node[key] = draw(values)
    elif kind == "remove":
        del node[key]
    elif kind == "add":
        node[draw(st.text(max_size=8))] = draw(values)
    elif kind == "other":
        tree = draw(values)
    content = json.dumps(tree).encode()
    if kind == "cut":
        content = content[: draw(st.integers(0, len(content) - 1))]
    elif kind == "byte":
        place = draw(st.integers(0, len(content) - 1))
        content = content[:place] + draw(st.binary(min_size=1, max_size=1)) + content[place + 1 :]
    return content


def refusal(path, read):
    """What reading gives, or None where it is refused in one line."""
    try:
        return read(path)
    except ValueError as error:
        message = str(error)
    assert message
    assert "\n" not in message
    return None


@MANY
@given(mutations(to_dict(make_config("cpu", "PointGoal1"))))
def test_configs(tmp_path, content):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    config = refusal(path, lambda path: from_dict(read_json(path)))
    if config is not None:
        assert isinstance(config, Config)
        kept = json.loads(content, object_hook=tuples)
        kept.setdefault("name", "")
        for group, defaults in to_dict(make_config("paper", "PointGoal1")).items():
            if isinstance(defaults, dict):  # What a file lacks has its default.
                kept[group] = defaults | kept.get(group, {})
        assert to_dict(config) == kept


def tuples(node):
    """JSON's lists as the tuples that a configuration has."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in node.items()}


def test_a_config_of_another_version_is_named(tmp_path):
    values = to_dict(make_config("cpu", "PointGoal1"))
    values["training"]["newer"] = 1
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match=f"{tmp_path}/config.json: unknown config field 'newer'"):
        read_config(tmp_path)


@MANY
@given(mutations(SCORE))
def test_scores(tmp_path, content):
    path = tmp_path / "score.json"
    path.write_bytes(content)
    score = refusal(path, read_score)
    if score is not None:
        numbers = [score[metric] for metric in METRICS]
        flat = tf.nest.flatten(numbers)
        assert all(type(n) in (int, float) and math.isfinite(n) for n in flat)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[" * 100_000, "no valid JSON"),
        (f'{{"return": 1{"0" * 400}, "cost_return": 1, "cost_regret": 1}}', "too large"),
        ('{"return": 1, "cost_return": [], "cost_regret": 1}', "cost_return is an empty list"),
        ('{"return": 1, "cost_return": 1, "cost_regret": 1}', "'env_steps' is missing"),
        (json.dumps(SCORE | {"env_steps": "x"}), "env_steps is 'x', not a number"),
        (json.dumps(SCORE | {"env_steps": 9, "confirmed": 3}), "confirmed is 3, not an object"),
    ],
    ids=["deep", "large", "empty", "steps", "text", "confirmed"],
)
def test_a_score_of_valid_json_that_no_program_can_use_is_named(tmp_path, content, problem):
    path = tmp_path / "score.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=f"{path}: .*{problem}"):
        read_score(path)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    for step in (1, 2):
        checkpoint.save(folder, module(step), {"step": step}, step)
    return folder


def module(value):
    root = tf.Module()
    root.value = tf.Variable(float(value))
    return root


@MANY
@pytest.mark.filterwarnings("ignore:checkpoint")
@given(st.data())
def test_checkpoints(saved, data):
    """The newest one is used if it is whole, else the one before, and never a mixture."""
    name = data.draw(st.sampled_from(["manifest.json", "state.json"]))
    path = saved / "step_000000000002" / name
    before = path.read_bytes()
    content = data.draw(mutations(json.loads(before)))
    path.write_bytes(content)
    try:
        root = module(0)
        state = checkpoint.restore(saved, root)
    finally:
        path.write_bytes(before)
    assert state in ({"step": 1}, {"step": 2})
    assert float(root.value) == state["step"]
    if json.dumps(json.loads(before)) != _normal(content):
        assert state == {"step": 1}


def _normal(content):
    try:
        return json.dumps(json.loads(content))
    except ValueError:
        return None


@settings(MANY, max_examples=300)
@given(st.integers(0, 10**6), st.sampled_from(["cut", "byte"]))
def test_episodes(tmp_path, place, kind):
    path = tmp_path / "episode_000000.npz"
    if not path.exists():
        whole = tmp_path / "whole.npz"
        columns = [tf.ones([5, n]).numpy() for n in (4, 2, 1, 1, 1)]
        Episode(*columns).save(whole)
    content = (tmp_path / "whole.npz").read_bytes()
    place %= len(content)
    changed = content[:place] + (b"" if kind == "cut" else bytes([content[place] ^ 255]))
    path.write_bytes(changed if kind == "cut" else changed + content[place + 1 :])
    episode = refusal(path, Episode.load)
    path.unlink()
    assert episode is None or all((part == 1.0).all() for part in episode)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "quick").write_text("a file where a folder has to be")
    config = make_config("quick", "PointGoal1")
    with pytest.raises(ValueError, match=r"cannot write to .*choose other --results"):
        RunFolder(run_path(tmp_path, config), config)


def test_a_full_disk_leaves_earlier_checkpoints_untouched(tmp_path, monkeypatch):
    """The file system is full in the middle of writing."""
    checkpoint.save(tmp_path, module(1), {"step": 1}, 1)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.train, "Checkpoint", lambda **_: SimpleNamespace(write=full))
    with pytest.raises(ValueError, match=r"cannot write .*No space left"):
        checkpoint.save(tmp_path, module(2), {"step": 2}, 2)
    monkeypatch.undo()
    root = module(0)
    assert checkpoint.restore(tmp_path, root) == {"step": 1}
    assert float(root.value) == 1.0
