"""The tickets in each tool's format: the same rows, written once, and read back to prove it.

No tool may change what the model sees. The prompt ends in "Ticket:", the answer follows, then the end-of-sequence
token; there is no chat template, because the pocket model's own would turn a ticket into a reply. TRL and
torchtune's data set add the end themselves; where a tool does not, the row carries it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "tickets.jsonl"
NAME = "tickets"

Row = dict[str, str]


class ExportError(ValueError):
    """Exported data cannot be read back. The message is one line."""


@dataclass(frozen=True)
class Format:
    """How one row is written and read. `ends` says whether the row must carry the end-of-sequence token."""

    write: Callable[[str, str], dict[str, Any]]
    read: Callable[[dict[str, Any]], tuple[str, str]]
    ends: bool


def _segments(prompt: str, completion: str) -> dict[str, Any]:
    """Axolotl's template-free rows: pieces of text, each with the word on whether it is trained on."""
    return {"segments": [{"label": False, "text": prompt}, {"label": True, "text": completion}]}


def _from_segments(row: dict[str, Any]) -> tuple[str, str]:
    prompt, completion = row["segments"]
    if prompt["label"] or not completion["label"]:
        raise ExportError("segments: expected an unlabelled prompt, then a labelled completion")
    return prompt["text"], completion["text"]


FORMATS = {
    "prompt-completion": Format(
        lambda prompt, completion: {"prompt": prompt, "completion": completion},
        lambda row: (row["prompt"], row["completion"]),
        ends=False,
    ),
    "segments": Format(_segments, _from_segments, ends=True),
    "alpaca": Format(
        lambda prompt, completion: {"instruction": prompt, "input": "", "output": completion},
        lambda row: (row["instruction"], row["output"]),
        ends=True,
    ),
}


def export_tickets(folder: Path, rows: Iterable[Mapping[str, Any]], format: str, end: str = "</s>") -> Path:
    """Write `rows` (prompt, completion) into `folder` in a format of FORMATS; return the file.

    `end` is the base's end-of-sequence token. The alpaca format comes with LLaMA-Factory's `dataset_info.json`.
    """
    kind = FORMATS[format]
    lines = [
        json.dumps(kind.write(row["prompt"], row["completion"] + (end if kind.ends else "")), ensure_ascii=False)
        for row in rows
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if format == "alpaca":
        (folder / "dataset_info.json").write_text(json.dumps(DATASET_INFO, indent=1) + "\n", encoding="utf-8")
    return path


DATASET_INFO = {
    NAME: {"file_name": FILE, "columns": {"prompt": "instruction", "query": "input", "response": "output"}},
}


def read_back(path: Path, format: str, end: str = "</s>") -> list[Row]:
    """Return the rows of an exported file as prompt and completion, the end-of-sequence token taken off.

    Raises ExportError for a row that lacks the end it must carry.
    """
    kind = FORMATS[format]
    rows = []
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")  # splitlines() also breaks within a text
    for number, line in enumerate(lines, 1):
        prompt, completion = kind.read(json.loads(line))
        if kind.ends and not completion.endswith(end):
            raise ExportError(f"{path.name}, row {number}: expected the completion to end in {end!r}")
        rows.append({"prompt": prompt, "completion": completion.removesuffix(end) if kind.ends else completion})
    return rows
