"""What the adapter rungs' checkers ask a submission for: the adapter, and the answers to questions of one's own."""

from typing import TYPE_CHECKING

from autograder.criteria import CannotTell, NotMet
from autograder.submission import remembered
from autograder.ticket_submission import TicketSubmission
from shared.questions import ANSWERS, AnswersRecord

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.adapter import Adapter


class AdapterSubmission(TicketSubmission):
    """A submission of a rung that trains an adapter, saved as the stage "adapter"."""

    stage = "adapter"

    @remembered
    def numbers(self) -> AnswersRecord:
        """The learner's answers to the questions of their own draw."""
        record = self.record(ANSWERS, AnswersRecord)
        if record.rung != self.rung.id:
            raise NotMet(f"{ANSWERS}: for rung {record.rung!r}", hint="Delete it and run the notebook's cells again.")
        return record

    @remembered
    def adapter(self) -> "Adapter":
        """The submitted adapter, trained; it fits the base where that is at hand: 15 GB need not lie everywhere."""
        from autograder.adapter import adapter_of

        try:
            base = self.base
        except CannotTell:
            base = None
        adapter = adapter_of(self.path(f"artifacts/{self.stage}"), self.folder, base)
        if adapter.idle:
            often = f"{len(adapter.idle)} of {len(adapter.modules)} modules"
            raise NotMet(
                f"lora_B of {adapter.idle[0]} is still as good as zero ({often})",
                cause="These modules give the base's output: they were never trained.",
                hint="Train, and save the trained adapter.",
            )
        return adapter

    @remembered
    def trained(self) -> "Adapter":
        """The submitted adapter, where it can be measured. Raises CannotTell where its base is not at hand."""
        adapter = self.adapter
        self.base  # noqa: B018 (it raises)
        return adapter
