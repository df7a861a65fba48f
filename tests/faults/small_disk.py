"""Grade on a disk that is nearly full, and then on one that is not: `small_disk.py DISK GRADED AGAIN`.

Run by test_disk_faults.py where DISK is a small file system of this process's own. Ends with 0 if all went as it must.
"""

import shutil
import sys
from pathlib import Path

from after_a_fault import require_finish, require_one_line
from fault_class import LEARNERS, RUNG, WEIGHT_BYTES, State, begun, read_state, require_old_or_new, reset
from grader_process import Grader

COMMAND = "autograde", RUNG, "--force"
# Room for nothing, for a gradebook's journal at most, for a part of a new result, for all of it but the notebook.
ROOM = 0, 30_000, WEIGHT_BYTES // 2, WEIGHT_BYTES + 20_000


def main(disk: Path, graded_once: Path, again: Path) -> None:
    """Grade the class again: the course on the disk, with each amount of room; then the gradebook alone on it."""
    grader = Grader(logs=Path.cwd())
    old, course = read_state(graded_once), disk / "course"
    assert grader.warm_up(reset(course, again), *COMMAND) == 0
    new = read_state(course)
    for room in ROOM:
        disturbed(grader, disk, reset(course, again), room, old, new)
    shutil.move(reset(course, again) / "gradebook.db", disk)
    elsewhere = shutil.move(course, Path.cwd() / "course")
    disturbed(grader, disk, elsewhere, 0, old, new, f"sqlite:///{disk}/gradebook.db")
    grader.close()


def disturbed(grader: Grader, disk: Path, course: Path, room: int, old: State, new: State, db_url: str = "") -> None:
    """Grade the class with so much room, then with enough."""
    command = *COMMAND, *([f"--db={db_url}"] if db_url else [])
    fill(disk, room)
    grading = grader.start(course, *command)
    assert grading.wait() == 1, (room, grading.said())
    require_one_line(grading, "the gradebook: database or disk is full" if db_url else "No space left on device")
    (disk / "ballast").unlink()
    found = read_state(course, db_url)
    require_old_or_new(found, old, new, begun(course))
    assert found.grades[LEARNERS[-1]] == old.grades[LEARNERS[-1]]
    require_finish(grader, course, command, new, db_url)


def fill(disk: Path, room: int) -> None:
    """Leave no more than `room` bytes."""
    with (disk / "ballast").open("wb") as file:
        file.write(bytes(max(0, shutil.disk_usage(disk).free - room)))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
