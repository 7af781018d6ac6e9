"""Ctrl-C, SIGTERM, SIGHUP and SIGXCPU as a request: the current work is finished and saved first.

A terminal that is closed sends SIGHUP, but not to what `nohup` started. The system sends SIGXCPU,
once a second, to a process that has used up its CPU time (`ulimit -t`).
"""

import os
import signal
import sys
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU)


class StopRequest:
    """While it is entered, the first signal only asks; a second Ctrl-C ends the process at once."""

    def __init__(self):
        self.asked = False
        self.insisted = False
        self._before = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():  # Python allows it nowhere else.
            hung_up = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
            asking = [number for number in SIGNALS if number != signal.SIGHUP or hung_up]
            self._before = {number: signal.signal(number, self._ask) for number in asking}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _) -> None:
        if self.asked and number == signal.SIGINT:
            self.insisted = True
            raise KeyboardInterrupt
        if self.asked:
            return
        self.asked = True
        try:
            print("\nstopping after the current update or episode", file=sys.stderr, flush=True)
        except OSError:
            # Whatever reads it, as `tee`, was ended by the same Ctrl-C; the run must be saved yet.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
