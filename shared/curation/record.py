"""`curation.json`: what became of every raw row, so that a pipeline can be scored again."""

from pydantic import Field

from shared.artifacts import Artifact


class CurationRecord(Artifact):
    """The raw set (a task's split, its size and seed), the fate of each of its rows in order, and the chosen rows.

    A fate is "kept" or the name of the step that removed the row. `chosen` are places of kept rows, in the order in
    which they are trained on.
    """

    rung: str
    task: str
    split: str
    seed: int = Field(ge=0)
    data_fingerprint: str
    fate: list[str] = Field(min_length=1, max_length=100_000)
    chosen: list[int]
