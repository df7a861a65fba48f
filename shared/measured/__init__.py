"""What was measured, kept as data: each table with its date, its machine, its versions and the command that made it.

Notebooks and README quote these tables; nobody types their numbers. A script under `scripts/` makes each of them again.
"""

import json
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FOLDER = Path(__file__).parent
LIBRARIES = ("torch", "transformers", "trl", "peft", "bitsandbytes")


class MeasuredError(Exception):
    """A table is missing or cannot be read. The message is one line."""


class Table(BaseModel):
    """One table: `rows` share their keys, `notes` say what a column's unit or a setting means."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    command: str
    date: date
    machine: str
    versions: dict[str, str]
    notes: str
    rows: list[dict[str, Any]] = Field(default=[])


def measured(name: str) -> Table:
    """Return the table kept under this name. Raises MeasuredError."""
    path = FOLDER / f"{name}.json"
    try:
        return Table.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.json")))
        raise MeasuredError(f"measured: no table {name!r}; there are {known}") from None
    except (ValidationError, ValueError) as error:
        raise MeasuredError(f"{path.name}: {str(error).splitlines()[0]}") from None


def table_so_far(name: str, notes: str, command: str) -> Table:
    """Return the table with the rows that it has, or none, ready to be filled on this machine today."""
    made = Table(command=command, date=date.today(), machine=machine_here(), versions=versions_here(), notes=notes)
    try:
        return made.model_copy(update={"rows": measured(name).rows})
    except MeasuredError:
        return made


def save(name: str, table: Table) -> None:
    """Write a table, one row a line, so that a changed row shows as one line in a diff."""
    head = table.model_dump(mode="json", exclude={"rows"})
    rows = ",\n".join(f"  {json.dumps(row)}" for row in table.rows)
    text = json.dumps(head, indent=1).removesuffix("\n}") + f',\n "rows": [\n{rows}\n ]\n}}\n'
    (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")


def machine_here() -> str:
    """Return this machine in words: the GPU if PyTorch sees one, else the processor and its cores."""
    import os

    import torch

    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory
        return f"one {torch.cuda.get_device_name()} of {memory / 2**30:.0f} GiB"
    return f"{os.cpu_count()} cores, {_processor()}, no GPU"


def versions_here() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a measurement depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def _processor() -> str:
    """Return the processor's name as Linux tells it, or the architecture elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
