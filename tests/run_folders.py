"""Run folders as training leaves them, written by hand."""

import json
from pathlib import Path

from la_mbda import config
from la_mbda.presets import make_config
from la_mbda.runs.folder import run_path

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
    settings = make_config(preset, task, algorithm, seed, **overrides)
    path = run_path(results, settings)
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config.to_dict(settings)))
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
