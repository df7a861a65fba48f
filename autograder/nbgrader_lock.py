"""Never two gradings of one submission at once, between machines too: an advisory lock of PostgreSQL's.

On one machine, and wherever machines share a folder that knows locks, the mark of `nbgrader_results` is enough. A
gradebook on PostgreSQL is there for several machines, so its server is asked as well. It gives the lock back when the
connection ends, and with it whatever becomes of its owner.
"""

import hashlib
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, make_url, text

from autograder.nbgrader_results import Busy

HOLDER = """
SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE locktype = 'advisory' AND granted AND classid = :first AND objid = :second LIMIT 1
"""


@contextmanager
def only_one(db_url: str, assignment: str, student: str) -> Iterator[None]:
    """Hold the server's lock on one student's work on one assignment. Raises Busy when another process holds it."""
    if make_url(db_url).get_backend_name() != "postgresql":
        yield
        return
    first, second = struct.unpack("II", hashlib.blake2b(f"{assignment}/{student}".encode(), digest_size=8).digest())
    name = {"application_name": f"grading on {socket.gethostname()}, process {os.getpid()}"}
    engine = create_engine(db_url, connect_args=name)
    try:
        # The lock is the session's, not the transaction's: none stays open while the check runs.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
            key = {"first": _signed(first), "second": _signed(second)}
            if not session.scalar(text("SELECT pg_try_advisory_lock(:first, :second)"), key):
                holder = session.scalar(text(HOLDER), {"first": first, "second": second})
                raise Busy(f"another process is grading this submission ({holder or 'just now'})")
            yield
    finally:
        engine.dispose()  # closes the session, which gives the lock back


def _signed(number: int) -> int:
    """Return an unsigned number of 32 bits as PostgreSQL's integer of the same bits."""
    return number - 2**32 if number >= 2**31 else number
