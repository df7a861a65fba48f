"""Bounds on everything that a test starts, kept from outside: where a sandbox is broken, no machine is harmed.

A thread looks at all descendants of this process twenty times a second. When they are too many, hold too much memory
or leave too much in the temporary folder, or when the time is over, it stops them all, then kills them all. A limit on
the size of files is inherited. What a descendant leaves behind becomes this process's child, so nothing can hide.
"""

import ctypes
import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SET_CHILD_SUBREAPER = 36  # linux/prctl.h
SECONDS_BETWEEN = 0.05


@dataclass(frozen=True)
class Limits:
    """What all descendants together may take."""

    seconds: int = 500
    processes: int = 80
    memory_bytes: int = 6 * 2**30
    file_bytes: int = 2**30  # of one file
    files: int = 100_000  # in the watched folder


@dataclass
class Watched:
    """What was seen: the `fault` that ended it all, if any, and the processes that were `left` at the end."""

    fault: str = ""
    left: list[str] = field(default_factory=list)
    most_processes: int = 0


@contextmanager
def bounded(folder: Path, limits: Limits | None = None) -> Iterator[Watched]:
    """Watch all that is started meanwhile, and `folder`, into which it writes; at the end kill what is left of it."""
    limits, watched, over = limits or Limits(), Watched(), threading.Event()
    before = set(psutil.Process().children(recursive=True))
    thread = threading.Thread(target=_watch, args=(folder, limits, watched, over, before), daemon=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_bytes, hard))
    _adopt(1)
    thread.start()
    try:
        yield watched
    finally:
        over.set()
        thread.join()
        watched.left = [_name(one) for one in _started(before)]
        _end_all(before)
        _adopt(0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _adopt(orphans: int) -> None:
    """Let processes whose parent has ended become this one's children, or no longer."""
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, orphans, 0, 0, 0)


def _watch(folder: Path, limits: Limits, watched: Watched, over: threading.Event, before: set) -> None:
    begun, rounds = time.monotonic(), 0
    while not over.wait(SECONDS_BETWEEN) and not watched.fault:
        started = _started(before)
        rounds += 1
        watched.most_processes = max(watched.most_processes, len(started))
        memory = sum(_memory(one) for one in started) if rounds % 4 == 0 else 0
        files = sum(len(names) for _, _, names in os.walk(folder)) if rounds % 40 == 0 else 0
        found = {
            f"{len(started)} processes": len(started) > limits.processes,
            f"{memory / 2**30:.1f} GiB of memory": memory > limits.memory_bytes,
            f"{files} files": files > limits.files,
            "out of time": time.monotonic() - begun > limits.seconds,
        }
        watched.fault = next((fault for fault, broken in found.items() if broken), "")
    if watched.fault:
        _end_all(before)


def _started(before: set[psutil.Process]) -> list[psutil.Process]:
    """Return the living descendants of this process that were not there before."""
    found = [one for one in psutil.Process().children(recursive=True) if one not in before]
    return [one for one in found if _memory(one) > 0]  # what has ended and waits to be collected holds none


def _memory(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def _name(process: psutil.Process) -> str:
    try:
        return f"{process.pid}: {' '.join(process.cmdline())[:200]}"
    except psutil.NoSuchProcess:
        return f"{process.pid}: ended meanwhile"


def _end_all(before: set[psutil.Process]) -> None:
    """Stop all, so that none can start another, then kill all, until none is left."""
    while started := _started(before):
        for signal in ("suspend", "kill"):
            for process in started:
                try:
                    getattr(process, signal)()
                except psutil.NoSuchProcess:
                    pass
        psutil.wait_procs(started, timeout=5)
