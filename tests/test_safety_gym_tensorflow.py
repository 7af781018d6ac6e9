"""Pictures and TensorFlow in one process, in whatever order they come after la_mbda."""

import os
import subprocess
import sys

import pytest

ORDER = """
import sys
import gymnasium, la_mbda.safety_gym

def draw(task):
    env = gymnasium.make(f"Safexp-{task}-v0", observation="vision", render_mode="rgb_array")
    env.reset(seed=0)
    env.step(env.action_space.sample())
    env.render()

for task in sys.argv[1:]:
    draw(task)

import tensorflow as tf

for task in ("PointGoal1", "CarGoal1", "DoggoGoal1"):
    draw(task)
images, kernel = tf.ones([2, 64, 64, 3]), tf.ones([4, 4, 3, 8])
for compiled in (False, True):
    convolve = tf.function(lambda x: tf.nn.conv2d(x, kernel, 2, "VALID"), jit_compile=compiled)
    assert float(convolve(images)[0, 0, 0, 0]) == 48.0
draw("PointPush1")
print("done")
"""


@pytest.mark.parametrize("before", [(), ("PointGoal1",), ("PointGoal1", "CarGoal1")])
def test_tensorflow_may_come_after_images(before):
    """Mesa's LLVM and TensorFlow's crashed the process."""
    done = subprocess.run(
        [sys.executable, "-c", ORDER, *before],
        env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stdout == "done\n", (done.returncode, done.stderr[-2_000:])
