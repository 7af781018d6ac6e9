"""Commands in locales that lack δ and λ, and files that are UTF-8 whatever the locale."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
COMMANDS = ["experiments/train.py", "experiments/sg6.py", "plotting/figures.py"]
HELP = {"plotting/figures.py": "--help"}
LOCALES = {
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("locale", LOCALES)
def test_help_in_every_locale(command, locale):
    done = subprocess.run(
        [sys.executable, REPOSITORY / command, HELP.get(command, "--help-all")],
        env=os.environ | LOCALES[locale],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"usage:" in done.stdout


def test_figures_in_a_plain_locale(tmp_path):
    done = subprocess.run(
        [sys.executable, REPOSITORY / "plotting" / "figures.py", tmp_path],
        env=os.environ | LOCALES["C"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "report" / "index.html").read_text(encoding="utf-8").isascii()


def text_files(path):
    """The calls in a file that open text, and whether each names its encoding."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        words = {word.arg for word in node.keywords}
        first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else "r"
        if name in ("read_text", "write_text") or (name == "open" and "b" not in str(first)):
            yield node, "encoding" in words
        elif name in ("run", "Popen"):
            yield node, not words & {"text", "universal_newlines"}


@pytest.mark.parametrize("folder", ["la_mbda", "experiments", "plotting"])
def test_text_is_utf_8(folder):
    for path in (REPOSITORY / folder).rglob("*.py"):
        for node, named in text_files(path):
            bare = ast.unparse(node.func) == "os.open"
            assert named or bare, f"{path}:{node.lineno} opens text without encoding='utf-8'"
