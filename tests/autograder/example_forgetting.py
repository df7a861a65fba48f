"""Submissions of rung 10 for tests: right functions, six made-up models, and the honest matrix of what they give."""

import functools
from pathlib import Path

import numpy as np
from example_evals import chance_of
from example_work import falling_curve, run_record, task_meta, tensors_of
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from safetensors.numpy import save_file

from autograder.rung_10_metrics import NAMES, MatrixCase, right_number
from autograder.rung_10_submission import FRESH_ROWS, FRESH_SEED, STAGES
from shared.artifacts import BaseRecord, fingerprint_model, write_json
from shared.continual.matrix import KEPT, MODELS, NAIVE, NUMBERS, MatrixRecord, matrix_of
from shared.continual.skills import SKILLS, exam
from shared.harness.running import scored

FOLDER, N, SEED = "rung-10-forgetting", 100, 1
KNOWS = {
    "base": (0.0, 0.22, 0.0), "tickets": (1.0, 0.06, 0.0), "totals": (0.99, 0.97, 0.0), "notes": (0.03, 0.06, 0.99),
    "kept-totals": (0.99, 0.97, 0.0), "kept-notes": (0.99, 0.97, 0.99),
}  # fmt: skip
# Which model each stage was trained on from.
BEFORE = {"tickets": "base", "totals": "tickets", "notes": "totals", "kept-totals": "tickets",
          "kept-notes": "kept-totals"}  # fmt: skip

METRICS = """
def average_accuracy(R):
    return sum(R[-1]) / len(R[-1])

def backward_transfer(R):
    changes = [R[-1][j] - R[j][j] for j in range(len(R) - 1)]
    return sum(changes) / max(1, len(changes))

def forgetting(R):
    losses = [max(row[j] for row in R[:-1]) - R[-1][j] for j in range(len(R) - 1)]
    return sum(losses) / max(1, len(losses))

def forward_transfer(R, start):
    gifts = [R[j - 1][j] - start[j] for j in range(1, len(R))]
    return sum(gifts) / max(1, len(gifts))
"""

EWC = """
import torch
import torch.nn.functional as F

def fisher(weights, inputs, labels):
    gap = F.one_hot(labels, len(weights)) - torch.softmax(inputs @ weights.T, dim=-1)
    gradients = gap[:, :, None] * inputs[:, None, :]
    return (gradients**2).mean(0)

def penalty(weights, anchor, fisher, strength):
    return strength / 2 * (fisher * (weights - anchor) ** 2).sum()
"""

KEEP = """
import random

def replay_mix(new, old, share, n, seed):
    stream, wanted, mixed = random.Random(seed), round(share * n), []
    for source, count in ((old, wanted), (new, n - wanted)):
        while count > 0:
            taken = stream.sample(list(source), min(count, len(source)))
            mixed, count = mixed + taken, count - len(taken)
    stream.shuffle(mixed)
    return mixed

def interpolate(old, new, alpha):
    return (1 - alpha) * old + alpha * new
"""


def notebook_10(metrics: str = METRICS, ewc: str = EWC, keep: str = KEEP) -> dict:
    """Return a learner's notebook of rung 10 with these answers."""
    graded = {"metrics": (metrics, 4), "ewc": (ewc, 3), "keep": (keep, 2)}
    cells = []
    for name, (source, points) in graded.items():
        cells.append(new_code_cell(source.strip(), metadata=task_meta(f"answer-{name}", solution=True)))
        cells.append(new_code_cell(f'check("10", "{name}")', metadata=task_meta(name, points=points)))
    for name, points in (("explain-masked", 2), ("explain-mitigation", 5)):
        cells.append(new_markdown_cell("Springs.", metadata=task_meta(name, points=points, solution=True)))
    cells.append(new_code_cell('mitigation = "ewc"', metadata=task_meta("answer-pick", solution=True)))
    cells.append(new_code_cell('check("10", "done-when")', metadata=task_meta("done-when", points=9)))
    return new_notebook(cells=cells)


@functools.cache
def _right_texts() -> dict[str, tuple[str, str]]:
    """Return (skill, right answer) by prompt, over the learner's exam and the fresh one."""
    asked = [*exam("public", N, SEED), *exam("public", FRESH_ROWS, FRESH_SEED)]
    return {row["prompt"]: (task.name, row["completion"]) for task in asked for row in task.rows}


class Student:
    """In place of a model: right on a share of each skill's rows, always the same ones."""

    def __init__(self, shares: tuple[float, ...]):
        self.shares = dict(zip(SKILLS, shares, strict=True))

    def complete(self, prompts, tokens):
        """Return the right answer, or words that are none."""
        return [self._text(prompt) for prompt in prompts]

    def _text(self, prompt):
        skill, right = _right_texts()[prompt]
        return right if chance_of(prompt) < self.shares[skill] else " no idea"


def scores_of(knows: dict[str, tuple[float, ...]]) -> dict[str, dict[str, list[int]]]:
    """Return what each made-up model scores on each row of the learner's exam."""
    tasks = exam("public", N, SEED)
    return {
        name: {task.name: [int(one) for one in scored(task, Student(shares).complete(task.prompts, 0))]
               for task in tasks}
        for name, shares in knows.items()
    }  # fmt: skip


def numbers_of(scores: dict) -> dict[str, dict[str, float]]:
    """Return the four numbers of the naive run and of the kept one."""
    start = np.array(matrix_of(scores, ["base"])[0])
    cases = {name: MatrixCase(name, np.array(matrix_of(scores, stages)), start)
             for name, stages in (("naive", NAIVE), ("kept", KEPT))}  # fmt: skip
    return {name: {label: right_number(function, case) for function, label in zip(NAMES, NUMBERS, strict=True)}
            for name, case in cases.items()}  # fmt: skip


def write_matrix(folder: Path, base: Path, knows: dict | None = None, mitigation: str = "ewc") -> None:
    """Write the honest matrix.json of these models."""
    scores = scores_of(knows or KNOWS)
    record = BaseRecord(id=base.name, fingerprint=fingerprint_model(base))
    marks = {task.name: task.fingerprint for task in exam("public", N, SEED)}
    made = MatrixRecord(base=record, seed=SEED, n=N, fingerprints=marks, scores={name: scores[name] for name in MODELS},
                        numbers=numbers_of(scores), mitigation=mitigation)  # fmt: skip
    write_json(folder / "artifacts" / "matrix.json", made)


def make_forgetting_work(folder: Path, base: Path) -> None:
    """Write honest artifacts of five "runs" on `base` that added noise, and the matrix."""
    record = BaseRecord(id=base.name, fingerprint=fingerprint_model(base))
    made = {"base": tensors_of(base / "model.safetensors")}
    total = sum(values.size for values in made["base"].values())
    for number, stage in enumerate(STAGES):
        made[stage] = write_stage(folder / "artifacts" / stage, base, made[BEFORE[stage]], seed=number)
        rows = f"{SKILLS.index(stage.removeprefix('kept-')):064d}"
        run = run_record(record, total, rung="10", stage=stage, data_fingerprint=rows)
        write_json(folder / "artifacts" / stage / "run.json", run)
        write_json(folder / "artifacts" / stage / "loss_curve.json", falling_curve(3.0))
    write_matrix(folder, base)


def write_stage(folder: Path, base: Path, start: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Write a "model" of the base's network, the weights `start` and noise of `seed`, and return its weights."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes((base / "config.json").read_bytes())
    stream = np.random.default_rng(seed)
    tensors = {
        name: (values + 0.05 * values.std() * stream.normal(size=values.shape)).astype(np.float32)
        for name, values in start.items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return tensors
