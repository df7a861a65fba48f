"""What rung 05's checker asks a submission for beside what all ticket rungs share: functions, curation, two models."""

from typing import TYPE_CHECKING

from autograder import rung_05_minhash as hashing
from autograder import rung_05_tickets as tickets
from autograder.criteria import NotMet
from autograder.student_code import Answer, Call, LearnerFunction
from autograder.submission import remembered
from autograder.ticket_submission import ROWS, ROWS_SEED, TicketSubmission
from shared.artifacts import RunRecord
from shared.curation.card import fingerprint_of
from shared.curation.record import CurationRecord
from shared.curation.truth import Score, score
from shared.evaluation import TicketResult
from shared.safe_files import read_limited
from shared.world import rows

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.trained_from import FullModel

STAGE, RAW_STAGE = "curated", "raw"
TASK, SPLIT = "dirty-tickets", "train"
LEAST_RAW, MOST_RAW = 3_000, 20_000
LARGEST_CARD = 100_000  # bytes
AGAIN = "minhash, in another process"

HASHING = "import hashlib\nimport random\nimport zlib\nimport numpy as np"
MINHASH = LearnerFunction("answer-minhash", "minhash", HASHING, alone=True)
ESTIMATE = LearnerFunction("answer-minhash", "estimate", HASHING)
TICKET_FAULT = LearnerFunction(
    "answer-ticket-fault",
    "ticket_fault",
    "import json\nfrom shared.world.tickets import FIELDS, PRIORITIES, TEAMS, parse_ticket",
)


class Rung05(TicketSubmission):
    """A submission of rung 05."""

    stage = STAGE
    learner_functions = (
        ("minhash", MINHASH, "minhash_calls"),
        ("minhash", ESTIMATE, "estimate_calls"),
        ("ticket-fault", TICKET_FAULT, "fault_calls"),
    )

    def begin(self, cells) -> None:
        """Start the learner functions; `minhash` twice, for two processes must agree on what they hash."""
        super().begin(cells)
        first = self._running.get(MINHASH.name)
        if first is not None and not isinstance(first, Exception):
            self._running[AGAIN] = self.start(MINHASH, self.minhash_calls()[:2])

    @remembered
    def answers_again(self) -> list[Answer]:
        """What a second process gives for the first two calls of `minhash`."""
        return self._running[AGAIN].answers()

    def minhash_calls(self) -> list[Call]:
        """Return the calls of `minhash`."""
        return hashing.signature_calls(self.seed)

    def estimate_calls(self) -> list[Call]:
        """Return the calls of `estimate`."""
        return [call for call, _ in hashing.estimate_calls(self.seed)]

    def fault_calls(self) -> list[Call]:
        """Return the calls of `ticket_fault`: plain rows, then the edges."""
        return [case.call() for case in (*self.plain_cases, *self.edge_cases)]

    @remembered
    def plain_cases(self) -> list[tickets.FaultCase]:
        """Rows with one plain fault each."""
        return tickets.plain_cases(rows("tickets", "public", 4, self.seed), self.seed)

    @remembered
    def edge_cases(self) -> list[tickets.FaultCase]:
        """Rows at the edges."""
        return tickets.edge_cases(rows("tickets", "public", 4, self.seed))

    @remembered
    def curation(self) -> CurationRecord:
        """What became of each raw row, as the learner's pipeline says."""
        return self.record("artifacts/curation.json", CurationRecord)

    @remembered
    def raw_rows(self) -> list[dict]:
        """The raw set that the curation is about, made again here. Raises NotMet when there is no such set."""
        record = self.curation
        if (record.task, record.split) != (TASK, SPLIT):
            raise NotMet(f"curation.json is about {record.task!r}, {record.split!r}; expected {TASK!r}, {SPLIT!r}")
        if not LEAST_RAW <= len(record.fate) <= MOST_RAW:
            raise NotMet(f"curation.json holds {len(record.fate)} fates, expected {LEAST_RAW:,} to {MOST_RAW:,}")
        made = rows(TASK, SPLIT, len(record.fate), record.seed)
        if fingerprint_of(made) != record.data_fingerprint:
            raise NotMet(
                f"curation.json: data_fingerprint is not that of {len(made)} rows of {TASK!r} with seed {record.seed}",
                hint="Keep the raw rows as load_task gives them, in their order.",
            )
        return made

    @remembered
    def truth(self) -> Score:
        """The curation's score against the flaws that the generator wrote down."""
        return score(self.raw_rows, self.curation.fate)

    @remembered
    def chosen_rows(self) -> list[dict]:
        """The rows to train on. Raises NotMet for places that are not those of kept rows."""
        raw, fate, chosen = self.raw_rows, self.curation.fate, self.curation.chosen
        if len(set(chosen)) != len(chosen):
            raise NotMet("curation.json: a place is chosen twice")
        wrong = next((place for place in chosen if not 0 <= place < len(fate) or fate[place] != "kept"), None)
        if wrong is not None:
            raise NotMet(f"curation.json: row {wrong} is chosen, but it is not one that was kept")
        return [raw[place] for place in chosen]

    @remembered
    def card(self) -> str:
        """The data card's text."""
        path = self.path("artifacts/data_card.md")
        return read_limited(path, self.folder, LARGEST_CARD).decode("utf-8", "replace")

    @remembered
    def trained(self) -> "FullModel":
        """The model trained on the chosen rows, once it is known to be a fine-tune of the base."""
        return self._model(STAGE)

    @remembered
    def raw_run(self) -> RunRecord:
        """What the run on the raw rows says of itself."""
        return self.record(f"artifacts/{RAW_STAGE}/run.json", RunRecord)

    @remembered
    def raw_model(self) -> "FullModel":
        """The model trained on the raw rows."""
        return self._model(RAW_STAGE)

    @remembered
    def raw_answers(self) -> list[TicketResult]:
        """What the raw rows' model answers to the familiar rows of `measured`."""
        from autograder.reevaluation import engines

        return engines(self.base, self.raw_model).after.answers(rows("tickets", self.split, ROWS, ROWS_SEED))

    def _model(self, stage: str) -> "FullModel":
        from autograder.trained_from import moved_model

        return moved_model(self.path(f"artifacts/{stage}"), self.folder, self.base)
