"""A grading is killed: each learner keeps the old result or has the new one, and the next run finishes."""

import os
import random
import secrets
import time

import pytest
from after_a_fault import require_finish
from fault_class import LEARNERS, NOTHING, RUNG, begun, read_state, require_old_or_new, reset

pytestmark = pytest.mark.slow

KILLS = 22  # of each way of grading; those of the class driver are in test_class_driver_killed.py
IN_A_ROW = 3  # a restarted run may be killed as well
SEED = os.environ.get("COURSE_FAULT_SEED") or secrets.token_hex(4)
KILLED = -9
STEPS_TO_THE_CHECK = 10  # of a restarted grading, which has first put things in order


@pytest.mark.parametrize("arguments", [(), ("--force",)], ids=["first", "force"])
def test_killed_at_random(stages, grader, course, arguments):
    print(f"COURSE_FAULT_SEED={SEED}")
    chance = random.Random(SEED)
    again, first = (stages.again, stages.old, stages.new), (stages.handed_in, NOTHING, stages.old)
    stage, old, new = again if arguments else first
    command = "autograde", RUNG, *arguments
    longest, killed = seconds_of(grader, reset(course, stage), command), 0
    while killed < KILLS:
        reset(course, stage)
        for _ in range(IN_A_ROW):
            grading = grader.start(course, *command)
            time.sleep(chance.uniform(0, longest))
            killed += grading.kill() == KILLED
            require_old_or_new(read_state(course), old, new, begun(course))
        require_finish(grader, course, command, new)


def seconds_of(grader, course, command) -> float:
    started = time.monotonic()
    assert grader.start(course, *command).wait() == 0
    return time.monotonic() - started


def test_killed_before_each_step(stages, grader, course):
    """Not by chance: one grading, killed before its first change to the file system, its second, and so on.

    What was begun is finished by the next run, which without --force has no other reason to.
    """
    learner, step, status, between = LEARNERS[1], 0, KILLED, 0
    command = "autograde", RUNG, "--student", learner
    while status == KILLED:
        step += 1
        reset(course, stages.again)
        status = grader.start(course, *command, "--force", kill_at=step).wait()
        found, unfinished = read_state(course), begun(course)
        require_old_or_new(found, stages.old, stages.new, unfinished)
        if not (course / "autograded" / learner / RUNG).exists():  # the old result is put aside: so is it once more
            between += grader.start(course, *command, kill_at=STEPS_TO_THE_CHECK).wait() == KILLED
            require_old_or_new(read_state(course), stages.old, stages.new, begun(course))
        if unfinished:
            require_finish(grader, course, command, stages.with_new(learner))
    assert (status, found) == (0, stages.with_new(learner))
    assert step > 20 and between == 1
