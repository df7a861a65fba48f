"""What the checkers of the ticket rungs ask a submission for: its run, its claims, and fresh measurements.

Rungs 02, 03 and 04 train on the same task, each in its own way. `TicketSubmission` holds what they share; a rung says
what its trained model is (`trained`) and whether the base is quantized.
"""

import functools
import os
from typing import TYPE_CHECKING, NamedTuple

from autograder.submission import Submission, remembered
from shared.artifacts import EvalRecord, LossCurve, RunRecord
from shared.course import Course, Rung
from shared.evaluation import TicketResult
from shared.world import rows
from shared.world.splits import HIDDEN_SEED_VARIABLE

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.adapter import Adapter
    from autograder.gap import Look
    from autograder.reevaluation import Engines, RowLoss
    from autograder.trained_from import Base, FullModel

PHRASINGS = ("familiar", "unseen")

# Everybody is measured on the same rows; the notebook's own evaluation uses seed 0.
ROWS_SEED = 1
# A score is the share of right answers among 150 rows, and meets a threshold when it is at least that, with no
# allowance either way. One standard error at 0.90 is 0.024, at 0.98 it is 0.011: aim above a threshold, not at it.
ROWS = 150
# The base is asked the first 60 of the same rows: at 0 right of 60 its share is below 0.06 (95%, Wilson).
ROWS_BEFORE = 60
ROWS_LOSS = 64  # training rows on which the base's loss is computed, to hold the curve's beginning against
ROWS_LEARNED = 16  # and the submitted model's: whether it has come half the way is seen on few
USUAL_RUN, USUAL_CLAIM = 600, 200  # rows of a run and of a claim in rungs 02 to 04, where a learner changes nothing


def asked(split: str, phrasing: str) -> list[dict]:
    """Return the rows that every submitted model answers."""
    return _drawn(split, phrasing, os.environ.get(HIDDEN_SEED_VARIABLE, ""))


@functools.lru_cache(maxsize=8)
def _drawn(split: str, phrasing: str, hidden_seed: str) -> list[dict]:  # the seed is part of the key
    return rows("tickets", split, ROWS, ROWS_SEED, phrasing=phrasing)


class Measured(NamedTuple):
    """What both models gave here: the base's answers to the first rows of `familiar`, both models' losses on training
    rows, and the submitted model's answers to all rows of both phrasings."""

    before: list[TicketResult]
    base_losses: "list[RowLoss]"
    losses: "list[RowLoss]"
    familiar: list[TicketResult]
    unseen: list[TicketResult]


class TicketSubmission(Submission):
    """A submission of a rung that trains a model to write tickets, saved as the stage `stage`."""

    stage: str
    quantized = False  # whether the base lies in 4 bits under the adapter

    @classmethod
    def prepare(cls, rung: Rung, course: Course, split: str) -> None:
        """Let the profile's base answer what `measured` asks it for every submission, and draw what most refer to."""
        from autograder import data_origin, score_evidence
        from autograder.reevaluation import prepare_base
        from autograder.trained_from import open_base
        from shared.models import base_folder, base_spec, profile_here

        data_origin.fingerprints("train", USUAL_RUN, data_origin.SEEDS[0])
        for phrasing in PHRASINGS:
            score_evidence.public_fingerprint(USUAL_CLAIM, score_evidence.KNOWN_SEEDS[0], phrasing)
        base = open_base(profile_here(), base_folder(base_spec(None, rung.id)))
        before = prepare_base(base, cls.quantized)
        if before is not None:
            before.answers(asked(split, "familiar")[:ROWS_BEFORE])
            before.losses(rows("tickets", "train", ROWS_LOSS))
            for phrasing in PHRASINGS:
                before.rehearse(asked(split, phrasing))

    @remembered
    def run(self) -> RunRecord:
        """What the learner's run says of itself."""
        return self.record(f"artifacts/{self.stage}/run.json", RunRecord)

    @remembered
    def curve(self) -> LossCurve:
        """The loss curve of the run."""
        return self.record(f"artifacts/{self.stage}/loss_curve.json", LossCurve)

    @remembered
    def evaluation(self) -> EvalRecord:
        """What the learner measured before and after."""
        return self.record("artifacts/eval.json", EvalRecord)

    @remembered
    def base(self) -> "Base":
        """The base that the run started from."""
        from autograder.trained_from import base_of

        return base_of(self.run, self.course, self.rung)

    @property
    def trained(self) -> "FullModel | Adapter":
        """The submitted model, once it is known to be trained from the base. Raises NotMet or ArtifactError."""
        raise NotImplementedError

    @remembered
    def engines(self) -> "Engines":
        """Both models, ready to answer."""
        from autograder.reevaluation import engines

        return engines(self.base, self.trained, self.quantized)

    @remembered
    def measured(self) -> Measured:
        """What both models give here: the costly part of the check."""
        from autograder.reevaluation import run_all

        familiar, unseen = (asked(self.split, phrasing) for phrasing in PHRASINGS)
        before, after, together = self.engines
        jobs = {  # what takes longest first, so that two threads end together
            "unseen": lambda: after.answers(unseen),
            "familiar": lambda: after.answers(familiar),
            "losses": lambda: after.losses(rows("tickets", "train", ROWS_LEARNED)),
            "base_losses": lambda: before.losses(rows("tickets", "train", ROWS_LOSS)),
            "before": lambda: before.answers(familiar[:ROWS_BEFORE]),
        }
        return Measured(**dict(zip(jobs, run_all([*jobs.values()], together), strict=True)))

    def gap_looks(self) -> "list[Look]":
        """Return the looks at letters about other products, and at those in the hardest wordings."""
        from autograder.gap import hard_look, look

        right = [[answer.kind == "correct" for answer in some]
                 for some in (self.measured_public["familiar"], self.measured.familiar)]  # fmt: skip
        return [look("letters", *right), hard_look(self.engines.after)]

    @remembered
    def measured_public(self) -> dict[str, list[TicketResult]]:
        """What the submitted model answers to public rows, by phrasing: the learner's claims are about those."""
        if self.split == "public":
            return {"familiar": self.measured.familiar, "unseen": self.measured.unseen}
        from autograder.reevaluation import run_all

        after, together = self.engines.after, self.engines.together
        asked = {name: rows("tickets", "public", ROWS_BEFORE, ROWS_SEED, phrasing=name) for name in PHRASINGS}
        answered = run_all([lambda part=part: after.answers(part) for part in asked.values()], together)
        return dict(zip(asked, answered, strict=True))
