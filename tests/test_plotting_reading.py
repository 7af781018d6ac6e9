"""Reading run folders and the published scores; what is damaged is named, the rest is kept."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from la_mbda import config
from la_mbda.presets import make_config
from la_mbda.run_files import Score
from plotting.aggregate import score_estimates
from plotting.all_tables import make_tables
from plotting.results import read_published, read_results

STEPS = (2_000, 4_000, 6_000, 8_000)


def write_run(
    results: Path,
    task="PointGoal1",
    algorithm="lambda",
    preset="quick",
    seed=0,
    score=(10.0, 20.0, 0.02),
    steps=STEPS,
    **overrides,
) -> Path:
    """A run folder as training leaves it; no score.json where `score` is None.

    Its evaluations return 0, 1, 2, … + seed and cost 30 each; each of its episodes costs 40.
    """
    settings = config.to_dict(make_config(preset, task, algorithm, seed, **overrides))
    folder = task.replace(":", "_").replace("/", "_")
    path = results / preset / algorithm / folder / f"seed_{seed}"
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(settings))
    lines = [
        {"env_steps": s, "return": float(i + seed), "cost_return": 30.0}
        for i, s in enumerate(steps)
    ]
    write_lines(path / "evaluations.jsonl", lines)
    lines = [{"env_steps": s, "return": 0.0, "cost_return": 40.0, "length": 2_000} for s in steps]
    write_lines(path / "episodes.jsonl", lines)
    if score is not None:
        write_score(path, *score, env_steps=steps[-1])
    return path


def write_lines(path: Path, lines: list) -> None:
    """JSON lines."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_score(path: Path, returns, cost_return, cost_regret, /, **changes) -> None:
    """The score.json of the run in a folder; `changes` replace or add values."""
    settings = json.loads((path / "config.json").read_text())
    score = {name: settings[name] for name in ("task", "algorithm", "seed", "preset")}
    score |= {"return": returns, "cost_return": cost_return, "cost_regret": cost_regret}
    (path / "score.json").write_text(json.dumps({"env_steps": 8_000} | score | changes))


def confirmed(cost, error=0.0, returns=10.0, **changes) -> dict:
    """The part of a score that 100 confirmed episodes make."""
    means = {"return": returns, "return_se": 0.5, "cost_return": cost, "cost_return_se": error}
    return {"episodes": 100} | means | changes


def read(tmp_path):
    return read_results(tmp_path, shipped=tmp_path / "none")


def the_warning(results) -> str:
    assert len(results.warnings) == 1, results.warnings
    assert "\n" not in results.warnings[0]
    return results.warnings[0]


def test_a_whole_run_is_read_without_warnings(tmp_path):
    write_run(tmp_path)
    results = read(tmp_path)
    assert results.warnings == []
    (run,) = results.runs
    assert (run.preset, run.algorithm, run.task, run.seed) == ("quick", "lambda", "PointGoal1", 0)
    assert run.score == Score(8_000, 10.0, (20.0,), (0.02,))
    assert run.keeps_budget is None
    assert run.cost_budgets == (25.0,)
    assert run.changed == ()
    assert not run.comparable
    np.testing.assert_array_equal(run.evaluations.env_steps, STEPS)
    np.testing.assert_array_equal(run.evaluations.returns, [0, 1, 2, 3])
    np.testing.assert_array_equal(run.episodes.cost_returns, [[40]] * 4)


def test_a_half_written_last_line_is_named_and_the_lines_before_are_kept(tmp_path):
    path = write_run(tmp_path)
    for name in ("evaluations", "episodes"):
        with (path / f"{name}.jsonl").open("a") as file:
            file.write('{"env_steps": 10000, "ret')
    results = read(tmp_path)
    assert len(results.warnings) == 2
    for name in ("evaluations", "episodes"):
        expected = f"{path / f'{name}.jsonl'}: line 5: half-written: left out"
        assert expected in results.warnings
    assert len(results.runs[0].evaluations.env_steps) == 4
    assert len(results.runs[0].episodes.env_steps) == 4


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"env_steps": 4_000, "return": float("nan"), "cost_return": 1.0}, "return is nan"),
        ({"env_steps": 4_000, "return": 1.0, "cost_return": float("inf")}, "cost_return is inf"),
        ({"env_steps": 4_000, "return": "1", "cost_return": 1.0}, "return is '1', not a number"),
        ({"env_steps": 4_000, "return": 1.0}, "lacks 'cost_return'"),
        ({"env_steps": 2_000, "return": 1.0, "cost_return": 1.0}, "does not come after"),
        ({"env_steps": 4_000, "return": 1.0, "cost_return": [1.0, 2.0]}, "2 costs where"),
        ([1, 2], "no JSON object"),
    ],
)
def test_a_bad_evaluation_is_left_out_and_the_others_kept(tmp_path, line, problem):
    path = write_run(tmp_path)
    good = [
        json.loads(text) for text in (path / "evaluations.jsonl").read_text().splitlines() if text
    ]
    good[1] = line
    write_lines(path / "evaluations.jsonl", good)
    results = read(tmp_path)
    warning = the_warning(results)
    assert warning.startswith(f"{path / 'evaluations.jsonl'}: line 2: ")
    assert problem in warning
    np.testing.assert_array_equal(results.runs[0].evaluations.returns, [0, 2, 3])


def test_after_a_bad_episode_the_cost_sum_is_unknown(tmp_path):
    path = write_run(tmp_path)
    lines = (path / "episodes.jsonl").read_text().splitlines(keepends=True)
    (path / "episodes.jsonl").write_text("".join([*lines[:2], "garbage\n", *lines[3:]]))
    results = read(tmp_path)
    warning = the_warning(results)
    assert "line 3: no valid JSON" in warning
    assert "unknown from there" in warning
    np.testing.assert_array_equal(results.runs[0].episodes.env_steps, STEPS[:2])


def test_an_unfinished_run_is_drawn_but_has_no_score(tmp_path):
    write_run(tmp_path, score=None)
    results = read(tmp_path)
    assert "score.json: missing (the run is not finished)" in the_warning(results)
    assert results.runs[0].score is None
    assert results.runs[0].evaluations is not None
    assert score_estimates(results.runs) == {}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"return": float("nan")}, "return is nan"),
        ({"cost_regret": None}, "cost_regret is None"),
        ({"cost_return": []}, "empty list"),
        ({"cost_return": [1.0, 2.0]}, "differ in number of constraints"),
        ({"preset": "paper"}, "preset is 'paper', but its folder says 'quick'"),
        ({"task": "CarGoal1"}, "task is 'CarGoal1', but its folder says 'PointGoal1'"),
        ({"seed": 7}, "seed is 7, but its folder says 0"),
    ],
)
def test_a_score_that_cannot_be_trusted_is_left_out(tmp_path, changes, problem):
    path = write_run(tmp_path)
    write_score(path, 1.0, 2.0, 0.1, **changes)
    results = read(tmp_path)
    warning = the_warning(results)
    assert str(path / "score.json") in warning
    assert problem in warning
    assert results.runs[0].score is None


GARBAGE = [b"", b"{", b"[1]", b"\x80\x02\xff\x00\n\x89PNG", b"[" * 100_000, b"1" * 5_000]


@pytest.mark.parametrize("content", GARBAGE)
def test_a_damaged_score_is_named(tmp_path, content):
    path = write_run(tmp_path)
    (path / "score.json").write_bytes(content)
    results = read(tmp_path)
    assert the_warning(results).startswith(f"{path / 'score.json'}: ")
    assert results.runs[0].score is None
    assert results.runs[0].evaluations is not None


@pytest.mark.parametrize("content", GARBAGE)
def test_damaged_curves_are_named(tmp_path, content):
    path = write_run(tmp_path)
    (path / "evaluations.jsonl").write_bytes(content)
    results = read(tmp_path)
    warning = the_warning(results)
    assert warning.startswith(f"{path / 'evaluations.jsonl'}: ")
    assert ("half-written" in warning) == (content == b"{")
    assert results.runs[0].evaluations is None
    assert results.runs[0].score is not None


@pytest.mark.parametrize("content", [*GARBAGE, b"{}"])
def test_a_run_without_usable_settings_is_kept_but_not_compared(tmp_path, content):
    path = write_run(tmp_path, preset="paper", algorithm="ppo")
    (path / "config.json").write_bytes(content)
    results = read(tmp_path)
    warning = the_warning(results)
    assert warning.startswith(f"{path / 'config.json'}: ")
    assert warning.endswith(": the run's settings are unknown")
    (run,) = results.runs
    assert run.cost_budgets == (25.0,)
    assert run.score is not None
    assert not run.comparable


@pytest.mark.parametrize(
    ("group", "name", "value", "problem"),
    [
        ("training", None, [1], "training is [1], not an object"),
        ("training", "episode_steps", 0, "episode_steps is 0: 1 is the least"),
        ("baseline", "epoch_steps", -5, "epoch_steps is -5: 1 is the least"),
        ("lagrangian", "cost_budget", ["25"], "cost_budget is '25', not a number"),
    ],
)
def test_settings_that_make_no_sense_are_named(tmp_path, group, name, value, problem):
    path = write_run(tmp_path, algorithm="ppo")
    settings = json.loads((path / "config.json").read_text())
    settings[group] = value if name is None else settings[group] | {name: value}
    (path / "config.json").write_text(json.dumps(settings))
    results = read(tmp_path)
    expected = f"{path / 'config.json'}: {problem}: the run's settings are unknown"
    assert the_warning(results) == expected
    (run,) = results.runs
    assert (run.episode_steps, run.epoch_steps, run.cost_budgets) == (1_000, 2_000, (25.0,))


@pytest.mark.parametrize("name", ["score.json", "evaluations.jsonl", "episodes.jsonl"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    path = write_run(tmp_path)
    (path / name).unlink()
    (path / name).mkdir()
    results = read(tmp_path)
    assert the_warning(results).startswith(f"{path / name}: cannot be read (Is a directory)")
    assert len(results.runs) == 1


def test_a_folder_that_cannot_be_read_is_named(tmp_path):
    write_run(tmp_path)
    loop = tmp_path / "quick/cpo/PointGoal1"
    loop.parent.mkdir()
    loop.symlink_to(loop)
    results = read(tmp_path)
    assert the_warning(results).startswith(f"{loop}: cannot be read (")
    assert len(results.runs) == 1


def test_other_files_and_folders_are_nobodys_runs(tmp_path):
    write_run(tmp_path)
    (tmp_path / "quick/scores").mkdir()
    (tmp_path / "quick/scores/lambda_results.json").write_text("{")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/figure_1.png").touch()
    (tmp_path / "quick/lambda/PointGoal1/notes.txt").touch()
    results = read(tmp_path)
    assert results.warnings == []
    assert len(results.runs) == 1


def test_a_copy_under_another_seed_is_not_counted_twice(tmp_path):
    path = write_run(tmp_path)
    for name in ("seed_1", "seed_00"):
        shutil.copytree(path, path.parent / name)
    results = read(tmp_path)
    assert [run.seed for run in results.runs] == [0]
    spelt, copied = results.warnings
    assert spelt.endswith("seed_00: 'seed_00' is not of the form seed_<number>: left out")
    assert copied.endswith("seed_1: seed is 0, but its folder says 1: left out")


@pytest.mark.parametrize(
    ("value", "problem"),
    [("x" * 10_000, "return is 'xxxx"), (10**400, "too large"), ([[]], "return is [[]]")],
    ids=["text", "number", "list"],
)
def test_what_is_said_of_a_value_is_short(tmp_path, value, problem):
    path = write_run(tmp_path)
    write_score(path, value, 1.0, 0.1)
    warning = the_warning(read(tmp_path))
    assert problem in warning
    assert len(warning) < len(str(path)) + 120


DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(["config.json", "score.json", "evaluations.jsonl", "episodes.jsonl"]),
        st.floats(0, 1),
        st.integers(0, 300),
        st.sampled_from(
            [b"", b"\xff\x00", b"NaN", b"-1e999", b"null", b'"', b"}", b"[", b"\n", b"0"]
        ),
    ),
    min_size=1,
    max_size=3,
)


@given(DAMAGE)
@settings(max_examples=60, deadline=None)
def test_whatever_the_damage_the_other_runs_are_read_and_tabulated(damage):
    """Bytes anywhere in a run's files are replaced by others."""
    with tempfile.TemporaryDirectory() as folder:
        path, results = Path(folder), Path(folder) / "results"
        write_run(results, seed=0)
        damaged = write_run(results, seed=1, algorithm="ppo")
        for name, place, length, content in damage:
            old = (damaged / name).read_bytes()
            begin = int(place * len(old))
            (damaged / name).write_bytes(old[:begin] + content + old[begin + length :])
        found = read(path / "results")
        assert (found.runs[0].seed, found.runs[0].score.returns) == (0, 10.0)
        assert all("\n" not in warning for warning in found.warnings)
        plain, third, _ = make_tables(found.runs, read_published(), path)
        assert all(table.markdown() and table.latex() and table.csv() for table in (*plain, *third))


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("quick/lambda/FlyGoal1/seed_0", "unknown task 'FlyGoal1'"),
        ("quick/sac/PointGoal1/seed_0", "unknown algorithm 'sac'"),
        ("huge/lambda/PointGoal1/seed_0", "unknown preset 'huge'"),
        ("paper_long/lambda/PointGoal1/seed_0", "preset paper_long is for ppo, "),
        ("quick/lambda/PointGoal1/seed_x", "'seed_x' is not of the form"),
    ],
)
def test_unknown_names_are_left_out_and_the_rest_kept(tmp_path, place, problem):
    path = write_run(tmp_path, seed=3)
    shutil.copytree(path, tmp_path / place)
    results = read(tmp_path)
    assert problem in the_warning(results)
    assert [run.seed for run in results.runs] == [3]


def test_an_empty_run_folder_is_named(tmp_path):
    (tmp_path / "quick/lambda/PointGoal1/seed_0").mkdir(parents=True)
    results = read(tmp_path)
    assert results.runs == []
    assert any("holds neither curves nor a score" in warning for warning in results.warnings)


def test_changed_settings_take_a_paper_run_out_of_the_papers_scale(tmp_path):
    write_run(tmp_path, preset="paper", seed=0)
    write_run(tmp_path, preset="paper", seed=1, env_steps=8_000)
    write_run(tmp_path, preset="paper", seed=2, checkpoint_every=1_000)
    plain, changed, harmless = read(tmp_path).runs
    assert plain.comparable
    assert changed.changed == ("env_steps=8000",)
    assert not changed.comparable
    assert harmless.comparable


def test_shipped_runs_are_read_beside_and_marked(tmp_path):
    write_run(tmp_path / "own", seed=0)
    write_run(tmp_path / "shipped", seed=1)
    results = read_results(tmp_path / "own", shipped=tmp_path / "shipped")
    assert [(run.seed, run.shipped) for run in results.runs] == [(0, False), (1, True)]
    alone = read_results(tmp_path / "shipped", shipped=tmp_path / "shipped")
    assert [(run.seed, run.shipped) for run in alone.runs] == [(1, True)]


def test_a_users_task_with_two_constraints(tmp_path):
    task = "gymnasium:My/Env-v0"
    path = write_run(tmp_path, task=task, cost_budget=(25.0, 3.0), episode_steps=200)
    for name in ("episodes", "evaluations"):
        line = {"env_steps": 200, "return": 1.0, "cost_return": [5.0, 7.0]}
        write_lines(path / f"{name}.jsonl", [line])
    write_score(path, 1.0, [5.0, 7.0], [0.1, 0.2])
    results = read(tmp_path)
    assert results.warnings == []
    (run,) = results.runs
    assert run.task == task
    assert run.cost_budgets == (25.0, 3.0)
    assert run.episode_steps == 200
    assert score_estimates([run], 1)[task, "lambda"]["cost_regret"].value == 0.2


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="nowhere is no folder"):
        read_results(tmp_path / "nowhere")


def test_published_scores_have_every_number_with_its_spread():
    published = read_published()
    counts = {name: len(scores) for name, scores in published.items()}
    assert counts == {"paper": 12, "short": 24, "long": 24}
    best = published["paper"]["DoggoGoal1", "lambda"]["return"]
    assert best == pytest.approx((5.86736, 5.86736 - 6.61101, 5.86736 + 6.61101, None))
    assert published["paper"]["PointPush1", "cem_mpc"]["return"].low == -0.0201939
    assert published["short"]["PointGoal2", "ppo"]["cost_return"][:3] == (206.961, 195.732, 218.19)
    assert published["long"]["DoggoGoal1", "ppo"]["return"][:3] == (50.681, 48.0642, 53.2978)


@pytest.mark.parametrize(
    "text",
    ["{", "{}", '{"scores": {}}', '{"scores": {"paper": {"SAC": {"PointGoal1": {}}}}}'],
)
def test_damaged_published_scores_are_an_error(tmp_path, text):
    path = tmp_path / "scores.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"scores\.json"):
        read_published(path)
