"""The report: RESULTS/report/index.html, one page that needs no network.

It holds the tables and figures that were drawn, interactive learning curves, videos of evaluation
episodes that lie in run folders, and what ran with which versions.
"""

import base64
import os
from collections.abc import Sequence
from pathlib import Path

import jinja2
import numpy as np
from plotly.offline import get_plotlyjs

from la_mbda import config
from plotting.aggregate import band
from plotting.curves import curve, seed_groups
from plotting.drawing import COLOURS, Outcome
from plotting.records import read_object
from plotting.results import METRICS, Run
from plotting.table import Table
from plotting.tables import finished_groups, scale_of

TEMPLATE = Path(__file__).with_name("report.html")
VIDEO = "video.mp4"
# A larger video is linked, so that the page stays quick to open.
MOST_VIDEO_BYTES = 4_000_000
NAMES = dict(
    zip(METRICS, ("return per episode", "cost return per episode", "cost regret"), strict=True)
)


def write_report(
    results: Path, runs: Sequence[Run], tables: Sequence[Table], drawn: Outcome
) -> Path:
    """Writes the page; returns its path.

    Args:
        results: the folder of results, below which the page and its links lie.
        tables: to be shown, in their order.
        drawn: the figures to be shown, and what is missing.

    Raises:
        OSError: the folder cannot be written to.
    """
    path = results / "report" / "index.html"
    path.parent.mkdir(exist_ok=True)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # Tasks keep their order.
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    curves = _curves(runs)
    film_run = runs[0].path if runs else "RUN"
    page = template.render(
        count=len(runs),
        finished=sum(run.score is not None for run in runs),
        scales=[f"Scores, {scale_of(group)}." for group in finished_groups(runs)],
        missing=drawn.missing,
        tables=tables,
        curves=curves,
        films=_films(runs, path.parent),
        film_command=f"python experiments/evaluate.py {film_run} --video {film_run}/{VIDEO}",
        figures=[_picture(file) for file in drawn.files],
        runs=[_run(run, path.parent) for run in runs],
        plotly=get_plotlyjs() if curves else "",
    )
    path.write_text(page, encoding="utf-8")
    return path


def _curves(runs: Sequence[Run]) -> dict:
    """Preset → task → metric → lines and budgets: the numbers of the learning-curve figures."""
    found: dict = {}
    for preset, task in dict.fromkeys((run.preset, run.task) for run in runs):
        own = [run for run in runs if (run.preset, run.task) == (preset, task)]
        metrics = {}
        for metric, name in NAMES.items():
            lines = [line for group in seed_groups(own) if (line := _line(group, metric))]
            if lines:
                metrics[name] = {"lines": lines, "budgets": _budgets(own, metric)}
        if metrics:
            scale = "" if all(run.comparable for run in own) else " (reduced scale)"
            found.setdefault(f"{preset} preset{scale}", {})[task] = metrics
    return found


def _line(group: list[Run], metric: str) -> dict | None:
    """One algorithm's median, its spread and its seeds; None where they share no steps."""
    seeds = [points for run in group if (points := curve(run, metric, 0)) is not None]
    middle = band(seeds) if seeds else None
    if middle is None:
        return None
    several = len(seeds) > 1
    source = " (shipped)" if group[0].shipped else ""
    return {
        "name": config.ALGORITHMS[group[0].algorithm] + source,
        "colour": COLOURS[group[0].algorithm],
        "dash": "dashdot" if group[0].shipped else "solid",
        "x": _plain(middle.env_steps),
        "y": _plain(middle.median),
        "low": _plain(middle.low) if several else None,
        "high": _plain(middle.high) if several else None,
        "seeds": [{"x": _plain(x), "y": _plain(y)} for x, y in seeds] if several else [],
    }


def _budgets(runs: Sequence[Run], metric: str) -> list[float]:
    if metric == "return":
        return []
    regret = metric == "cost_regret"
    known = [run for run in runs if run.cost_budgets]
    return sorted({run.cost_budgets[0] / (run.episode_steps if regret else 1) for run in known})


def _plain(values: np.ndarray) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def _run(run: Run, page: Path) -> dict:
    """A row of what ran; dashes where run.json does not say."""
    try:
        made = read_object(run.path / "run.json")
    except ValueError:
        made = {}
    versions, machine = made.get("versions"), made.get("machine")
    return {
        "scale": f"{run.preset}{' (shipped)' if run.shipped else ''}",
        "algorithm": config.ALGORITHMS[run.algorithm],
        "task": run.task,
        "seed": run.seed,
        "env_steps": f"{run.score.env_steps:,.0f}" if run.score else "not finished",
        "commit": made.get("commit") or "–",
        "started": made.get("started", "–"),
        "tensorflow": versions.get("tensorflow", "–") if isinstance(versions, dict) else "–",
        "machine": machine.get("processor", "–") if isinstance(machine, dict) else "–",
        "config": _link(run.path / "config.json", page),
    }


def _films(runs: Sequence[Run], page: Path) -> list[dict[str, str]]:
    """The first video of each preset, algorithm and task."""
    films: dict[tuple, dict[str, str]] = {}
    for run in runs:
        path = run.path / VIDEO
        key = run.preset, run.algorithm, run.task
        if key not in films and path.exists():
            name = f"{config.ALGORITHMS[run.algorithm]} on {run.task}, {run.preset} preset"
            small = path.stat().st_size <= MOST_VIDEO_BYTES
            source = _inline(path, "video/mp4") if small else _link(path, page)
            films[key] = {"name": f"{name}, seed {run.seed}", "source": source}
    return list(films.values())


def _picture(path: Path) -> dict[str, str]:
    return {"name": path.stem.replace("_", " "), "source": _inline(path, "image/png")}


def _inline(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _link(path: Path, page: Path) -> str:
    """Relative, so that the folder of results can be moved."""
    return Path(os.path.relpath(path.resolve(), page.resolve())).as_posix()
