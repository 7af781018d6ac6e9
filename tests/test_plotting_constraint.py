"""The constraint over a run, by hand-written updates."""

import pytest
from run_folders import write_lines, write_run

from plotting.aggregate import MOST_POINTS
from plotting.constraint import AVERAGED, constraints
from plotting.results import read_results


def update(step, value, constraint=0):
    """What one line of updates says of a constraint: λ is `value`, the others follow."""
    names = ("multiplier", "safety_bound", "imagined_cost", "real_cost")
    values = (value, 10 * value, value / 10, value / 20)
    return {f"{name}_{constraint}": v for name, v in zip(names, values, strict=True)} | {
        "env_steps": step
    }


def made(folder):
    return constraints(read_results(folder, shipped=folder / "none"))


def points(drawing, metric, line="0", constraint=1):
    """Environment steps and values of a line."""
    found = drawing.numbers
    found = found[(found["metric"] == metric) & (found["line"] == line)]
    found = found[found["constraint"] == constraint]
    return found["env_steps"].tolist(), found["value"].tolist()


def test_the_numbers_are_those_logged_and_costs_are_per_episode(tmp_path):
    path = write_run(tmp_path, action_repeat=2, episode_steps=1_000)
    before = {"env_steps": 1_000, "updates": 5, "model_loss": 3.0}  # Of pre-training.
    write_lines(path / "updates.jsonl", [before, update(1_000, 1.0), update(2_000, 2.0)])
    outcome = made(tmp_path)
    (drawing,) = outcome.made
    assert (drawing.name, outcome.missing) == ("figure_constraint_quick", [])
    assert points(drawing, "multiplier") == ([1_000, 2_000], [1, 2])
    assert points(drawing, "safety_bound") == ([1_000, 2_000], [10, 20])
    assert points(drawing, "imagined_cost")[1] == pytest.approx([50, 100])
    assert points(drawing, "real_cost")[1] == pytest.approx([25, 50])
    for metric in ("safety_bound", "imagined_cost", "real_cost", "episode_cost"):
        assert points(drawing, metric, "budget")[1] == [25]
    assert points(drawing, "multiplier", "budget")[1] == []


def test_what_the_policy_costs_is_a_moving_average_of_training_episodes(tmp_path):
    path = write_run(tmp_path)
    write_lines(path / "updates.jsonl", [update(1_000, 1.0)])
    episodes = [
        {"env_steps": 1_000 * (i + 1), "return": 0.0, "cost_return": 100.0 * (i == 0)}
        for i in range(AVERAGED + 1)
    ]
    write_lines(path / "episodes.jsonl", episodes)
    (drawing,) = made(tmp_path).made
    steps, costs = points(drawing, "episode_cost")
    assert steps == [episode["env_steps"] for episode in episodes]
    expected = [100.0 / (i + 1) for i in range(AVERAGED)]
    assert costs == pytest.approx([*expected, 0.0])


def test_each_panel_has_its_lines_and_the_budget(tmp_path):
    for seed in range(2):
        path = write_run(tmp_path, seed=seed, cost_budget=(25.0, 3.0))
        lines = [update(s, 1.0 + seed) | update(s, 2.0, constraint=1) for s in (1_000, 2_000)]
        write_lines(path / "updates.jsonl", lines)
    (drawing,) = made(tmp_path).made
    assert points(drawing, "multiplier", "median") == ([1_000, 2_000], [1.5, 1.5])
    assert points(drawing, "safety_bound", "budget", constraint=2)[1] == [3]
    figure = drawing.draw(*drawing.arguments)
    titles = [ax.get_title().split("\n")[0] for ax in figure.axes[:5]]
    assert titles == [
        *("Multiplier λ", "V$^c$, pessimistic", "Imagined cost", "Replayed cost"),
        "Training episodes'",
    ]
    assert [len(ax.lines) for ax in figure.axes[:5]] == [3, 4, 4, 4, 4]  # Two seeds, their median.
    assert [len(ax.lines) for ax in figure.axes[5:]] == [3, 4, 4, 4, 1]  # Its episodes tell one.
    assert "paper" in figure.get_suptitle()


def test_runs_without_a_safety_critic_are_left_out(tmp_path):
    for algorithm in ("unsafe_lambda", "ppo_lagrangian"):
        path = write_run(tmp_path, algorithm=algorithm)
        write_lines(path / "updates.jsonl", [{"env_steps": 1_000, "imagined_cost_0": 1.0}])
    outcome = made(tmp_path)
    assert outcome.made == []
    (text,) = outcome.missing
    assert text.startswith("figure constraint, cpu preset: no runs of LAMBDA on any SG6 task. ")


def test_damaged_lines_are_left_out(tmp_path):
    path, text = write_run(tmp_path), {"real_cost_0": "x"}
    write_lines(path / "updates.jsonl", [update(1_000, 1.0), [1], update(2_000, 1.0) | text, 3])
    with (path / "updates.jsonl").open("ab") as file:
        file.write(b'{"env_steps": NaN}\n\xff\n{"env_steps": 3000, "multi')
    (drawing,) = made(tmp_path).made
    assert points(drawing, "multiplier") == ([1_000], [1.0])


def test_long_runs_are_thinned(tmp_path):
    path = write_run(tmp_path)
    count = MOST_POINTS * 2
    write_lines(path / "updates.jsonl", [update(1_000 * (i + 1), 1.0) for i in range(count)])
    (drawing,) = made(tmp_path).made
    steps, _ = points(drawing, "real_cost")
    assert (len(steps), steps[0], steps[-1]) == (MOST_POINTS, 1_000, 1_000 * count)
