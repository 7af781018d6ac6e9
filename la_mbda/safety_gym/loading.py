"""Imports MuJoCo, whatever MUJOCO_GL says: what draws nothing needs no GL library.

MuJoCo loads the library that MUJOCO_GL names as it is imported, and fails where that is missing.
Before the first image `rendering.py` says whether there is one, and what to install.
"""

import os


def _import_mujoco() -> None:
    names = ("MUJOCO_GL", "PYOPENGL_PLATFORM")  # MuJoCo sets the other one.
    before = {name: os.environ[name] for name in names if name in os.environ}
    try:
        import mujoco
    except Exception:  # PyOpenGL raises errors of many kinds.
        if "MUJOCO_GL" not in before:
            raise
        os.environ["MUJOCO_GL"] = "disabled"
        try:
            import mujoco  # noqa: F401
        finally:
            for name in names:
                os.environ.pop(name, None)
            os.environ |= before


_import_mujoco()
