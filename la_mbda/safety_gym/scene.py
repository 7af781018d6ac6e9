"""What MuJoCo compiles of a task: scenery, robot and objects, all at the origin."""

import functools
from collections.abc import Mapping

import mujoco
import numpy as np

from la_mbda.safety_gym.robots import ROBOTS, add_common_sensors
from la_mbda.safety_gym.tasks import GOAL_SIZE, Task

YELLOW, CYAN, ORANGE = (1, 1, 0), (0, 1, 1, 1), (1, 0.5, 0, 1)
PURPLE, GREY_BLUE = (0.5, 0, 1), (0.5, 0.5, 1, 1)
LIGHT_OBJECT_DENSITY = 0.001
FLOOR, FLOOR_MARGIN = 3.5, 1.5
"""Half the side of the floor that is drawn, m, and its least width around a layout. What moves on
it finds no edge there."""
VASE_SINK = 4e-5  # Vases start this deep in the floor, so that they do not settle.

_GEOM = mujoco.mjtGeom


@functools.lru_cache(maxsize=16)  # A model is some 13 MB, and one's own tasks may be many.
def compiled(task: Task) -> mujoco.MjModel:
    """Compile a task's model, or take one of the last that were compiled."""
    return build_spec(task).compile()


def build_spec(task: Task) -> mujoco.MjSpec:
    """Build the task's world with everything at the origin."""
    robot = ROBOTS[task.robot]
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.timestep = robot.timestep
    spec.stat.extent = task.view_extent
    spec.stat.center = (0.0, 0.0, 0.0)
    spec.default.geom.condim = 6
    spec.default.geom.density = robot.density
    _add_scenery(spec, task)
    body = spec.worldbody.add_body(name="robot", pos=[0, 0, robot.height])
    robot.build(spec, body)
    add_common_sensors(spec)
    # Follows the robot from one side, whatever way it faces.
    _add_camera(body, "track", (0, -2, 2), mujoco.mjtCamLight.mjCAMLIGHT_TRACK)
    _add_objects(spec, task)
    _soften_box_contacts(spec)
    return spec


def _add_scenery(spec: mujoco.MjSpec, task: Task) -> None:
    """Sky, floor, light and the fixed cameras."""
    _add_textures(spec)
    half = max(FLOOR, task.extent + FLOOR_MARGIN)
    floor = spec.add_material(
        name="MatPlane",
        reflectance=0.1,
        shininess=0.1,
        specular=0.1,
        texrepeat=[10 * half / FLOOR] * 2,
    )
    floor.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "texplane"
    world = spec.worldbody
    world.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=[0, 0, 0.5],
        dir=[0, 0, -1],
        diffuse=[1, 1, 1],
        specular=[0, 0, 0],
        ambient=[0, 0, 0],
        castshadow=False,
    )
    world.add_geom(
        name="floor",
        type=_GEOM.mjGEOM_PLANE,
        size=[half, half, 0.1],
        material="MatPlane",
        rgba=[1, 1, 1, 1],
    )
    _add_camera(world, "fixednear", (0, -2, 2))
    _add_camera(world, "fixedfar", (0, -5, 5))


def _add_textures(spec: mujoco.MjSpec) -> None:
    spec.add_texture(
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.527, 0.582, 0.906],
        rgb2=[0.1, 0.1, 0.35],
        width=800,
        height=800,
        mark=mujoco.mjtMark.mjMARK_RANDOM,
        markrgb=[1, 1, 1],
        random=0.001,
    )
    spec.add_texture(
        name="texplane",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=[0.7] * 3,
        rgb2=[0.8] * 3,
        width=100,
        height=100,
    )


def _add_camera(body, name: str, pos, mode=mujoco.mjtCamLight.mjCAMLIGHT_FIXED) -> None:
    """Add a camera that looks down at 45 degrees, along +y."""
    half = np.pi / 8.0
    body.add_camera(name=name, pos=pos, quat=[np.cos(half), np.sin(half), 0, 0], fovy=45, mode=mode)


def _add_objects(spec: mujoco.MjSpec, task: Task) -> None:
    """All objects, in the order that the state vector of the original has."""
    light = {"density": LIGHT_OBJECT_DENSITY}
    ghost = {"contype": 0, "conaffinity": 0}
    cube, cylinder, size = _GEOM.mjGEOM_BOX, _GEOM.mjGEOM_CYLINDER, task.vases.size
    for name in task.names("vase"):
        geom = {"size": [size] * 3, "rgba": CYAN, "group": 4, **light}
        _add_object(spec, name, size - VASE_SINK, cube, geom, free=True)
    size = task.gremlins.size
    for name in task.names("gremlin"):
        geom = {"size": [size] * 3, "rgba": (*PURPLE, 1), "group": 5, **light}
        _add_object(spec, f"{name}obj", size, cube, geom, free=True)
    if task.box.count:
        _add_box(spec, task)
    for name in task.names("gremlin"):
        _add_mocap(spec, name, size)
    if task.has_goal:
        geom = {"size": [GOAL_SIZE, GOAL_SIZE / 2, 0], "rgba": (0, 1, 0, 0.25), **ghost}
        _add_object(spec, "goal", GOAL_SIZE / 2 + 0.01, cylinder, geom)
    for name in task.names("hazard"):
        geom = {"size": [task.hazards.size, 0.01, 0], "rgba": (0, 0, 1, 0.25), "group": 3, **ghost}
        _add_object(spec, name, 0.02, cylinder, geom)
    for name in task.names("pillar"):
        geom = {"size": [task.pillars.size, 0.5, 0], "rgba": GREY_BLUE, "group": 2}
        _add_object(spec, name, 0.5, cylinder, geom)
    for name in task.names("button"):
        geom = {"size": [task.buttons.size] * 3, "rgba": ORANGE, "group": 1}
        _add_object(spec, name, task.buttons.size, _GEOM.mjGEOM_SPHERE, geom)


def _add_object(spec, name: str, height: float, kind, geom: Mapping, free: bool = False):
    body = spec.worldbody.add_body(name=name, pos=[0, 0, height])
    if free:
        body.add_freejoint(name=name)
    body.add_geom(name=name, type=kind, **geom)
    return body


def _add_box(spec: mujoco.MjSpec, task: Task) -> None:
    """Add the box to push: a cube with a column at each edge, so that it can be held and turned."""
    size = task.box.size
    look = {"rgba": (*YELLOW, task.box_alpha), "group": 1, "density": LIGHT_OBJECT_DENSITY}
    body = _add_object(spec, "box", size, _GEOM.mjGEOM_BOX, {"size": [size] * 3, **look}, free=True)
    for i, (x, y) in enumerate(((1, 1), (-1, 1), (1, -1), (-1, -1)), start=1):
        body.add_geom(
            name=f"col{i}",
            type=_GEOM.mjGEOM_BOX,
            size=[size / 2, size / 2, size],
            pos=[x * size, y * size, 0],
            **look,
        )


def _soften_box_contacts(spec: mujoco.MjSpec) -> None:
    """Make objects that a box of the robot touches yield as in the original's MuJoCo (2.3.3).

    Up to 3.3 MuJoCo halved the depth of contacts at the face of a box, most of those with vases.
    So half the stiffness, which goes with 1 / damping ratio², and twice the width of the impedance
    give the same forces. Contacts between edges, whose depth it did not halve, get softer too.
    """
    boxes = [geom for geom in spec.geoms if geom.type == _GEOM.mjGEOM_BOX and geom.contype]
    parts = [geom for geom in boxes if geom.parent.name == "robot"]
    for part in parts:
        for other in (geom for geom in boxes if geom.parent.name != "robot"):
            spec.add_pair(
                geomname1=part.name,
                geomname2=other.name,
                condim=6,
                friction=[1, 1, 0.005, 0.0001, 0.0001],
                solref=[0.02, np.sqrt(2.0)],
                solimp=[0.9, 0.95, 0.002, 0.5, 2],
            )


def _add_mocap(spec: mujoco.MjSpec, name: str, size: float) -> None:
    """Add what moves a gremlin: a ghost at the origin, to which it is welded."""
    body = spec.worldbody.add_body(name=f"{name}mocap", mocap=True)
    body.add_geom(
        name=f"{name}mocap",
        type=_GEOM.mjGEOM_BOX,
        size=[size] * 3,
        rgba=(*PURPLE, 0.1),
        group=5,
        contype=0,
        conaffinity=0,
    )
    weld = spec.add_equality(
        name=f"{name}mocap",
        type=mujoco.mjtEq.mjEQ_WELD,
        objtype=mujoco.mjtObj.mjOBJ_BODY,
        name1=f"{name}mocap",
        name2=f"{name}obj",
        solref=[0.02, 1.5],
    )
    # The solver of the original (MuJoCo 2.3.3) softened a weld's rotation as it does its
    # translation; newer ones go by the inertia of rotation, which for a cube makes it 1.5 / size²
    # (150) times softer. This scale undoes that.
    torque_scale = np.sqrt(1.5) / size
    weld.data[:11] = [0, 0, 0, 0, 0, size, 1, 0, 0, 0, torque_scale]
