"""The report: RESULTS/report/index.html, one page that needs no network.

It holds the tables and figures that were drawn, interactive learning curves, videos of evaluation
episodes beside their costs so far, and what ran with which settings and versions.
"""

import base64
import hashlib
import math
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import jinja2
import pandas as pd

from la_mbda import config
from la_mbda.runs.files import read_object
from plotting import interactive
from plotting.aggregate import over_seeds
from plotting.drawing import Entry, Outcome, train_command
from plotting.looks import BUDGET_COLOUR, in_order, label
from plotting.notes import is_reduced, scale_of
from plotting.results import Results
from plotting.run_reading import COMPARABLE
from plotting.table import Table

UNKNOWN = "–"
PAGE = Path(__file__).with_name("page")
# A larger video is linked, so that the page stays quick to open.
MOST_VIDEO_BYTES = 4_000_000


def write_report(
    results: Results, tables: Sequence[Table], drawn: Outcome, figures: Mapping[Path, Entry]
) -> Path:
    """Write the page RESULTS/report/index.html; return its path.

    Args:
        tables: to be shown, in their order.
        drawn: what a reader could misread, and what is missing.
        figures: PNGs to be shown, in their order, and what drew them.

    Raises:
        OSError: the folder cannot be written to.
    """
    path = results.folder / "report" / "index.html"
    path.parent.mkdir(exist_ok=True)
    page = path.parent.resolve()
    videos, problems = interactive.find_videos(results.runs)
    panels = interactive.panels(results)
    scripts = [_plotly()] if panels else []
    scripts.append((PAGE / "page.js").read_text(encoding="utf-8"))
    text = _template().render(
        style=(PAGE / "style.css").read_text(encoding="utf-8"),
        budget_colour=BUDGET_COLOUR,
        scripts=scripts,
        hashes=[_hash(script) for script in scripts],
        of_paper=not results.own_tasks_only,
        headline=headline(results),
        groups=list(_groups(results.runs, page)),
        how_to_train=train_command(results.folder),
        tables=[(table, _lambda_first(table.cells)) for table in _published_last(tables)],
        panels=panels,
        open=interactive.opening(panels),
        videos=[_video(video, page) for video in videos],
        counters=[video.counters for video in videos],
        without_video=interactive.without_video(results.runs, videos),
        video_command=interactive.video_command,
        run_title=interactive.run_title,
        figures=[_figure(file, entry, page) for file, entry in figures.items()],
        notes=drawn.notes,
        missing=[*results.warnings, *problems, *drawn.missing],
        runs=[_made_by(run) | {"links": _links(run, page)} for run in results.runs.itertuples()],
    )
    path.write_text(text, encoding="utf-8", errors="replace")
    return path


def _plotly() -> str:
    from plotly.offline import get_plotlyjs  # Not needed where there is nothing to plot.

    return get_plotlyjs()


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # Tasks keep their order.
    return environment.get_template("index.html")


def headline(results: Results) -> str:
    """In a sentence, what finished runs of LAMBDA came to: ours, else the shipped ones."""

    def rank(group: tuple[pd.DataFrame, pd.DataFrame]) -> tuple[bool, bool]:
        return group[0]["source"].iloc[0] != "ours", "lambda" not in set(group[0]["algorithm"])

    groups = sorted(results.groups(), key=rank)
    if not groups:
        return ""
    runs, scores = groups[0]
    algorithm = in_order(runs["algorithm"])[0]
    own = runs[runs["algorithm"] == algorithm]
    found = over_seeds(scores[scores["run"].isin(own.index)])
    found = found.pivot(index="task", columns="metric", values="value")
    told = [
        f"{task} {found.loc[task, 'return']:z.1f}, {found.loc[task, 'cost_return']:z.1f}"
        for task in own["task"].unique()
    ]
    kept = own["kept"].dropna()
    budget = f"{sum(kept)} of {len(kept)} confirmed runs keep their cost budget"
    said = f"return, cost: {'; '.join(told)}; {budget if len(kept) else 'no run is confirmed'}"
    return f"{label(algorithm)}, {scale_of(own)}, {said}."


def _published_last(tables: Sequence[Table]) -> list[Table]:
    return sorted(tables, key=lambda table: table.name.endswith("published"))


def _lambda_first(cells: pd.DataFrame) -> pd.DataFrame:
    """Put LAMBDA's column right of the names, where a narrow screen shows it."""
    rows, *rest = cells.columns
    return cells[[rows, *sorted(rest, key=lambda name: name != label("lambda"))]]


def _groups(runs: pd.DataFrame, page: Path) -> Iterator[dict]:
    """Describe runs of one preset and source: their scale, and seeds by task and algorithm."""
    for _, own in runs.groupby(["preset", "source"], sort=False):
        algorithms = in_order(own["algorithm"])
        rows = []
        for task, found in own.groupby("task", sort=False):
            cells = [found[found["algorithm"] == algorithm] for algorithm in algorithms]
            seeds = [[_seed(run, page) for run in cell.itertuples()] for cell in cells]
            rows.append((task, seeds))
        yield {
            "scale": scale_of(own),
            "reduced": is_reduced(own),
            "runs": len(own),
            "finished": own["finished"].sum(),
            "algorithms": [label(algorithm) for algorithm in algorithms],
            "rows": rows,
        }


def _seed(run: tuple, page: Path) -> dict:
    name = f"{run.seed}{'' if run.finished else ' (not finished)'}"
    link = _links(run, page).get("config.json")
    return {"name": name, "link": link, "label": f"settings of {interactive.run_title(run)}"}


def _links(run: tuple, page: Path) -> dict[str, str]:
    """Return what of a run's settings and versions there is to read."""
    paths = [run.path / name for name in ("config.json", "run.json", "score.json")]
    return {path.name: _link(path, page) for path in paths if path.exists()}


def _video(video: interactive.Video, page: Path) -> dict:
    path = video.path
    small = path.stat().st_size <= MOST_VIDEO_BYTES
    return {
        "title": interactive.run_title(video.run),
        "reduced": video.run.reduced and video.run.task in config.TASKS,
        "source": _inline(path.read_bytes(), "video/mp4") if small else _link(path, page),
        "end": _end(video.counters) if video.counters else "",
    }


def _end(counters: dict) -> str:
    """Return what the episode of a video came to."""
    pairs = zip(counters["cost_return"][-1], counters["cost_budget"], strict=True)
    costs = (f"cost {cost:g} of a budget of {budget:g}" for cost, budget in pairs)
    return ", ".join((f"return {counters['return'][-1]:z.2f}", *costs))


def _figure(path: Path, entry: Entry, page: Path) -> dict:
    """Return a figure as it was drawn: `<name of the entry>.png` or `<name>_<of what>.png`."""
    name = entry.name.replace("_", " ").capitalize()
    data = path.read_bytes()
    return {
        "title": f"{name}{_of_what(path.stem.removeprefix(entry.name).removeprefix('_'))}",
        "caption": entry.caption,
        "source": _inline(data, "image/png"),
        # A PNG's header has its width and height here, in pixels.
        "size": struct.unpack(">II", data[16:24]),
        "links": {
            suffix.upper(): _link(path.with_suffix(f".{suffix}"), page)
            for suffix in ("png", "pdf", "csv")
        },
    }


def _of_what(name: str) -> str:
    """Return the scale in a figure's name as people read it."""
    owner = next((owner for owner in ("ours", "shipped") if name.startswith(f"{owner}_")), "")
    preset = name.removeprefix(f"{owner}_")
    if preset not in config.PRESETS:
        return f", {name}" if name else ""
    scale = f"{preset} preset" + ("" if preset in COMPARABLE else " (reduced scale)")
    return f", {owner}: {scale}" if owner else f", {scale}"


def _inline(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _link(path: Path, page: Path) -> str:
    """Relative, so that the folder of results can be moved."""
    return quote(Path(os.path.relpath(path.resolve(), page)).as_posix())


def _hash(script: str) -> str:
    """By which the page's policy knows a script: no other one may run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _made_by(run: tuple) -> dict[str, str]:
    """Return what a run is and how it was made, as text by column; a dash for what no file says."""
    try:
        made = read_object(run.path / "run.json")
    except ValueError:
        made = {}
    parts = (made.get(name) for name in ("versions", "machine", "seconds"))
    versions, machine, seconds = (part if isinstance(part, dict) else {} for part in parts)
    packages = {"python": made.get("python")} | versions
    cores = f"{_text(machine, 'cores')} cores" if "cores" in machine else ""
    hardware = [_text(machine, "processor"), cores, _text(machine, "platform")]
    return {
        "preset": f"{run.preset}{' (shipped)' if run.source == 'shipped' else ''}",
        "algorithm": label(run.algorithm),
        "task": run.task,
        "seed": str(run.seed),
        "env steps": f"{run.env_steps:,.0f}" if run.finished else "not finished",
        "changed settings": ", ".join(run.changed) or "none",
        "started": _text(made, "started").replace("T", " ").replace("+00:00", " UTC"),
        "time": _duration(seconds),
        "commit": _text(made, "commit"),
        "versions": ", ".join(f"{name} {_text(packages, name)}" for name in packages),
        "machine": ", ".join(part for part in hardware if part not in ("", UNKNOWN)) or UNKNOWN,
    }


def _text(values: dict, name: str) -> str:
    found = values.get(name)
    return str(found) if isinstance(found, str | int | float) and found != "" else UNKNOWN


def _duration(seconds: dict) -> str:
    """Hours and minutes of all stages together."""
    known = [value for value in seconds.values() if isinstance(value, int | float)]
    if not known or not math.isfinite(sum(known)):
        return UNKNOWN
    hours, minutes = divmod(round(sum(known) / 60), 60)
    if hours or minutes:
        return f"{hours} h {minutes} min" if hours else f"{minutes} min"
    return f"{sum(known):.0f} s"
