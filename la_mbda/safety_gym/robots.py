"""The robots of SG6: Point, Car and Doggo (Ray et al. 2019), built as MuJoCo specifications.

Lengths are in metres, sizes are MuJoCo's half-sizes, angles in radians. Each robot is a body named
"robot" with a site of the same name that carries the inertial sensors.
"""

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

RED = (1.0, 0.0, 0.0, 1.0)
GREEN = (0.0, 1.0, 0.0, 1.0)
BLUE = (0.0, 0.0, 1.0, 1.0)

_GEOM, _JOINT, _TRANSMISSION = mujoco.mjtGeom, mujoco.mjtJoint, mujoco.mjtTrn
_OBJECT = mujoco.mjtObj


@dataclass(frozen=True)
class Robot:
    """A robot and what it sets for the whole world."""

    height: float
    """Height of its body's origin at the start, m."""
    timestep: float
    """Duration of a physics step, s."""
    density: float
    """Default density of every geom of the world, kg/m³."""
    build: Callable[[mujoco.MjSpec, mujoco.MjsBody], None]
    """Adds geoms, joints, actuators and sensors to the specification and the robot's body."""
    planar: bool = False
    """Whether its joints are displacements in the frame of its start pose, not a free joint."""


def add_common_sensors(spec: mujoco.MjSpec) -> None:
    """Add the inertial sensors that every robot has, without noise."""
    for kind in ("accelerometer", "velocimeter", "gyro", "magnetometer"):
        _add_sensor(spec, kind, kind, _OBJECT.mjOBJ_SITE, "robot")
    for kind in ("subtreecom", "subtreelinvel", "subtreeangmom"):
        _add_sensor(spec, kind, kind, _OBJECT.mjOBJ_BODY, "robot")


def _add_sensor(spec: mujoco.MjSpec, name: str, kind: str, on: mujoco.mjtObj, of: str) -> None:
    """Add a sensor of one of MuJoCo's kinds, such as `gyro`, to an object of a type and name."""
    sensor = getattr(mujoco.mjtSensor, f"mjSENS_{kind.upper()}")
    spec.add_sensor(name=name, type=sensor, objtype=on, objname=of)


def _add_motor(spec: mujoco.MjSpec, joint: str, transmission: mujoco.mjtTrn, **limits):
    """Add a motor of the same name as its joint, driven from -1 to 1; return it."""
    limits |= {"ctrllimited": True, "ctrlrange": [-1, 1]}
    motor = spec.add_actuator(name=joint, trntype=transmission, target=joint, **limits)
    motor.set_to_motor()
    return motor


def _add_vision(body: mujoco.MjsBody, pos, x_axis, y_axis, fovy: float) -> None:
    """Add the first-person camera; it looks along −(x × y), fovy is in degrees."""
    x, y = (np.asarray(axis) / np.linalg.norm(axis) for axis in (x_axis, y_axis))
    y = y - (x @ y) * x
    rotation = np.stack([x, y / np.linalg.norm(y), np.cross(x, y / np.linalg.norm(y))], 1)
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, rotation.ravel())
    body.add_camera(name="vision", pos=pos, quat=quaternion, fovy=fovy)


def _add_site(body: mujoco.MjsBody, name: str, pos, radius: float, rgba) -> None:
    body.add_site(name=name, pos=pos, size=[radius, 0.005, 0.005], rgba=rgba)


def _build_point(spec: mujoco.MjSpec, body: mujoco.MjsBody) -> None:
    slide, hinge = _JOINT.mjJNT_SLIDE, _JOINT.mjJNT_HINGE
    body.add_joint(name="x", type=slide, axis=[1, 0, 0], damping=0.01)
    body.add_joint(name="y", type=slide, axis=[0, 1, 0], damping=0.01)
    body.add_joint(name="z", type=hinge, axis=[0, 0, 1], damping=0.005)
    # The sphere just touches the floor: that contact is active and acts as extra drag.
    body.add_geom(
        name="robot", type=_GEOM.mjGEOM_SPHERE, size=[0.1, 0, 0], friction=[1, 0.01, 0.01], rgba=RED
    )
    body.add_geom(
        name="pointarrow", type=_GEOM.mjGEOM_BOX, size=[0.05] * 3, pos=[0.1, 0, 0], rgba=RED
    )
    _add_site(body, "robot", [0, 0, 0], 0.032, [1, 0, 0, 0.1])
    _add_vision(body, [0, 0, 0.15], (0, -1, 0), (0.4, 0, 1), fovy=90)
    limits = {"ctrllimited": True, "ctrlrange": [-1, 1]}
    limits |= {"forcelimited": True, "forcerange": [-0.05, 0.05]}
    forward = spec.add_actuator(
        name="x", trntype=_TRANSMISSION.mjTRN_SITE, target="robot", **limits
    )
    forward.set_to_motor()
    forward.gear = [0.3, 0, 0, 0, 0, 0]
    turn = spec.add_actuator(
        name="z", trntype=_TRANSMISSION.mjTRN_JOINTINPARENT, target="z", **limits
    )
    turn.set_to_velocity(kv=1.0)
    turn.gear = [0.3, 0, 0, 0, 0, 0]


def _build_car(spec: mujoco.MjSpec, body: mujoco.MjsBody) -> None:
    body.add_freejoint(name="robot")
    box = _GEOM.mjGEOM_BOX
    for name, size, pos in (
        ("robot", [0.1, 0.1, 0.05], [0, 0, 0]),
        ("back_bumper", [0.1, 0.01, 0.05], [0, 0.15, 0]),
        ("back_connector", [0.01, 0.025, 0.03], [0, 0.125, 0]),
        ("front_bumper", [0.05, 0.01, 0.05], [0, -0.165, 0]),
        ("front_connector", [0.05, 0.03, 0.01], [0, -0.13, 0.04]),
    ):
        body.add_geom(name=name, type=box, size=size, pos=pos, rgba=RED)
    body.add_site(name="robot", size=[0.032, 0.005, 0.005])
    _add_vision(body, [0, 0.1, 0.2], (-1, 0, 0), (0, -0.4, 1), fovy=45)
    for name, side in (("left", -1), ("right", 1)):
        wheel = body.add_body(name=name, pos=[0.1 * side, 0.1, -0.05])
        wheel.add_joint(name=name, type=_JOINT.mjJNT_HINGE, axis=[1, 0, 0], damping=0.001)
        ends = sorted((0.005 * side, 0.055 * side))
        fromto = [ends[0], 0, 0, ends[1], 0, 0]
        wheel.add_geom(
            name=name, type=_GEOM.mjGEOM_CYLINDER, size=[0.05, 0, 0], fromto=fromto, rgba=RED
        )
    caster = body.add_body(name="rear", pos=[0, -0.1, -0.05])
    caster.add_joint(name="rear", type=_JOINT.mjJNT_BALL, damping=0.001)
    caster.add_geom(name="rear", type=_GEOM.mjGEOM_SPHERE, size=[0.05, 0, 0], rgba=RED)
    force = {"forcelimited": True, "forcerange": [-0.02, 0.02]}
    for name in ("left", "right"):
        _add_motor(spec, name, _TRANSMISSION.mjTRN_JOINTINPARENT, **force)
    for kind in ("ballquat", "ballangvel"):
        _add_sensor(spec, f"{kind}_rear", kind, _OBJECT.mjOBJ_JOINT, "rear")


# Doggo's legs: number, side (+1 is left), end (+1 is front). Front and hind legs differ in the
# range and the rest angle of the hip's pitch.
_LEGS = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1)}
_PITCH = {1: ((-75, 15), -10), -1: ((0, 135), 0)}
_LEG_JOINTS = tuple(f"hip_{i}_{axis}" for axis in "zy" for i in _LEGS) + tuple(
    f"ankle_{i}" for i in _LEGS
)


def _build_doggo(spec: mujoco.MjSpec, body: mujoco.MjsBody) -> None:
    body.add_freejoint(name="robot")
    cylinder = {"type": _GEOM.mjGEOM_CYLINDER, "size": [0.075, 0, 0], "density": 0.5, "rgba": RED}
    body.add_geom(name="robot", fromto=[0, 0, 0, 0.2, 0, 0], **cylinder)
    _add_site(body, "robot", [0, 0, 0], 0.036, [1, 0, 0, 0])
    _add_vision(body, [0.125, 0, 0.2], (0, -1, 0), (0.4, 0, 1), fovy=100)
    _add_leg(body, 1)
    _add_leg(body, 4)
    rear = body.add_body(name="rear")
    _add_hinge(rear, "waist_x", (1, 0, 0), (-30, 30), 0)
    rear.add_geom(name="robot2", fromto=[-0.2, 0, 0, 0, 0, 0], **cylinder)
    _add_leg(rear, 2)
    _add_leg(rear, 3)
    for joint in _LEG_JOINTS:
        motor = _add_motor(spec, joint, _TRANSMISSION.mjTRN_JOINT)
        motor.gear = [0.0125, 0, 0, 0, 0, 0]
    for leg in _LEGS:
        for end in "ab":
            name = f"ankle_{leg}{end}"
            _add_sensor(spec, f"touch_{name}", "touch", _OBJECT.mjOBJ_SITE, name)
    for kind in ("jointpos", "jointvel"):
        for joint in _LEG_JOINTS:
            _add_sensor(spec, f"{kind}_{joint}", kind, _OBJECT.mjOBJ_JOINT, joint)


def _add_leg(trunk: mujoco.MjsBody, number: int) -> None:
    side, end = _LEGS[number]
    leg = trunk.add_body(name=f"leg_{number}")
    root, hip = [0.1 * end, 0, 0], [0.2 * end, 0.1 * side, 0]
    _add_limb(leg, f"aux_{number}", root, hip, RED)
    aux = leg.add_body(name=f"aux_{number}", pos=hip)
    knee, foot = [0.098, 0.0566 * side, -0.05], [-0.1176, -0.0679 * side, -0.1]
    _add_hinge(aux, f"hip_{number}_z", (0, 0, side), (-10, 30), 0)
    _add_hinge(aux, f"hip_{number}_y", (0, 1, 0), *_PITCH[end])
    _add_limb(aux, f"hip_{number}", [0, 0, 0], knee, RED)
    shin = aux.add_body(pos=knee)
    _add_hinge(shin, f"ankle_{number}", (-0.5 * side, 0.866, 0), (-75, 0), -20)
    _add_limb(shin, f"ankle_{number}", [0, 0, 0], foot, BLUE if end > 0 else GREEN)
    _add_site(shin, f"ankle_{number}a", [0, 0, 0], 0.036, [1, 0, 0, 0])
    _add_site(shin, f"ankle_{number}b", foot, 0.036, [1, 0, 0, 0])


def _add_limb(body: mujoco.MjsBody, name: str, start, end, rgba) -> None:
    """Add a capsule, and give the body the mass and inertia that MuJoCo before 2.1.1 gave it.

    The paper's experiments ran on MuJoCo 2.0, which took a capsule of radius r between points L
    apart for a cylinder of length L + r. That makes Doggo's legs 5 to 6 % lighter, with 15 to 18 %
    less inertia across them, than today's exact numbers. Shape and contacts stay the capsule's.
    """
    radius, ends = 0.032, [*start, *end]
    capsule = body.add_geom(
        name=name, type=_GEOM.mjGEOM_CAPSULE, size=[radius, 0, 0], fromto=ends, rgba=rgba
    )
    axis = np.subtract(start, end)  # The way that MuJoCo points the geom's z axis.
    length = np.linalg.norm(axis) + radius
    body.mass = capsule.density * np.pi * radius**2 * length
    across = body.mass * (3.0 * radius**2 + length**2) / 12.0
    body.inertia = [across, across, body.mass * radius**2 / 2.0]
    body.ipos = np.add(start, end) / 2.0
    mujoco.mju_quatZ2Vec(body.iquat, axis)


def _add_hinge(body: mujoco.MjsBody, name: str, axis, limits, rest: float) -> None:
    """Add a limited, sprung hinge; limits and the spring's rest angle are in degrees."""
    body.add_joint(
        name=name,
        type=_JOINT.mjJNT_HINGE,
        axis=axis,
        limited=True,
        range=np.deg2rad(limits),
        stiffness=0.01,
        springref=np.deg2rad(rest),
    )


ROBOTS = {
    "Point": Robot(0.1, 0.002, 1.0, _build_point, planar=True),
    "Car": Robot(0.1, 0.004, 5.0, _build_car),
    "Doggo": Robot(0.22, 0.01, 5.0, _build_doggo),
}
