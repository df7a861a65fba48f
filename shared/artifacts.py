"""The contract: every JSON file that a rung saves, typed, written in one piece, read with limits.

A rung's notebook writes these files, its checker reads them. One folder holds one stage (one training run):
`loss_curve.json` and `run.json` beside the weights. `eval.json` compares the rung's model with its base.
"""

import json
import os
from codecs import BOM_UTF8
from itertools import pairwise
from pathlib import Path
from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.fingerprints import TensorInfo, fingerprint_model, fingerprint_rows, read_weights_header
from shared.safe_files import REWRITE, ArtifactError, read_limited, safe_path, shown

__all__ = [
    "ArtifactError", "BaseRecord", "CurveRow", "EvalEntry", "EvalRecord", "LossCurve", "RunRecord", "Setting",
    "TensorInfo", "fingerprint_model", "fingerprint_rows", "read_json", "read_weights_header", "safe_path",
    "shown", "write_json",
]  # fmt: skip

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0)]
Setting = int | float | str | bool | None


class Artifact(BaseModel):
    """Base of all records: no unknown keys, no converted types, no NaN or infinity, no change once made."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    largest: ClassVar[int] = 1_000_000  # bytes of its file


class CurveRow(Artifact):
    """One logged training step. `tokens` and `seconds` count from the run's start, over all its pieces."""

    step: Positive
    tokens: Count
    loss: float
    learning_rate: float
    seconds: Seconds
    eval_loss: float | None = None


class LossCurve(Artifact):
    """`loss_curve.json`: at least one row, steps strictly increasing."""

    largest: ClassVar[int] = 32_000_000  # about 150 bytes a row: 200,000 logged steps

    rows: list[CurveRow] = Field(min_length=1)

    @model_validator(mode="after")
    def _steps_increase(self) -> "LossCurve":
        for earlier, later in pairwise(self.rows):
            if later.step <= earlier.step:
                raise ValueError(f"step {later.step} after step {earlier.step}, expected increasing steps")
        return self


class BaseRecord(Artifact):
    """Which base model: hub id or folder name, pinned revision if it has one, fingerprint of its weights."""

    id: str
    revision: str | None = None
    fingerprint: str


class RunRecord(Artifact):
    """`run.json`: what was trained on what, with which settings, where, and what it cost."""

    rung: str
    stage: str
    profile: str
    base: BaseRecord
    method: str
    hyperparameters: dict[str, Setting]
    steps: Positive
    rows: Positive
    data_fingerprint: str
    trainable_parameters: Positive
    total_parameters: Positive
    versions: dict[str, str]
    device: str
    peak_memory_bytes: Count
    wall_seconds: Seconds


class EvalEntry(Artifact):
    """One metric on `n` rows, before and after training; `interval` is the 95% interval of `after`."""

    task: str
    split: str
    phrasing: str | None = None
    metric: str
    n: Positive
    before: float
    after: float
    interval: tuple[float, float]
    data_fingerprint: str


class EvalRecord(Artifact):
    """`eval.json`: the entries that compare the model of `stage` with its base."""

    base: BaseRecord
    stage: str
    entries: list[EvalEntry] = Field(min_length=1)


Record = TypeVar("Record", bound=Artifact)


def write_json(path: Path | str, record: Artifact) -> None:
    """Write `record` to `path` in one piece: whoever looks sees the old file or the new, never half.

    Raises ValueError for NaN or infinity. The folder is made when missing.
    """
    path = Path(path)
    text = json.dumps(record.model_dump(), indent=1, allow_nan=False, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: Path | str, model: type[Record], *, within: Path | str) -> Record:
    """Return the record of type `model` in the file `path`, which lies below the folder `within`.

    Raises ArtifactError, in one line that names the file and the field, for a file that is missing, empty,
    larger than the record's `largest`, a link or no ordinary file, not UTF-8 JSON, too deeply nested, or that does not
    fit `model`.
    """
    data = read_limited(path, within, model.largest)
    try:
        return model.model_validate_json(data.removeprefix(BOM_UTF8))  # some editors on Windows put the mark there
    except ValidationError as error:
        raise ArtifactError(f"{shown(path)}: {_first_fault(error)}. {REWRITE}") from None


def _first_fault(error: ValidationError) -> str:
    """Return pydantic's first complaint as one line: the field's path, what was expected, what was found."""
    fault = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    found = repr(fault["input"])
    if fault["type"] == "json_invalid" or len(found) > 40:
        found = ""
    return ": ".join(filter(None, [field, message])) + (f", found {found}" if found else "")
