"""The vector observation: the robot's sensors and a pseudo-lidar for each kind of object."""

import mujoco
import numpy as np

from la_mbda.safety_gym.rules import Rules
from la_mbda.safety_gym.world import World

LIDAR_BINS = 16
LIDAR_RANGE = 3.0
"""Distance from which the lidar sees nothing, m."""

# Measured but not observed.
_HIDDEN = ("subtreecom", "subtreelinvel", "subtreeangmom")


class VectorObservation:
    """All observed values in one float32 vector, in the sorted order of their names."""

    def __init__(self, world: World, rules: Rules):
        self._world, self._rules = world, rules
        task = world.task
        self._seen = {
            f"{kind}s_lidar": task.names(kind)
            for kind in ("button", "gremlin", "hazard", "pillar", "vase")
            if task.names(kind)
        }
        self._seen |= {"box_lidar": ["box"]} if task.box.count else {}
        self._seen["goal_lidar"] = []  # Filled in at each step, as the goal may be any button.
        self._sensors = {
            name: (int(adr), int(dim))
            for name, adr, dim in _sensors(world.model)
            if name not in _HIDDEN
        }
        sizes = dict.fromkeys(self._seen, LIDAR_BINS) | self._sensor_sizes()
        self.layout = sorted(sizes.items())
        self._names = [name for name, _ in self.layout]
        self.size = sum(size for _, size in self.layout)

    def _sensor_sizes(self) -> dict[str, int]:
        return {name: len(self._sensor(name)) for name in self._sensors}

    def __call__(self) -> np.ndarray:
        """The observation `[size]` of the world as it is."""
        lidars = self._lidars()
        parts = [lidars[n] if n in lidars else self._sensor(n) for n in self._names]
        return np.concatenate(parts).astype(np.float32)

    def _sensor(self, name: str) -> np.ndarray:
        address, size = self._sensors[name]
        values = self._world.data.sensordata[address : address + size]
        if name.startswith("ballquat"):
            rotation = np.zeros(9)
            mujoco.mju_quat2Mat(rotation, values)
            return rotation
        if name.startswith("jointpos"):
            return np.array([np.sin(values[0]), np.cos(values[0])])
        return values

    def _lidars(self) -> dict[str, np.ndarray]:
        """One pseudo-lidar `[bins]` per kind of object."""
        world = self._world
        seen = self._seen | {"goal_lidar": [self._rules.goal_name]}
        if self._rules.buttons_timer:
            seen["buttons_lidar"] = []
        bodies = [world.body_ids[name] for names in seen.values() for name in names]
        rows = np.repeat(np.arange(len(seen)), [len(names) for names in seen.values()])
        readings = lidar(
            world.data.xpos[bodies, :2],
            rows,
            len(seen),
            world.position("robot"),
            world.data.xmat[world.robot_id].reshape(3, 3),
        )
        return dict(zip(seen, readings, strict=True))


def _sensors(model: mujoco.MjModel):
    for i in range(model.nsensor):
        yield model.sensor(i).name, model.sensor_adr[i], model.sensor_dim[i]


def lidar(
    points: np.ndarray, rows: np.ndarray, count: int, position: np.ndarray, rotation: np.ndarray
) -> np.ndarray:
    """Closeness of the nearest point in each of 16 directions around the robot.

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
    readings = np.zeros((count, LIDAR_BINS))
    for shift, share in ((0, 1.0), (1, fraction), (-1, 1.0 - fraction)):
        np.maximum.at(readings, (rows, (bins + shift) % LIDAR_BINS), closeness * share)
    return readings
