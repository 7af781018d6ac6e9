"""Fixtures that several test files share."""

import json
from pathlib import Path

import pytest

from la_mbda import command_line

command_line.prepare_tensorflow()


@pytest.fixture(scope="session")
def golden():
    """Values computed independently, in float32, by another implementation of the formulas."""
    return json.loads((Path(__file__).parent / "data" / "golden.json").read_text())
