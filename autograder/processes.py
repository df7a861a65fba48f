"""What Linux offers to keep a process's affairs its own and to leave none of its children behind.

Elsewhere these functions do nothing. None of it stops a learner's code that runs as root: that takes a sandbox.
"""

import ctypes
import signal
import sys

# linux/prctl.h
SET_DEATH_SIGNAL, SET_DUMPABLE, SET_CHILD_SUBREAPER = 1, 4, 36


def keep_to_ourselves() -> None:
    """Close this process's memory, environment and open files (/proc) to others of the same user, and let processes
    that its children leave behind become its own children."""
    _prctl(SET_DUMPABLE, 0)
    _prctl(SET_CHILD_SUBREAPER, 1)


def end_with_parent() -> None:
    """Let this process be killed when its parent ends, for whatever reason."""
    _prctl(SET_DEATH_SIGNAL, signal.SIGKILL)


def end_descendants() -> None:
    """Kill every process that descends from this one and wait for it, until none is left."""
    import psutil

    while descendants := psutil.Process().children(recursive=True):
        for process in descendants:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass
        psutil.wait_procs(descendants, timeout=5)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
