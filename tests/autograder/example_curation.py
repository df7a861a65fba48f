"""Submissions of rung 05 for tests: right functions, a curation by the generator's own truth, models of noise."""

import functools
import json
from pathlib import Path

import numpy as np
from example_work import entry, falling_curve, run_record, task_meta, tensors_of
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from safetensors.numpy import save_file

from shared.artifacts import BaseRecord, EvalRecord, fingerprint_model, write_json
from shared.curation.card import data_card, fingerprint_of
from shared.curation.record import CurationRecord
from shared.world import rows

N, CHOSEN = 5000, 300
STEP_OF = {
    "broken JSON": "schema", "leaked": "contamination", "exact duplicate": "exact", "wrong label": "labels",
    "near duplicate": "near",
}  # fmt: skip
WORDS = {
    "Intended use": "To fine-tune a small model that writes tickets from letters, and to compare ways of cleaning.",
    "Known limits": "All letters come from a few templates, so nobody should trust it for what real customers write.",
    "Choices": "I took a similarity of six tenths because greetings differ, and only letters with the same ticket.",
}

MINHASH = """
import hashlib

def minhash(pieces, size):
    def number(place, piece):
        return int(hashlib.blake2b(f"{place} {piece}".encode(), digest_size=4).hexdigest(), 16)

    return [min((number(place, piece) for piece in pieces), default=0) for place in range(size)]

def estimate(one, other):
    return sum(a == b for a, b in zip(one, other)) / len(one)
"""

TICKET_FAULT = """
def ticket_fault(prompt, completion):
    ticket = parse_ticket(completion)
    if ticket is None:
        return "not JSON"
    if set(ticket) != set(FIELDS):
        return "keys"
    if ticket["team"] not in TEAMS:
        return "team"
    if ticket["priority"] not in PRIORITIES:
        return "priority"
    if type(ticket["count"]) is not int or not 1 <= ticket["count"] <= 6:
        return "count"
    item = ticket["item"]
    if not isinstance(item, str) or not item or not (item in prompt or item.replace("knife", "knives") in prompt):
        return "item"
    return None
"""


def notebook_05(minhash: str = MINHASH, fault: str = TICKET_FAULT) -> dict:
    """Return a learner's notebook of rung 05 with these answers."""
    return new_notebook(
        cells=[
            new_code_cell(minhash.strip(), metadata=task_meta("answer-minhash", solution=True)),
            new_code_cell('check("05", "minhash")', metadata=task_meta("minhash", points=4)),
            new_code_cell(fault.strip(), metadata=task_meta("answer-ticket-fault", solution=True)),
            new_code_cell('check("05", "ticket-fault")', metadata=task_meta("ticket-fault", points=3)),
            new_code_cell("words = {}", metadata=task_meta("answer-card", solution=True)),
            new_markdown_cell("First the schema.", metadata=task_meta("explain-data", points=7, solution=True)),
            new_code_cell('check("05", "done-when")', metadata=task_meta("done-when", points=11)),
        ]
    )


@functools.cache
def raw_rows(seed: int = 0, n: int = N) -> list[dict]:
    """Return a raw set of tickets with what the generator says of each."""
    return rows("dirty-tickets", "train", n, seed)


def right_fate(raw: list[dict]) -> list[str]:
    """Return the fate of each row by the generator's truth."""
    return [STEP_OF[row["flaws"][0]] if row["flaws"] else "kept" for row in raw]


def write_curation(folder: Path, fate: list[str] | None = None, chosen: list[int] | None = None, **said) -> None:
    """Write curation.json, the card that fits it, and what the runs say of the rows they were on."""
    raw = raw_rows(said.get("seed", 0), said.pop("n", N))
    fate = right_fate(raw) if fate is None else fate
    kept = [place for place, end in enumerate(fate) if end == "kept"]
    chosen = kept[:CHOSEN] if chosen is None else chosen
    made = {"rung": "05", "task": "dirty-tickets", "split": "train", "seed": 0, "data_fingerprint": fingerprint_of(raw)}
    artifacts = folder / "artifacts"
    write_json(artifacts / "curation.json", CurationRecord(**{**made, **said}, fate=fate, chosen=chosen))
    (artifacts / "data_card.md").write_text(data_card("Tickets", raw, fate, chosen, WORDS))
    trained_on = {"raw": raw, "curated": [raw[place] for place in chosen if 0 <= place < len(raw)]}
    for stage, trained in trained_on.items():
        path = artifacts / stage / "run.json"
        record = json.loads(path.read_text())
        record.update(rows=len(trained), data_fingerprint=fingerprint_of(trained))
        path.write_text(json.dumps(record))


def make_curation_work(folder: Path, base: Path, first_loss: float) -> None:
    """Write honest artifacts of two "runs" on `base` that added noise, and of a curation that is right."""
    record = BaseRecord(id=base.name, fingerprint=fingerprint_model(base))
    for number, stage in enumerate(("raw", "curated")):
        path = folder / "artifacts" / stage
        path.mkdir(parents=True)
        (path / "config.json").write_bytes((base / "config.json").read_bytes())
        stream = np.random.default_rng(number)
        tensors = {
            name: (values + 0.05 * values.std() * stream.normal(size=values.shape)).astype(np.float32)
            for name, values in tensors_of(base / "model.safetensors").items()
        }
        save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
        total = sum(values.size for values in tensors.values())
        write_json(path / "run.json", run_record(record, total, rung="05", stage=stage))
        write_json(path / "loss_curve.json", falling_curve(first_loss))
    kinds = [(metric, phrasing) for metric in ("valid_json", "exact_match") for phrasing in ("familiar", "unseen")]
    claims = EvalRecord(base=record, stage="curated", entries=[entry(*kind) for kind in kinds])
    write_json(folder / "artifacts" / "eval.json", claims)
    write_curation(folder)
