"""Images through MuJoCo's renderer, on a GPU or on Mesa in software.

A GL context is slow to make and holds the textures of a task's model, so all environments of a task
share one. But a context belongs to the thread in which it is current, so each thread has its own.
"""

import atexit
import ctypes.util
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import mujoco
import numpy as np

from la_mbda.safety_gym.llvm import prepare_for_tensorflow

# Mesa in software: images this small take longer to share out among threads than to draw, and a
# forked process, where those threads are missing, would wait for them for ever.
os.environ.setdefault("LP_NUM_THREADS", "0")

# Antialiasing samples, whether the floor reflects, and rings of triangles along a round geom.
# `smooth` is what the paper's agents saw; `fast` takes a third of its time and differs by some 2 of
# 255 on average; `clear` is for people, who miss no reflections: half of smooth's time.
QUALITIES = {"fast": (0, False, 8), "clear": (4, False, 8), "smooth": (4, True, 16)}

_PACKAGES = "libegl1 libgl1 libgl1-mesa-dri"


def check_gl() -> None:
    """Make sure that images can be drawn.

    Raises:
        RuntimeError: no GL library loads; the message names the packages to install.
    """
    _make_context(16, 16).free()


def _make_context(width: int, height: int):
    """Make an off-screen GL context: EGL where there is one, else OSMesa.

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
            context = _load(name, width, height)
            prepare_for_tensorflow()
            return context
        except Exception as error:  # PyOpenGL raises errors of many kinds.
            problems.append(f"{name}: {error}")
    chosen = f", or unset MUJOCO_GL, which is {wanted}" if wanted in libraries else ""
    raise RuntimeError(
        f"no GL library to draw with ({'; '.join(problems)}): apt-get install {_PACKAGES}{chosen}"
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


def _let_go(context) -> None:
    """Leave this thread without its current context, so that another one can take it."""
    if type(context).__module__ == "mujoco.egl":
        from mujoco import egl

        nothing = (egl.EGL.EGL_NO_SURFACE, egl.EGL.EGL_NO_SURFACE, egl.EGL.EGL_NO_CONTEXT)
        egl.EGL.eglMakeCurrent(egl.EGL_DISPLAY, *nothing)
    else:
        from mujoco import osmesa

        osmesa.osmesa.OSMesaMakeCurrent(None, None, osmesa.GL.GL_FLOAT, 0, 0)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


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
        # What is beyond the scene's room would be left out.
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + model.nsite + 100)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = reflection
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = 1
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._viewport = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.zeros((height, width, 3), np.uint8)
        self._lock = threading.RLock()
        # The main thread lasts, and keeps its contexts, which saves time. Another one may end, and
        # a context that is current in it could then never be freed.
        self.stays_current = _in_main_thread()
        if not self.stays_current:
            _let_go(self._context)

    @contextmanager
    def _current(self) -> Iterator[None]:
        with self._lock:
            self._context.make_current()
            try:
                yield
            finally:
                if not self.stays_current:
                    _let_go(self._context)

    def render(self, model: mujoco.MjModel, data: mujoco.MjData, camera: str) -> np.ndarray:
        """Draw an image `[height, width, 3]` uint8, upright."""
        with self._current():
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
        """Free the GL context and all that it holds."""
        with self._current():
            self._resources.free()
            self._context.free()

    def end(self) -> None:
        """Close it as the process ends: a thread that still draws waits from then on for ever."""
        self._lock.acquire()
        self.close()


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
        self._left: list[Renderer] = []
        """The main thread's, given up in another one, where they cannot be freed."""
        self._lock = threading.Lock()

    def acquire(self, key: tuple, model: mujoco.MjModel) -> Renderer:
        """Return the renderer of (thread, task, width, height, quality), made at its first use."""
        with self._lock:
            self._free_left()
            if key not in self._renderers:
                self._renderers[key] = Renderer(model, *key[2:])
            if not self._users:
                # Registered after the GL library's own end, and so run before it.
                atexit.register(self.close)
            self._users[key] = self._users.get(key, 0) + 1
            return self._renderers[key]

    def release(self, key: tuple) -> None:
        """End one use of a renderer."""
        with self._lock:
            self._users[key] -= 1
            if not self._users[key] and key in self._renderers:
                self._left.append(self._renderers.pop(key))
            self._free_left()

    def close(self) -> None:
        """Free all renderers that are still in use, as the process ends."""
        with self._lock:
            self._left += self._renderers.values()
            self._renderers.clear()
            while self._left:
                self._left.pop().end()

    def _free_left(self) -> None:
        here = _in_main_thread()
        for renderer in [left for left in self._left if here or not left.stays_current]:
            self._left.remove(renderer)
            renderer.close()


SHARED = SharedRenderers()
