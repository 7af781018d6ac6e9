"""Fixtures that several test files share."""

import json
import os
from pathlib import Path

import pytest

from la_mbda.runs.local import threads  # Before TensorFlow, which la_mbda tells how to load.

if "PYTEST_XDIST_WORKER" in os.environ:  # As many processes as cores test side by side.
    os.environ.update(threads(1))


@pytest.fixture(scope="session")
def golden():
    """Values computed independently, in float32, by another implementation of the formulas."""
    return json.loads((Path(__file__).parent / "data" / "golden.json").read_text())
