"""Loading libraries without what they print meanwhile."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def without_native_messages() -> Iterator[None]:
    """Drop what C++ libraries write to stderr while they load, such as "no CUDA drivers"."""
    kept, silent = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silent)
