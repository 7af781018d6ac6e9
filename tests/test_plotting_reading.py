"""Reading run folders and the published scores; what is damaged is named, the rest is kept."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_folders import STEPS, write_lines, write_run, write_score

from la_mbda import config
from plotting.aggregate import over_seeds
from plotting.notes import is_reduced, preset_of
from plotting.results import PUBLISHED, read_results
from plotting.table3 import table_3
from plotting.tables import table_2


def read(tmp_path):
    return read_results(tmp_path, shipped=tmp_path / "none")


def one_run(results):
    """The row of the only run."""
    (run,) = results.runs.itertuples()
    return run


def points(results, metric, constraint=1, run=0):
    """Environment steps and values of a run's curve."""
    curves = results.curves
    own = (curves["run"] == run) & (curves["metric"] == metric)
    found = curves[own & (curves["constraint"] == constraint)]
    return found["env_steps"].tolist(), found["value"].tolist()


def value(results, metric, run=0, constraint=1):
    """A run's score."""
    scores = results.scores
    own = (scores["run"] == run) & (scores["metric"] == metric)
    (found,) = scores.loc[own & (scores["constraint"] == constraint), "value"]
    return found


def published(results, preset, algorithm, task, metric):
    """A published score and its ends."""
    found = results.published(preset)
    found = found[(found["algorithm"] == algorithm) & (found["task"] == task)]
    (row,) = found[found["metric"] == metric][["value", "low", "high"]].to_numpy().tolist()
    return row


def the_warning(results) -> str:
    assert len(results.warnings) == 1, results.warnings
    assert "\n" not in results.warnings[0]
    return results.warnings[0]


def test_a_whole_run_is_read_without_warnings(tmp_path):
    write_run(tmp_path)
    results = read(tmp_path)
    assert results.warnings == []
    run = one_run(results)
    assert (run.preset, run.algorithm, run.task, run.seed) == ("quick", "lambda", "PointGoal1", 0)
    assert (run.finished, run.env_steps) == (True, 8_000)
    scores = [value(results, metric) for metric in ("return", "cost_return", "cost_regret")]
    assert scores == [10.0, 20.0, 0.02]
    assert run.kept is None
    assert run.cost_budgets == (25.0,)
    assert run.changed == ()
    assert not run.comparable
    assert points(results, "return") == (list(STEPS), [0, 1, 2, 3])
    assert points(results, "cost_return") == (list(STEPS), [30] * 4)
    assert points(results, "cost_regret") == (list(STEPS), [0.02] * 4)


def test_whole_numbers_and_gaps_keep_their_types_beside_published_scores(tmp_path):
    write_run(tmp_path)
    for results in (read(tmp_path), read_results(tmp_path / "quick", shipped=tmp_path / "none")):
        for frame in (results.runs, results.scores, results.curves):
            assert frame["seed"].dtype == "Int64"
            assert frame["source"].dtype == "str"
        assert results.scores["value"].dtype == float
        assert results.scores["value"].notna().all()
        assert results.scores.columns.tolist() == read(tmp_path).scores.columns.tolist()
    sources = read(tmp_path).scores.groupby("source")["seed"].count()
    assert sources.to_dict() == {"ours": 3, "published": 0}


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
    assert len(points(results, "return")[0]) == 4
    assert len(points(results, "cost_regret")[0]) == 4


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"env_steps": 4_000, "return": float("nan"), "cost_return": 1.0}, "return is nan"),
        ({"env_steps": 4_000, "return": 1.0, "cost_return": float("inf")}, "cost_return is inf"),
        ({"env_steps": 4_000, "return": "1", "cost_return": 1.0}, "return is '1', not a number"),
        ({"env_steps": 4_000, "return": 1.0}, "'cost_return' is missing"),
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
    assert points(results, "return")[1] == [0, 2, 3]


def test_after_a_bad_episode_the_cost_sum_is_unknown(tmp_path):
    path = write_run(tmp_path)
    lines = (path / "episodes.jsonl").read_text().splitlines(keepends=True)
    (path / "episodes.jsonl").write_text("".join([*lines[:2], "garbage\n", *lines[3:]]))
    results = read(tmp_path)
    warning = the_warning(results)
    assert "line 3: no valid JSON" in warning
    assert "unknown from there" in warning
    assert points(results, "cost_regret")[0] == list(STEPS[:2])


def test_an_unfinished_run_is_drawn_but_has_no_score(tmp_path):
    write_run(tmp_path, score=None)
    results = read(tmp_path)
    assert "score.json: missing (the run is not finished)" in the_warning(results)
    assert not one_run(results).finished
    assert points(results, "return")[0] == list(STEPS)
    assert set(results.scores["source"]) == {"published"}


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
    assert not one_run(results).finished


GARBAGE = [b"", b"{", b"[1]", b"\x80\x02\xff\x00\n\x89PNG", b"[" * 100_000, b"1" * 5_000]


@pytest.mark.parametrize("content", GARBAGE)
def test_a_damaged_score_is_named(tmp_path, content):
    path = write_run(tmp_path)
    (path / "score.json").write_bytes(content)
    results = read(tmp_path)
    assert the_warning(results).startswith(f"{path / 'score.json'}: ")
    assert not one_run(results).finished
    assert points(results, "return")[0] == list(STEPS)


@pytest.mark.parametrize("content", GARBAGE)
def test_damaged_curves_are_named(tmp_path, content):
    path = write_run(tmp_path)
    (path / "evaluations.jsonl").write_bytes(content)
    results = read(tmp_path)
    warning = the_warning(results)
    assert warning.startswith(f"{path / 'evaluations.jsonl'}: ")
    assert ("half-written" in warning) == (content == b"{")
    assert points(results, "return")[0] == []
    assert one_run(results).finished


@pytest.mark.parametrize("content", [*GARBAGE, b"{}"])
def test_a_run_without_usable_settings_is_kept_but_not_compared(tmp_path, content):
    path = write_run(tmp_path, preset="paper", algorithm="ppo")
    (path / "config.json").write_bytes(content)
    results = read(tmp_path)
    warning = the_warning(results)
    assert warning.startswith(f"{path / 'config.json'}: ")
    assert warning.endswith(": the run's settings are unknown")
    run = one_run(results)
    assert run.cost_budgets == (25.0,)
    assert run.finished
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
    run = one_run(results)
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
    assert results.runs["seed"].tolist() == [0]
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
        assert (found.runs["seed"][0], value(found, "return")) == (0, 10.0)
        assert all("\n" not in warning for warning in found.warnings)
        for table in (*table_2(found).made, *table_3(found).made):
            assert table.markdown()
            assert table.latex()
            table.write(path)


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
    assert results.runs["seed"].tolist() == [3]


def test_an_empty_run_folder_is_named(tmp_path):
    (tmp_path / "quick/lambda/PointGoal1/seed_0").mkdir(parents=True)
    results = read(tmp_path)
    assert results.runs.empty
    assert any("holds neither curves nor a score" in warning for warning in results.warnings)


def test_changed_settings_take_a_paper_run_out_of_the_papers_scale(tmp_path):
    write_run(tmp_path, preset="paper", seed=0)
    write_run(tmp_path, preset="paper", seed=1, env_steps=8_000)
    write_run(tmp_path, preset="paper", seed=2, bound_by="critic")
    harmless = {"checkpoint_every": 1_000, "evaluate_every": 50_000, "compile": "xla"}
    harmless |= {"final_episodes": 20}
    write_run(tmp_path, preset="paper", seed=3, **harmless)
    runs = read(tmp_path).runs
    assert runs["changed"].tolist() == [(), ("env_steps=8000",), ("bound_by='critic'",), ()]
    assert runs["comparable"].tolist() == [True, False, False, True]
    assert runs["reduced"].tolist() == [False, True, False, False]


def test_what_follows_a_smaller_budget_is_no_other_setting(tmp_path):
    write_run(tmp_path, preset="cpu", env_steps=500_000)
    write_run(tmp_path, preset="cpu", seed=1, env_steps=500_000, penalty_growth=2e-4)
    found = ("env_steps=500000",), ("penalty_growth=0.0002", "env_steps=500000")
    assert tuple(read(tmp_path).runs["changed"]) == found


def test_a_variant_of_full_scale_is_said_to_be_one(tmp_path):
    write_run(tmp_path, preset="paper", name="critic", bound_by="critic")
    changed = "paper preset, settings changed"
    assert preset_of(read(tmp_path).runs) == f"{changed} (not comparable with the paper)"
    write_run(tmp_path, preset="paper")
    runs = read(tmp_path).runs
    text = f"{changed} in some runs (which are not comparable with the paper)"
    assert preset_of(runs) == text
    assert not is_reduced(runs)
    write_run(tmp_path, preset="paper", seed=1, batch_size=8)
    text = f"{changed} in some runs (reduced scale, not comparable with the paper)"
    assert preset_of(read(tmp_path).runs) == text


def test_the_recorded_regret_counts_episodes_that_were_cut(tmp_path):
    """Each step costs 1; of 1,000 steps the last 100 are of an episode that has no line."""
    path = write_run(tmp_path, task="gymnasium:My-v0", algorithm="ppo", score=None)
    lines = [
        {"env_steps": s, "return": 0.0, "cost_return": 900.0, "cost_regret": 1.0}
        for s in (1_000, 2_000)
    ]
    write_lines(path / "episodes.jsonl", lines)
    assert points(read(tmp_path), "cost_regret")[1] == [1.0, 1.0]
    lines[1]["cost_regret"] = [1.0, 2.0]
    write_lines(path / "episodes.jsonl", lines)
    assert any("line 2: 2 cost regrets beside 1 costs" in w for w in read(tmp_path).warnings)


def test_shipped_runs_are_read_beside_and_marked(tmp_path):
    write_run(tmp_path / "own", seed=0)
    write_run(tmp_path / "shipped", seed=1)
    results = read_results(tmp_path / "own", shipped=tmp_path / "shipped")
    assert results.runs["source"].tolist() == ["ours", "shipped"]
    assert results.runs["seed"].tolist() == [0, 1]
    alone = read_results(tmp_path / "shipped", shipped=tmp_path / "shipped")
    assert alone.runs["source"].tolist() == ["shipped"]


def test_a_users_task_with_two_constraints(tmp_path):
    task = "gymnasium:My/Env-v0"
    path = write_run(tmp_path, task=task, cost_budget=(25.0, 3.0), episode_steps=200)
    for name in ("episodes", "evaluations"):
        line = {"env_steps": 200, "return": 1.0, "cost_return": [5.0, 7.0]}
        write_lines(path / f"{name}.jsonl", [line])
    write_score(path, 1.0, [5.0, 7.0], [0.1, 0.2])
    results = read(tmp_path)
    assert results.warnings == []
    run = one_run(results)
    assert run.task == task
    assert run.cost_budgets == (25.0, 3.0)
    assert run.episode_steps == 200
    second = over_seeds(results.scores, 2)
    assert second[["task", "metric", "value"]].to_numpy().tolist() == [
        [task, "return", 1.0],
        [task, "cost_return", 7.0],
        [task, "cost_regret", 0.2],
    ]
    assert points(results, "cost_return", constraint=2) == ([200], [7.0])


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="nowhere is no folder"):
        read_results(tmp_path / "nowhere")


def test_published_scores_have_every_number_with_its_spread(tmp_path):
    results = read(tmp_path)
    scores = results.scores
    assert (scores["source"] == "published").all()
    assert scores[["low", "high"]].notna().all(axis=None)
    counts = scores.groupby(["preset", "algorithm"]).size()
    baselines = dict.fromkeys(config.BASELINES, 18)
    assert counts["paper"].to_dict() == {"lambda": 18, "cem_mpc": 18} | baselines
    assert counts["paper_long"].to_dict() == baselines
    best = published(results, "paper", "lambda", "DoggoGoal1", "return")
    assert best == pytest.approx([5.86736, 5.86736 - 6.61101, 5.86736 + 6.61101])
    assert published(results, "paper", "cem_mpc", "PointPush1", "return")[1] == -0.0201939
    ppo = published(results, "paper", "ppo", "PointGoal2", "cost_return")
    assert ppo == [206.961, 195.732, 218.19]
    ppo = published(results, "paper_long", "ppo", "DoggoGoal1", "return")
    assert ppo == [50.681, 48.0642, 53.2978]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"scores": {}}',
        '{"scores": {"paper": {"SAC": {"PointGoal1": {}}}}}',
        PUBLISHED.read_text().replace('"long"', '"longest"'),
    ],
    ids=["half", "empty", "no budgets", "unknown algorithm", "unknown budget"],
)
def test_damaged_published_scores_are_an_error(tmp_path, text):
    path = tmp_path / "scores.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"scores\.json"):
        read_results(tmp_path, published=path)


def test_an_own_tasks_environment_is_not_asked_where_results_are_read(tmp_path):
    """Its module may not be here, or do anything when it is imported."""
    module = "a_module_that_is_imported"
    task = f"gymnasium:{module}:Own-v0"
    fields = {"episode_steps": 52, "sequence_length": 14, "action_repeat": 2}
    write_run(tmp_path, task=task, preset="cpu", **fields)
    (tmp_path / f"{module}.py").write_text("raise SystemExit('it was imported')")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from plotting.results import read_results;"
            "(run,) = read_results(sys.argv[1]).runs.itertuples(); print(run.changed)",
            str(tmp_path),
        ],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{Path(__file__).resolve().parents[1]}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "('action_repeat=2',)", done.stderr
