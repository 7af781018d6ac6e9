"""Pictures through MuJoCo's renderer, on a GPU or on Mesa in software.

A GL context is slow to make and holds the textures of a task's model, so all environments of a task
in a process share one.
"""

import atexit
import ctypes.util
import os
import sys
import warnings

import mujoco
import numpy as np

# Mesa in software: pictures this small take longer to share out among threads than to draw, and a
# forked process, where those threads are missing, would wait for them for ever.
os.environ.setdefault("LP_NUM_THREADS", "0")

# Antialiasing samples, whether the floor reflects, and rings of triangles along a round geom.
# `smooth` is what the paper's agents saw; `fast` takes a third of its time and differs by some 2 of
# 255 on average; `clear` is for people, who miss no reflections: half of smooth's time.
QUALITIES = {"fast": (0, False, 8), "clear": (4, False, 8), "smooth": (4, True, 16)}

_PACKAGES = "libegl1 libgl1 libgl1-mesa-dri"


def check_gl() -> None:
    """Makes sure that pictures can be drawn.

    Raises:
        RuntimeError: no GL library loads; the message names the packages to install.
    """
    _make_context(16, 16).free()


def _make_context(width: int, height: int):
    """An off-screen GL context: EGL where there is one, else OSMesa.

    Raises:
        RuntimeError: neither loads.
    """
    if sys.modules.get("tensorflow.python.pywrap_dlopen_global_flags") is not None:
        warnings.warn(
            "TensorFlow was imported before la_mbda: Mesa's software GL may crash. Import la_mbda "
            "first",
            stacklevel=2,
        )
    # MuJoCo's own choice, made when it is imported, falls on GLFW, which needs a screen.
    libraries = {"egl": "EGL", "osmesa": "OSMesa"}
    wanted = os.environ.get("MUJOCO_GL", "").lower()
    names = [wanted] if wanted in libraries else list(libraries)
    problems = []
    for name in names:
        if ctypes.util.find_library(libraries[name]) is None:
            problems.append(f"lib{libraries[name]} is not installed")
            continue
        try:
            return _load(name, width, height)
        except Exception as error:  # PyOpenGL raises errors of many kinds.
            problems.append(f"{name}: {error}")
    raise RuntimeError(
        f"no GL library to draw with ({'; '.join(problems)}): apt-get install {_PACKAGES}"
    )


def _load(name: str, width: int, height: int):
    """PyOpenGL binds to one platform in a process, the first that is asked for."""
    if name == "egl":
        from mujoco.egl import GLContext
    else:
        from mujoco.osmesa import GLContext
    context = GLContext(width, height)
    context.make_current()
    return context


class Renderer:
    """Draws worlds of one model at one size."""

    def __init__(self, model: mujoco.MjModel, width: int, height: int, quality: str):
        """Args: quality: one of `QUALITIES`."""
        samples, reflection, stacks = QUALITIES[quality]
        self._context = _make_context(width, height)
        settings = model.vis.quality
        before = settings.offsamples, settings.numstacks
        settings.offsamples, settings.numstacks = samples, stacks
        self._resources = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        settings.offsamples, settings.numstacks = before
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._resources)
        self._scene = mujoco.MjvScene(model, maxgeom=200)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = reflection
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = 1
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._viewport = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.zeros((height, width, 3), np.uint8)

    def render(self, model: mujoco.MjModel, data: mujoco.MjData, camera: str) -> np.ndarray:
        """A picture `[height, width, 3]` uint8, upright."""
        self._context.make_current()
        self._camera.fixedcamid = model.camera(camera).id
        opacity = model.geom_rgba[:, 3]
        aspect = self._viewport.width / self._viewport.height
        hidden = _unseen(model, data, self._camera.fixedcamid, aspect)
        kept = opacity[hidden]
        opacity[hidden] = 0.0  # MuJoCo leaves out what is wholly transparent.
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(
            model, data, self._option, None, self._camera, everything, self._scene
        )
        opacity[hidden] = kept
        mujoco.mjr_render(self._viewport, self._scene, self._resources)
        mujoco.mjr_readPixels(self._pixels, None, self._viewport, self._resources)
        return self._pixels[::-1].copy()

    def close(self) -> None:
        """Frees the GL context and all that it holds."""
        self._context.make_current()
        self._resources.free()
        self._context.free()


def _unseen(model: mujoco.MjModel, data: mujoco.MjData, camera: int, aspect: float) -> np.ndarray:
    """Which geoms `[geoms]` lie wholly outside a camera's view, and their mirror images too.

    The floor, at height 0, may reflect. A plane has no bounds and is always seen.
    """
    up = np.tan(np.deg2rad(model.cam_fovy[camera]) / 2.0)
    right = up * aspect
    # The view's sides by normals that point into it; a camera looks along its -z.
    normals = np.array(
        [[0, 0, -1], [1, 0, -right], [-1, 0, -right], [0, 1, -up], [0, -1, -up]]
    ) / np.sqrt([[1], [1 + right**2], [1 + right**2], [1 + up**2], [1 + up**2]])
    inwards = data.cam_xmat[camera].reshape(3, 3) @ normals.T
    unseen = model.geom_rbound > 0
    for mirror in (1.0, -1.0):
        offsets = data.geom_xpos * (1.0, 1.0, mirror) - data.cam_xpos[camera]
        unseen &= (offsets @ inwards).min(1) < -model.geom_rbound
    return unseen


class SharedRenderers:
    """The renderers of a process, each kept while any environment uses it."""

    def __init__(self):
        self._renderers: dict[tuple, Renderer] = {}
        self._users: dict[tuple, int] = {}

    def acquire(self, key: tuple, model: mujoco.MjModel) -> Renderer:
        """The renderer of (task, width, height, quality), made if it is the first use."""
        if key not in self._renderers:
            self._renderers[key] = Renderer(model, *key[1:])
        if not self._users:
            # Registered after the GL library's own end, and so run before it.
            atexit.register(self.close)
        self._users[key] = self._users.get(key, 0) + 1
        return self._renderers[key]

    def release(self, key: tuple) -> None:
        """Ends one use of a renderer."""
        self._users[key] -= 1
        if not self._users[key] and key in self._renderers:
            self._renderers.pop(key).close()

    def close(self) -> None:
        """Frees all renderers that are still in use, as the process ends."""
        while self._renderers:
            self._renderers.popitem()[1].close()


SHARED = SharedRenderers()
