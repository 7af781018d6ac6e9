"""The wheel: it holds the library whole and nothing else, and works outside the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import la_mbda

REPOSITORY = Path(__file__).resolve().parents[1]
IMPORT_ALL = """
import importlib, pkgutil, sys
import la_mbda
names = [m.name for m in pkgutil.walk_packages(la_mbda.__path__, "la_mbda.")]
for name in names:
    if name != "la_mbda.runs.with_parent.__main__":
        importlib.import_module(name)
outside = [n for n in names if not sys.modules[n].__file__.startswith(sys.argv[1])]
print(len(names), outside)
"""
SIMULATOR_ALONE = """
import sys
for name in ("tensorflow", "keras", "tensorflow_probability", "tyro", "tqdm", "joblib", "imageio",
             "PIL", "matplotlib", "plotly", "jinja2", "scipy", "pandas"):
    sys.modules[name] = None
import gymnasium
env = gymnasium.make("la_mbda.safety_gym:Safexp-PointGoal1-v0")
observation, _ = env.reset(seed=0)
observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
print(observation.shape, info["cost"])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, as building leaves files beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(REPOSITORY / "la_mbda", source / "la_mbda")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(REPOSITORY / name, source / name)
    pip("wheel", "--no-build-isolation", "--wheel-dir", folder, source)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder that it is installed into, without what it depends on."""
    folder = tmp_path_factory.mktemp("site")
    pip("install", "--target", folder, wheel)
    return folder


def pip(command, *arguments):
    """Runs pip without its index."""
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    line = [sys.executable, "-m", "pip", command, *options, *map(str, arguments)]
    subprocess.run(line, check=True, capture_output=True)


def python(installed, *arguments, check=True):
    """Runs Python outside the checkout, with the installed library before the checkout's."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=installed,
        env=os.environ | {"PYTHONPATH": str(installed), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=check,
    )


def test_it_holds_the_library_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {
        "la_mbda",
        f"la_mbda-{la_mbda.__version__}.dist-info",
    }
    modules = {str(p.relative_to(REPOSITORY)) for p in (REPOSITORY / "la_mbda").rglob("*.py")}
    assert modules | {"la_mbda/py.typed"} == {n for n in names if n.startswith("la_mbda/")}


def test_every_module_imports_outside_the_checkout(installed):
    count, outside = python(installed, "-c", IMPORT_ALL, installed).stdout.split(maxsplit=1)
    assert int(count) > 50
    assert outside.strip() == "[]"


def test_the_simulator_needs_no_more_than_its_three_packages(installed):
    assert python(installed, "-c", SIMULATOR_ALONE).stdout == "(60,) 0.0\n"


def test_the_console_command(installed):
    script = installed / "bin" / "la-mbda"
    done = python(installed, script, "train", "--task", "PointGoal9", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("la-mbda: error: unknown task 'PointGoal9': did you mean")
    done = python(installed, script, "trian", check=False)
    assert done.stderr == "la-mbda: error: unknown command 'trian': did you mean 'train'?\n"
    assert "--sampled" in python(installed, script, "evaluate", "--help").stdout


def test_a_python_without_the_packages_is_told_which_one_has_them(tmp_path):
    """An isolated one (-I -S) sees no installed packages, as another Python does not."""
    script = REPOSITORY / "experiments" / "train.py"
    code = f"import sys; sys.path.insert(0, {str(script.parent)!r}); import checkout"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "has no la_mbda, numpy" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert f"run this by {REPOSITORY / '.venv' / 'bin' / 'python'}" in done.stderr


def test_figures_say_the_same():
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(REPOSITORY / "plotting" / "figures.py"), "results"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"figures.py: error: {sys.executable} has no la_mbda: run this ")
    assert len(done.stderr.splitlines()) == 1
