"""Figures 2 and 8, and the command that draws their images."""

import csv
import dataclasses
import json
import subprocess
import sys

import imageio.v3 as imageio
import numpy as np
import pytest

from experiments.render_tasks import hues, merit
from la_mbda import config
from plotting import figures
from plotting.drawing import draw_changed
from plotting.results import REPOSITORY, TASK_IMAGES, read_results

GREY, BLUE, YELLOW = (128, 128, 128), (0, 0, 255), (255, 255, 0)


def view(colours: dict) -> np.ndarray:
    """A grey image with so many pixels of each colour."""
    image = np.full((64 * 64, 3), GREY, np.uint8)
    start = 0
    for colour, pixels in colours.items():
        image[start : start + pixels] = colour
        start += pixels
    return image.reshape(64, 64, 3)


def drawn(folder, images=TASK_IMAGES):
    """Draws figures 2 and 8; their paths, and what is missing."""
    results = dataclasses.replace(read_results(folder, shipped=folder / "none"), task_images=images)
    made, missing = [], []
    for entry in figures.FIGURES:
        if entry.name in ("figure_2", "figure_8"):
            outcome = entry.make(results)
            made += outcome.made
            missing += outcome.missing
    return draw_changed(made, folder), missing


def test_the_images_in_the_repository_make_both_figures(tmp_path):
    paths, missing = drawn(tmp_path)
    assert [path.name for path in paths] == ["figure_2.png", "figure_8.png"]
    assert missing == []
    records = list(csv.DictReader((tmp_path / "figure_2.csv").read_text().splitlines()))
    assert {record["task"] for record in records} == set(config.SG6_TASKS)
    recorded = json.loads((TASK_IMAGES / "images.json").read_text())
    found = {record["task"]: (int(record["seed"]), record["mujoco"]) for record in records}
    seeds = recorded["seeds"]
    assert found == {task: (seeds[task], recorded["mujoco"]) for task in config.SG6_TASKS}
    solid, transparent = (
        imageio.imread(TASK_IMAGES / f"{task}_robot.png").astype(int)
        for task in ("PointPush1", "ObservablePointPush1")
    )
    assert (np.abs(solid - transparent).max(-1) > 10).sum() > 100  # The box is in sight.


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("images.json", None),
        ("images.json", b'{"seeds": 3}'),
        ("CarGoal1_beside.png", None),
        ("CarGoal1_beside.png", b""),
        ("CarGoal1_beside.png", (TASK_IMAGES / "CarGoal1_beside.png").read_bytes()[:3_000]),
    ],
)
def test_what_is_missing_or_damaged_is_named_with_the_command(tmp_path, name, content):
    for path in TASK_IMAGES.iterdir():
        if path.name != name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    if content is not None:
        (tmp_path / name).write_bytes(content)
    _, missing = drawn(tmp_path, tmp_path)
    assert name in missing[0]
    assert missing[0].startswith("figure 2: ")
    assert missing[0].endswith("python experiments/render_tasks.py")


def test_merit_by_hand():
    assert hues(view({BLUE: 1}))[:2] == pytest.approx([2 / 3, -1])
    empty, box = view({}), view({YELLOW: 62})  # 1.5 % are 61.4 pixels.
    assert merit(empty, empty) == (False, 0, 0)
    assert merit(view({BLUE: 30, YELLOW: 20}), box) == (False, 1, 50)
    assert merit(view({BLUE: 30, YELLOW: 62}), box) == (True, 2, 92)


def test_the_command_draws_every_task(tmp_path):
    command = [sys.executable, REPOSITORY / "experiments" / "render_tasks.py", "--seeds", "1"]
    done = subprocess.run(
        [*command, "--folder", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "images.json").read_text())["seeds"] == dict.fromkeys(
        config.TASKS, 0
    )
    assert drawn(tmp_path, tmp_path)[1] == []
