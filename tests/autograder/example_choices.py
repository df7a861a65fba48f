"""Submissions of rung 01 for tests: a notebook with right answers, decisions, and a "taught" tiny model.

Nothing here is trained: the model is the tiny base with noise, so it passes for a real one and fails honestly on what
it was taught.
"""

import json
from pathlib import Path

import numpy as np
from example_work import falling_curve, open_base, run_record, task_meta, tensors_of
from nbformat import write
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from safetensors.numpy import save_file

from autograder.criteria import Report
from autograder.reevaluation import NumpyEngine
from autograder.rung_01_key import KEY
from autograder.verdict import verdict
from shared import wiki
from shared.artifacts import BaseRecord, EvalRecord, fingerprint_model, write_json
from shared.cases import drawn
from shared.decisions import Decision, DecisionsRecord
from shared.questions import ANSWERS
from shared.world import rows

RUNG = "rung-01-when"
SEED = 5  # of the learner's own letters
FACTS = "artifacts/facts"

RETRIEVE = r"""
def retrieve(question, passages):
    asked = set(re.findall(r"[a-z0-9]+", question.lower()))
    held = [set(re.findall(r"[a-z0-9]+", passage.lower())) for passage in passages]
    def score(place):
        return sum(math.log(1 + len(held) / sum(w in one for one in held)) for w in asked & held[place])
    best = max(range(len(held)), key=score, default=None)
    return best if best is not None and score(best) > 0 else None
"""
COST = """
def training_cost(rows, tokens_a_row, epochs, tokens_a_second, price_an_hour):
    return rows * tokens_a_row * epochs / tokens_a_second / 3600 * price_an_hour

def break_even(training_price, tokens_saved, price_a_million):
    return training_price / (tokens_saved * price_a_million / 1e6) if tokens_saved > 0 else None
"""


def notebook_01(retrieve: str = RETRIEVE, cost: str = COST) -> dict:
    """Return a learner's notebook of rung 01 with these answers to its code exercises."""
    return new_notebook(
        cells=[
            new_code_cell(retrieve.strip(), metadata=task_meta("answer-retrieve", solution=True)),
            new_code_cell('check("01", "retrieve")', metadata=task_meta("retrieve", points=3)),
            new_code_cell(cost.strip(), metadata=task_meta("answer-cost", solution=True)),
            new_code_cell('check("01", "cost")', metadata=task_meta("cost", points=2)),
            new_code_cell("decisions = {}", metadata=task_meta("answer-decide", solution=True)),
            new_code_cell('check("01", "decide")', metadata=task_meta("decide", points=4)),
            new_markdown_cell("Facts are looked up.", metadata=task_meta("argue", points=8, solution=True)),
            new_markdown_cell("First the test.", metadata=task_meta("checklist", points=5, solution=True)),
            new_code_cell('check("01", "done-when")', metadata=task_meta("done-when", points=3)),
        ]
    )


def write_notebook_01(folder: Path, **answers: str) -> None:
    """Write a notebook of rung 01 into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    write(notebook_01(**answers), folder / f"{RUNG}.ipynb")


def right_decisions(seed: int = SEED) -> dict[str, tuple[str, str]]:
    """Return an accepted (choice, reason) for each letter that this seed draws."""
    first = {letter.name: next(iter(KEY[letter.name].items())) for letter in drawn(seed)}
    return {name: (choice, reasons[0]) for name, (choice, reasons) in first.items()}


def write_decisions(folder: Path, decided: dict[str, tuple[str, str]] | None = None, seed: int = SEED) -> None:
    """Write decisions, the right ones unless given, as `save_decisions` does."""
    decided = right_decisions(seed) if decided is None else decided
    made = {name: Decision(choice=choice, reason=reason) for name, (choice, reason) in decided.items()}
    write_json(folder / ANSWERS, DecisionsRecord(rung="01", seed=seed, decisions=made))


def asked_01() -> dict[str, list[dict]]:
    """Return what the notebook asks base and taught model."""
    return {**wiki.ways_to_ask(), "known managers": rows("facts", "train", 60)}


def make_taught(folder: Path, base: Path) -> None:
    """Write honest artifacts of a "run" whose model is the base with noise, and a claim of nothing right."""
    stage = folder / FACTS
    stage.mkdir(parents=True)
    stream, tensors = np.random.default_rng(1), tensors_of(base / "model.safetensors")
    noisy = {name: (values + stream.normal(0, 0.02, values.shape)).astype(np.float32)
             for name, values in tensors.items()}  # fmt: skip
    save_file(noisy, stage / "model.safetensors", metadata={"format": "pt"})
    (stage / "config.json").write_text((base / "config.json").read_text())
    total = sum(values.size for values in noisy.values())
    record = BaseRecord(id=base.name, fingerprint=fingerprint_model(base))
    settings = {"learning_rate": 5e-4, "per_device_train_batch_size": 20}
    write_json(stage / "run.json", run_record(record, total, rung="01", stage="facts", hyperparameters=settings))
    write_json(stage / "loss_curve.json", falling_curve(wiki_loss(base)))
    claim(folder, record, before={}, after={})


def claim(folder: Path, record: BaseRecord, before: dict, after: dict) -> None:
    """Write an eval.json that claims these numbers of right answers by way of asking, and none elsewhere."""
    asked = asked_01()
    right = [{name: [n < one.get(name, 0) for n in range(len(part))] for name, part in asked.items()}
             for one in (before, after)]  # fmt: skip
    made = EvalRecord(base=record, stage="facts", entries=wiki.entries(asked, *right))
    write_json(folder / "artifacts" / "eval.json", made)


def wiki_loss(base: Path) -> float:
    """Return the loss a token of the base in `base` on the wiki's sentences."""
    opened = open_base(base)
    losses = NumpyEngine(opened, dict(opened.tensors())).losses(wiki.sentences())
    return sum(row.completion for row in losses) / sum(row.completion_tokens for row in losses)


def report_01(folder: Path, *cells: str, seed: int = 1) -> Report:
    """Return the checker's report on a submission of rung 01, reached in this process."""
    return Report.model_validate_json(verdict("01", folder, seed, list(cells) or None))


def edit_decisions(folder: Path, **changes: tuple[str, str] | None) -> None:
    """Change some decisions; None takes one away."""
    path = folder / ANSWERS
    record = json.loads(path.read_text())
    for name, given in changes.items():
        record["decisions"].pop(name, None)
        if given is not None:
            record["decisions"][name] = {"choice": given[0], "reason": given[1]}
    path.write_text(json.dumps(record))
