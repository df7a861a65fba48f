"""Grade one student, unless the result that is there is of the same work by the same course."""

import time
from functools import partial
from pathlib import Path
from typing import Self

from sqlalchemy.exc import DBAPIError

from autograder import runner
from autograder.grading.ahead import Ahead, Asked
from autograder.grading.converter import Converter
from autograder.grading.fingerprint import fingerprint
from autograder.grading.ledger import Entry, Ledger
from autograder.grading.settings import GradingError, Outcome, Settings
from autograder.nbgrader_batch import JUDGE, reason_of
from autograder.nbgrader_results import Busy
from autograder.sandbox import use_sandbox
from autograder.verdict_server import VerdictServer

PATIENCE, PAUSE = 600, 0.25  # seconds to wait for another run that is at the same student, and between two looks
RETRIES = (1, 2, 4, 8, 15, 30)  # seconds between attempts while the gradebook's server is away or its file locked


class Grader:
    """Grades students of one run, one after another, with verdicts from a process that is getting ready for them."""

    def __init__(self, settings: Settings, verdicts: VerdictServer):
        self.settings, self.verdicts = settings, verdicts
        self.converter = Converter(Path(settings.root), settings.db_url)
        self.ledger = Ledger(settings.db_url, settings.assignment)
        verdicts.confine(use_sandbox(self.converter.sandbox))
        self._ahead = Ahead()
        self._usual = runner.START.set(verdicts.start_and_wait), JUDGE.set(self._ahead.verdict_on)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for variable, usual in zip((runner.START, JUDGE), self._usual, strict=True):
            variable.reset(usual)
        self.verdicts.close()
        self._ahead.close()
        self.ledger.close()

    def grade(self, student: str, wait: bool = False, then: str = "") -> Outcome:
        """Grade one student; pass over a result that is up to date, and one that another run is at (unless `wait`).

        `then` is who will be asked for next, if known: their verdict begins once this student's is there. Never raises
        for what is wrong with a submission, the disk or the gradebook: that is the outcome's line.
        """
        started = time.monotonic()
        try:
            self._ahead.next = partial(self._announced, then) if then else None
            state, warnings = self._patiently(student, PATIENCE if wait else 0)
            line = ""
        except Busy as error:
            state, line, warnings = "busy", str(error), ()
        except Exception as error:  # of the submission, the disk, the gradebook or ours: the next student gets a chance
            state, line, warnings = "failed", reason_of(error), ()
        return Outcome(student, state, line, warnings, time.monotonic() - started)

    def _patiently(self, student: str, patience: float) -> tuple[str, tuple[str, ...]]:
        """Grade; wait for another run, and begin anew when the gradebook fails: a server that restarts, a lock."""
        pauses, until = iter(RETRIES), time.monotonic() + patience
        while True:
            try:
                return self._once(student)
            except Busy:
                if time.monotonic() >= until:
                    raise
                time.sleep(PAUSE)
            except DBAPIError as error:
                pause = next(pauses, None)
                if pause is None:
                    raise GradingError(f"{reason_of(error)}. Run the same command again") from None
                time.sleep(pause)

    def _once(self, student: str) -> tuple[str, tuple[str, ...]]:
        """Return "unchanged" or "graded", and what nbgrader warned of."""
        digest, known = self._digest(student), self._known(student)
        if known == Entry(digest, self.ledger.scores(student)):
            return "unchanged", ()
        warnings = self.converter.autograde(self.settings.assignment, student)
        self.ledger.write(student, Entry(digest, self.ledger.scores(student)))
        return "graded", warnings

    def _announced(self, student: str) -> Asked | None:
        """Return what is to be judged of a student whose turn is next, unless that is up to date, or another's."""
        known, assignment = self._known(student), self.settings.assignment
        busy = self.converter.result(assignment, student).mark.exists()
        if busy or (known and known == Entry(self._digest(student), self.ledger.scores(student))):
            return None
        return Asked(assignment, self.converter.submitted(assignment, student), self.converter.sandbox)

    def _known(self, student: str) -> Entry | None:
        """Return what is known of the result that is there, if it is finished and may be passed over."""
        result = self.converter.result(self.settings.assignment, student)
        finished = result.final.is_dir() and not result.mark.exists()
        return self.ledger.read(student) if finished and not self.settings.force else None

    def _digest(self, student: str) -> str:
        """Return a digest of all that the student's grade depends on."""
        submitted = self.converter.submitted(self.settings.assignment, student)
        return fingerprint(submitted, self.settings.version, self.settings.environment, self.ledger.definition())
