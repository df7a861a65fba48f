"""Run cleaning steps over a data set: each step says what it removes and why; every row's fate is remembered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.quiet import quiet

if TYPE_CHECKING:
    from datasets import Dataset

KEPT = "kept"
EXAMPLES = 3

# A step's verdict on one row: why it goes, or None.
Fault = Callable[[Mapping], str | None]


@dataclass(frozen=True)
class Removal:
    """What one step did: rows it saw, and (place in the raw set, reason, prompt, completion) of those it removed."""

    step: str
    before: int
    removed: list[tuple[int, str, str, str]]

    def __str__(self) -> str:
        """Say it in one line, then show three removed rows spread over the set."""
        lines = [f"{self.step}: {self.before} rows, {len(self.removed)} removed"]
        for _, why, prompt, completion in self.removed[:: max(1, len(self.removed) // EXAMPLES)][:EXAMPLES]:
            lines.append(f"    [{why}]\n      {' '.join(prompt.split())} ->{completion}")
        return "\n".join(lines)


@dataclass
class Pipeline:
    """A raw set on its way through the steps. `rows` is what is left; `fate` names the step that removed a row."""

    raw: "Dataset"
    rows: "Dataset" = field(init=False)
    fate: list[str] = field(init=False)
    removals: list[Removal] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        with quiet():
            columns = self.raw.select_columns(["prompt", "completion"])  # a cleaner sees nothing else
            self.rows = columns.add_column("place", list(range(len(columns))))
        self.fate = [KEPT] * len(columns)

    def remove(self, step: str, faults: Fault | Sequence[str | None]) -> Removal:
        """Remove the rows with a fault, and return what went.

        `faults` is a function of one row (it goes through `datasets.map`), or one verdict for each row that is left,
        for a step that must see them all at once. Raises ValueError when the verdicts are not as many as the rows.
        """
        with quiet():
            if callable(faults):
                judged = self.rows.map(lambda row: {"fault": faults(row) or ""})
            elif len(faults) == len(self.rows):
                judged = self.rows.add_column("fault", [fault or "" for fault in faults])
            else:
                raise ValueError(f"{step}: {len(faults)} verdicts for {len(self.rows)} rows. Judge pipeline.rows")
            gone = judged.filter(lambda row: row["fault"] != "")
            left = judged.filter(lambda row: row["fault"] == "").remove_columns("fault")
        removal = Removal(step, len(self.rows), list(zip(*(gone[name] for name in _COLUMNS), strict=True)))
        for place, *_ in removal.removed:
            self.fate[place] = step
        self.rows = left
        self.removals.append(removal)
        return removal


_COLUMNS = ("place", "fault", "prompt", "completion")
