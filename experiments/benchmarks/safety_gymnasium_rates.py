"""Rates of safety-gymnasium 1.0.0, which `benchmark.py simulator --against PYTHON` compares with.

It needs Python 3.10 with safety-gymnasium==1.0.0 and nothing of this project.
Usage: `PYTHON safety_gymnasium_rates.py TASK STEPS`; prints one line of JSON.
"""

import json
import statistics
import sys
import time

import numpy as np
import safety_gymnasium


def main(task, steps):
    """Measure one task as `benchmark.py` does; resets count only in their own figure."""
    env = safety_gymnasium.make(f"Safety{task}-v0")
    resets = [reset_seconds(env, seed) for seed in range(5)]
    lidar = steps / stepping_seconds(env, steps, lambda step: None)
    images = steps // 8
    seconds = stepping_seconds(env, images, lambda step: step % 2 and draw(env))
    figures = {
        "lidar_steps_per_second": lidar,
        "vision_steps_per_second": images / seconds,
        "reset_seconds": statistics.median(resets),
    }
    print(json.dumps(figures))


def stepping_seconds(env, steps, after):
    """Wall time of random steps, each with what is done after it."""
    actions = np.random.default_rng(0).uniform(-1, 1, (steps, *env.action_space.shape))
    seconds = 0.0
    env.reset(seed=0)
    after(1)  # The first image makes the renderer.
    for i, action in enumerate(actions):
        begin = time.perf_counter()
        *_, terminated, truncated, _ = env.step(action)
        after(i)
        seconds += time.perf_counter() - begin
        if terminated or truncated:
            env.reset()
    return seconds


def draw(env):
    """Return the robot's 64x64 image."""
    env.unwrapped.task.render(64, 64, mode="rgb_array", camera_name="vision", cost={})


def reset_seconds(env, seed):
    """Wall time of one reset."""
    begin = time.perf_counter()
    env.reset(seed=seed)
    return time.perf_counter() - begin


main(sys.argv[1], int(sys.argv[2]))
