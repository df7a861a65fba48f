"""What rung 03's checker asks a submission for beside what all ticket rungs share: functions, numbers, the adapter."""

from typing import TYPE_CHECKING

from autograder.criteria import NotMet
from autograder.student_code import Call, LearnerFunction
from autograder.submission import remembered
from autograder.ticket_submission import TicketSubmission
from shared.questions import ANSWERS, AnswersRecord

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.adapter import Adapter
    from autograder.rung_03_layer import LayerCase

STAGE = "adapter"
IMPORTS = "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn"
LORA_LINEAR = LearnerFunction(cell="answer-lora-linear", name="lora_linear", setup=IMPORTS)
MERGE = LearnerFunction(cell="answer-lora-linear", name="merge", setup=IMPORTS)


class Rung03(TicketSubmission):
    """A submission of rung 03."""

    stage = STAGE
    learner_functions = (("lora-linear", LORA_LINEAR, "layer_calls"), ("lora-linear", MERGE, "merge_calls"))

    def layer_calls(self) -> list[Call]:
        """Return the calls of `lora_linear`: values, edges, then each gradient of the first random layer."""
        from autograder.rung_03_layer import GRADIENTS

        plain = [case.call() for case in (*self.value_cases, *self.edge_cases)]
        return plain + [self.value_cases[1].call(gradient_of=of) for of in GRADIENTS]

    def merge_calls(self) -> list[Call]:
        """Return the calls of `merge`."""
        return [case.merge_call() for case in self.value_cases]

    @remembered
    def value_cases(self) -> "list[LayerCase]":
        """Layers whose output is compared."""
        from autograder import rung_03_layer

        return rung_03_layer.value_cases(self.seed)

    @remembered
    def edge_cases(self) -> "list[LayerCase]":
        """Layers at the edges."""
        from autograder import rung_03_layer

        return rung_03_layer.edge_cases(self.seed)

    @remembered
    def numbers(self) -> AnswersRecord:
        """The learner's answers to the questions of their own draw."""
        record = self.record(ANSWERS, AnswersRecord)
        if record.rung != self.rung.id:
            raise NotMet(f"{ANSWERS}: for rung {record.rung!r}", hint="Delete it and run the notebook's cells again.")
        return record

    @remembered
    def trained(self) -> "Adapter":
        """The submitted adapter, once it is known to be one for the base, and trained."""
        from autograder.adapter import adapter_of

        adapter = adapter_of(self.path(f"artifacts/{STAGE}"), self.folder, self.base)
        if adapter.idle:
            raise NotMet(
                f"lora_B of {adapter.idle[0]} is still zero ({len(adapter.idle)} of {len(adapter.modules)} modules)",
                cause="These modules give the base's output: they were never trained.",
                hint="Train, and save the trained adapter.",
            )
        return adapter
