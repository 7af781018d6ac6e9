"""The errors with which commands end that need no TensorFlow."""

import subprocess
import sys
from pathlib import Path

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
# As if it were not installed: loading it ends the command otherwise than the messages below say.
WITHOUT_TENSORFLOW = (
    "import runpy, sys; sys.modules['tensorflow'] = None; sys.path.insert(0, {folder!r}); "
    "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
)


def refusal(script, *arguments):
    """The one line with which a command ends."""
    code = WITHOUT_TENSORFLOW.format(folder=str(EXPERIMENTS))
    command = [sys.executable, "-c", code, str(EXPERIMENTS / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr
