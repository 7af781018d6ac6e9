"""Runs a command that does not outlive the process that started it.

`python -m la_mbda.runs.with_parent PID COMMAND …` becomes the command, which the system asks to
stop (SIGTERM) when PID, its parent, ends: a sweep that is killed leaves no runs behind. On other
systems than Linux it only becomes the command.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Become the command."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the process that asked for this run has ended")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
