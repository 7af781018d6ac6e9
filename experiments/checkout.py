"""Imported first by every script: ends one that runs by a Python without its packages."""

import importlib.util
import sys
from pathlib import Path

PACKAGES = ("la_mbda", "numpy", "mujoco", "gymnasium", "tyro", "tqdm")


def check() -> None:
    """Make sure that this Python has the packages, or say in one line which one does."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        python = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"
        sys.exit(
            f"{Path(sys.argv[0]).name}: error: {sys.executable} has no {', '.join(missing)}: run "
            f"this by {python}, which bash experiments/install.sh makes"
        )


check()
