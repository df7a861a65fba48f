"""Grade one student: in a place apart, then into the gradebook at once.

Whatever interrupts it, the gradebook and the autograded folder hold the earlier result or the new one, and the next
run finishes or repeats what was left undone. Nothing of the earlier result is touched before the new one is safe.
"""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError

from autograder.criteria import one_line
from autograder.grading.converter import Converter
from autograder.grading.fingerprint import fingerprint
from autograder.grading.gradebook import Rows, create_staged, merge, open_engine, read_definition, read_work
from autograder.grading.ledger import Entry, read_entry, scores_of, write_entry
from autograder.grading.locks import Busy, me, only_one, work_name
from autograder.grading.publish import set_ready, settle
from autograder.grading.settings import GradingError, Outcome, Settings

PATIENCE = 600  # seconds to wait for another run that has the same student
RETRIES = (1, 2, 4, 8, 15, 30)  # seconds between attempts while the gradebook's server is away or locked


class Known(NamedTuple):
    """What the gradebook says before grading."""

    definition: Rows
    work: Rows
    entry: Entry | None


class Grader:
    """Grades students of one run, one after another."""

    def __init__(self, settings: Settings):
        self.settings, self.root = settings, Path(settings.root)
        self.converter = Converter(self.root, settings.db_url)
        self.engine = open_engine(self.converter.db_url, f"grading, {me()}")

    def grade(self, student: str, wait: bool = False) -> Outcome:
        """Grade one student; pass over a result that is up to date, and one that another run is at (unless `wait`).

        Never raises for what is wrong with a submission, the disk or the gradebook: that is the outcome's line.
        """
        started = time.monotonic()
        try:
            outcome = self._persistently(student, wait)
        except Busy as error:
            outcome = Outcome(student, "busy", str(error))
        except GradingError as error:
            outcome = Outcome(student, "failed", str(error))
        except Exception as error:  # a fault of ours, or a full disk: the next student gets a chance
            outcome = Outcome(student, "failed", one_line(f"{type(error).__name__}: {error}"))
        return Outcome(**{**vars(outcome), "seconds": time.monotonic() - started})

    def _persistently(self, student: str, wait: bool) -> Outcome:
        """Grade, again from the start when the gradebook fails: a server that restarts, a file that is locked."""
        for pause in (*RETRIES, None):
            try:
                return self._once(student, wait)
            except DBAPIError as error:
                if pause is None:
                    cause = one_line(str(error.orig).partition("\n")[0], 150)
                    raise GradingError(f"the gradebook does not answer ({cause}). Run the same command again") from None
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, student: str, wait: bool) -> Outcome:
        assignment, course = self.settings.assignment, self.converter.course()
        final = Path(course.format_path(course.autograded_directory, student, assignment))
        submitted = Path(course.format_path(course.submitted_directory, student, assignment))
        with only_one(self.engine, self.root, assignment, student, PATIENCE if wait else 0) as connection:
            known = self._read(connection, student)
            settle(final, known.entry.token if known.entry else None)
            digest = fingerprint(
                submitted, self.settings.version, self.settings.environment, _what_is_asked(known.definition)
            )
            if not self.settings.force and _is_current(known, digest, final):
                return Outcome(student, "unchanged")
            with self._place(student) as place:
                after, warnings = self._grade_apart(place, student, known)
                token = secrets.token_hex(8)
                set_ready(place / student / assignment, final, token, course.groupshared)
            with connection.begin():
                # The entry first: SQLite gives out its one lock at the first change, so nothing moves from here on.
                write_entry(connection, assignment, student, Entry(digest, token, scores_of(after)))
                merge(connection, known.work, after)
            settle(final, token)
        return Outcome(student, "graded", warnings=tuple(warnings))

    def _read(self, connection: object, student: str) -> Known:
        with connection.begin():
            definition = read_definition(connection, self.settings.assignment)
            work = read_work(connection, definition, student)
            return Known(definition, work, read_entry(connection, self.settings.assignment, student))

    @contextmanager
    def _place(self, student: str) -> Iterator[Path]:
        """Yield an empty folder in the course's, removed afterwards; one that an interrupted run left goes first."""
        place = self.root / ".grading" / work_name(self.settings.assignment, student)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _grade_apart(self, place: Path, student: str, known: Known) -> tuple[Rows, list[str]]:
        """Let nbgrader grade into `place`; return the student's rows as they are then, and what nbgrader warned of."""
        url = f"sqlite:///{place / 'gradebook.db'}"
        staged = create_staged(url, {**known.definition, **known.work})
        try:
            warnings = self.converter.autograde(self.settings.assignment, student, place, url)
            with staged.connect() as connection:
                return read_work(connection, known.definition, student), warnings
        finally:
            staged.dispose()


def _is_current(known: Known, digest: str, final: Path) -> bool:
    """Return whether what was graded last is what lies there now, and its result still stands as it was written."""
    entry = known.entry
    return bool(entry) and (entry.fingerprint, entry.scores) == (digest, scores_of(known.work)) and final.is_dir()


def _what_is_asked(definition: Rows) -> object:
    """Return what of the assignment's definition a grade depends on."""
    return {name: rows for name, rows in definition.items() if name != "course"}
