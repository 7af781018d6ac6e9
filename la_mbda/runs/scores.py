"""Collects the scores of finished runs into one file per algorithm.

The schema is that of the scores the authors published: `{task: {"LAMBDA": [Ĵ, Ĵ_c, ρ_c]}}`, as the
protocol reads them (ten episodes), and in a second file their spread, `[[low, high], …]`. Over
seeds, LAMBDA and its variants have medians with the 5 % and 95 % percentiles, the baselines means
with one standard error to each side; of seeds that were trained for different numbers of env steps,
those of the most count. It has room for Safety Gym's tasks alone: scores of other
environments stay in their runs' own folders.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from la_mbda import algorithms
from la_mbda.budget import standard_error
from la_mbda.config import TASKS, Config
from la_mbda.runs.files import METRICS
from la_mbda.runs.folder import check_place, read_score, run_path, write_json


def collect_scores(results: Path, config: Config) -> Path | None:
    """Write RESULTS/<preset>/scores/<algorithm>_results.json and _errors.json.

    Args:
        config: of one of the runs; all of its variant count, whatever their task and seed.

    Returns:
        The path of the scores, or None where no run has finished.
    """
    runs = run_path(results, config).parents[1]
    found: dict[str, list[dict]] = {}
    for path in sorted(runs.glob("*/seed_*/score.json")):
        task = path.parts[-3]
        if task not in TASKS:
            continue
        score = read_score(path)
        try:
            check_place(path, score)
        except ValueError as error:
            warnings.warn(f"{path}: {error}: left out of the scores", stacklevel=2)
            continue
        found.setdefault(task, []).append(score)
    if not found:
        return None
    algorithm = algorithms.find(config.algorithm)
    name = algorithm.display_name + (f" ({config.name})" if config.name else "")
    over_seeds = _mean if algorithm.model_free else _median
    values, errors = {}, {}
    for task, scores in found.items():
        most = max(score["env_steps"] for score in scores)
        longest = [score for score in scores if score["env_steps"] == most]
        told = [over_seeds([score[metric] for score in longest]) for metric in METRICS]
        values[task] = {name: [value for value, *_ in told]}
        errors[task] = {name: [ends for _, *ends in told]}
    folder = runs.parent / "scores"
    folder.mkdir(exist_ok=True)
    path = folder / f"{runs.name}_results.json"
    write_json(path, values)
    write_json(folder / f"{runs.name}_errors.json", errors)
    return path


def _median(values: Sequence[float]) -> tuple[float, float, float]:
    """With the 5 % and 95 % percentiles."""
    low, median, high = np.percentile(values, [5, 50, 95]).tolist()
    return median, low, high


def _mean(values: Sequence[float]) -> tuple[float, float, float]:
    """With the ends of one standard error to each side; of one seed, itself."""
    mean = float(np.mean(values))
    error = standard_error(values) if len(values) > 1 else 0.0
    return mean, mean - error, mean + error
