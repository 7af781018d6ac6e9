"""The report: RESULTS/report/index.html, one page that needs no network.

It holds the tables and figures that were drawn, interactive learning curves, videos of evaluation
episodes beside their costs so far, and what ran with which settings and versions.
"""

import base64
import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import jinja2
from plotly.offline import get_plotlyjs

from la_mbda import config
from plotting import films, interactive
from plotting.drawing import BUDGET_COLOUR, Outcome, train_command
from plotting.provenance import made_by
from plotting.results import COMPARABLE, Results, Run, Scores
from plotting.table import Table
from plotting.tables import scale_of

PAGE = Path(__file__).with_name("page")
# A larger video is linked, so that the page stays quick to open.
MOST_VIDEO_BYTES = 4_000_000
CAPTIONS = {
    1: "SG6 averages, scaled so that the best algorithm has 1 and the worst 0",
    2: "The six tasks",
    3: "What each posterior draw expects of the policy, and the draws that the bounds choose",
    4: "Normalised scores of each task",
    5: "LAMBDA and Unsafe LAMBDA on PointGoal2",
    6: "Learning curves",
    7: "Environment steps to LAMBDA's final return",
    8: "The solid and the transparent box",
    9: "PointPush1 with the solid and with the transparent box",
    10: "LAMBDA and Unsafe LAMBDA",
    11: "LAMBDA and CEM-MPC",
    12: "LAMBDA and Greedy LAMBDA",
    13: "The computation graph, and where its gradients are cut",
}


def write_report(
    folder: Path,
    results: Results,
    published: dict[str, Scores],
    tables: Sequence[Table],
    drawn: Outcome,
) -> Path:
    """Writes the page; returns its path.

    Args:
        folder: of results, below which the page lies.
        tables: to be shown, in their order.
        drawn: the figures to be shown, what a reader could misread, and what is missing.

    Raises:
        OSError: the folder cannot be written to.
    """
    path = folder / "report" / "index.html"
    path.parent.mkdir(exist_ok=True)
    page = path.parent.resolve()
    found, problems = films.find_films(results.runs)
    panels = interactive.panels(results.runs, published)
    scripts = [get_plotlyjs()] if panels else []
    scripts.append((PAGE / "page.js").read_text(encoding="utf-8"))
    text = _template().render(
        style=(PAGE / "style.css").read_text(encoding="utf-8"),
        budget_colour=BUDGET_COLOUR,
        scripts=scripts,
        hashes=[_hash(script) for script in scripts],
        groups=list(_groups(results.runs, page)),
        how_to_train=train_command(folder),
        tables=tables,
        panels=panels,
        films=[_film(film, page) for film in found],
        counters=[film.counters for film in found],
        unfilmed=films.unfilmed(results.runs, found),
        film_command=films.command,
        film_title=films.title,
        figures=sorted((_figure(file, page) for file in drawn.files), key=lambda f: f["number"]),
        notes=drawn.notes,
        missing=[*results.warnings, *problems, *drawn.missing],
        runs=[made_by(run) | {"links": _links(run, page)} for run in results.runs],
    )
    path.write_text(text, encoding="utf-8", errors="replace")
    return path


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


def _groups(runs: Sequence[Run], page: Path) -> Iterator[dict]:
    """Runs of one preset, trained here or shipped: their scale, and seeds by task and algorithm."""
    for key in dict.fromkeys((run.preset, run.shipped) for run in runs):
        own = [run for run in runs if (run.preset, run.shipped) == key]
        algorithms = [a for a in config.ALGORITHMS if any(a == run.algorithm for run in own)]
        rows = []
        for task in dict.fromkeys(run.task for run in own):
            cells = [[r for r in own if (r.task, r.algorithm) == (task, a)] for a in algorithms]
            rows.append((task, [[_seed(run, page) for run in cell] for cell in cells]))
        yield {
            "scale": scale_of(own),
            "reduced": not all(run.comparable for run in own),
            "runs": len(own),
            "finished": sum(run.score is not None for run in own),
            "algorithms": [config.ALGORITHMS[algorithm] for algorithm in algorithms],
            "rows": rows,
        }


def _seed(run: Run, page: Path) -> dict:
    name = f"{run.seed}{'' if run.score else ' (not finished)'}"
    link = _links(run, page).get("config.json")
    return {"name": name, "link": link, "label": f"settings of {films.title(run)}"}


def _links(run: Run, page: Path) -> dict[str, str]:
    """What of a run's settings and versions there is to read."""
    paths = [run.path / name for name in ("config.json", "run.json", "score.json")]
    return {path.name: _link(path, page) for path in paths if path.exists()}


def _film(film: films.Film, page: Path) -> dict:
    small = film.path.stat().st_size <= MOST_VIDEO_BYTES
    return {
        "title": films.title(film.run),
        "reduced": not film.run.comparable,
        "source": _inline(film.path.read_bytes(), "video/mp4") if small else _link(film.path, page),
        "end": _end(film.counters) if film.counters else "",
    }


def _end(counters: dict) -> str:
    """What a filmed episode came to."""
    pairs = zip(counters["cost_return"][-1], counters["cost_budget"], strict=True)
    costs = (f"cost {cost:g} of a budget of {budget:g}" for cost, budget in pairs)
    return ", ".join((f"return {counters['return'][-1]:z.2f}", *costs))


def _figure(path: Path, page: Path) -> dict:
    """A figure as `save` wrote it: `figure_<number>.png` or `figure_<number>_<of what>.png`."""
    number, *words = path.stem.removeprefix("figure_").split("_")
    data = path.read_bytes()
    return {
        "number": int(number),
        "title": f"Figure {number}{_of_what('_'.join(words))}",
        "caption": CAPTIONS[int(number)],
        "source": _inline(data, "image/png"),
        # A PNG's header has its width and height here, in pixels.
        "size": struct.unpack(">II", data[16:24]),
        "links": {
            suffix.upper(): _link(path.with_suffix(f".{suffix}"), page)
            for suffix in ("png", "pdf", "csv")
        },
    }


def _of_what(name: str) -> str:
    """The scale in a figure's name as people read it."""
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
