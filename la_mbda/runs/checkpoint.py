"""Atomic save and restore of a run: TensorFlow variables and a JSON manifest, in one folder.

A checkpoint is written beside the earlier ones under a temporary name, flushed to disk, and only
then renamed; the last two are kept, and none that a run has gone back behind. Its manifest holds
the checksum of every other file, so a damaged checkpoint is found out and the one before it is
used.
"""

import contextlib
import hashlib
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import tensorflow as tf

from la_mbda.errors import ExpectedError, unwritable, writing
from la_mbda.runs.folder import flush, read_json, write_json

Progress = TypeVar("Progress")

KEPT = 2
MANIFEST = "manifest.json"
REPLACED = ".replaced"
"""What the name of a checkpoint ends with while a newer one of the same step takes its place."""
_STATE = "state.json"
_VARIABLES = "variables"
_OF_PATTERNS = frozenset("*?[\\")
"""Characters that TensorFlow does not take as they stand in the path of what it reads."""


def save(folder: Path, variables: tf.Module, state: dict, step: int) -> None:
    """Save all variables below a module and a state of plain JSON values.

    Args:
        step: what orders the checkpoints, and names this one.

    Raises:
        ValueError: it cannot be written, as on a full disk; the earlier ones are as they were.
    """
    folder.mkdir(exist_ok=True)
    partial = folder / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    with writing(partial):
        partial.mkdir()
        try:
            tf.train.Checkpoint(root=variables).write(str(partial / _VARIABLES))
        except tf.errors.OpError as error:
            raise unwritable(partial, error) from error
        write_json(partial / _STATE, state)
        checksums = {path.name: _checksum(path) for path in sorted(partial.iterdir())}
        write_json(partial / MANIFEST, checksums)
        for path in (*partial.iterdir(), partial):
            flush(path)
    final = folder / f"step_{step:012d}"
    if final.exists():
        replaced = final.with_suffix(REPLACED)
        shutil.rmtree(replaced, ignore_errors=True)
        final.rename(replaced)  # Killed here, a run resumes from that one.
    partial.rename(final)
    flush(folder)
    # Later ones are of what was undone, or of final episodes before the run was trained further.
    later = [path for path in _all(folder) if path.name > final.name]
    for other in (*later, *_all(folder)[: -KEPT - len(later)]):
        shutil.rmtree(other)


def restore(folder: Path, variables: tf.Module) -> dict | None:
    """Restore the newest undamaged checkpoint into a module and return its state.

    Returns None where there is no checkpoint at all.

    Raises:
        ValueError: there are checkpoints and every one is damaged, or one that is whole cannot be
            read into the module, as it is of another version.
    """
    paths = _all(folder)
    problems = []
    for path in reversed(paths):
        try:
            _verify(path)
        except ValueError as error:
            warnings.warn(f"checkpoint {path} is not usable ({error})", stacklevel=2)
            problems.append(path.name)
        else:
            _read(path, variables)
            return read_json(path / _STATE)
    if problems:
        raise ExpectedError(
            f"no checkpoint in {folder} is usable ({', '.join(problems)}): they are damaged; "
            "remove the folder of the run to start it anew"
        )
    return None


def _read(path: Path, variables: tf.Module) -> None:
    """Read a whole checkpoint, never to go back to an older one: that would undo what is saved."""
    try:
        with _without_patterns(path) as plain:
            checkpoint = tf.train.Checkpoint(root=variables)
            checkpoint.read(str(plain / _VARIABLES)).assert_consumed()
    except (ValueError, AssertionError, tf.errors.OpError) as error:
        raise ExpectedError(
            f"checkpoint {path} is whole, but not what this version of la_mbda reads ({error}): "
            "go on with the version that wrote it (run.json names its commit), or choose other "
            "--results"
        ) from error


@contextlib.contextmanager
def _without_patterns(path: Path) -> Iterator[Path]:
    """Name the same folder without a pattern; TensorFlow looks for a match of names."""
    if _OF_PATTERNS.isdisjoint(str(path)):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / path.name
        link.symlink_to(path.absolute(), target_is_directory=True)
        yield link


def as_progress(kind: type[Progress], state: dict, folder: Path) -> Progress:
    """Return a restored state as the dataclass that it was made of.

    Raises:
        ValueError: it has fields that the dataclass has not.
    """
    try:
        return kind(**state)
    except TypeError as error:
        raise ExpectedError(
            f"the checkpoint in {folder} is of another version of la_mbda ({error}): go on with "
            "that one (run.json names its commit), or choose other --results"
        ) from error


def _all(folder: Path) -> list[Path]:
    """Return checkpoints by age."""
    found = [path for path in folder.glob("step_*") if (path / MANIFEST).exists()]
    return sorted(found, key=lambda path: (path.stem, path.suffix != REPLACED))


def _verify(path: Path) -> None:
    checksums = read_json(path / MANIFEST)
    names = {file.name for file in path.iterdir()} - {MANIFEST}
    if checksums.keys() != names:
        raise ExpectedError(f"{path} does not hold the files that its {MANIFEST} lists")
    for name, checksum in checksums.items():
        if _checksum(path / name) != checksum:
            raise ExpectedError(f"{path / name} is damaged")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
