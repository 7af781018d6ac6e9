"""Imports point one way only (the house's dependency direction)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# What each room may import of the project, besides itself.
LEARNER_PARTS = {
    "config",
    "settings",
    "posterior",
    "randomness",
    "rssm",
    "replay",
    "swag",
    "world_model",
}
MODEL_PARTS = {"posterior", "rssm", "networks", "swag", "returns", "running_statistics", "replay"}
ALLOWED = {
    "la_mbda.validation": set(),
    "la_mbda.spaces": set(),
    "la_mbda.references": {"errors"},
    "la_mbda.algorithms": {"config", "references", "spaces", "validation"}
    | {"baselines", "model_based"},
    "la_mbda.settings": {"validation"},
    "la_mbda.posterior": {"randomness", "settings"},
    "la_mbda.config": {"algorithms", "errors", "settings", "validation"},
    "la_mbda.presets": {"algorithms", "config", "errors", "settings", "validation"},
    "la_mbda.randomness": set(),
    "la_mbda.returns": set(),
    "la_mbda.replay": set(),
    "la_mbda.running_statistics": set(),
    "la_mbda.networks": set(),
    "la_mbda.lagrangian": {"settings"},
    "la_mbda.rssm": {"networks", "settings"},
    "la_mbda.swag": {"randomness", "settings"},
    "la_mbda.actor_critic": {"networks", "settings"},
    "la_mbda.world_model": {"config", "randomness"} | MODEL_PARTS,
    "la_mbda.imagination": {"randomness", "rssm", "world_model"},
    "la_mbda.runs.files": set(),
    "la_mbda.runs.folder": {"config", "errors", "presets", "runs.files"},
    "la_mbda.video": {"config", "errors", "runs.folder"},
    "la_mbda.budget": set(),
    "la_mbda.runs.durations": {"algorithms", "config"},
    "la_mbda.runs.pace": set(),
    "la_mbda.runs.progress": {"budget", "config"},
    "la_mbda.runs.recorder": {
        "config",
        "runs.durations",
        "runs.pace",
        "runs.progress",
        "runs.folder",
    }
    | {"errors", "runs.loggers", "runs.tensorboard"},
    "la_mbda.runs.loggers": {"config", "references", "runs.files", "validation"}
    | {"runs.weights_and_biases"},
    "la_mbda.runs.tensorboard": {"errors"},
    "la_mbda.runs.weights_and_biases": {"config", "errors"},
    "la_mbda.runs.evaluator": {"algorithms", "config", "episodes", "runs.progress", "runs.recorder"}
    | {"runs.folder", "baselines", "model_based"},
    "la_mbda.foresight": {"episodes", "imagination", "model_based", "rssm"},
    "la_mbda.errors": set(),
    "la_mbda.checked": set(),
    "la_mbda.runs.outer_loop": {"baselines", "config", "model_based", "runs.checkpoint"}
    | {"runs.evaluator", "runs.folder", "runs.progress", "runs.recorder"}
    | {"runs.loggers", "runs.stopping"},
    "la_mbda.quiet": set(),
    "la_mbda.runs.stopping": set(),
    "la_mbda.runs.lock": set(),
    "la_mbda.runs.with_parent": set(),
    "la_mbda.runs.run": {"config", "runs.folder"},
    "la_mbda.runs.local": {"runs.folder", "runs.overview", "runs.run", "runs.stopping"},
    "la_mbda.runs.overview": {"config", "runs.durations", "runs.files", "runs.folder"}
    | {"runs.run"},
    "la_mbda.runs.on_ray": {
        "runs.lock",
        "runs.local",
        "runs.overview",
        "runs.run",
        "runs.stopping",
    },
    "la_mbda.model_based": LEARNER_PARTS,
    "la_mbda.agent": {"model_based", "imagination", "actor_critic", "lagrangian", "returns"}
    | LEARNER_PARTS,
    "la_mbda.cem_mpc": {"model_based", "imagination"} | LEARNER_PARTS,
    "la_mbda.open_loop": {"agent", "model_based", "imagination", "rssm"}
    | {"episodes", "replay", "runs.folder"},
    "la_mbda.bounds": {"agent", "episodes", "imagination", "rssm", "settings"},
}


def project_imports(path):
    """The project's modules that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in ("la_mbda", "plotting"))


@pytest.mark.parametrize("module", ALLOWED)
def test_rooms_import_only_what_they_may(module):
    path = REPOSITORY / f"{module.replace('.', '/')}.py"
    rooms = {room(name) for name in project_imports(path) if "." in name}
    assert rooms - {"errors", "runs"} <= ALLOWED[module]


def room(name):
    """The module of the library, or the one of what keeps runs, that a name lies in."""
    _, *parts = name.split(".")
    return ".".join(parts[:2] if parts[0] == "runs" else parts[:1])


def test_the_simulator_imports_nothing_of_the_library():
    for path in (REPOSITORY / "la_mbda" / "safety_gym").glob("*.py"):
        outside = [n for n in project_imports(path) if not n.startswith("la_mbda.safety_gym")]
        assert outside == [], path


def test_plotting_imports_nothing_but_what_says_settings_and_budgets_and_reads_files():
    light = ("algorithms", "budget", "config", "errors", "presets", "runs.files", "runs.folder")
    light = tuple(f"la_mbda.{name}" for name in light)
    for path in (REPOSITORY / "plotting").glob("*.py"):
        names = [name for name in project_imports(path) if name.startswith("la_mbda.")]
        assert all(name.startswith(light) for name in names if name != "la_mbda.runs"), path


def test_the_library_does_not_import_commands_or_plots():
    for path in (REPOSITORY / "la_mbda").rglob("*.py"):
        assert not any(name.startswith("plotting") for name in project_imports(path)), path


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("la_mbda", "tensorflow"),
        ("la_mbda.config", "tensorflow"),
        ("la_mbda.safety_gym", "tensorflow"),
        ("la_mbda.runs.overview", "tensorflow"),
        ("la_mbda.api", "tensorflow"),
        ("la_mbda.runs.loggers", "tensorflow"),
        ("la_mbda.runs.weights_and_biases", "wandb"),
        ("la_mbda.runs.on_ray", "tensorflow"),
        ("la_mbda.runs.on_ray", "ray"),
    ],
)
def test_light_modules_load_nothing_heavy(module, absent):
    code = f"import sys, {module}; sys.exit({absent!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
