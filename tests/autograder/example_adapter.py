"""Submissions of the adapter rungs for tests: notebooks with right answers, and adapters that fit a tiny random base.

Nothing here is trained: the adapter's numbers are random, so it passes for a real one and fails honestly on
performance.
"""

import json
from pathlib import Path

import numpy as np
from example_work import entry, falling_curve, open_base, run_record, task_meta
from nbformat import write
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from safetensors.numpy import save_file

from autograder import rung_03_numbers, rung_04_numbers
from autograder.criteria import Report
from autograder.verdict import verdict
from shared.artifacts import BaseRecord, EvalRecord, fingerprint_model, write_json
from shared.course import load_course
from shared.model_shape import PROJECTIONS
from shared.questions import ANSWERS, AnswersRecord, drawn

ADAPTER = "artifacts/adapter"
SEED = 5  # of the learner's own questions
SOLUTIONS = {"03": rung_03_numbers.SOLUTIONS, "04": rung_04_numbers.SOLUTIONS}

LORA_LINEAR = """
def lora_linear(x, weight, lora_A, lora_B, alpha):
    return F.linear(x, weight) + alpha / lora_A.shape[0] * F.linear(F.linear(x, lora_A), lora_B)

def merge(weight, lora_A, lora_B, alpha):
    return weight + alpha / lora_A.shape[0] * lora_B @ lora_A
"""


def notebook_03(answer: str = LORA_LINEAR) -> dict:
    """Return a learner's notebook of rung 03 with this answer to its code exercise."""
    return new_notebook(
        cells=[
            new_markdown_cell("# Rung 03"),
            new_code_cell(answer.strip(), metadata=task_meta("answer-lora-linear", solution=True)),
            new_code_cell('check("03", "lora-linear")', metadata=task_meta("lora-linear", points=5)),
            new_code_cell("answers_to = {}", metadata=task_meta("answer-numbers", solution=True)),
            new_code_cell('check("03", "numbers")', metadata=task_meta("numbers", points=4)),
            new_markdown_cell("Rank is how thin.", metadata=task_meta("explain-lora", points=5, solution=True)),
            new_code_cell('check("03", "done-when")', metadata=task_meta("done-when", points=11)),
        ]
    )


ROUND_TRIP = """
def round_trip(weights, levels, block_size):
    flat = weights.flatten()
    blocks = F.pad(flat, (0, -len(flat) % block_size)).view(-1, block_size)
    constants = blocks.abs().amax(1, keepdim=True)
    scaled = blocks / torch.where(constants == 0, 1, constants)
    nearest = levels[(scaled[..., None] - levels).abs().argmin(-1)]
    return (nearest * constants).flatten()[: len(flat)].view(weights.shape)
"""


def notebook_04(answer: str = ROUND_TRIP) -> dict:
    """Return a learner's notebook of rung 04 with this answer to its code exercise."""
    return new_notebook(
        cells=[
            new_code_cell(answer.strip(), metadata=task_meta("answer-round-trip", solution=True)),
            new_code_cell('check("04", "round-trip")', metadata=task_meta("round-trip", points=3)),
            new_code_cell("answers_to = {}", metadata=task_meta("answer-numbers", solution=True)),
            new_code_cell('check("04", "numbers")', metadata=task_meta("numbers", points=4)),
            new_markdown_cell("In four bits.", metadata=task_meta("explain-qlora", points=5, solution=True)),
            new_code_cell('check("04", "done-when")', metadata=task_meta("done-when", points=13)),
        ]
    )


def write_rung(rung: str, notebook: dict, folder: Path) -> None:
    """Write a notebook as the rung's into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    write(notebook, folder / f"{load_course().rung(rung).folder}.ipynb")


def write_adapter(folder: Path, base: Path, *, rank: int = 4, alpha: int = 8, targets=PROJECTIONS, **config) -> int:
    """Write a random LoRA adapter for `base` as PEFT saves one, and return how many parameters it has."""
    stream, tensors = np.random.default_rng(2), {}
    for name, info in open_base(base).header.items():
        module = name.removesuffix(".weight")
        if module.rpartition(".")[2] in targets:
            outputs, inputs = info.shape
            for part, shape in (("lora_A", (rank, inputs)), ("lora_B", (outputs, rank))):
                values = stream.normal(0, 0.02, shape).astype(np.float32)
                tensors[f"base_model.model.{module}.{part}.weight"] = values
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    said = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": list(targets), "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps({**said, **config}))
    return sum(values.size for values in tensors.values())


def make_adapter_work(folder: Path, base: Path, first_loss: float, *, rung: str = "03", method: str = "lora") -> None:
    """Write honest artifacts of a "run" on `base` whose adapter is noise."""
    stage = folder / ADAPTER
    trained = write_adapter(stage, base)
    total = sum(int(np.prod(info.shape)) for info in open_base(base).header.values()) + trained
    record = BaseRecord(id=base.name, fingerprint=fingerprint_model(base))
    settings = {"learning_rate": 3e-3, "per_device_train_batch_size": 16, "r": 4, "lora_alpha": 8,
                "target_modules": ", ".join(sorted(PROJECTIONS))}  # fmt: skip
    made = {"rung": rung, "stage": "adapter", "method": method, "trainable_parameters": trained,
            "hyperparameters": settings}  # fmt: skip
    write_json(stage / "run.json", run_record(record, total, **made))
    write_json(stage / "loss_curve.json", falling_curve(first_loss))
    kinds = [(metric, phrasing) for metric in ("valid_json", "exact_match") for phrasing in ("familiar", "unseen")]
    claims = [entry(*kind) for kind in kinds]
    write_json(folder / "artifacts" / "eval.json", EvalRecord(base=record, stage="adapter", entries=claims))


def write_answers(folder: Path, *, rung: str = "03", seed: int = SEED, **changes: float) -> None:
    """Write the right answers to the learner's own questions, or the given ones."""
    right = {name: SOLUTIONS[rung][name].right(**one.numbers) for name, one in drawn(rung, seed).items()}
    write_json(folder / ANSWERS, AnswersRecord(rung=rung, seed=seed, answers={**right, **changes}))


def report_on(rung: str, folder: Path, *cells: str, seed: int = 1) -> Report:
    """Return the checker's report on a submission, reached in this process, over all cells or the given ones."""
    return Report.model_validate_json(verdict(rung, folder, seed, list(cells) or None))
