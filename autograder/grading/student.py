"""Grade one student, unless the result that is there is of the same work by the same course."""

import time
from pathlib import Path
from typing import Self

from sqlalchemy.exc import DBAPIError

from autograder import runner
from autograder.grading.converter import Converter
from autograder.grading.fingerprint import fingerprint
from autograder.grading.ledger import Entry, Ledger
from autograder.grading.settings import GradingError, Outcome, Settings
from autograder.nbgrader_batch import reason_of
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
        self._usual = runner.START.set(self.verdicts.start_and_wait)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        runner.START.reset(self._usual)
        self.ledger.close()

    def grade(self, student: str, wait: bool = False) -> Outcome:
        """Grade one student; pass over a result that is up to date, and one that another run is at (unless `wait`).

        Never raises for what is wrong with a submission, the disk or the gradebook: that is the outcome's line.
        """
        started = time.monotonic()
        try:
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
        result = self.converter.result(self.settings.assignment, student)
        submitted = self.converter.submitted(self.settings.assignment, student)
        digest = self._digest(submitted)
        finished = result.final.is_dir() and not result.mark.exists()
        known = self.ledger.read(student) if finished and not self.settings.force else None
        if known == Entry(digest, self.ledger.scores(student)):
            return "unchanged", ()
        warnings = self.converter.autograde(self.settings.assignment, student)
        self.ledger.write(student, Entry(digest, self.ledger.scores(student)))
        return "graded", warnings

    def _digest(self, submitted: Path) -> str:
        """Return a digest of all that the grade depends on."""
        return fingerprint(submitted, self.settings.version, self.settings.environment, self.ledger.definition())
