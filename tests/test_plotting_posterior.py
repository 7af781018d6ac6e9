"""Figure 3 from the files that `evaluate.py --imagine` writes."""

import csv
import json

import pytest
from test_plotting_reading import write_run

from plotting.posterior import draw_posteriors
from plotting.results import read_results

HEADER = "start,step,draw,reward,cost_0,value_task,value_cost_0"
# Two draws for two decisions; the last has no V_λ.
ROWS = ["7,1,0,0.1,0.2,3.0,9.0", "7,2,0,0.1,0.2,,", "7,1,1,0.1,0.2,4.0,8.0", "7,2,1,0.1,0.2,,"]


def write_futures(run, header=HEADER, rows=ROWS, starts=None):
    folder = run / "imagined"
    folder.mkdir()
    (folder / "policy.csv").write_text("\n".join([header, *rows]) + "\n")
    if starts is None:
        starts = [{"start": 7, "chosen": {"task": 1, "cost_0": 0}}]
    (folder / "futures.json").write_text(json.dumps({"starts": starts}))


def drawn(tmp_path):
    return draw_posteriors(read_results(tmp_path, shipped=tmp_path / "none").runs, tmp_path)


def test_the_numbers_drawn_are_those_that_were_saved(tmp_path):
    write_futures(write_run(tmp_path))
    outcome = drawn(tmp_path)
    assert [path.name for path in outcome.files] == ["figure_3_quick.png"]
    assert outcome.missing == []
    rows = list(csv.DictReader((tmp_path / "figure_3_quick.csv").open()))
    assert [row["value_task"] for row in rows] == ["3.0", "nan", "4.0", "nan"]


def test_without_futures_the_command_is_named(tmp_path):
    run = write_run(tmp_path)
    (missing,) = drawn(tmp_path).missing
    assert missing.endswith(f"experiments/evaluate.py {run} --imagine {run / 'imagined'}")


@pytest.mark.parametrize(
    "broken",
    [
        {"rows": []},
        {"rows": ["7,1,zero,0.1,0.2,3.0,9.0"]},
        {"header": "begin,step,draw,reward,cost_0,value_task,value_cost_0"},
        {"starts": [{"chosen": {}}]},
        {"starts": 3},
    ],
)
def test_damaged_futures_are_named(tmp_path, broken):
    write_futures(write_run(tmp_path), **broken)
    outcome = drawn(tmp_path)
    assert outcome.files == []
    (missing,) = outcome.missing
    assert missing.startswith("figure 3, quick preset: ")
    assert "policy.csv: not as evaluate.py writes it" in missing
