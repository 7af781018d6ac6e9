"""A sweep's processes: failures, signals, shares of the machine, and one process for a run."""

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from la_mbda.presets import make_config
from la_mbda.runs import local
from la_mbda.runs.local import failure, shares, train_here
from la_mbda.runs.lock import is_locked, locked
from la_mbda.runs.overview import Overview
from la_mbda.runs.run import Outcome, Run
from la_mbda.runs.stopping import StopRequest

SCORE = {"env_steps": 8_000, "return": 1.0, "cost_return": 2.0, "cost_regret": 0.1}
FINISH = f"import pathlib; pathlib.Path('score.json').write_text('{json.dumps(SCORE)}')"
SLEEP = "import time; print('going on', flush=True); time.sleep(60)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP


def make_run(path, seed, code):
    """A run whose process is a line of Python, in its folder."""
    config = dataclasses.replace(make_config("quick", "PointGoal1"), seed=seed)
    folder = path / f"seed_{seed}"
    return Run(config, folder, ("-c", f"import os; os.chdir({str(folder)!r}); {code}"))


def quiet(runs):
    return Overview(runs, lambda *_: 1.0, io.StringIO())


def wait_until(arrived):
    end = time.monotonic() + 20
    while not arrived():
        assert time.monotonic() < end
        time.sleep(0.02)


def exists(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_failure_has_a_reason_and_the_others_go_on(tmp_path, jobs):
    bar = r"print('PointGoal1:  12%|#    | 3/9 error', end='\r')"
    runs = [
        make_run(tmp_path, 0, f"{bar}; raise RuntimeError('kl is nan')"),
        make_run(tmp_path, 1, f"import sys; {bar}; sys.exit('train.py: error: no such thing')"),
        make_run(tmp_path, 2, "import os; os.kill(os.getpid(), 9)"),
        make_run(tmp_path, 3, f"{bar}; import os; os._exit(7)"),
        make_run(tmp_path, 4, FINISH),
    ]
    runs[4].path.mkdir()
    outcomes = train_here(runs, jobs, StopRequest(), quiet(runs))
    assert outcomes == [
        Outcome("failed", "RuntimeError: kl is nan"),
        Outcome("failed", "train.py: error: no such thing"),
        Outcome("failed", "ended by SIGKILL (too little memory?)"),
        Outcome("failed", "exit status 7"),
        Outcome("finished"),
    ]


def test_the_reason_is_of_the_last_start(tmp_path):
    run = make_run(tmp_path, 0, "exit('error: of old')")
    train_here([run], 1, StopRequest(), quiet([run]))
    again = dataclasses.replace(run, command=("-c", "exit(3)"))
    (outcome,) = train_here([again], 1, StopRequest(), quiet([again]))
    assert outcome == Outcome("failed", "exit status 3")
    assert run.log.read_text().count("--- ") == 2


def test_why_a_process_failed_is_told_though_another_one_writes_its_bar_into_the_log(tmp_path):
    log = tmp_path / "train.log"
    log.write_text(
        "PointGoal1:  3%|▎    | 00:10, actingtrain.py: error: another process trains it\n"
    )
    assert failure(log, 0, 1) == "error: another process trains it"


def test_a_folder_that_cannot_be_written_is_a_failure(tmp_path):
    (tmp_path / "seed_0").write_text("no folder")
    run = make_run(tmp_path, 0, FINISH)
    (outcome,) = train_here([run], 1, StopRequest(), quiet([run]))
    assert outcome.state == "failed"
    assert "cannot start it" in outcome.reason


def test_runs_share_cores_and_gpus(monkeypatch):
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)
    assert shares(1) == [{}]
    assert [share["CUDA_VISIBLE_DEVICES"] for share in shares(3)] == ["4", "7", "4"]
    assert {share["TF_NUM_INTRAOP_THREADS"] for share in shares(3)} == {"2"}
    assert {share["TF_NUM_INTRAOP_THREADS"] for share in shares(16)} == {"1"}
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "5")
    assert {share["TF_NUM_INTRAOP_THREADS"] for share in shares(2)} == {"5"}
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", "")
    assert "CUDA_VISIBLE_DEVICES" not in shares(2)[0]


def test_each_process_gets_its_share(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "shares", lambda jobs: [{"SHARE": str(i)} for i in range(jobs)])
    say = "import os, time; print('share', os.environ['SHARE']); time.sleep(0.5)"
    runs = [make_run(tmp_path, seed, say) for seed in range(2)]
    monkeypatch.setattr(Overview, "ended", lambda *_: None)
    train_here(runs, 2, StopRequest(), quiet(runs))
    assert {run.log.read_text().split()[-1] for run in runs} == {"0", "1"}


SWEEP = """
import sys, pathlib
sys.path.insert(0, {tests!r})
from test_sweep import *
runs = [make_run(pathlib.Path({path!r}), seed, {code}) for seed in range(3)]
with StopRequest() as stop:
    print(train_here(runs, {jobs}, stop, Overview(runs, lambda *_: 1.0)))
"""


def start_sweep(path, code, jobs):
    """A sweep of three runs in a process of its own, as soon as `jobs` of them go on."""
    text = SWEEP.format(tests=str(Path(__file__).parent), path=str(path), code=code, jobs=jobs)
    process = subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    logs = [path / f"seed_{seed}" / "train.log" for seed in range(jobs)]
    wait_until(lambda: all(log.exists() and "going on" in log.read_text() for log in logs))
    return process


def pids(path):
    """The processes of runs below a folder."""
    commands = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            commands[int(process.name)] = (process / "cmdline").read_text()
        except OSError:
            continue
    return [pid for pid, command in commands.items() if f"os.chdir('{path}" in command]


def test_a_killed_sweep_leaves_no_runs_behind(tmp_path):
    process = start_sweep(tmp_path, "SLEEP", jobs=2)
    runs = pids(tmp_path)
    assert len(runs) == 2
    process.kill()
    process.communicate()
    wait_until(lambda: not any(exists(pid) for pid in runs))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_second_interrupt_does_not_wait(tmp_path, jobs):
    process = start_sweep(tmp_path, "DEAF", jobs)
    runs = pids(tmp_path)
    process.send_signal(signal.SIGINT)
    time.sleep(0.6)
    assert process.poll() is None
    assert all(exists(pid) for pid in runs)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    wait_until(lambda: not any(exists(pid) for pid in runs))
    assert not (tmp_path / "seed_2").exists()


LOCKED = "import sys, pathlib, time; from la_mbda.runs.lock import locked\n" + (
    "with locked(pathlib.Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
)


def test_one_process_at_a_time_trains_a_run(tmp_path):
    run = tmp_path / "run"
    assert not is_locked(run)
    with subprocess.Popen([sys.executable, "-c", LOCKED, run], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"locked\n"
        assert is_locked(run)
        message = f"another process trains {run} .process {process.pid} on "
        with pytest.raises(ValueError, match=message), locked(run, patience=0.2):
            pass
        process.kill()
        process.wait()
    assert not is_locked(run)
    with locked(run, patience=0.0):
        assert is_locked(run)
    assert not is_locked(run)
