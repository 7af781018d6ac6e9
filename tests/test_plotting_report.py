"""The report: what it says, that it is safe, and how it does in a real browser."""

import html
import json
import re
from urllib.parse import unquote

import numpy as np
import pytest
from browser import CHROMIUM, Browser
from PIL import Image
from run_folders import STEPS, confirmed, write_lines, write_run, write_score
from videos import write_video

from plotting.drawing import Outcome
from plotting.figures import FIGURES
from plotting.interactive import find_videos, opening, panels, without_video
from plotting.report import MOST_VIDEO_BYTES, write_report
from plotting.results import read_results
from plotting.table3 import table3_published, table_3


def read(folder):
    return read_results(folder, shipped=folder / "none")


def report(folder, said=None, figures=None):
    """The page's path and text."""
    results = read(folder)
    tables = [table3_published(results)]
    path = write_report(results, tables, said or Outcome(), figures or {})
    return path, path.read_text(encoding="utf-8")


def shown(page):
    """Its text, without markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def links_to(name, page):
    return re.findall(rf'href="([^"]*{re.escape(name)})"', page)


def test_it_says_what_ran_at_what_scale_and_links_its_settings(tmp_path):
    folder = tmp_path / "my results #1"
    run = write_run(folder, batch_size=3)
    write_run(folder, seed=1, score=None)
    made = {
        "commit": "abc123",
        "started": "2026-11-20T10:11:12+00:00",
        "python": "3.11.7",
        "versions": {"tensorflow": "2.21.0"},
        "machine": {"processor": "Fast One", "cores": 2},
        "seconds": {"acting": 3_000, "updating": 4_000},
    }
    (run / "run.json").write_text(json.dumps(made))
    path, page = report(folder)
    assert path == folder / "report" / "index.html"
    text = shown(page)
    changed = "quick preset, settings changed in some runs (reduced scale, not comparable"
    assert f"Ours: {changed}" in text
    assert "2 runs, 1 finished" in text
    assert "0 , 1 (not finished)" in text
    for said in ("abc123", "2026-11-20 10:11:12 UTC", "python 3.11.7, tensorflow 2.21.0"):
        assert said in text
    assert "Fast One, 2 cores" in text
    assert "1 h 57 min" in text
    assert "<td>8,000</td>" in page
    assert "batch_size=3" in text
    assert "1.526, 0.0, 0.466" in text
    for name in ("config.json", "run.json", "score.json"):
        link = links_to(name, page)[0]
        assert (path.parent / unquote(link)).resolve() == (run / name).resolve()
        assert "#" not in link


def test_own_runs_come_first_with_a_headline_and_lambdas_column(tmp_path):
    write_run(tmp_path / "shipped", preset="paper", algorithm="cpo")
    path = write_run(tmp_path, score=None)
    write_score(path, 3.0, 4.0, 0.02, confirmed=confirmed(26.0, returns=12.5))
    write_run(tmp_path, algorithm="cpo")
    results = read_results(tmp_path, shipped=tmp_path / "shipped")
    tables = table_3(results).made
    text = shown(write_report(results, tables, Outcome(), {}).read_text(encoding="utf-8"))
    assert (
        "LAMBDA, ours: quick preset (reduced scale, not comparable with the paper), return, cost: "
        "PointGoal1 12.5, 26.0; 0 of 1 confirmed runs keep their cost budget."
    ) in text
    ours, shipped, published = (
        text.index(f"Table 3, {whose}") for whose in ("ours: quick", "shipped: paper", "published")
    )
    assert text.index("Ours: quick preset") < text.index("Shipped: paper preset") < ours
    assert ours < shipped < published
    assert "task LAMBDA TRPO-Lagrangian PPO-Lagrangian CPO PointGoal1" in text[published:]
    assert tables[0].cells.columns[-1] == "LAMBDA"  # The table itself stays as in the paper.


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        ([], ("cpu", "CarGoal1")),  # The shipped LAMBDA.
        ([("quick", "ppo", "PointGoal1")], ("cpu", "CarGoal1")),
        (
            [("quick", "ppo", "PointGoal1"), ("quick", "lambda", "PointGoal2")],
            ("quick", "PointGoal2"),
        ),
    ],
)
def test_the_curves_open_on_lambda(tmp_path, ours, expected):
    write_run(tmp_path / "shipped", preset="paper", algorithm="ppo")
    write_run(tmp_path / "shipped", preset="cpu", algorithm="ppo")
    write_run(tmp_path / "shipped", preset="cpu", task="CarGoal1")
    for preset, algorithm, task in ours:
        write_run(tmp_path, preset=preset, algorithm=algorithm, task=task)
    found = panels(read_results(tmp_path, shipped=tmp_path / "shipped"))
    assert tuple(opening(found).values()) == expected
    assert opening({}) == {}


def test_without_runs_it_names_the_command(tmp_path):
    _, page = report(tmp_path)
    assert f"bash experiments/run_sg6.sh --results {tmp_path}" in shown(page)
    assert "1.526, 0.0, 0.466" in page
    assert len(page) < 100_000  # Nothing to plot: no plotting library either.


def test_what_is_missing_or_unreadable_is_said(tmp_path):
    run = write_run(tmp_path)
    (run / "score.json").write_text("{")
    _, page = report(tmp_path, Outcome(missing=["figure 3: no data"], notes=["mind the gap"]))
    assert "2 things missing or unreadable" in shown(page)
    for said in ("score.json: no valid JSON", "figure 3: no data", "mind the gap"):
        assert said in shown(page)


@pytest.mark.parametrize(
    "text",
    [
        '{"commit": null, "versions": [1], "machine": 3, "seconds": ""}',
        '{"started": {}, "versions": {"numpy": null}, "seconds": {"acting": NaN, "updating": "1"}}',
        '{"commit": "\\ud800", "machine": {"cores": [2]}}',
        "[]",
        "",
    ],
)
def test_run_json_may_hold_anything(tmp_path, text):
    run = write_run(tmp_path)
    (run / "run.json").write_text(text)
    _, page = report(tmp_path)
    assert "<td>–</td>" in page


def test_figures_are_inside_with_caption_scale_and_size(tmp_path):
    names = ("figure_1_ours_quick", "figure_1_published", "figure_6_paper", "figure_13")
    names += ("figure_constraint_ours_quick",)
    for name in names:
        Image.new("RGB", (30, 20)).save(tmp_path / f"{name}.png")
    entries = {entry.name: entry for entry in FIGURES}
    paths = [tmp_path / f"{name}.png" for name in names]
    figures = {path: entries["_".join(path.stem.split("_")[:2])] for path in paths}
    _, page = report(tmp_path, figures=figures)
    titles = re.findall(r"<figcaption><b>(.*?)</b>", page)
    assert titles == [
        "Figure 1, ours: quick preset (reduced scale).",
        "Figure 1, published.",
        "Figure 6, paper preset.",
        "Figure 13.",
        "Figure constraint, ours: quick preset (reduced scale).",
    ]
    assert 'alt="Figure 13. The computation graph, and where its gradients are cut"' in page
    assert page.count('width="30" height="20"') == 5
    assert page.count("data:image/png;base64,") == 5
    assert list(entries) == [f"figure_{name}" for name in (*range(1, 14), "constraint")]


def test_videos_of_one_run_each_small_ones_inside_and_large_ones_linked(tmp_path):
    small, large = write_run(tmp_path), write_run(tmp_path, task="CarGoal1")
    second = write_run(tmp_path, seed=1)
    for run in (small, second):
        (run / "video.mp4").write_bytes(b"film")
    (large / "video.mp4").write_bytes(bytes(MOST_VIDEO_BYTES + 1))
    _, page = report(tmp_path)
    assert page.count('src="data:video/mp4;base64,ZmlsbQ=="') == 1
    assert 'src="../quick/lambda/CarGoal1/seed_0/video.mp4"' in page
    assert page.count("<video") == 2
    assert "LAMBDA on PointGoal1, quick preset, seed 0" in page


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"return": [1.0]}, "cost_return has 2 frames, return 1"),
        ({"cost_return": [[1.0], [1.0, 2.0]]}, "cost_return is not of 1 costs"),
        ({"cost_return": [[1.0], ["no"]]}, "cost_return is 'no', not a number"),
        ({"cost_return": 3}, "cost_return is no list"),
        ({"frames_per_second": 0}, "frames_per_second is not positive"),
    ],
)
def test_numbers_that_do_not_fit_a_video_are_named_and_left_out(tmp_path, change, problem):
    run = write_run(tmp_path)
    write_video(run / "video.mp4", [1.0, 2.0], [0.0, 1.0])
    path = run / "video.json"
    assert "In all: return 2.00, cost 1 of a budget of 25." in report(tmp_path)[1]
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    _, page = report(tmp_path)
    assert f"{path}: {problem}" in shown(page)
    assert page.count("<video") == 1
    assert "In all" not in page


def test_runs_without_a_video_are_named_with_the_command(tmp_path):
    _, page = report(tmp_path)
    assert "python experiments/evaluate.py RUN --video RUN/video.mp4" in page
    run = write_run(tmp_path)
    (run / "checkpoint").mkdir()
    write_run(tmp_path, task="CarGoal1")  # It has no checkpoint to play from.
    _, page = report(tmp_path)
    assert f"python experiments/evaluate.py {run} --video {run / 'video.mp4'}" in shown(page)
    assert "1 without a video" in shown(page)


def test_a_shipped_video_stands_for_no_run_of_ones_own(tmp_path):
    run = write_run(tmp_path / "own")
    (run / "checkpoint").mkdir()
    other = write_run(tmp_path / "shipped")
    (other / "video.mp4").write_bytes(b"video")
    results = read_results(tmp_path / "own", shipped=tmp_path / "shipped")
    videos, _ = find_videos(results.runs)
    assert [video.path for video in videos] == [other / "video.mp4"]
    assert [r.path for r in without_video(results.runs, videos)] == [run]


def test_the_curves_are_those_of_the_figures(tmp_path):
    for seed in range(3):
        write_run(tmp_path, seed=seed)
    found = panels(read(tmp_path))
    assert "reduced scale" in found["quick"]["title"]
    metrics = found["quick"]["tasks"]["PointGoal1"]
    (line,) = metrics["Return Ĵ"]["lines"]
    assert (line["name"], line["colour"]) == ("LAMBDA", "#0072B2")
    assert (line["x"], line["y"]) == (list(STEPS), [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(line["low"], [0.1, 1.1, 2.1, 3.1])
    np.testing.assert_allclose(line["high"], [1.9, 2.9, 3.9, 4.9])
    assert [(s["seed"], s["x"], s["y"][0]) for s in line["seeds"]] == [
        (0, None, 0.0),
        (1, None, 1.0),
        (2, None, 2.0),
    ]
    regret = metrics["Cost regret ρ_c"]
    assert regret["lines"][0]["y"] == [0.02] * 4
    assert (regret["budgets"], regret["top"]) == ([0.025], 0.02)
    assert metrics["Cost return Ĵ_c"]["budgets"] == [25.0]


def test_published_scores_are_levels_at_the_papers_scale_only(tmp_path):
    write_run(tmp_path, preset="paper")
    write_run(tmp_path, preset="cpu")
    found = panels(read(tmp_path))
    levels = {}
    for preset, scale in found.items():
        lines = scale["tasks"]["PointGoal1"]["Return Ĵ"]["lines"]
        levels[preset] = {line["name"]: line["y"] for line in lines if line["published"]}
    assert levels["cpu"] == {}
    assert levels["paper"]["LAMBDA (paper)"] == 18.8228
    assert len(levels["paper"]) == 5


def test_seeds_without_common_steps_are_still_lines(tmp_path):
    write_run(tmp_path, seed=0, steps=STEPS[:2], score=None)
    write_run(tmp_path, seed=1, steps=STEPS[2:], score=None)
    found = panels(read(tmp_path))
    (line,) = found["quick"]["tasks"]["PointGoal1"]["Return Ĵ"]["lines"]
    assert line["x"] is line["y"] is line["low"] is None
    assert [seed["x"] for seed in line["seeds"]] == [list(STEPS[:2]), list(STEPS[2:])]


def test_each_constraint_has_its_own_curves(tmp_path):
    path = write_run(tmp_path, task="gymnasium:My-v0", cost_budget=(25.0, 3.0), score=None)
    for name in ("episodes", "evaluations"):
        values = {"env_steps": 1_000, "return": 1.0, "cost_return": [5.0, 7.0]}
        write_lines(path / f"{name}.jsonl", [values])
    metrics = panels(read(tmp_path))["quick"]["tasks"]["gymnasium:My-v0"]
    assert list(metrics)[3:] == ["Cost return Ĵ_c, cost 2", "Cost regret ρ_c, cost 2"]
    second = metrics["Cost return Ĵ_c, cost 2"]
    assert (second["lines"][0]["y"], second["budgets"]) == ([7.0], [3.0])


# ---- In a browser

NAMES = "document.getElementById('plot').data.map(trace => trace.name)"
COUNTER = "document.querySelector('.counter dl').innerText.split('\\n').filter((_, i) => i % 2)"
SEEK = """new Promise((done, fail) => {
  const video = document.querySelector("video");
  video.addEventListener("error", () => fail(video.error.message));
  video.addEventListener("seeked", () => done());
  const seek = () => { video.currentTime = 0.09; };
  if (video.readyState > 0) seek(); else video.addEventListener("loadedmetadata", seek);
})"""


def click(browser, value):
    browser.run(f"document.querySelector('input[value=\"{value}\"]').click()")


@pytest.fixture(params=[375, 1280])
def browser(request, tmp_path):
    if CHROMIUM is None:
        pytest.skip("needs a browser: apt-get install chromium")
    with Browser(tmp_path / "profile", request.param) as opened:
        yield opened
        assert opened.problems == []
        assert [url for url in opened.requests[1:] if not url.startswith("data:")] == []
        wide = opened.run("[innerWidth, document.documentElement.scrollWidth]")
        assert wide == [request.param, request.param]


def test_algorithms_and_metrics_can_be_chosen(tmp_path, browser):
    for seed in range(2):
        write_run(tmp_path, seed=seed)
        write_run(tmp_path, algorithm="unsafe_lambda", seed=seed)
    browser.open(report(tmp_path)[0])
    seeds = ["LAMBDA, seed 0", "LAMBDA, seed 1", "LAMBDA, 5–95 %", "LAMBDA"]
    unsafe = [name.replace("LAMBDA", "Unsafe LAMBDA") for name in seeds]
    assert browser.run(NAMES) == seeds + unsafe
    click(browser, "Unsafe LAMBDA")
    assert browser.run(NAMES) == seeds
    rows = "Array.from(document.querySelectorAll('#ends tbody tr'), row => row.innerText)"
    assert browser.run(rows) == ["LAMBDA\t2\t8,000\t3.5\t3.05 to 3.95"]
    click(browser, "Cost return Ĵ_c")
    assert browser.run(NAMES) == seeds
    plot = "document.getElementById('plot')"
    assert browser.run(f"Array.from({plot}.data.at(-1).y)") == [30.0] * 4
    assert browser.run(f"{plot}.data.at(-1).line.color") == "#0072B2"
    assert browser.run(f"{plot}.layout.shapes.map(shape => shape.y0)") == [25.0]
    title = browser.run("document.getElementById('plot-title').textContent")
    assert title.endswith("not comparable with the paper): PointGoal1, Cost return Ĵ_c")
    click(browser, "Unsafe LAMBDA")
    assert browser.run(NAMES) == seeds + unsafe
    buttons = f"Array.from({plot}.querySelectorAll('.modebar-btn'), b => b.dataset.title)"
    assert browser.run(buttons) == [  # None that uploads what is plotted, as Plotly has by itself.
        "Download plot as a PNG",
        "Zoom",
        "Pan",
        "Zoom in",
        "Zoom out",
        "Autoscale",
        "Reset axes",
    ]


def test_the_counter_keeps_step_with_the_video(tmp_path, browser):
    run = write_run(tmp_path)
    write_video(run / "video.mp4", [1.0, 2.0, -0.001, 4.0], [0.0, 10.0, 26.0, 30.0])
    browser.open(report(tmp_path)[0])
    assert browser.run(COUNTER) == ["2 of 8", "1.00", "0 of 25: within budget"]
    browser.run(SEEK)
    assert browser.run(COUNTER) == ["6 of 8", "0.00", "26 of 25: over budget"]


def test_what_files_say_is_text_and_never_runs(tmp_path, browser):
    evil = "<img src=x onerror=alert(1)></script><script>window.evil = true</script>"
    run = write_run(tmp_path, task=f"gymnasium:{evil}-v0", score=None)
    (run / "run.json").write_text(json.dumps({"commit": evil, "machine": {"processor": evil}}))
    path, page = report(tmp_path, Outcome(missing=[evil], notes=[evil]))
    browser.open(path)
    assert browser.run("window.evil ?? null") is None
    assert evil not in page
    assert browser.run("document.body.textContent").count(evil) >= 5


def test_the_page_opens_on_lambda_and_shows_its_column(tmp_path, browser):
    write_run(tmp_path, algorithm="ppo")
    write_run(tmp_path, task="CarGoal1")
    browser.open(report(tmp_path)[0])
    assert browser.run(NAMES) == ["LAMBDA"]
    chosen = "['preset', 'task'].map(id => document.getElementById(id).value)"
    assert browser.run(chosen) == ["quick", "CarGoal1"]
    heads = "Array.from(document.querySelectorAll('#scores thead th'))"
    right = f"{heads}.find(th => th.innerText == 'LAMBDA').getBoundingClientRect().right"
    assert browser.run(right) < browser.run("innerWidth")


def test_the_page_without_runs_has_no_errors(tmp_path, browser):
    browser.open(report(tmp_path)[0])
    assert "No run has curves yet" in browser.run("document.body.innerText")
