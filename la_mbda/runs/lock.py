"""One process at a time trains a run: it holds the lock of a file in the run's folder.

The system lets go of the lock when the process ends, however it ends. On a shared folder the lock
holds between machines too (NFS 4 and most cluster file systems), so a run that looked lost with its
machine, and was not, is never written by two.
"""

import fcntl
import os
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from la_mbda.errors import ExpectedError

LOCK = "lock"
_PAUSE = 0.1


@contextmanager
def locked(path: Path, patience: float = 5.0) -> Iterator[None]:
    """Hold the lock of a run folder, which is made where there is none.

    Args:
        patience: seconds to wait for a process that only looks, or is just ending.

    Raises:
        ValueError: another process trains the run; or the folder cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        file = (path / LOCK).open("a+", encoding="utf-8", errors="replace")
    except OSError as error:
        raise ExpectedError(f"cannot write to {path} ({error}): choose other --results") from error
    with file:
        _acquire(file, path, time.monotonic() + patience)
        file.truncate(0)
        print(f"process {os.getpid()} on {socket.gethostname()}", file=file, flush=True)
        yield


def _acquire(file, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.seek(0)
                raise ExpectedError(
                    f"another process trains {path} ({file.read().strip()}): wait for its end or "
                    "stop it"
                ) from None
            time.sleep(_PAUSE)
        except OSError as error:  # Some file systems have no locks, and one process needs none.
            warnings.warn(f"{path} cannot be locked ({error}): start no run twice", stacklevel=3)
            return


def is_locked(path: Path) -> bool:
    """Return whether a process, on whatever machine, trains the run of a folder now."""
    try:
        with (path / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
