"""The disk fills, the results' folder is read-only, a submission goes: one line, old grades stand, and a next run."""

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from after_a_fault import require_finish, require_one_line
from fault_class import LEARNERS, RUNG, VANISHES, begun, hand_in, read_state, reset

from autograder.nbgrader_batch import NEXT
from autograder.nbgrader_course import environment
from autograder.nbgrader_results import NEW

pytestmark = pytest.mark.slow

COMMAND = "autograde", RUNG, "--force"
DISK_BYTES = 8_000_000
FIRST, SECOND = LEARNERS[:2]


@pytest.fixture(scope="session")
def own_view():
    """Return the beginning of a command that sees the file system with changes of its own."""
    view = ["bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--die-with-parent"]
    if shutil.which("bwrap") is None or subprocess.run([*view, "true"], capture_output=True).returncode != 0:
        pytest.skip("bubblewrap is not installed or cannot be used here: apt-get install bubblewrap")
    return view


def test_the_disk_fills(stages, own_view, tmp_path):
    (disk := tmp_path / "disk").mkdir()
    script = Path(__file__).with_name("small_disk.py")
    small = "--size", str(DISK_BYTES), "--tmpfs", disk
    command = [*own_view, *small, sys.executable, script, disk, stages.graded, stages.again]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_results_cannot_be_written(stages, grader, own_view, course):
    reset(course, stages.again)
    results = course / "autograded"
    command = [*own_view, "--ro-bind", results, results, sys.executable, "-m", "nbgrader", *COMMAND]
    done = subprocess.run(command, cwd=course, env=environment(course), capture_output=True, text=True)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert f"nothing graded ({results}: cannot be written to). {NEXT}" in last and "Traceback" not in done.stderr
    assert read_state(course) == stages.old
    require_finish(grader, course, COMMAND, stages.new)


def test_a_submission_goes_while_it_is_graded(stages, grader, course):
    """The one before it and those after it are graded; its own earlier result stands until it is there again."""
    reset(course, stages.again)
    submission = course / "submitted" / SECOND / RUNG
    (submission / VANISHES).write_text(str(submission))
    grading = grader.start(course, *COMMAND)
    assert grading.wait() == 1
    require_one_line(grading, "the submission was changed or removed while it was graded")
    assert not submission.exists()
    assert read_state(course) == stages.with_new(*(set(LEARNERS) - {SECOND}))
    assert begun(course) == {SECOND}
    hand_in(course, new=True)
    require_finish(grader, course, COMMAND[:2], stages.new)


def test_a_submission_goes_before_its_turn(stages, grader, course):
    reset(course, stages.again)
    gone = course / "submitted" / SECOND / RUNG
    vanishes = course / "submitted" / FIRST / RUNG / VANISHES
    vanishes.write_text(str(gone))
    grading = grader.start(course, *COMMAND)
    assert grading.wait() == 1
    require_one_line(grading, "the submission was changed or removed while it was graded")
    assert read_state(course).grades == stages.with_new(*(set(LEARNERS) - {SECOND})).grades


def test_two_at_once_do_not_grade_the_same_work(stages, grader, course):
    reset(course, stages.again)
    mark = course / "autograded" / NEW / SECOND / f"{RUNG}.begun"
    mark.parent.mkdir(parents=True)
    with mark.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        grading = grader.start(course, *COMMAND)
        assert grading.wait() == 1
    require_one_line(grading, "another process is grading this submission")
    assert read_state(course) == stages.with_new(*(set(LEARNERS) - {SECOND}))
    require_finish(grader, course, COMMAND, stages.new)
