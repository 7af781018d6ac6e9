"""Figure 3 from the files that `evaluate.py --imagine` writes."""

import csv
import json

import matplotlib.figure
import pytest
from run_folders import write_run

from plotting.drawing import draw_changed
from plotting.looks import COLOURS
from plotting.posterior import posteriors
from plotting.results import read_results

HEADER = "start,step,sample,reward,cost_0,value_task,value_cost_0"
# Two samples for two decisions; the last has no V_λ.
ROWS = [
    "7,1,0,0.1,0.2,3.0,9.0",
    "7,2,0,0.5,0.0,,",
    "7,1,1,0.1,0.2,4.0,8.0",
    "7,2,1,-0.5,0.3,,",
]


def write_futures(run, header=HEADER, rows=ROWS, **summary):
    folder = run / "imagined"
    folder.mkdir()
    (folder / "policy.csv").write_text("\n".join([header, *rows]) + "\n")
    starts = [{"start": 7, "chosen": {"task": 1, "cost_0": 0}}]
    whole = {"samples": 2, "posterior_active": True, "starts": starts}
    (folder / "futures.json").write_text(json.dumps(whole | summary))


def drawn(tmp_path):
    """The figures' paths, and what is missing."""
    folder = tmp_path / "figures"
    folder.mkdir(exist_ok=True)
    outcome = posteriors(read_results(tmp_path, shipped=tmp_path / "shipped"))
    return draw_changed(outcome.made, folder), outcome.missing


@pytest.fixture
def titles(monkeypatch):
    """The titles of all figures drawn."""
    found = []
    write = matplotlib.figure.Figure.suptitle

    def remember(figure, text, **how):
        found.append(text)
        return write(figure, text, **how)

    monkeypatch.setattr(matplotlib.figure.Figure, "suptitle", remember)
    return found


def test_the_numbers_drawn_are_those_that_were_saved(tmp_path, titles):
    write_futures(write_run(tmp_path))
    paths, missing = drawn(tmp_path)
    assert [path.name for path in paths] == ["figure_3_quick.png"]
    assert missing == []
    lines = {}
    for row in csv.DictReader(
        (tmp_path / "figures" / "figure_3_quick.csv").read_text().splitlines()
    ):
        key = row["quantity"], row["line"], row["chosen"]
        lines.setdefault(key, []).append(float(row["value"]))
    assert lines == {
        ("return", "sample 0", "False"): [0.1, 0.6],
        ("return", "sample 1", "True"): [0.1, -0.4],
        ("value_task", "sample 0", "False"): [3.0],
        ("value_task", "sample 1", "True"): [4.0],
        ("cost_0", "sample 0", "True"): [0.2, 0.2],
        ("cost_0", "sample 1", "False"): [0.2, 0.5],
        ("value_cost_0", "sample 0", "True"): [9.0],
        ("value_cost_0", "sample 1", "False"): [8.0],
        ("value_cost_0", "budget", ""): [25.0],
    }
    assert titles == [
        "What each of 2 posterior samples expects of the policy: LAMBDA on PointGoal1, seed 0\n"
        "ours: quick preset (reduced scale, not comparable with the paper)"
    ]


def test_the_sample_that_a_bound_chooses_stands_out(tmp_path):
    """Of the task it is the second, of the cost the first."""
    write_futures(write_run(tmp_path))
    (drawing,) = posteriors(read_results(tmp_path, shipped=tmp_path / "shipped")).made
    panels = drawing.draw(*drawing.arguments).axes
    chosen = [[line.get_color() == COLOURS["lambda"] for line in ax.lines] for ax in panels]
    assert chosen == [[False, True]] * 2 + [[True, False], [True, False, False]]


@pytest.mark.parametrize(
    ("saved", "quantity"),
    [({}, "Sigma"), ({"bound_by": "values"}, "Sigma"), ({"bound_by": "critic"}, "critic's $v$")],
)
def test_the_legend_says_by_which_rule_the_sample_is_chosen(tmp_path, monkeypatch, saved, quantity):
    labels = []
    legend = matplotlib.figure.Figure.legend

    def remember(figure, handles, names, **how):
        labels.extend(names)
        return legend(figure, handles, names, **how)

    monkeypatch.setattr(matplotlib.figure.Figure, "legend", remember)
    write_futures(write_run(tmp_path), **saved)
    drawn(tmp_path)
    (bound,) = [label for label in labels if label.startswith("upper bound")]
    assert quantity in bound


def test_what_a_reader_could_misread_is_in_the_title(tmp_path, titles):
    run = write_run(tmp_path, algorithm="greedy_lambda")
    write_futures(run, posterior_active=False, starts=[{"start": 7, "chosen": {}}])
    drawn(tmp_path)
    assert titles[0].splitlines()[2:] == [
        "no sample is chosen: the policy learns from the average over samples",
        "posterior not active: all samples are the current model",
    ]


def test_without_futures_the_command_is_named(tmp_path):
    write_run(tmp_path, algorithm="cem_mpc")
    write_run(tmp_path / "shipped")
    (missing,) = drawn(tmp_path)[1]
    train = f"bash experiments/run_sg6.sh --results {tmp_path} --preset cpu --algorithms lambda"
    where = "figure 3, cpu preset"
    assert missing == f"{where}: no runs of LAMBDA on any SG6 task. To make them: {train}"
    unsafe = write_run(tmp_path, algorithm="unsafe_lambda")
    (missing,) = drawn(tmp_path)[1]
    assert missing.endswith(f"experiments/evaluate.py {unsafe} --imagine {unsafe / 'imagined'}")
    write_futures(tmp_path / "shipped" / "quick" / "lambda" / "PointGoal1" / "seed_0")
    results = read_results(tmp_path, shipped=tmp_path / "shipped")
    outcome = posteriors(results)
    assert [made.name for made in outcome.made] == ["figure_3_quick"]  # The shipped run's.
    assert outcome.missing == [missing]


@pytest.mark.parametrize(
    "broken",
    [
        {"rows": []},
        {"rows": ["7,1,zero,0.1,0.2,3.0,9.0"]},
        {"rows": [*ROWS[:3], "7,2,1,-0."]},
        {"rows": ROWS[:3]},
        {"rows": ["7,1,0,0.1,0.2,nan,9.0", *ROWS[1:]]},
        {"header": "begin,step,sample,reward,cost_0,value_task,value_cost_0"},
        {"starts": [{"chosen": {}}]},
        {"starts": [{"start": 7, "chosen": [1]}]},
        {"starts": [{"start": 8, "chosen": {}}]},
        {"starts": []},
        {"starts": 3},
        {"samples": 0},
        {"bound_by": "mean"},
    ],
)
def test_damaged_futures_are_named(tmp_path, broken):
    write_futures(write_run(tmp_path), **broken)
    paths, (missing,) = drawn(tmp_path)
    assert paths == []
    assert missing.startswith("figure 3, quick preset: ")
    assert "policy.csv: not as evaluate.py writes it" in missing
