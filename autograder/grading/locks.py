"""Never two gradings of the same student and rung at once.

On PostgreSQL it is an advisory lock of the server's, so it holds between machines; it lives as long as the connection
that the result is then written through, so whoever has lost the lock cannot write. With SQLite, which serves one
machine, it is a locked file. Either ends with its owner, however that one ends.
"""

import fcntl
import hashlib
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from autograder.grading.gradebook import is_sqlite

PAUSE = 0.25  # seconds between two looks at a lock that another one holds


class Busy(Exception):
    """Another run is grading this student's work. The message says which."""


def me() -> str:
    """Return this process's name, as others see it when they wait for it."""
    return f"{socket.gethostname()}, process {os.getpid()}"


@contextmanager
def only_one(engine: Engine, root: Path, assignment: str, student: str, patience: float = 0) -> Iterator[Connection]:
    """Hold the lock of one student and assignment; yield the connection that the result is to be written through.

    Raises Busy after `patience` seconds while another run has it.
    """
    hold = _locked_file if is_sqlite(engine) else _advisory_lock
    with hold(engine, root, assignment, student, time.monotonic() + patience) as connection:
        yield connection


def work_name(assignment: str, student: str) -> str:
    """Return a name for one student and assignment that is safe as a file's, whatever the student is called."""
    return f"{assignment}-{hashlib.blake2b(student.encode(), digest_size=8).hexdigest()}"


@contextmanager
def _locked_file(engine: Engine, root: Path, assignment: str, student: str, until: float) -> Iterator[Connection]:
    path = root / ".grading" / "locks" / work_name(assignment, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                file.seek(0)
                _wait(until, file.read())
        file.truncate(0)
        file.write(me())
        file.flush()
        with engine.connect() as connection:
            yield connection


@contextmanager
def _advisory_lock(engine: Engine, root: Path, assignment: str, student: str, until: float) -> Iterator[Connection]:
    first, second = struct.unpack("ii", hashlib.blake2b(f"{assignment}/{student}".encode(), digest_size=8).digest())
    key = {"first": first, "second": second}
    with engine.connect() as connection:
        while not connection.scalar(text("SELECT pg_try_advisory_lock(:first, :second)"), key):
            _wait(until, connection.scalar(text(_HOLDER), key))
            connection.rollback()
        connection.rollback()  # the lock is the session's and outlives the transaction
        try:
            yield connection
        finally:
            connection.invalidate()  # closing the session gives the lock back, also where the server has gone


_HOLDER = """
SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE locktype = 'advisory' AND classid = CAST(CAST(:first AS bit(32)) AS bigint)
AND objid = CAST(CAST(:second AS bit(32)) AS bigint) AND granted LIMIT 1
"""


def _wait(until: float, holder: str | None) -> None:
    """Pause, or raise Busy when it is time."""
    if time.monotonic() >= until:
        raise Busy(f"another run is grading this one ({holder or 'not known which'})")
    time.sleep(PAUSE)
