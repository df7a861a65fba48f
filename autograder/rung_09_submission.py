"""What rung 09's checker asks a submission for: learner functions, the table with its rows, and the suite run again."""

from typing import TYPE_CHECKING, NamedTuple

from autograder import rung_09_harness as harness
from autograder import rung_09_paired as paired
from autograder.criteria import NotMet
from autograder.student_code import Call, LearnerFunction
from autograder.submission import remembered
from autograder.ticket_submission import TicketSubmission
from shared.harness.failures import FAILURES, FailuresRecord
from shared.harness.record import OUTCOMES, OutcomesRecord, TaskOutcome
from shared.harness.suite import TRAIN_SEED, course_suite
from shared.harness.task import Task
from shared.questions import ANSWERS, AnswersRecord
from shared.safe_files import read_limited

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.gap import Look
    from autograder.trained_from import FullModel

STAGE = "model"
LEAST_ROWS, MOST_ROWS = 100, 1_000  # of a task
FRESH_ROWS, FRESH_SEED = 100, 20_000  # letters that no notebook has shown
LARGEST_PAGE = 5_000_000  # bytes

INTERVAL = LearnerFunction("answer-paired", "interval", "import math\nimport numpy as np")
PAIRED_P = LearnerFunction("answer-paired", "paired_p", INTERVAL.setup)
COUNTS = LearnerFunction("answer-harness", "paired_counts", "import re\nimport math\nfrom collections import Counter")


class Again(NamedTuple):
    """One task asked again: how many of its rows, and in how many of them the learner's scores differ."""

    task: str
    rows: int
    before_differ: int
    after_differ: int


class Fresh(NamedTuple):
    """Right or not on letters about new products that nobody has been shown, before and after."""

    before: list[bool]
    after: list[bool]


class Rung09(TicketSubmission):
    """A submission of rung 09."""

    stage = STAGE
    gap_criterion = "learned"
    learner_functions = (
        ("paired", INTERVAL, "interval_calls"),
        ("paired", PAIRED_P, "paired_calls"),
        ("harness", COUNTS, "log_calls"),
    )

    def interval_calls(self) -> list[Call]:
        """Return the calls of `interval`."""
        return paired.interval_calls(self.seed)

    def paired_calls(self) -> list[Call]:
        """Return the calls of `paired_p`."""
        return paired.paired_calls(self.seed)

    def log_calls(self) -> list[Call]:
        """Return the calls of `paired_counts`."""
        return [case.call() for case in harness.all_cases(self.seed)]

    @remembered
    def numbers(self) -> AnswersRecord:
        """The learner's answers to the drawn questions. Raises ArtifactError or NotMet."""
        return self._of_this_rung(self.record(ANSWERS, AnswersRecord), ANSWERS)

    @remembered
    def failures(self) -> FailuresRecord:
        """The causes that the learner gave to ten failures. Raises ArtifactError or NotMet."""
        return self._of_this_rung(self.record(FAILURES, FailuresRecord), FAILURES)

    @remembered
    def outcomes(self) -> OutcomesRecord:
        """The learner's table with its rows, once it is about this base and this model."""
        record = self.record(OUTCOMES, OutcomesRecord)
        if record.base.fingerprint != self.run.base.fingerprint or record.stage != STAGE:
            raise NotMet(
                f"outcomes.json is about stage {record.stage!r} on {record.base.id!r}, not about this model",
                hint="Run the suite and the cell that saves the report again.",
            )
        return record

    @remembered
    def by_name(self) -> dict[str, TaskOutcome]:
        """The table's tasks by name."""
        return {outcome.task: outcome for outcome in self.outcomes.tasks}

    @remembered
    def claimed_suite(self) -> list[Task]:
        """The course's suite as the record's split, seed and number of rows make it. Raises NotMet."""
        record = self.outcomes
        n = len(record.tasks[0].before)
        if record.split != "public" or record.seed == TRAIN_SEED:
            raise NotMet(
                f"outcomes.json: split {record.split!r}, seed {record.seed}",
                cause="A test on the training rows' seed asks what was trained." if record.seed == TRAIN_SEED else "",
                hint=f"Use course_suite('public', n) with a seed other than {TRAIN_SEED}.",
            )
        if not LEAST_ROWS <= n <= MOST_ROWS:
            raise NotMet(f"outcomes.json: {n} rows a task, expected {LEAST_ROWS} to {MOST_ROWS:,}")
        return course_suite("public", n, record.seed)

    @remembered
    def trained(self) -> "FullModel":
        """The submitted model, once it is known to be a fine-tune of the base."""
        from autograder.trained_from import moved_model

        return moved_model(self.path(f"artifacts/{STAGE}"), self.folder, self.base)

    @remembered
    def again(self) -> list[Again]:
        """Some rows of every task, asked of both models here, against what the learner's table says of them."""
        from autograder.reevaluation import run_all
        from autograder.rung_09_measuring import rows_differ, run_here, some_rows

        before, after, together = self.engines
        drawn = [some_rows(task, self.seed) for task in self.claimed_suite]
        jobs = [lambda e=engine, t=task: run_here(e, t) for _, task in drawn for engine in (before, after)]
        runs = run_all(jobs, together)
        found = []
        for (places, task), old, new in zip(drawn, runs[::2], runs[1::2], strict=True):
            outcome = self.by_name[task.name]
            claims = [[scores[place] for place in places] for scores in (outcome.before, outcome.after)]
            found.append(
                Again(task.name, len(places), rows_differ(claims[0], old.scores), rows_differ(claims[1], new.scores))
            )
        return found

    @remembered
    def fresh(self) -> Fresh:
        """What both models give on letters about new products that no notebook has shown."""
        from autograder.reevaluation import run_all
        from autograder.rung_09_measuring import run_here

        new = course_suite(self.split, FRESH_ROWS, FRESH_SEED)[1]
        before, after, together = self.engines
        runs = run_all([lambda e=engine: run_here(e, new) for engine in (before, after)], together)
        return Fresh(*([score == 1 for score in run.scores] for run in runs))

    def gap_looks(self) -> "list[Look]":
        """Return the looks at letters about new products, whose public scores are the table's, and at the hardest."""
        from autograder.gap import hard_look, look

        public = [score == 1 for score in self.by_name["new products"].after]
        return [look("letters about new products", public, self.fresh.after), hard_look(self.engines.after)]

    def page(self, name: str) -> str:
        """Return the text of one form of the report. Raises ArtifactError."""
        return read_limited(self.path(f"artifacts/{name}"), self.folder, LARGEST_PAGE).decode("utf-8", "replace")

    def _of_this_rung(self, record, file: str):
        if record.rung != self.rung.id:
            raise NotMet(f"{file}: these are answers for rung {record.rung!r}, this is rung {self.rung.id}")
        return record
