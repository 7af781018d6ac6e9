"""The shell scripts, in a small repository of their own that installs without a network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
# An editable installation by hand, as setuptools would have to be downloaded.
BACKEND = """
import pathlib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "small-0-py3-none-any.whl"
    info = "small-0.dist-info/"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.writestr("small.pth", str(pathlib.Path.cwd()))
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: small\\nVersion: 0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The repository, with scripts that are ours and a plan that only says where it is."""
    path = tmp_path_factory.mktemp("work") / "small"
    (path / "experiments").mkdir(parents=True)
    (path / "la_mbda" / "safety_gym").mkdir(parents=True)
    for name in ("install.sh", "run_sg6.sh"):
        shutil.copy(REPOSITORY / "experiments" / name, path / "experiments")
    (path / "requirements.txt").write_text("")
    (path / "pyproject.toml").write_text(PROJECT)
    (path / "backend.py").write_text(BACKEND)
    (path / "la_mbda" / "safety_gym" / "__init__.py").write_text("def check_gl(): pass\n")
    (path / "experiments" / "sg6.py").write_text(
        "import sys, la_mbda\nprint('planned', la_mbda.__path__[0], *sys.argv[1:])\n"
    )
    return path


def run(*command, cwd, **variables):
    python = f"{Path(sys.executable).resolve().parent}:"  # One that is new enough.
    ours = ("PYTHONPATH", "SLURM_SUBMIT_DIR", "PBS_O_WORKDIR", "CDPATH")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"PATH": python + os.environ["PATH"]} | variables
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def without_pip(venv):
    """What a first `python -m venv` leaves where it cannot install pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)


def dangling(venv):
    """What an upgrade of the system's Python leaves."""
    without_pip(venv)
    for name in ("python", "python3"):
        (venv / "bin" / name).unlink()
        (venv / "bin" / name).symlink_to("/no/such/python3.11")


@pytest.mark.parametrize("break_off", [without_pip, dangling])
def test_a_half_made_environment_is_made_anew(small, break_off):
    shutil.rmtree(small / ".venv", ignore_errors=True)
    break_off(small / ".venv")
    (small / ".venv" / "installed.txt").write_text("")  # Nothing but the mark would say so.
    done = run("bash", "experiments/install.sh", cwd=small)
    assert done.returncode == 0, done.stderr
    python = small / ".venv" / "bin" / "python"
    assert run(python, "-c", "import pip, la_mbda", cwd="/").returncode == 0
    again = run("bash", "experiments/install.sh", cwd=small)
    assert (again.returncode, again.stdout) == (0, "")


@pytest.fixture(scope="module")
def installed(small):
    done = run("bash", "experiments/install.sh", cwd=small)
    assert done.returncode == 0, done.stderr
    return small


def planned(path):
    return f"planned {path / 'la_mbda'} --seeds 0\n"


def test_a_search_path_of_cd_changes_nothing(installed):
    """CDPATH makes cd print, and go elsewhere where there is such a folder."""
    elsewhere = installed.parent / "elsewhere"
    (elsewhere / "experiments").mkdir(parents=True)
    for variables in ({"CDPATH": str(installed)}, {"CDPATH": str(elsewhere)}):
        command = ("bash", "experiments/run_sg6.sh", "--seeds", "0")
        done = run(*command, cwd=installed, **variables)
        assert (done.returncode, done.stdout) == (0, planned(installed)), done.stderr
        done = run(
            *("bash", f"{installed.name}/experiments/run_sg6.sh", "--seeds", "0"),
            cwd=installed.parent,
            CDPATH=str(installed.parent),
        )
        assert (done.returncode, done.stdout) == (0, planned(installed)), done.stderr


def test_a_cluster_runs_a_copy_of_the_script(installed, tmp_path):
    copy = tmp_path / "spool" / "job00007" / "slurm_script"
    copy.parent.mkdir(parents=True)
    shutil.copy(installed / "experiments" / "run_sg6.sh", copy)
    command = ("bash", copy, "--seeds", "0")
    for folder in (installed, installed / "experiments"):
        for done in (
            run(*command, cwd=folder),
            run(*command, cwd=tmp_path, PBS_O_WORKDIR=str(installed)),
            run(*command, cwd=tmp_path, SLURM_SUBMIT_DIR=str(installed)),
        ):
            assert (done.returncode, done.stdout) == (0, planned(installed)), done.stderr
    lost = run(*command, cwd=tmp_path)
    assert lost.returncode == 1
    assert "submit it from the repository's folder" in lost.stderr


def test_no_script_goes_by_a_search_path():
    for script in [*(REPOSITORY / "experiments").glob("*.sh"), REPOSITORY / ".ci" / "run"]:
        text = script.read_text(encoding="utf-8")
        assert "cd " not in text or text.index("unset CDPATH") < text.index('cd "'), script
