"""What Linux offers to keep a process's affairs its own, to bound it and to leave none of its children behind.

Elsewhere these functions do nothing. The wall around a learner's code is `autograder.sandbox`.
"""

import ctypes
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

# linux/prctl.h
SET_DEATH_SIGNAL, SET_DUMPABLE, SET_CHILD_SUBREAPER, SET_NO_NEW_PRIVILEGES = 1, 4, 36, 38
# linux/seccomp.h, linux/filter.h
SET_MODE_FILTER, ALL_THREADS, INSTRUCTION_BYTES = 1, 1, 8


def keep_to_ourselves() -> None:
    """Close this process's memory, environment and open files (/proc) to others of the same user, and let processes
    that its children leave behind become its own children."""
    _prctl(SET_DUMPABLE, 0)
    _prctl(SET_CHILD_SUBREAPER, 1)


def end_with_parent() -> None:
    """Let this process be killed when its parent ends, for whatever reason."""
    _prctl(SET_DEATH_SIGNAL, signal.SIGKILL)


def end_descendants(spare: int | None = None) -> None:
    """Kill every process that descends from this one and wait for it, until none is left but the child `spare` and
    its own."""
    import psutil

    while descendants := [one for one in psutil.Process().children(recursive=True) if not _is_spared(one, spare)]:
        for process in descendants:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass
        psutil.wait_procs(descendants, timeout=5)


def _is_spared(process: "psutil.Process", spare: int | None) -> bool:
    """Return whether this is the process `spare` or descends from it."""
    import psutil

    try:
        return spare is not None and spare in (process.pid, *(parent.pid for parent in process.parents()))
    except psutil.NoSuchProcess:
        return True  # it has ended meanwhile


def refuse_system_calls(program: bytes, loader: int) -> None:
    """Bind this process, with all its threads, to a filter of `autograder.system_calls`. Raises OSError."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    _prctl(SET_NO_NEW_PRIVILEGES, 1)
    wanted = Program(len(program) // INSTRUCTION_BYTES, program)
    if ctypes.CDLL(None, use_errno=True).syscall(loader, SET_MODE_FILTER, ALL_THREADS, ctypes.byref(wanted)) != 0:
        raise OSError(ctypes.get_errno(), "the filter of system calls could not be loaded")


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
