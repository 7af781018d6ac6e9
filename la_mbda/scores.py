"""Collects the scores of finished runs into one file per algorithm.

The schema is that of the scores the authors published: `{task: {"LAMBDA": [Ĵ, Ĵ_c, ρ_c]}}`, medians
over seeds, and in a second file the 5 % and 95 % percentiles, `[[low, high], …]`. It has room for
Safety Gym's tasks alone: scores of other environments stay in their runs' own folders.
"""

import statistics
from pathlib import Path

import numpy as np

from la_mbda.config import ALGORITHMS, TASKS
from la_mbda.run_folder import METRICS, read_score, write_json


def collect_scores(results: Path, preset: str, algorithm: str) -> Path | None:
    """Writes RESULTS/<preset>/scores/<algorithm>_results.json and _errors.json.

    Returns:
        The path of the scores, or None where no run has finished.
    """
    runs = results / preset / algorithm
    scores: dict[str, list[list[float]]] = {}
    for path in sorted(runs.glob("*/seed_*/score.json")):
        task = path.parts[-3]
        if task in TASKS:
            score = read_score(path)
            scores.setdefault(task, []).append([score[metric] for metric in METRICS])
    if not scores:
        return None
    name = ALGORITHMS[algorithm]
    medians, errors = {}, {}
    for task, rows in scores.items():
        medians[task] = {name: [statistics.median(column) for column in zip(*rows, strict=True)]}
        errors[task] = {name: np.percentile(rows, [5, 95], axis=0).T.tolist()}
    folder = results / preset / "scores"
    folder.mkdir(exist_ok=True)
    path = folder / f"{algorithm}_results.json"
    write_json(path, medians)
    write_json(folder / f"{algorithm}_errors.json", errors)
    return path
