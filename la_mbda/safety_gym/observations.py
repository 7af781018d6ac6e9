"""The vector observation: the robot's sensors and a pseudo-lidar for each kind of object."""

import mujoco
import numpy as np

from la_mbda.safety_gym.rules import Rules
from la_mbda.safety_gym.world import World

LIDAR_BINS = 16
LIDAR_RANGE = 3.0
"""Distance from which the lidar sees nothing, m."""

_SEEN_KINDS = ("button", "gremlin", "hazard", "pillar", "vase")
_BALL, _JOINT = "ballquat", "jointpos"
# Measured but not observed.
_HIDDEN = ("subtreecom", "subtreelinvel", "subtreeangmom")


class VectorObservation:
    """All observed values in one float32 vector, in the sorted order of their names."""

    def __init__(self, world: World, rules: Rules):
        self._world, self._rules = world, rules
        task, model = world.task, world.model
        seen = {f"{kind}s_lidar": task.names(kind) for kind in _SEEN_KINDS}
        seen = {name: objects for name, objects in seen.items() if objects}
        seen |= {"box_lidar": ["box"]} if task.box.count else {}
        # The goal comes last: it may be any button, and is filled in at each step.
        self._lidar_names = [*seen, "goal_lidar"]
        self._bodies = np.array([world.body_ids[n] for names in seen.values() for n in names] + [0])
        counts = [len(names) for names in seen.values()] + [1]
        self._rows = np.repeat(np.arange(len(counts)), counts)
        sensors = [model.sensor(i) for i in range(model.nsensor)]
        self._sensors = {
            sensor.name: np.arange(sensor.adr[0], sensor.adr[0] + sensor.dim[0])
            for sensor in sensors
            if sensor.name not in _HIDDEN
        }
        sizes = dict.fromkeys(self._lidar_names, LIDAR_BINS)
        sizes |= {name: _size(name, len(where)) for name, where in self._sensors.items()}
        self.layout = sorted(sizes.items())
        """Name and size of each part, in order."""
        self.size = sum(sizes.values())
        self._find_places()

    def _find_places(self) -> None:
        """Where each part goes in the vector, gathered by the way in which it is made."""
        ends = np.cumsum([size for _, size in self.layout])
        places = {
            name: np.arange(end - size, end)
            for (name, size), end in zip(self.layout, ends, strict=True)
        }
        self._lidar_places = np.stack([places[name] for name in self._lidar_names])
        joints = [name for name in self._sensors if name.startswith(_JOINT)]
        plain = [n for n in self._sensors if not n.startswith((_JOINT, _BALL))]
        self._balls = [
            (places[name], where) for name, where in self._sensors.items() if name.startswith(_BALL)
        ]
        self._plain = tuple(
            np.concatenate([parts[name] for name in plain]) for parts in (places, self._sensors)
        )
        self._joints = np.array([(*places[n], *self._sensors[n]) for n in joints], int)
        self._joints = self._joints.reshape(-1, 3).T

    def __call__(self) -> np.ndarray:
        """Return the observation `[size]` of the world as it is."""
        sensed = self._world.data.sensordata
        observation = np.empty(self.size, np.float32)
        observation[self._lidar_places] = self._read_lidars()
        places, where = self._plain
        observation[places] = sensed[where]
        if self._joints.size:
            sines, cosines, where = self._joints
            observation[sines], observation[cosines] = np.sin(sensed[where]), np.cos(sensed[where])
        for places, where in self._balls:
            rotation = np.zeros(9)
            mujoco.mju_quat2Mat(rotation, sensed[where])
            observation[places] = rotation
        return observation

    def _read_lidars(self) -> np.ndarray:
        """One pseudo-lidar per kind of object, `[kinds, bins]`."""
        world = self._world
        self._bodies[-1] = world.body_ids[self._rules.goal_name]
        readings = lidar(
            world.data.xpos[self._bodies, :2],
            self._rows,
            len(self._lidar_names),
            world.position("robot"),
            world.data.xmat[world.robot_id].reshape(3, 3),
        )
        if self._rules.buttons_timer:
            readings[self._lidar_names.index("buttons_lidar")] = 0.0
        return readings


def _size(sensor: str, dimensions: int) -> int:
    """How many values a sensor gives: a rotation matrix of a ball joint, sine and cosine of an
    angle, else what it measures."""
    if sensor.startswith(_BALL):
        return 9
    return 2 if sensor.startswith(_JOINT) else dimensions


def lidar(
    points: np.ndarray, rows: np.ndarray, count: int, position: np.ndarray, rotation: np.ndarray
) -> np.ndarray:
    """Return closeness of the nearest point in each of 16 directions around the robot.

    A point fills its bin, and the two beside it by how near it is to them, so that readings change
    smoothly as the robot turns.

    Args:
        points: `[points, 2]`, taken to lie on the floor.
        rows: `[points]` the lidar that each belongs to.
        count: how many lidars there are.
        position: the robot's `[3]`.
        rotation: the robot's matrix `[3, 3]`.

    Returns:
        `[count, bins]` of values from 0 (3 m away or nothing) to 1 (here).
    """
    offsets = np.concatenate([points, np.zeros((len(points), 1))], 1) - position
    local = (offsets @ rotation)[:, :2]
    angles = np.arctan2(local[:, 1], local[:, 0]) % (2.0 * np.pi)
    closeness = np.maximum(0.0, LIDAR_RANGE - np.hypot(*local.T)) / LIDAR_RANGE
    place = angles / (2.0 * np.pi / LIDAR_BINS)
    bins = place.astype(np.int64)
    fraction = place - bins
    # Each point writes to three places: its bin, the next one and the one before.
    targets = (bins + np.array([[0], [1], [-1]])) % LIDAR_BINS + rows * LIDAR_BINS
    values = closeness * np.stack([np.ones_like(fraction), fraction, 1.0 - fraction])
    readings = np.zeros(count * LIDAR_BINS)
    np.maximum.at(readings, targets.ravel(), values.ravel())
    return readings.reshape(count, LIDAR_BINS)
