"""Lets TensorFlow be imported after an image was drawn.

Mesa's software GL and TensorFlow each bring an LLVM. Once Mesa's is loaded, TensorFlow's library
would call into it in place of its own, and crash the process. So it is loaded such that it prefers
its own symbols (RTLD_DEEPBIND), in that case alone.
"""

import contextlib
import ctypes
import importlib.machinery
import os
import sys
from pathlib import Path

_LIBRARY = Path("python") / "lib_pywrap_tensorflow_common.so"


class _BeforeTensorFlow:
    """Asked where a module lies, as all of `sys.meta_path` are, it leaves the answer to others."""

    def find_spec(self, name: str, path=None, target=None) -> None:
        if name != "tensorflow":
            return
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.submodule_search_locations:
            for folder in spec.submodule_search_locations:
                with contextlib.suppress(OSError):  # Another version has it elsewhere.
                    ctypes.CDLL(str(Path(folder) / _LIBRARY), os.RTLD_NOW | os.RTLD_DEEPBIND)


_FINDER = _BeforeTensorFlow()


def prepare_for_tensorflow() -> None:
    """Prepare, with a GL context there; do nothing where TensorFlow is, or Mesa's LLVM is not.

    Nor does it where other libraries are preloaded: an allocator would not go with it.
    """
    if "tensorflow" in sys.modules or _FINDER in sys.meta_path or os.environ.get("LD_PRELOAD"):
        return
    if hasattr(os, "RTLD_DEEPBIND") and _is_loaded("libLLVM"):
        sys.meta_path.insert(0, _FINDER)


def _is_loaded(library: str) -> bool:
    try:
        return library in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
