"""Which files of a submission nbgrader may copy: it copies them all before it grades.

It would follow links, also out of the folder; a path longer than the system allows would stop the whole batch; and a
file of holes is small where it lies, and full size in a copy.
"""

import glob
import os
import stat

from autograder.criteria import one_line


def leave_out_what_cannot_be_copied(converter: object) -> None:
    """Have nbgrader ignore what is no ordinary file, cannot be reached, or is too large, alone or with the others."""
    left_out, course = [], converter.coursedir
    for folder in converter.assignments:
        room = course.max_dir_size * 1000  # nbgrader counts in kilobytes
        for path in (os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names):
            if reason := _unfit(path, min(room, course.max_file_size * 1000)):
                converter.log.warning("%s: %s, left out", one_line(path), reason)
                left_out.append(glob.escape(path))
            else:
                room -= os.path.getsize(path)
    # formgrader keeps it from one run to the next: forget what the last one left out
    course.ignore = [pattern for pattern in course.ignore if not os.path.isabs(pattern)] + left_out


def _unfit(path: str, most_bytes: float) -> str:
    """Return why a file is not to be copied, or ""."""
    try:
        status = os.lstat(path)
    except OSError as error:  # a path longer than the system allows, for one
        return f"cannot be read ({error.strerror})"
    if not stat.S_ISREG(status.st_mode):
        return "not an ordinary file"
    return "too large" if status.st_size > most_bytes else ""
