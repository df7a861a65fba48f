"""What rung 02's checker asks a submission for: its files, the learner's functions, and fresh measurements."""

from typing import TYPE_CHECKING, NamedTuple

from autograder import rung_02_texts as texts
from autograder.criteria import NotMet
from autograder.student_code import Call, LearnerFunction
from autograder.submission import Submission, remembered
from shared.artifacts import EvalRecord, LossCurve, RunRecord
from shared.evaluation import TicketResult
from shared.world import rows

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.reevaluation import Engines, RowLoss
    from autograder.rung_02_loss import LossCase
    from autograder.trained_from import Base, FullModel

STAGE = "model"
PHRASINGS = ("familiar", "unseen")

# Everybody is measured on the same rows; the notebook's own evaluation uses seed 0.
ROWS_SEED = 1
# A score is the share of right answers among 150 rows, and meets a threshold when it is at least that, with no
# allowance either way. One standard error at 0.90 is 0.024, at 0.98 it is 0.011: aim above a threshold, not at it.
ROWS = 150
# The base is asked the first 60 of the same rows: at 0 right of 60 its share is below 0.06 (95%, Wilson).
ROWS_BEFORE = 60
ROWS_LOSS = 64  # training rows on which the base's loss is computed


# A model that was only stored as bfloat16 again differs from its base by at most 2^-7 / sqrt(12) = 0.23% (the spread
# of a rounding error of half a unit in the eighth bit). Training moves weights further.
LEAST_MOVE = 0.003

SFT_LOSS = LearnerFunction(
    cell="answer-sft-loss",
    name="sft_loss",
    setup="import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn",
)
FAILURE_KIND = LearnerFunction(
    cell="answer-read-failures",
    name="failure_kind",
    setup="import json\nfrom shared.world.tickets import FIELDS, PRIORITIES, TEAMS, parse_ticket",
)


class Measured(NamedTuple):
    """What both models gave here: the base's answers to the first rows of `familiar` and its loss on training rows,
    and the submitted model's answers to all rows of both phrasings."""

    before: list[TicketResult]
    base_losses: "list[RowLoss]"
    familiar: list[TicketResult]
    unseen: list[TicketResult]


class Rung02(Submission):
    """A submission of rung 02."""

    learner_functions = (
        ("sft-loss", SFT_LOSS, "loss_calls"),
        ("read-failures", FAILURE_KIND, "text_calls"),
    )

    def loss_calls(self) -> list[Call]:
        """Return the calls of `sft_loss`: values and edge cases, then the batches whose gradient is wanted."""
        plain = [case.call() for case in (*self.value_cases, *self.edge_cases)]
        return plain + [case.call(gradient=True) for case in self.gradient_cases]

    def text_calls(self) -> list[Call]:
        """Return the calls of `failure_kind`: plain faults, then the edges."""
        return [case.call() for case in (*self.kind_cases, *self.text_edge_cases)]

    @remembered
    def value_cases(self) -> "list[LossCase]":
        """Batches whose loss is compared."""
        from autograder import rung_02_loss

        return rung_02_loss.value_cases(self.seed)

    @remembered
    def edge_cases(self) -> "list[LossCase]":
        """Batches at the edges."""
        from autograder import rung_02_loss

        return rung_02_loss.edge_cases(self.seed)

    @remembered
    def gradient_cases(self) -> "list[LossCase]":
        """Batches whose gradient is compared."""
        from autograder import rung_02_loss

        return rung_02_loss.gradient_cases(self.seed)

    @remembered
    def kind_cases(self) -> list[texts.TextCase]:
        """Texts with one plain fault each."""
        return texts.kind_cases(rows("tickets", self.split, 3, self.seed), self.seed)

    @remembered
    def text_edge_cases(self) -> list[texts.TextCase]:
        """Texts at the edges."""
        return texts.text_edge_cases(rows("tickets", self.split, 1, self.seed)[0])

    @remembered
    def run(self) -> RunRecord:
        """What the learner's run says of itself."""
        return self.record(f"artifacts/{STAGE}/run.json", RunRecord)

    @remembered
    def curve(self) -> LossCurve:
        """The loss curve of the run."""
        return self.record(f"artifacts/{STAGE}/loss_curve.json", LossCurve)

    @remembered
    def evaluation(self) -> EvalRecord:
        """What the learner measured before and after."""
        return self.record("artifacts/eval.json", EvalRecord)

    @remembered
    def base(self) -> "Base":
        """The base that the run started from."""
        from autograder.trained_from import base_of

        return base_of(self.run, self.course)

    @remembered
    def model(self) -> "FullModel":
        """The submitted model, once it is known to be a fine-tune of the base."""
        from autograder.trained_from import full_model

        model = full_model(self.path(f"artifacts/{STAGE}"), self.folder, self.base)
        if model.moved < LEAST_MOVE:
            raise NotMet(
                f"the weights moved by {model.moved:.2%} from the base, expected more than {LEAST_MOVE:.1%}",
                cause="This is the base, or the base stored again, or nearly so.",
                hint="Train, and save the trained model.",
            )
        return model

    @remembered
    def engines(self) -> "Engines":
        """Both models, ready to answer."""
        from autograder.reevaluation import engines

        return engines(self.base, self.model)

    @remembered
    def measured(self) -> Measured:
        """What both models give here: the costly part of the check."""
        from autograder.reevaluation import run_all

        familiar = rows("tickets", self.split, ROWS, ROWS_SEED)
        unseen = rows("tickets", self.split, ROWS, ROWS_SEED, phrasing="unseen")
        before, after, together = self.engines
        jobs = [
            lambda: before.answers(familiar[:ROWS_BEFORE]),
            lambda: before.losses(rows("tickets", "train", ROWS_LOSS)),
            lambda: after.answers(familiar),
            lambda: after.answers(unseen),
        ]
        return Measured(*run_all(jobs, together))

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
