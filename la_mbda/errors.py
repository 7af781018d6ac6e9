"""The errors that a command expects, and what the writing of files does where the disk is full."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


class ExpectedError(ValueError):
    """What one of our own checks refuses: the message, one line, names the value and the fix.

    A command prints that line alone; every other error keeps its traceback.
    """


class BadEnvironmentError(ExpectedError):
    """An environment gave what nothing can be learnt from, or does not keep gymnasium's API."""


class EnvironmentFailedError(RuntimeError):
    """An environment's own code raised an error: this one says where, and has it as its cause."""


ENVIRONMENT_ERRORS = (BadEnvironmentError, EnvironmentFailedError)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Remove the file or folder that is being written where that fails, so that none is half done.

    Raises:
        ExpectedError: it cannot be written, as on a full disk.
    """
    try:
        yield
    except BaseException as error:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
        if isinstance(error, OSError):
            raise unwritable(path, error) from error
        raise


@contextmanager
def whole(path: Path, lasting: bool = True) -> Iterator[BinaryIO]:
    """Open a file beside a path, which it replaces once it is whole.

    Args:
        lasting: make sure that it outlives a failure of the machine too.

    Raises:
        ExpectedError: it cannot be written, as on a full disk; what was there still is.
    """
    partial = path.with_name(f"{path.name}.partial")
    with writing(partial):
        with partial.open("wb") as file:
            yield file
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)


class UnwritableError(ExpectedError):
    """A file or folder cannot be written, as on a full disk."""


def unwritable(path: Path, error: Exception) -> UnwritableError:
    """Say that Python (an OSError) or TensorFlow (an OpError) cannot write a path."""
    said = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
    reason = said.splitlines()[0].rpartition("; ")[2]
    return UnwritableError(f"cannot write {path} ({reason}): free some space, or mend the folder")


def check_writable(folder: Path) -> None:
    """Make sure that files can be written to a folder or, where there is none, beside it.

    The folder is not made, as something else may be wrong.

    Raises:
        ExpectedError: they cannot.
    """
    places = (folder, *folder.absolute().parents)
    try:
        with tempfile.TemporaryFile(dir=next(place for place in places if place.exists())):
            pass
    except OSError as error:
        raise ExpectedError(
            f"cannot write to {folder} ({error.strerror}): choose another folder"
        ) from error
