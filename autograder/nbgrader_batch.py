"""The loop over a class's submissions, in place of nbgrader's own, so that a fault at any moment costs nothing.

nbgrader deletes the earlier result before it makes the new one, and deletes what there is when that fails. Here

1. the mark is set: from now on this submission is unfinished;
2. the submission is judged, which takes most of the time and touches nothing (so it may begin before the mark is set);
3. nbgrader's own steps build the new result in a folder beside the earlier one, and write to the gradebook in one
   transaction, which is committed when the folder is complete;
4. the new folder takes the earlier one's place, the earlier one is deleted, the mark is taken away.

Whatever ends the run before the commit leaves the earlier grades and the earlier folder; after it, the new grades,
and a mark with which the next run starts this submission again, with the same result.
"""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from autograder.checkers import CheckerError
from autograder.criteria import Report, one_line
from autograder.nbgrader_lock import only_one
from autograder.nbgrader_results import NEW, ResultFolder, begun, result_folder, step_folder
from autograder.nbgrader_transaction import one_transaction
from autograder.runner import grade
from autograder.sandbox import Policy
from shared.course import CourseError

MACHINE = {getattr(errno, name) for name in "ENOSPC EDQUOT EROFS EIO ENOMEM EMFILE ENFILE EAGAIN".split()}
SPARE_BYTES = 32 * 2**20  # of temporary space: with less, a check may have failed for want of it
NEXT = "What they had stands. Once the cause is gone, run the same command again"


CHANGED = "the submission was changed or removed while it was graded"
State = dict[str, tuple[int, int, int]]  # path -> inode, size and time of change


class Changed(Exception):
    """A submission is not what it was when its grading began. One line."""


def grade_all(converter: Autograde) -> None:
    """Grade what is due in `converter.assignments`. Raises NbGraderException, after one line, if anything is not.

    A fault of the machine or of the gradebook ends the run; a fault of one submission is that one's.
    """
    _require_writable(Path(converter.coursedir.root, converter.coursedir.autograded_directory), converter)
    failed, cause = {}, None
    for folder in sorted(converter.assignments):
        try:
            _grade_one(converter, folder)
        except KeyboardInterrupt:
            converter.log.error("stopped at %s. %s", folder, NEXT)
            raise
        except Exception as error:
            failed[folder], cause = reason_of(error), error
            converter.log.debug("%s", folder, exc_info=True)
            if is_of_the_machine(error):
                break
            converter.log.warning("%s: not graded (%s)", folder, failed[folder])
    if failed:
        folder, reason = next(reversed(failed.items()))
        most = len(converter.assignments)
        line = f"not graded: {len(failed)} of {most} submissions, the last {folder} ({reason}). {NEXT}"
        raise said(converter, line) from cause


def _require_writable(results: Path, converter: Autograde) -> None:
    """Raise NbGraderException, after one line, if results cannot be written."""
    results.mkdir(parents=True, exist_ok=True)
    if not os.access(results, os.W_OK | os.X_OK):
        raise said(converter, f"nothing graded ({results}: cannot be written to). {NEXT}")


def said(converter: Autograde, line: str) -> NbGraderException:
    """Log a line, and return the exception with which nbgrader ends without a traceback, exit code 1."""
    converter.log.error("%s", line)
    return NbGraderException(line)


def is_of_the_machine(error: BaseException) -> bool:
    """Say whether an error speaks of the machine or the gradebook, so that no other submission would fare better."""
    out_of_something = isinstance(error, OSError) and error.errno in MACHINE
    return out_of_something or isinstance(error, MemoryError | SQLAlchemyError)


def reason_of(error: Exception) -> str:
    """Return an error as part of a line."""
    if isinstance(error, DBAPIError):
        return one_line(f"the gradebook: {error.orig}")
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror + (f": {error.filename}" if error.filename else ""))
    return one_line(str(error) or type(error).__name__)


def verdict_on(assignment: str, submission: Path, sandbox: Policy) -> tuple[Report | None, str]:
    """Return the runner's report on the submitted files, or None and the reason why there is none.

    Raises OSError or MemoryError for a fault of the machine: that is nothing to give a learner 0 for.
    """
    try:
        report = grade(assignment, submission, sandbox=sandbox)
    except (CourseError, CheckerError) as error:
        return None, str(error)
    except Exception as error:  # no fault of ours may stop the batch, or earn a point
        if is_of_the_machine(error):
            raise
        return None, f"the checker could not be run ({type(error).__name__}: {error})"
    if shutil.disk_usage(tempfile.gettempdir()).free < SPARE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), tempfile.gettempdir())
    return report, ""


# How a verdict is had: whoever knows which submission is next begins with its verdict early (`grading.ahead`).
JUDGE: ContextVar[Callable[[str, Path, Policy], tuple[Report | None, str]]] = ContextVar("JUDGE", default=verdict_on)


def _grade_one(converter: Autograde, folder: str) -> None:
    """Grade the submission in `folder` if it is due."""
    course = converter.coursedir
    assignment, student = _whose(converter, folder)
    if student in course.student_id_exclude.split(","):
        return
    result = result_folder(course, assignment, student)
    converter.notebooks = sorted(converter.assignments[folder])
    with only_one(course.db_url, assignment, student), begun(result.mark) as unfinished:
        result.recover()
        if not unfinished and not _is_due(converter, folder, result.final):
            converter.log.info("Skipping existing assignment: %s", result.final)
            return
        converter.run_pre_convert_hook()
        try:
            _build(converter, Path(folder), assignment, student, result)
            result.publish()
        except BaseException:
            shutil.rmtree(result.new, ignore_errors=True)  # a full disk needs the space
            raise
        converter.run_post_convert_hook()


def _build(converter: Autograde, folder: Path, assignment: str, student: str, result: ResultFolder) -> None:
    """Judge the submission, make its new result and commit its grades."""
    course, before = converter.coursedir, state_of(folder)
    converter.exporter.verdict = JUDGE.get()(assignment, folder, converter.exporter.sandbox)
    if course.notebook_id != "*" and result.final.exists():  # --notebook: the other notebooks' results stay
        shutil.copytree(result.final, result.new)
    with _output_to(course, step_folder(course, NEW)), one_transaction(course.db_url, course.course_id):
        for notebook in converter.notebooks:
            (result.new / os.path.basename(notebook)).unlink(missing_ok=True)
        converter.init_assignment(assignment, student)
        for notebook in converter.notebooks:
            converter.convert_single_notebook(notebook)
        converter.set_permissions(assignment, student)
        if state_of(folder) != before:
            raise Changed(CHANGED)


def _whose(converter: Autograde, folder: str) -> tuple[str, str]:
    """Return assignment and student of a submission folder, as nbgrader reads them from its path."""
    pattern = converter._format_source("(?P<assignment_id>.*)", "(?P<student_id>.*)", escape=True)
    found = re.match(pattern, folder)
    if found is None:
        raise ValueError(f"expected a path like {pattern}")
    return found["assignment_id"], found["student_id"]


def _is_due(converter: Autograde, folder: str, final: Path) -> bool:
    """Say, by nbgrader's rules, whether to grade: no result yet, --force, or a submission newer than the result."""
    course = converter.coursedir
    if course.notebook_id == "*":
        missing = not final.exists()
    else:
        missing = not all((final / os.path.basename(notebook)).exists() for notebook in converter.notebooks)
    submitted, graded = (course.get_existing_timestamp(str(place)) for place in (folder, final))
    newer = submitted is not None and graded is not None and submitted > graded
    return missing or converter.force or newer


def state_of(folder: Path) -> State:
    """Return the state of everything in the folder. Raises Changed where it has gone.

    What lies deeper than a path may be long cannot be reached, by nbgrader neither, and is passed over.
    """
    state = {}
    below = (os.path.join(parent, name) for parent, folders, names in os.walk(folder) for name in folders + names)
    for path in (str(folder), *below):
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            raise Changed(CHANGED) from None
        except OSError:
            continue
        state[path] = found.st_ino, found.st_size, found.st_mtime_ns
    return state


@contextmanager
def _output_to(course: CourseDirectory, step: str) -> Iterator[None]:
    """Let nbgrader write its results to the folder `step` in place of `autograded/`."""
    usual = course.autograded_directory
    course.autograded_directory = step
    try:
        yield
    finally:
        course.autograded_directory = usual
