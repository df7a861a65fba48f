"""What rung 11's checker asks for beside what all adapter rungs share: translations, decisions, functions."""

from typing import TYPE_CHECKING, Any

import yaml

from autograder.adapter_submission import AdapterSubmission
from autograder.criteria import NotMet
from autograder.rung_11_config import Unstated, parsed
from autograder.rung_11_key import KEY
from autograder.student_code import Call, LearnerFunction
from autograder.submission import remembered
from shared.artifacts import ArtifactError
from shared.decisions import DecisionsRecord, Letter
from shared.ecosystem.collect import settings
from shared.ecosystem.config import CONFIG, settings_of
from shared.ecosystem.tools import TOOLS
from shared.safe_files import read_limited
from shared.tool_cases import DECISIONS, drawn
from shared.translation import LONGEST_CONFIG, TRANSLATIONS, TranslationRecord

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.rung_11_adapter_keys import RowsCase

PEFT_NAME = LearnerFunction(cell="answer-read-adapter", name="peft_name", setup="import re\nimport torch")
HALVES = LearnerFunction(cell="answer-read-adapter", name="halves", setup="import re\nimport torch")


class Rung11(AdapterSubmission):
    """A submission of rung 11: the run of one of the tools, brought back under the tool's name."""

    @property
    def stage(self) -> str:  # type: ignore[override]
        """The tool that eval.json is about; before there is one, the first tool that has left a result."""
        try:
            named = self.evaluation.stage
        except ArtifactError:
            named = next((tool for tool in TOOLS if (self.folder / "artifacts" / tool).is_dir()), "trl")
        return named if named in TOOLS else "trl"

    @property
    def libraries(self) -> tuple[str, ...]:  # type: ignore[override]
        """PyTorch and the tool itself; not every tool has transformers."""
        return ("torch", TOOLS[self.stage].package)

    learner_functions = (
        ("read-adapter", PEFT_NAME, "name_calls"),
        ("read-adapter", HALVES, "rows_calls"),
    )

    def name_calls(self) -> list[Call]:
        """Return the calls of `peft_name`."""
        return [Call((name,)) for name in self.tune_names]

    def rows_calls(self) -> list[Call]:
        """Return the calls of `halves`."""
        return [case.call() for case in self.rows_cases]

    @remembered
    def tune_names(self) -> list[str]:
        """torchtune's names of tensors."""
        from autograder import rung_11_adapter_keys

        return rung_11_adapter_keys.names(self.seed)

    @remembered
    def rows_cases(self) -> "list[RowsCase]":
        """Matrices in torchtune's order of rows."""
        from autograder import rung_11_adapter_keys

        return rung_11_adapter_keys.rows_cases(self.seed)

    @remembered
    def stated(self) -> dict[str, Any]:
        """The settings in the configuration that the tool was started with, under run.json's names.

        Raises ArtifactError where the file is missing, and NotMet where it is no configuration of this tool.
        """
        file = f"artifacts/{self.stage}/{CONFIG}"
        text = read_limited(self.path(file), self.folder, LONGEST_CONFIG).decode("utf-8", errors="replace")
        try:
            found = settings_of(self.stage, yaml.safe_dump(dict(parsed(text))), self.run.rows)
            return settings(found) | {"r": found["rank"], "lora_alpha": found["alpha"]}
        except (
            Unstated,
            yaml.YAMLError,
            LookupError,
            TypeError,
            AttributeError,
            ValueError,
            ArithmeticError,
            RecursionError,
        ):
            raise NotMet(
                f"{file}: no configuration of {TOOLS[self.stage].title} as this rung writes it",
                hint=f"Let run_tool({self.stage!r}, rerun=True) write it.",
            ) from None

    @remembered
    def translations(self) -> TranslationRecord:
        """The learner's configurations. Raises ArtifactError or NotMet."""
        record = self.record(TRANSLATIONS, TranslationRecord)
        self._of_this_rung(TRANSLATIONS, record.rung)
        return record

    @remembered
    def decisions(self) -> DecisionsRecord:
        """What the learner decided. Raises ArtifactError or NotMet."""
        record = self.record(DECISIONS, DecisionsRecord)
        self._of_this_rung(DECISIONS, record.rung)
        return record

    def _of_this_rung(self, file: str, rung: str) -> None:
        if rung != self.rung.id:
            raise NotMet(f"{file}: for rung {rung!r}", hint="Delete it and run the notebook's cells again.")

    @remembered
    def situations(self) -> list[Letter]:
        """The six situations that the learner's seed draws, whatever the file says."""
        return drawn(self.decisions.seed)

    def well_chosen(self, with_reason: bool) -> dict[str, bool]:
        """Return by name whether the choice is accepted, and if `with_reason`, whether its reason is."""
        found = {}
        for letter in self.situations:
            given, accepted = self.decisions.decisions.get(letter.name), KEY[letter.name]
            chosen = given is not None and given.choice in accepted
            found[letter.name] = chosen and (not with_reason or given.reason in accepted[given.choice])
        return found
