"""What the commands' help shows."""

import re
import shlex
import subprocess
import sys

import pytest

from experiments.sg6 import SweepArguments
from la_mbda import command_line
from la_mbda.commands.train import TrainArguments
from la_mbda.config import GROUP_OF

BESIDES = {
    TrainArguments: ({"results", "name", "track", "task", "algorithm", "preset", "seed"}, "cpu"),
    SweepArguments: (
        {"results", "name", "track", "tasks", "algorithms", "preset", "seeds", "jobs", "index"}
        | {"backend"},
        "quick",
    ),
}


def shown(kind, capsys, *options):
    """The options that help names, with the default of each."""
    with pytest.raises(SystemExit) as ended:
        command_line.parse(kind, options, BESIDES[kind][1], "PointGoal1")
    assert ended.value.code == 0
    text = re.sub(r"[│\s]+", " ", capsys.readouterr().out).split("show this help message")[1]
    found = re.findall(r" --([a-z][a-z-]+)(?:,| [A-Z{[]).*?\(default: ([^)]*)\)", text)
    return {name.replace("-", "_"): default for name, default in found}


@pytest.mark.parametrize("kind", BESIDES)
def test_help_shows_what_a_newcomer_needs_first_and_help_all_everything(kind, capsys):
    besides, preset = BESIDES[kind]
    first = shown(kind, capsys, "--help")
    assert set(first) == besides | set(command_line.FIRST)
    assert first["env_steps"] == {"cpu": "1000000", "quick": "8000"}[preset]
    everything = shown(kind, capsys, "--help-all", "--preset", "paper")
    assert set(everything) == besides | set(GROUP_OF)
    assert everything["env_steps"] == "1000000"
    assert everything["deterministic_size"] == "200"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_end_no_command(closed, tmp_path):
    script = tmp_path / "command.py"
    script.write_text(
        "import os, sys\n"
        "from la_mbda import command_line\n"
        "def main(_):\n"
        "    os.dup(2)\n"
        "    print('told', flush=True)\n"
        "    sys.stderr.flush()\n"
        "    return 7\n"
        "command_line.run(main)\n"
    )
    command = f"exec {shlex.quote(sys.executable)} {shlex.quote(str(script))} {closed}"
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 7
