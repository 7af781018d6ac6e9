"""The physical world of a task: one compiled MuJoCo model in which a reset only moves poses."""

import mujoco
import numpy as np

from la_mbda.safety_gym.layout import Layout
from la_mbda.safety_gym.robots import GREEN, ROBOTS
from la_mbda.safety_gym.scene import ORANGE, compiled
from la_mbda.safety_gym.tasks import Task

SUBSTEPS = 10
"""Physics steps per control step."""

SLEEP_TOLERANCE = 1e-9
"""Speed, m/s, below which what has come to rest is no longer simulated until it is touched.

So small that it changes less than rounding does: far below the 1e-4 m/s from which a vase counts as
moved.
"""

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
        self.model: mujoco.MjModel = compiled(task).__copy__()
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
        """Find where MuJoCo counts instabilities: views of the data, read at each step."""
        self._warnings = [self.data.warning[kind] for kind in _UNSTABLE]

    def __getstate__(self) -> dict:
        """Return what a copy has: all but the views, which would be of nothing there.

        What sleeps goes along by itself, as pickled data of MuJoCo's does not hold it.
        """
        kept = {name: value for name, value in self.__dict__.items() if name != "_warnings"}
        return kept | {"_sleep": self._sleep_state()}

    def __setstate__(self, state: dict) -> None:
        sleep = state.pop("_sleep")
        self.__dict__ |= state
        self._set_sleep_state(sleep)
        self._watch()

    def place(self, layout: Layout) -> None:
        """Start anew with everything at its place and at rest."""
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
        """Put the goal somewhere else `[2]`; nothing collides with it."""
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
        """Move a gremlin: it is welded to a body at the origin, to which its pose is relative."""
        index = self._gremlins.index(name)
        pose = (x, y, self.task.gremlins.size, *quaternion(yaw))
        self.model.eq_data[index, 3:10] = pose
        ghost = self.model.body_geomadr[self.model.body(f"{name}mocap").id]
        self.model.geom_pos[ghost], self.model.geom_quat[ghost] = pose[:3], pose[3:]

    def step(self, control: np.ndarray) -> bool:
        """Make one control step: ten physics steps, then everything derived from the new state.

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
        """Return MuJoCo's state, with that of sleeping bodies."""
        physics = np.zeros(mujoco.mj_stateSize(self.model, _STATE))
        mujoco.mj_getState(self.model, self.data, physics, _STATE)
        return {"physics": physics} | self._sleep_state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go back to a state, in a world whose objects stand where they did."""
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
        """Compute everything that derives from the state."""
        mujoco.mj_forward(self.model, self.data)

    def position(self, name: str) -> np.ndarray:
        """Position `[3]` of a body's origin, by its name in a layout."""
        return self.data.xpos[self.body_ids[name]]

    def touched(self) -> set[int]:
        """Return the bodies that the robot touches, by their ids."""
        geoms = self.data.contact.geom
        pairs = geoms[self.robot_geoms[geoms].any(1)]
        return set(self.model.geom_bodyid[pairs].ravel().tolist())

    def velocities(self, names: list[str]) -> np.ndarray:
        """Linear velocities `[names, 3]` of free bodies, m/s."""
        joints = self.model.body_jntadr[[self.body_ids[name] for name in names]]
        return self.data.qvel[self.model.jnt_dofadr[joints][:, None] + np.arange(3)]

    def color_buttons(self, goal: str) -> None:
        """Show the goal button in green and all others in orange."""
        for name in self.task.names("button"):
            geom = self.model.body_geomadr[self.body_ids[name]]
            self.model.geom_rgba[geom] = GREEN if name == goal else ORANGE


def quaternion(yaw: float) -> tuple[float, float, float, float]:
    """Return the rotation about z, as (w, x, y, z)."""
    return (np.cos(yaw / 2.0), 0.0, 0.0, np.sin(yaw / 2.0))
