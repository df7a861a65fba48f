"""A grading is killed: each learner keeps the old result or has the new one, and the next run finishes."""

import os
import random
import secrets
import time

import pytest
from fault_class import LEARNERS, NOTHING, RUNG, begun, left_behind, read_state, require_old_or_new, reset

pytestmark = pytest.mark.slow

KILLS = 18  # of each way of grading; those of the class driver are in test_class_driver_killed.py
IN_A_ROW = 3  # a restarted run may be killed as well
SEED = os.environ.get("COURSE_FAULT_SEED") or secrets.token_hex(4)
KILLED = -9


@pytest.mark.parametrize("arguments", [(), ("--force",)], ids=["first", "force"])
def test_killed_at_random(stages, grader, course, arguments):
    print(f"COURSE_FAULT_SEED={SEED}")
    chance = random.Random(SEED)
    stage, old = (stages.again, stages.old) if arguments else (stages.handed_in, NOTHING)
    command = "autograde", RUNG, *arguments
    longest, killed = seconds_of(grader, reset(course, stage), command), 0
    while killed < KILLS:
        reset(course, stage)
        for _ in range(IN_A_ROW):
            grading = grader.start(course, *command)
            time.sleep(chance.uniform(0, longest))
            killed += grading.kill() == KILLED
            require_old_or_new(read_state(course), old, the_new(stages, arguments), begun(course))
        finish(grader, course, command, the_new(stages, arguments))


def the_new(stages, arguments):
    return stages.new if arguments else stages.old


def seconds_of(grader, course, command) -> float:
    started = time.monotonic()
    assert grader.start(course, *command).wait() == 0
    return time.monotonic() - started


def finish(grader, course, command, expected) -> None:
    """Run the command once more, undisturbed: everything is as if nothing had happened."""
    grading = grader.start(course, *command)
    assert grading.wait() == 0, grading.said()
    assert read_state(course) == expected
    assert left_behind(course) == []


@pytest.mark.parametrize("arguments", [(), ("--force",)], ids=["newer", "force"])
def test_killed_before_each_step(stages, grader, course, arguments):
    """Not by chance: one grading, killed before its first change to the file system, its second, and so on."""
    command, step, status = ("autograde", RUNG, "--student", LEARNERS[1], *arguments), 0, KILLED
    while status == KILLED:
        step += 1
        reset(course, stages.again)
        status = grader.start(course, *command, kill_at=step).wait()
        found, unfinished = read_state(course), begun(course)
        require_old_or_new(found, stages.old, stages.new, unfinished)
        if status == KILLED:
            grading = grader.start(course, *command[:4])
            assert grading.wait() == 0, grading.said()
    assert status == 0 and step > 20
