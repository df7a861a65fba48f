"""What rung 02's checker asks a submission for beside what all ticket rungs share: the functions, the model."""

from typing import TYPE_CHECKING

from autograder import rung_02_texts as texts
from autograder.student_code import Call, LearnerFunction
from autograder.submission import remembered
from autograder.ticket_submission import TicketSubmission
from shared.world import rows

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.rung_02_loss import LossCase
    from autograder.trained_from import FullModel

STAGE = "model"

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


class Rung02(TicketSubmission):
    """A submission of rung 02."""

    stage = STAGE

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
        return texts.kind_cases(rows("tickets", "public", 3, self.seed), self.seed)

    @remembered
    def text_edge_cases(self) -> list[texts.TextCase]:
        """Texts at the edges."""
        return texts.text_edge_cases(rows("tickets", "public", 1, self.seed)[0])

    @remembered
    def trained(self) -> "FullModel":
        """The submitted model, once it is known to be a fine-tune of the base."""
        from autograder.trained_from import moved_model

        return moved_model(self.path(f"artifacts/{STAGE}"), self.folder, self.base)
