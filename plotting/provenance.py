"""What a run's `run.json` says of how it was made: versions, commit, machine, dates."""

import math

from la_mbda import config
from la_mbda.run_files import read_object
from plotting.results import Run

UNKNOWN = "–"


def made_by(run: Run) -> dict[str, str]:
    """A row of text about a run, by column; a dash for what its files do not say."""
    try:
        made = read_object(run.path / "run.json")
    except ValueError:
        made = {}
    versions, machine = _object(made, "versions"), _object(made, "machine")
    packages = {"python": made.get("python")} | versions
    cores = f"{_text(machine, 'cores')} cores" if "cores" in machine else ""
    hardware = [_text(machine, "processor"), cores, _text(machine, "platform")]
    return {
        "preset": f"{run.preset}{' (shipped)' if run.shipped else ''}",
        "algorithm": config.ALGORITHMS[run.algorithm],
        "task": run.task,
        "seed": str(run.seed),
        "env steps": f"{run.score.env_steps:,.0f}" if run.score else "not finished",
        "changed settings": ", ".join(run.changed) or "none",
        "started": _text(made, "started").replace("T", " ").replace("+00:00", " UTC"),
        "time": _duration(_object(made, "seconds")),
        "commit": _text(made, "commit"),
        "versions": ", ".join(f"{name} {_text(packages, name)}" for name in packages),
        "machine": ", ".join(part for part in hardware if part not in ("", UNKNOWN)) or UNKNOWN,
    }


def _object(values: dict, name: str) -> dict:
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _text(values: dict, name: str) -> str:
    found = values.get(name)
    return str(found) if isinstance(found, str | int | float) and found != "" else UNKNOWN


def _duration(seconds: dict) -> str:
    """Hours and minutes of all stages together."""
    known = [value for value in seconds.values() if isinstance(value, int | float)]
    if not known or not math.isfinite(sum(known)):
        return UNKNOWN
    minutes = round(sum(known) / 60)
    if minutes == 0:
        return f"{sum(known):.0f} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
