"""What rung 03's checker asks a submission for beside what all adapter rungs share: its learner's functions."""

from typing import TYPE_CHECKING

from autograder.adapter_submission import AdapterSubmission
from autograder.student_code import Call, LearnerFunction
from autograder.submission import remembered

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.rung_03_layer import LayerCase

IMPORTS = "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn"
LORA_LINEAR = LearnerFunction(cell="answer-lora-linear", name="lora_linear", setup=IMPORTS)
MERGE = LearnerFunction(cell="answer-lora-linear", name="merge", setup=IMPORTS)


class Rung03(AdapterSubmission):
    """A submission of rung 03."""

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
