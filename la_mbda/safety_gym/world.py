"""The physical world of a task: one compiled MuJoCo model in which a reset only moves poses."""

import functools
from collections.abc import Mapping

import mujoco
import numpy as np

from la_mbda.safety_gym.layout import Layout
from la_mbda.safety_gym.robots import GREEN, ROBOTS, add_common_sensors
from la_mbda.safety_gym.tasks import GOAL_SIZE, Task

SUBSTEPS = 10
"""Physics steps per control step."""

YELLOW, CYAN, ORANGE = (1, 1, 0), (0, 1, 1, 1), (1, 0.5, 0, 1)
PURPLE, GREY_BLUE = (0.5, 0, 1), (0.5, 0.5, 1, 1)
LIGHT_OBJECT_DENSITY = 0.001
SLEEP_TOLERANCE = 1e-9
"""Speed, m/s, below which what has come to rest is no longer simulated until it is touched.

So small that it changes less than rounding does: far below the 1e-4 m/s from which a vase counts as
moved.
"""
VASE_SINK = 4e-5  # Vases start this deep in the floor, so that they do not settle.

_GEOM = mujoco.mjtGeom
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
_SLEEP_STATE = (
    "tree_asleep",
    "tree_awake",
    "body_awake",
    "body_awake_ind",
    "parent_awake_ind",
    "dof_awake_ind",
    "ntree_awake",
    "nbody_awake",
    "nparent_awake",
    "nv_awake",
)
_UNSTABLE = (
    mujoco.mjtWarning.mjWARN_BADQPOS,
    mujoco.mjtWarning.mjWARN_BADQVEL,
    mujoco.mjtWarning.mjWARN_BADQACC,
)


class World:
    """Model and data of a task, and the ids by which it is read."""

    def __init__(self, task: Task):
        self.task = task
        self.robot = ROBOTS[self.task.robot]
        # Resets write poses into the model, so that each world has a copy of its own.
        self.model: mujoco.MjModel = _compiled(task).__copy__()
        self.data = mujoco.MjData(self.model)
        self._watch()
        self.robot_id = self.model.body("robot").id
        self.robot_geoms = self.model.body_rootid[self.model.geom_bodyid] == self.robot_id
        self.body_ids = {
            name: self.model.body(f"{name}obj" if name.startswith("gremlin") else name).id
            for name in self.task.layout_names()
        }
        self._gremlins = self.task.names("gremlin")
        # Where the poses of free bodies start in qpos.
        self._free = {
            name: int(self.model.jnt_qposadr[self.model.body_jntadr[body]])
            for name, body in self.body_ids.items()
            if self.model.body_dofnum[body] == 6
        }
        if not self._gremlins:  # These never rest, and then it costs more than it saves.
            self.model.opt.enableflags |= mujoco.mjtEnableBit.mjENBL_SLEEP
            self.model.opt.sleep_tolerance = SLEEP_TOLERANCE

    def _watch(self) -> None:
        """Finds where MuJoCo counts instabilities: views of the data, read at each step."""
        self._warnings = [self.data.warning[kind] for kind in _UNSTABLE]

    def __getstate__(self) -> dict:
        """What a copy has: all but the views, which would be of nothing there.

        What sleeps goes along by itself, as pickled data of MuJoCo's lacks it.
        """
        kept = {name: value for name, value in self.__dict__.items() if name != "_warnings"}
        return kept | {"_sleep": self._sleep_state()}

    def __setstate__(self, state: dict) -> None:
        sleep = state.pop("_sleep")
        self.__dict__ |= state
        self._set_sleep_state(sleep)
        self._watch()

    def place(self, layout: Layout) -> None:
        """Starts anew with everything at its place and at rest."""
        for name, (x, y, yaw) in layout.items():
            if name in self._gremlins:
                self._place_gremlin(name, x, y, yaw)
            elif name not in self._free:
                body = self.body_ids[name]
                self.model.body_pos[body, :2] = x, y
                self.model.body_quat[body] = quaternion(yaw)
        # With sleeping enabled, this is where MuJoCo computes the poses of static bodies.
        mujoco.mj_resetData(self.model, self.data)
        for name, address in self._free.items():
            x, y, yaw = layout[name]
            height = self.robot.height if name == "robot" else self.model.qpos0[address + 2]
            self.data.qpos[address : address + 7] = (x, y, height, *quaternion(yaw))
        self.forward()

    def move_goal(self, position: np.ndarray) -> None:
        """Puts the goal somewhere else `[2]`; nothing collides with it."""
        body = self.body_ids["goal"]
        self.model.body_pos[body, :2] = position
        geom = self.model.body_geomadr[body]
        for derived, index in (
            (self.data.xpos, body),
            (self.data.xipos, body),
            (self.data.geom_xpos, geom),
        ):
            derived[index, :2] = position

    def _place_gremlin(self, name: str, x: float, y: float, yaw: float) -> None:
        """A gremlin is welded to a body that is moved at the origin; its pose is relative to it."""
        index = self._gremlins.index(name)
        pose = (x, y, self.task.gremlins.size, *quaternion(yaw))
        self.model.eq_data[index, 3:10] = pose
        ghost = self.model.body_geomadr[self.model.body(f"{name}mocap").id]
        self.model.geom_pos[ghost], self.model.geom_quat[ghost] = pose[:3], pose[3:]

    def step(self, control: np.ndarray) -> bool:
        """One control step: ten physics steps, then everything derived from the new state.

        Returns:
            False where the simulation became unstable.
        """
        self.data.ctrl[:] = control
        if self._gremlins:
            # The port that the paper used moves the ghosts between the two halves of a physics
            # step, so that a gremlin is pulled to where its ghost was one physics step before.
            for _ in range(SUBSTEPS):
                time = self.data.time
                mujoco.mj_step(self.model, self.data)
                self._move_mocaps(time)
        else:
            mujoco.mj_step(self.model, self.data, nstep=SUBSTEPS)
        self.forward()
        return not any(warning.number for warning in self._warnings)

    def _move_mocaps(self, time: float) -> None:
        travel = self.task.gremlin_travel
        self.data.mocap_pos[:] = (
            travel * np.sin(time),
            travel * np.cos(time),
            self.task.gremlins.size,
        )

    def state(self) -> dict[str, np.ndarray]:
        """MuJoCo's state, with that of sleeping bodies."""
        physics = np.zeros(mujoco.mj_stateSize(self.model, _STATE))
        mujoco.mj_getState(self.model, self.data, physics, _STATE)
        return {"physics": physics} | self._sleep_state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes back to a state, in a world whose objects stand where they did."""
        mujoco.mj_setState(self.model, self.data, state["physics"], _STATE)
        self.forward()
        # The forward pass has overwritten the solver's warm start, and woken everything.
        mujoco.mj_setState(self.model, self.data, state["physics"], _STATE)
        self._set_sleep_state(state)

    def _sleep_state(self) -> dict[str, np.ndarray]:
        return {name: np.array(getattr(self.data, name)) for name in _SLEEP_STATE}

    def _set_sleep_state(self, state: dict[str, np.ndarray]) -> None:
        for name in _SLEEP_STATE:
            if state[name].shape:
                getattr(self.data, name)[:] = state[name]
            else:
                setattr(self.data, name, int(state[name]))

    def forward(self) -> None:
        """Computes everything that derives from the state."""
        mujoco.mj_forward(self.model, self.data)

    def position(self, name: str) -> np.ndarray:
        """Position `[3]` of a body's origin, by its name in a layout."""
        return self.data.xpos[self.body_ids[name]]

    def touched(self) -> set[int]:
        """The bodies that the robot touches, by their ids."""
        geoms = self.data.contact.geom
        pairs = geoms[self.robot_geoms[geoms].any(1)]
        return set(self.model.geom_bodyid[pairs].ravel().tolist())

    def velocities(self, names: list[str]) -> np.ndarray:
        """Linear velocities `[names, 3]` of free bodies, m/s."""
        joints = self.model.body_jntadr[[self.body_ids[name] for name in names]]
        return self.data.qvel[self.model.jnt_dofadr[joints][:, None] + np.arange(3)]

    def color_buttons(self, goal: str) -> None:
        """Shows the goal button in green and all others in orange."""
        for name in self.task.names("button"):
            geom = self.model.body_geomadr[self.body_ids[name]]
            self.model.geom_rgba[geom] = GREEN if name == goal else ORANGE


def quaternion(yaw: float) -> tuple[float, float, float, float]:
    """The rotation about z, as (w, x, y, z)."""
    return (np.cos(yaw / 2.0), 0.0, 0.0, np.sin(yaw / 2.0))


@functools.cache
def _compiled(task: Task) -> mujoco.MjModel:
    """Compiles a task's model, once in a process."""
    return build_spec(task).compile()


def build_spec(task: Task) -> mujoco.MjSpec:
    """The task's world with everything at the origin."""
    robot = ROBOTS[task.robot]
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.timestep = robot.timestep
    spec.stat.extent = task.view_extent
    spec.stat.center = (0.0, 0.0, 0.0)
    spec.default.geom.condim = 6
    spec.default.geom.density = robot.density
    _add_scenery(spec)
    body = spec.worldbody.add_body(name="robot", pos=[0, 0, robot.height])
    robot.build(spec, body)
    add_common_sensors(spec)
    # Follows the robot from one side, whatever way it faces.
    _add_camera(body, "track", (0, -2, 2), mujoco.mjtCamLight.mjCAMLIGHT_TRACK)
    _add_objects(spec, task)
    _soften_box_contacts(spec)
    return spec


def _add_scenery(spec: mujoco.MjSpec) -> None:
    """Sky, floor, light and the fixed cameras."""
    _add_textures(spec)
    floor = spec.add_material(
        name="MatPlane", reflectance=0.1, shininess=0.1, specular=0.1, texrepeat=[10, 10]
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
        size=[3.5, 3.5, 0.1],
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
    """A camera that looks down at 45 degrees, along +y."""
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
    """The box to push: a cube with a column at each edge, so that it can be held and turned."""
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
    """Makes objects that a box of the robot touches yield as in the original's MuJoCo (2.3.3).

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
    """What moves a gremlin: a ghost at the origin, to which it is welded."""
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
