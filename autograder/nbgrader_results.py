"""Where one submission is graded: beside the earlier result, which stands until the new one is complete.

In nbgrader's folder `autograded/`, for Ada's rung 02:

    ada/rung-02-sft                  the result
    .grading/ada/rung-02-sft         the new result while it is being made
    .grading/ada/rung-02-sft.begun   the mark: there from the first step to the last, locked by the process at work
    .replaced/ada/rung-02-sft        the earlier result, for the moment in which the two change places

The system lets go of the lock when a process ends, however it ends, and the mark stays. So a mark that nobody holds
says that a run did not finish, and the next one grades this submission again. nbgrader passes over names that begin
with a dot.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from nbgrader.coursedir import CourseDirectory

NEW, EARLIER = ".grading", ".replaced"


class Busy(Exception):
    """Another process is grading this submission. One line."""


class ResultFolder(NamedTuple):
    """The places of one submission's result."""

    final: Path
    new: Path
    earlier: Path
    mark: Path

    def recover(self) -> None:
        """Undo what a run that was killed left behind: bring the earlier result back, remove the half-made one."""
        if self.earlier.exists() and not self.final.exists():
            self.earlier.rename(self.final)
        for left_behind in (self.earlier, self.new):
            if left_behind.exists():
                shutil.rmtree(left_behind)
        _remove_empty(self.earlier.parent)

    def publish(self) -> None:
        """Put the new result in its place. Only then is the earlier one deleted."""
        self.final.parent.mkdir(parents=True, exist_ok=True)
        if self.final.exists():
            self.earlier.parent.mkdir(parents=True, exist_ok=True)
            self.final.rename(self.earlier)
        try:
            self.new.rename(self.final)
        finally:
            self.recover()


def step_folder(course: CourseDirectory, name: str) -> str:
    """Return nbgrader's name for a folder inside `autograded/`, to be used in place of `autograded` itself."""
    return os.path.join(course.autograded_directory, name)


def result_folder(course: CourseDirectory, assignment: str, student: str) -> ResultFolder:
    """Return the places of the result of `student`'s work on `assignment`."""

    def path(step: str) -> Path:
        return Path(course.format_path(step, student, assignment))

    new = path(step_folder(course, NEW))
    mark = new.with_name(f"{new.name}.begun")
    return ResultFolder(path(course.autograded_directory), new, path(step_folder(course, EARLIER)), mark)


@contextmanager
def begun(mark: Path) -> Iterator[bool]:
    """Set the mark and hold it; take it away at the end, unless an exception leaves the work unfinished.

    Yields whether an earlier run left it. Raises Busy when another process holds it.
    """
    file, unfinished = _open(mark)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = os.path.samestat(os.fstat(file), os.stat(mark))  # not so if its holder has just taken it away
        except (BlockingIOError, FileNotFoundError):
            held = False
        if not held:
            raise Busy("another process is grading this submission")
        yield unfinished
        mark.unlink()
    finally:
        os.close(file)
        _remove_empty(mark.parent)


def _open(mark: Path) -> tuple[int, bool]:
    """Return the open mark and whether it was there before."""
    while True:
        mark.parent.mkdir(parents=True, exist_ok=True)
        try:
            there = mark.exists()
            return os.open(mark, os.O_RDWR | os.O_CREAT, 0o666), there
        except FileNotFoundError:  # another process has just removed the empty folder
            continue


def _remove_empty(folder: Path) -> None:
    """Remove the folder and those above it, as far as they are empty and belong to the hidden part of `autograded/`."""
    for one in (folder, *folder.parents):
        if {NEW, EARLIER}.isdisjoint(one.parts):
            return
        try:
            one.rmdir()
        except OSError:  # not empty: another submission is under way
            pass
