"""Fixtures that several test files share."""

import json
import os
from pathlib import Path

import pytest

import la_mbda  # noqa: F401 (before TensorFlow, which it tells how to load)
from la_mbda.sweep import threads

if "PYTEST_XDIST_WORKER" in os.environ:  # As many processes as cores test side by side.
    os.environ.update(threads(1))


@pytest.fixture(scope="session")
def golden():
    """Values computed independently, in float32, by another implementation of the formulas."""
    return json.loads((Path(__file__).parent / "data" / "golden.json").read_text())
