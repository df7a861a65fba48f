"""The class driver is killed with its workers: nothing is lost, no process stays, and the next run finishes.

These are the rest of the fifty kills that begin in test_killed.py.
"""

import os
import random
import secrets
import time

import psutil
import pytest
from after_a_fault import require_finish
from fault_class import DRIVER, begun, read_state, require_old_or_new, reset

pytestmark = pytest.mark.slow

KILLS, IN_A_ROW = 6, 3
SEED = os.environ.get("COURSE_FAULT_SEED") or secrets.token_hex(4)
COMMAND = DRIVER, "01", "--jobs", "2"  # the real check, in workers of their own
KILLED, SECONDS_TO_DIE = -9, 10


def test_killed_at_random(stages, grader, course):
    print(f"COURSE_FAULT_SEED={SEED}")
    chance = random.Random(SEED)
    longest, new = undisturbed(stages, grader, course)
    killed = 0
    while killed < KILLS:
        reset(course, stages.again)
        for _ in range(IN_A_ROW):
            grading = grader.start(course, *COMMAND)
            time.sleep(chance.uniform(0, longest))
            killed += kill_with_all_workers(grading) == KILLED
            require_old_or_new(read_state(course), stages.old, new, begun(course))
        require_finish(grader, course, COMMAND, new)


def undisturbed(stages, grader, course):
    """Return how long the class takes, and what it has then: other grades than before, and not from nbgrader's hand."""
    reset(course, stages.again)
    started = time.monotonic()
    grading = grader.start(course, *COMMAND)
    assert grading.wait() == 0, grading.said()
    took, new = time.monotonic() - started, read_state(course)
    assert all(new.grades[name] != stages.old.grades[name] for name in new.grades)
    return took, new


def kill_with_all_workers(grading) -> int:
    """Kill the command alone: its workers and their checks must end with it."""
    family = psutil.Process(grading.pid).children(recursive=True)
    status = grading.kill()
    _, alive = psutil.wait_procs(family, timeout=SECONDS_TO_DIE)
    assert alive == []
    return status
