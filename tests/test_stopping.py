"""A request to stop, where nobody reads what is printed."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys
from la_mbda.runs.stopping import StopRequest
with StopRequest() as stop:
    os.kill(os.getpid(), signal.SIGINT)
    print("what else a run prints", file=sys.stderr, flush=True)
    print(stop.asked)
"""


@pytest.mark.parametrize("nohup", [False, True])
def test_a_closed_terminal_asks_for_a_stop_unless_it_is_ignored(nohup):
    # Said in both cases, as the tests themselves may run under nohup.
    before = f"signal.signal(signal.SIGHUP, signal.{'SIG_IGN' if nohup else 'SIG_DFL'})"
    script = SCRIPT.replace("SIGINT", "SIGHUP").replace("with Stop", f"{before}\nwith Stop")
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{not nohup}\n"


def test_a_run_is_stopped_in_order_though_its_reader_has_ended():
    """As `train.py 2>&1 | tee log` is by Ctrl-C, which ends `tee` first."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=write, text=True, check=False)
    os.close(write)
    assert (done.stdout, done.returncode) == ("True\n", 0)
