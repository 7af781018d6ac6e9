"""The memory that remembering takes."""

import os
import subprocess
import sys

import pytest
from toy import tiny_config

from la_mbda.api import train
from la_mbda.environments import make_environment
from la_mbda.episodes import play_random
from la_mbda.presets import make_config
from la_mbda.runs import memory


def test_paper_scale_takes_what_its_frames_take():
    config = make_config("paper", "PointGoal1")
    env = make_environment(config)
    assert memory.replay_bytes(config, env) == pytest.approx(6.15e9, rel=0.01)
    half = make_config("paper", "PointGoal1", replay_capacity=500_000)
    assert memory.replay_bytes(half, env) == pytest.approx(3.07e9, rel=0.01)


def test_it_is_what_an_episode_weighs():
    config = tiny_config(env_steps=100)
    env = make_environment(config)
    episode = play_random(env, 0, 1).episode
    per_decision = sum(part.nbytes for part in episode) / episode.steps
    assert memory.replay_bytes(config, env) == 100 * per_decision


def test_what_does_not_fit_is_refused(monkeypatch):
    config = make_config("paper", "PointGoal1")
    env = make_environment(config)
    assert "6.15 GB" in memory.check_memory(config, env)
    monkeypatch.setattr(memory, "free_bytes", lambda: 5_000_000_000)
    with pytest.raises(ValueError, match=r"replay_capacity is 2000000.*6.15 GB.*5.00 GB are free"):
        memory.check_memory(config, env)


def test_a_refused_run_leaves_no_folder_behind(tmp_path, monkeypatch):
    """Else the folder would hold the very setting that has to be changed."""
    monkeypatch.setattr(memory, "free_bytes", lambda: 10)
    with pytest.raises(ValueError, match="lower replay_capacity"):
        train(tiny_config(), tmp_path)
    assert list(tmp_path.iterdir()) == []


GB = 10**9


def system(root, mounts, groups, **files):
    """A system's files on memory, 64 GB of which are free of the machine's."""
    contents = {"proc/meminfo": "MemTotal: 99 kB\nMemAvailable:   62500000 kB\n"}
    contents |= {"proc/self/mountinfo": mounts, "proc/self/cgroup": groups} | files
    for name, content in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(str(content))
    return memory.free_bytes(root)


PLAIN = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
SECOND = PLAIN + "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
FIRST = PLAIN + (
    "32 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "33 25 0:29 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
)


def test_a_machine_without_limits(tmp_path):
    assert system(tmp_path, PLAIN, "0::/\n") == 64 * GB
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory.free_bytes(tmp_path / "empty") == whole  # Nothing says what is free of it.


def test_a_jobs_limit_stands_above_its_own_group(tmp_path):
    job = "sys/fs/cgroup/system.slice/job_7"
    files = {
        f"{job}/step_0/task/memory.max": "max",
        f"{job}/step_0/task/memory.current": 2 * GB,
        f"{job}/memory.max": 8 * GB,
        f"{job}/memory.current": 5 * GB,
        f"{job}/memory.stat": f"anon 7\nactive_file {GB}\ninactive_file {2 * GB}\nslab 1\n",
        "sys/fs/cgroup/system.slice/memory.max": 50 * GB,
        "sys/fs/cgroup/system.slice/memory.current": 20 * GB,
    }
    group = "0::/system.slice/job_7/step_0/task\n"
    assert system(tmp_path, SECOND, group, **files) == 6 * GB


def test_version_1(tmp_path):
    job = "sys/fs/cgroup/memory/slurm/job_7"
    files = {
        f"{job}/step/memory.limit_in_bytes": 2**63 - 4096,  # No limit.
        f"{job}/step/memory.usage_in_bytes": GB,
        f"{job}/memory.limit_in_bytes": 4 * GB,
        f"{job}/memory.usage_in_bytes": 3 * GB,
        f"{job}/memory.stat": f"active_file 5\ntotal_active_file {GB}\ntotal_inactive_file 0\n",
    }
    groups = "5:cpu,cpuacct:/\n4:memory:/slurm/job_7/step\n0::/init.scope\n"
    assert system(tmp_path, FIRST, groups, **files) == 2 * GB


def test_a_container_sees_its_own_part(tmp_path):
    """The group's path is the machine's, of which the mount shows what is below the container."""
    mounts = SECOND.replace(" / /sys/fs/cgroup ", " /docker/abc /sys/fs/cgroup ")
    files = {"sys/fs/cgroup/memory.max": 3 * GB, "sys/fs/cgroup/memory.current": GB}
    assert system(tmp_path, mounts, "0::/docker/abc\n", **files) == 2 * GB


def test_a_limit_on_the_address_space(tmp_path):
    code = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9))\n"
    code += "from la_mbda.runs.memory import free_bytes; print(free_bytes())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert int(done.stdout) < 2 * GB


def test_more_used_than_allowed(tmp_path):
    files = {"sys/fs/cgroup/memory.max": 1, "sys/fs/cgroup/memory.current": 2}
    assert system(tmp_path, SECOND, "0::/\n", **files) == 0
