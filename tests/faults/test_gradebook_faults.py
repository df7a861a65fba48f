"""The gradebook is locked or its server stops: one line says so, old grades stand, the same command finishes.

That the class driver waits for a server that restarts is in tests/grading.
"""

import sqlite3
import time
from contextlib import closing

import pytest
from after_a_fault import require_finish, require_one_line
from fault_class import LEARNERS, RUNG, WAITS, copied_gradebook, read_state, reset
from postgres_server import PostgresServer, programs

pytestmark = pytest.mark.slow

COMMAND = "autograde", RUNG, "--force"
LOCKS = "EXCLUSIVE", "IMMEDIATE"  # the first keeps readers out as well, the second only who would write


@pytest.mark.parametrize("lock", LOCKS)
def test_locked_for_a_while(stages, grader, course, lock):
    reset(course, stages.again)
    with closing(locked(course, lock)) as other:
        grading = grader.start(course, *COMMAND, lock_seconds=60)
        time.sleep(1.5)
        other.rollback()
        assert grading.wait() == 0, grading.said()
    assert read_state(course) == stages.new


@pytest.mark.parametrize("lock", LOCKS)
def test_locked_for_longer_than_is_waited(stages, grader, course, lock):
    reset(course, stages.again)
    with closing(locked(course, lock)):
        grading = grader.start(course, *COMMAND, lock_seconds=0.5)
        assert grading.wait() == 1
    require_one_line(grading, "the gradebook: database is locked")
    assert read_state(course) == stages.old
    require_finish(grader, course, COMMAND, stages.new)


def locked(course, lock: str) -> sqlite3.Connection:
    """Return a connection that holds the gradebook locked."""
    connection = sqlite3.connect(course / "gradebook.db", isolation_level=None, check_same_thread=False)
    connection.execute(f"BEGIN {lock}")
    return connection


@pytest.fixture(scope="module")
def server():
    if programs() is None:
        pytest.skip("no PostgreSQL server here (Debian, Ubuntu: apt install postgresql)")
    server = PostgresServer()
    yield server
    server.close()


def test_a_server_that_stops_in_the_middle(stages, grader, course, server, tmp_path):
    """It stops while the second learner's work is checked: the first has the new grades, the others keep the old."""
    reset(course, stages.again)
    copied_gradebook(course, server.url)
    command = *COMMAND, f"--db={server.url}"
    signal = tmp_path / "go.on"
    (course / "submitted" / LEARNERS[1] / RUNG / WAITS).write_text(str(signal))
    grading = grader.start(course, *command)
    wait_for(signal.with_suffix(".asked"))
    server.stop()
    signal.touch()
    assert grading.wait() == 1
    require_one_line(grading, "the gradebook: ")
    server.start()
    (course / "submitted" / LEARNERS[1] / RUNG / WAITS).unlink()
    found = read_state(course, server.url)
    assert found == stages.with_new(LEARNERS[0])
    require_finish(grader, course, command, stages.new, server.url)


def wait_for(path, seconds: float = 60) -> None:
    """Wait until there is something at `path`."""
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until, f"{path} has not come"
        time.sleep(0.01)
