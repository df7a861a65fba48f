"""Grade on a disk that is nearly full, and then on one that is not: `small_disk.py DISK GRADED AGAIN`.

Run by test_disk_faults.py where DISK is a small file system of this process's own. Ends with 0 if all went as it must.
"""

import shutil
import sys
from pathlib import Path

from after_a_fault import require_finish, require_one_line
from fault_class import LEARNERS, RUNG, WEIGHT_BYTES, begun, read_state, require_old_or_new, reset
from grader_process import Grader

COMMAND = "autograde", RUNG, "--force"
# Room for nothing, for a gradebook's journal at most, for a part of one new result, for one and a part of the next.
ROOM = 0, 30_000, WEIGHT_BYTES // 2, WEIGHT_BYTES + 150_000


def main(disk: Path, graded_once: Path, again: Path) -> None:
    """Grade the class again with each amount of room, and then with enough."""
    grader = Grader(logs=Path.cwd())
    old, course = read_state(graded_once), disk / "course"
    assert grader.warm_up(reset(course, again), *COMMAND) == 0
    new = read_state(course)
    for room in ROOM:
        reset(course, again)
        fill(disk, room)
        grading = grader.start(course, *COMMAND)
        assert grading.wait() == 1, (room, grading.said())
        require_one_line(grading, "")
        assert "o space left on device" in grading.said() or "disk is full" in grading.said()
        (disk / "ballast").unlink()
        found = read_state(course)
        require_old_or_new(found, old, new, begun(course))
        assert found.grades[LEARNERS[-1]] == old.grades[LEARNERS[-1]]
        require_finish(grader, course, COMMAND, new)
    grader.close()


def fill(disk: Path, room: int) -> None:
    """Leave no more than `room` bytes."""
    with (disk / "ballast").open("wb") as file:
        file.write(bytes(max(0, shutil.disk_usage(disk).free - room)))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
