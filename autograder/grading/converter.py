"""nbgrader's own autograde, loaded once and pointed at one student after another.

The course's configuration is read as the command `nbgrader autograde` reads it, so both grade alike, and through the
same loop (`autograder.nbgrader_batch`): what is there of a submission at any moment is the earlier result or the new.
"""

import glob
import logging
import re
from pathlib import Path

from nbgrader.apps import AutogradeApp
from nbgrader.converters import Autograde, NbGraderException
from nbgrader.coursedir import CourseDirectory

from autograder.criteria import one_line
from autograder.grading.settings import GradingError
from autograder.nbgrader_results import ResultFolder, result_folder
from autograder.sandbox import Policy
from shared.course import load_course

EXPORTER = "autograder.nbgrader_plugin.SubmissionExporter"


class Converter:
    """nbgrader in the course folder `root`; `db_url` replaces the gradebook that its configuration names."""

    def __init__(self, root: Path, db_url: str = ""):
        self._app = _Autograde(log_level=logging.ERROR)
        self._app.initialize([f"--course-dir={root}", *([f"--db={db_url}"] if db_url else [])])
        self._said = _Collector()
        self._app.log.handlers, self._app.log.propagate = [self._said], False
        if self._app.config.get("Autograde", {}).get("exporter_class") != EXPORTER:  # nbgrader would run learners' code
            raise GradingError(
                f"{root}: nbgrader is not set up here to grade by the course's checkers (nbgrader_config.py). "
                "Give the course folder: --course DIR"
            )

    @property
    def sandbox(self) -> Policy:
        """Whether learners' code must run in a sandbox: what the configuration says, or course.yml."""
        return self._app.config.get("SubmissionExporter", {}).get("sandbox") or load_course().grading.sandbox

    @property
    def db_url(self) -> str:
        """The gradebook's address, absolute where it is a file."""
        return self._course().db_url

    def students(self, assignment: str) -> list[str]:
        """Return who has a folder submitted for the assignment, in order, without those whom the course excludes."""
        course = self._course()
        place = re.compile(course.format_path(course.submitted_directory, "(?P<student>.*)", assignment, escape=True))
        pattern = course.format_path(course.submitted_directory, "*", assignment)
        folders = [path for path in glob.glob(pattern) if Path(path).is_dir()]
        found = {match["student"] for path in folders if (match := place.fullmatch(path))}
        return sorted(found - set(course.student_id_exclude.split(",")))

    def submitted(self, assignment: str, student: str) -> Path:
        """Return the folder that the student has submitted."""
        course = self._course()
        return Path(course.format_path(course.submitted_directory, student, assignment))

    def result(self, assignment: str, student: str) -> ResultFolder:
        """Return where the student's result is, or is to be."""
        return result_folder(self._course(), assignment, student)

    def autograde(self, assignment: str, student: str) -> tuple[str, ...]:
        """Grade one student's work, whether or not it has been graded; return what nbgrader warned of, in lines.

        Raises what kept it from being graded: Busy, an error of the gradebook, of the disk, or NbGraderException.
        """
        course = self._course()
        course.assignment_id, course.student_id = assignment, glob.escape(student)
        self._said.lines.clear()
        try:
            Autograde(coursedir=course, parent=self._app, force=True).start()
        except NbGraderException as error:
            raise error.__cause__ or GradingError(one_line(error)) from None
        return tuple(self._said.lines)

    def _course(self) -> CourseDirectory:
        """Return the course's folders as nbgrader's configuration says."""
        return CourseDirectory(parent=self._app)


class _Autograde(AutogradeApp):
    """The command, set up by the course folder alone, wherever it is given."""

    load_cwd_config = False


class _Collector(logging.Handler):
    """Keeps what nbgrader warns of, one line each."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record in one line."""
        self.lines.append(one_line(record.getMessage()))
