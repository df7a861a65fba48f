"""For the tests of the sandbox: an attacker's function, the rooms it runs in, and what is left of it afterwards."""

import os
import time
from collections.abc import Callable

import psutil
import pytest

from autograder import sandbox
from autograder.student_code import Answer, Call, LearnerFunction, Limits, StudentCode
from autograder.warm_sandbox import WarmSandbox

NEEDS_SANDBOX = pytest.mark.skipif(sandbox.fault() is not None, reason=f"no sandbox here: {sandbox.fault()}")
# With ctypes at hand an attacker calls the system directly, past all that Python watches.
ATTACKER = LearnerFunction("answer", "f", "import ctypes, errno, json, os, signal, socket, subprocess, threading, time")
TINY = Limits(seconds=5, memory_bytes=2**30, file_bytes=2**20)
SYSTEM = """
libc = ctypes.pythonapi
libc.__errno_location.restype = ctypes.POINTER(ctypes.c_int)

def system(number, *arguments):
    # Return what the system call gives, or the name of its error.
    values = [value if isinstance(value, bytes) else ctypes.c_long(value) for value in arguments]
    given = libc.syscall(ctypes.c_long(number), *values)
    return errno.errorcode[libc.__errno_location()[0]] if given == -1 else given
"""


def number_of(name: str) -> int | None:
    """Return the number of a system call on this machine, or None when it has no such call."""
    import pyseccomp

    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    return number if number >= 0 else None


def attack(room: bool | WarmSandbox, body: str, *arguments: object, limits: Limits = TINY) -> Answer:
    """Run `body`, the lines of a function of `a`, in a room: in a sandbox of its own, in none, or in a warm one."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    with StudentCode(ATTACKER, f"{SYSTEM}\ndef f(*a):\n{lines}", [Call(arguments)], limits, confined=room) as code:
        return code.answers()[0]


def works(room: bool | WarmSandbox) -> bool:
    """Return whether an honest function still gets its answer."""
    return attack(room, "return a[0] + 1", 6).value == 7


def soon(true: Callable[[], bool]) -> bool:
    """Return whether something becomes true within ten seconds: killed processes take a moment to end."""
    give_up = time.monotonic() + 10
    while not true():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def running(group: int) -> list[int]:
    """Return the processes of a group that still run."""
    return [process.pid for process in psutil.process_iter() if _runs(process, group)]


def _runs(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
