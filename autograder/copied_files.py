"""Which files of a submission nbgrader may copy: it copies them all before it grades.

It would follow links, also out of the folder; a path longer than the system allows would leave the submission ungraded;
and a file of holes is small where it lies, and full size in a copy.
"""

import glob
import os
import stat
from collections.abc import Iterator

from autograder.criteria import one_line

LONGEST_PATH = 1_000  # characters below the submission's folder: a whole path, wherever the copy lies, may have 4,095


def leave_out_what_cannot_be_copied(converter: object) -> None:
    """Have nbgrader ignore what is no ordinary file, cannot be reached, or is too large, alone or with the others."""
    left_out, course = [], converter.coursedir
    for folder in converter.assignments:
        for path, reason in _unfit(folder, course.max_file_size * 1000, course.max_dir_size * 1000):  # it counts in KB
            converter.log.warning("%s: %s, left out", one_line(path), reason)
            left_out.append(glob.escape(path))
    # formgrader keeps it from one run to the next: forget what the last one left out
    course.ignore = [pattern for pattern in course.ignore if not os.path.isabs(pattern)] + left_out


def _unfit(folder: str, most_bytes: int, room: int) -> Iterator[tuple[str, str]]:
    """Yield each path that is not to be copied, and why; `room` is what all files may take together, in bytes."""
    for parent, folders, names in os.walk(folder):
        for name in list(folders):
            if len(os.path.relpath(os.path.join(parent, name), folder)) > LONGEST_PATH:
                folders.remove(name)  # nobody goes down there
                yield os.path.join(parent, name), "its path is too long"
        for path in (os.path.join(parent, name) for name in names):
            status = None if len(os.path.relpath(path, folder)) > LONGEST_PATH else os.lstat(path)
            if status is None:
                yield path, "its path is too long"
            elif not stat.S_ISREG(status.st_mode):
                yield path, "not an ordinary file"
            elif status.st_size > min(most_bytes, room):
                yield path, "too large"
            else:
                room -= status.st_size
