"""What rung 04's checker asks a submission for beside what all adapter rungs share: its learner's function."""

from typing import TYPE_CHECKING

from autograder.adapter_submission import AdapterSubmission
from autograder.student_code import Call, LearnerFunction
from autograder.submission import remembered

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.adapter import Adapter
    from autograder.rung_04_nf4 import RoundTripCase

ROUND_TRIP = LearnerFunction(
    cell="answer-round-trip",
    name="round_trip",
    setup="import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn",
)


class Rung04(AdapterSubmission):
    """A submission of rung 04."""

    quantized = True
    learner_functions = (("round-trip", ROUND_TRIP, "round_trip_calls"),)

    @remembered
    def trained(self) -> "Adapter":
        """The submitted adapter, once it is known to be trained over the base in 4 bits."""
        from autograder import rung_04_ground

        adapter = super().trained
        rung_04_ground.require_four_bits(self.base, adapter)
        return adapter

    def round_trip_calls(self) -> list[Call]:
        """Return the calls of `round_trip`: values, then edges."""
        return [case.call() for case in (*self.value_cases, *self.edge_cases)]

    @remembered
    def value_cases(self) -> "list[RoundTripCase]":
        """Weights whose round trip is compared."""
        from autograder import rung_04_nf4

        return rung_04_nf4.value_cases(self.seed)

    @remembered
    def edge_cases(self) -> "list[RoundTripCase]":
        """Weights at the edges."""
        from autograder import rung_04_nf4

        return rung_04_nf4.edge_cases(self.seed)
