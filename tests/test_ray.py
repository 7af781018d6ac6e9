"""A sweep on a real Ray cluster of two nodes, one of which is killed in the middle of a run."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from toy import SIZES

pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[cluster]'")

REPOSITORY = Path(__file__).resolve().parents[1]
TASKS = ("PointGoal1", "CarGoal1", "PointPush1")
# Long enough to be killed half-way.
LONG = SIZES | {"env_steps": 4000, "checkpoint_every": 400, "observation": "lidar"}
RAY = Path(sys.executable).with_name("ray")
NODE = ["--block", "--num-cpus=1", "--num-gpus=0", "--object-store-memory=80000000"]


@pytest.fixture
def cluster():
    """The address of a cluster's head, and the processes of its two nodes, of one CPU each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tempfile.mkdtemp()  # Short, as the paths of Ray's sockets are limited.
    address = f"127.0.0.1:{port}"
    head = ["--head", f"--port={port}", f"--temp-dir={folder}", "--include-dashboard=false"]
    nodes = [start_node(*head)]
    wait_for(lambda: answers(port), 60)
    nodes.append(start_node(f"--address={address}"))
    wait_for(lambda: count_nodes(address) == 2, 60)
    yield address, nodes
    for node in nodes:
        kill_all(node.pid)
        node.wait()
    shutil.rmtree(folder, ignore_errors=True)


def start_node(*arguments):
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    return subprocess.Popen(
        [RAY, "start", *arguments, *NODE], stdout=subprocess.DEVNULL, env=environment
    )


def answers(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def count_nodes(address):
    """Asked in a process of its own, which leaves the cluster again."""
    code = f"import ray; ray.init({address!r}, log_to_driver=False); print(len(ray.nodes()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return int(done.stdout or 0)


def wait_for(arrived, seconds):
    end = time.monotonic() + seconds
    while not arrived():
        assert time.monotonic() < end
        time.sleep(0.05)


def descendants(pid):
    """A process and all that it started, of Linux's /proc; with their command lines."""
    children, commands = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            commands[int(path.name)] = (path / "cmdline").read_text()
        except OSError:  # It has just ended.
            continue
        children.setdefault(parent, []).append(int(path.name))
    found = [pid]
    for process in found:
        found += children.get(process, [])
    return {process: commands.get(process, "") for process in found}


def kill_all(pid):
    """What a machine does when its power fails."""
    for process in descendants(pid):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def task_on(node):
    """The task that a node trains now."""
    for command in descendants(node.pid).values():
        words = command.split("\0")
        if any(word.endswith("train.py") for word in words[:2]):
            return words[words.index("--task") + 1]
    return None


def start_sweep(address, results):
    command = [sys.executable, REPOSITORY / "experiments" / "sg6.py", "--preset", "quick"]
    command += ["--tasks", ",".join(TASKS), "--results", results, "--backend", "ray"]
    command += [x for k, v in LONG.items() for x in (f"--{k.replace('_', '-')}", str(v))]
    return subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"RAY_ADDRESS": address},
        text=True,
    )


def test_the_run_of_a_lost_node_goes_on_elsewhere(cluster, tmp_path):
    address, (_, lost) = cluster
    sweep = start_sweep(address, tmp_path)
    wait_for(lambda: task_on(lost), 60)
    run = tmp_path / "quick" / "lambda" / task_on(lost) / "seed_0"
    wait_for(lambda: list(run.glob("checkpoint/step_*")), 60)
    assert not (run / "score.json").exists()
    kill_all(lost.pid)
    output, _ = sweep.communicate(timeout=180)
    print(output)
    assert sweep.returncode == 0, output
    assert "3 of 3 runs finished" in output
    for task in TASKS:
        path = tmp_path / "quick" / "lambda" / task / "seed_0"
        assert json.loads((path / "score.json").read_text())["env_steps"] == 4000
        episodes = map(json.loads, (path / "episodes.jsonl").read_text().splitlines())
        assert [e["env_steps"] for e in episodes] == list(range(200, 4001, 200))  # None twice.
        starts = (path / "train.log").read_text().count("--- ")
        assert starts == (2 if path == run else 1)
    begin = (run / "train.log").read_text().rpartition("--- ")[2]
    assert f"{run.parent.name} lambda seed 0:   0%" not in begin  # Not from the very start.


def test_a_stop_reaches_the_runs_of_all_nodes(cluster, tmp_path):
    address, nodes = cluster
    sweep = start_sweep(address, tmp_path)
    runs = tmp_path / "quick" / "lambda"
    wait_for(lambda: len(list(runs.glob("*/seed_0/episodes.jsonl"))) == 2, 60)
    sweep.send_signal(signal.SIGINT)
    output, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, output
    assert output.count("stopped ") == 2
    assert output.count("the same command resumes") == 1
    assert len(list(runs.glob("*/seed_0/checkpoint/step_*"))) >= 2
    assert not any(task_on(node) for node in nodes)


def test_no_cluster_is_one_line(tmp_path):
    sweep = start_sweep("127.0.0.1:1", tmp_path)
    output, _ = sweep.communicate(timeout=30)
    assert sweep.returncode == 1
    assert "sg6.py: error: no Ray cluster at RAY_ADDRESS '127.0.0.1:1'" in output
    assert list(tmp_path.iterdir()) == []
