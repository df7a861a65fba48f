"""nbgrader's own autograde, loaded once and pointed at one student after another.

The course's configuration is read as the command `nbgrader autograde` reads it, so that both grade alike.
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


class Converter:
    """nbgrader in the course folder `root`; `db_url` replaces the gradebook that its configuration names."""

    def __init__(self, root: Path, db_url: str = ""):
        logging.getLogger("traitlets").setLevel(logging.ERROR)
        self._app = AutogradeApp(log_level=logging.ERROR)
        self._app.initialize([f"--course-dir={root}", *([f"--db={db_url}"] if db_url else [])])
        self._said = _Collector()
        self._app.log.handlers, self._app.log.propagate = [self._said], False
        if "SubmissionExporter" not in str(self._app.config.get("Autograde", {}).get("exporter_class", "")):
            raise GradingError(
                f"{root}: nbgrader is not set up here to grade by the course's checkers (nbgrader_config.py). "
                "Give the course folder: --course DIR"
            )

    @property
    def db_url(self) -> str:
        """The gradebook's address, absolute where it is a file."""
        return self.course().db_url

    @property
    def course_id(self) -> str:
        """nbgrader's name of the course."""
        return self.course().course_id

    def course(self) -> CourseDirectory:
        """Return the course's folders as nbgrader's configuration says."""
        return CourseDirectory(parent=self._app)

    def students(self, assignment: str) -> list[str]:
        """Return who has a folder submitted for the assignment, in order, without those whom the course excludes."""
        course = self.course()
        place = re.compile(course.format_path(course.submitted_directory, "(?P<student>.*)", assignment, escape=True))
        pattern = course.format_path(course.submitted_directory, "*", assignment)
        folders = [path for path in glob.glob(pattern) if Path(path).is_dir()]
        found = {match["student"] for path in folders if (match := place.fullmatch(path))}
        return sorted(found - set(course.student_id_exclude.split(",")))

    def autograde(self, assignment: str, student: str, place: Path, db_url: str) -> list[str]:
        """Grade one student into `place` (a folder in the course's) and the gradebook `db_url`; return the warnings.

        Raises GradingError, with the last thing that nbgrader said, when it fails.
        """
        course = self.course()
        course.assignment_id, course.student_id = assignment, glob.escape(student)
        course.db_url, course.autograded_directory = db_url, str(place.relative_to(course.root))
        self._said.lines.clear()
        try:
            Autograde(coursedir=course, parent=self._app).start()
        except (NbGraderException, SystemExit) as error:
            raise GradingError(self._said.cause or one_line(error)) from None
        return self._said.lines


class _Collector(logging.Handler):
    """Keeps what nbgrader warns of, one line each."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    @property
    def cause(self) -> str:
        """The line that says most of a failure: the last line of a traceback, if there is one."""
        return next((line for line in self.lines if re.match(r"[\w.]+(Error|Exception|Warning)\b", line)), "") or (
            self.lines[0] if self.lines else ""
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record's last line."""
        lines = record.getMessage().strip().splitlines()
        if lines:
            self.lines.append(one_line(lines[-1]))
