"""Submissions of rung 09 for tests: right functions, two made-up models, and the honest table of what they give."""

import functools
import hashlib
import json
from pathlib import Path

import numpy as np
from example_work import falling_curve, run_record, task_meta, tensors_of
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from safetensors.numpy import save_file

from autograder.reevaluation import RowLoss
from autograder.rung_09_failures import right_causes
from autograder.rung_09_numbers import SOLUTIONS
from autograder.rung_09_submission import FRESH_ROWS, FRESH_SEED
from shared.artifacts import BaseRecord, fingerprint_model, write_json
from shared.harness import failures
from shared.harness.comparison import compare
from shared.harness.record import eval_record, outcomes_record
from shared.harness.report import Page, write_report
from shared.harness.running import TaskRun, run_suite
from shared.harness.suite import course_suite
from shared.questions import ANSWERS, AnswersRecord, drawn

FOLDER, N, SEED = "rung-09-evals", 100, 1
TICKETS = ("tickets", "new products", "unseen wording", "longer letters")
BEFORE = {**dict.fromkeys(TICKETS, 0.0), "reading": 0.6, "order totals": 0.3, "sorting": 0.97, "replies": 0.99}
AFTER = {"tickets": 1.0, "new products": 0.99, "unseen wording": 0.7, "longer letters": 0.6, "reading": 0.58,
         "order totals": 0.25, "sorting": 0.7, "replies": 0.1}  # fmt: skip

PAIRED = """
import math

def interval(right, n):
    z, share = 1.959964, right / n
    middle = share + z**2 / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, (middle - reach) / (1 + z**2 / n)), min(1.0, (middle + reach) / (1 + z**2 / n))

def paired_p(before, after):
    ups = sum(bool(a) and not b for b, a in zip(before, after))
    downs = sum(bool(b) and not a for b, a in zip(before, after))
    tail = sum(math.comb(ups + downs, k) for k in range(min(ups, downs) + 1))
    return min(1.0, 2 * tail / 2 ** (ups + downs))
"""

COUNTS = """
import re

def paired_counts(before, after, right):
    def total(text):
        amounts = re.findall(r"(\\d+) coins", text)
        return int(amounts[-1]) if amounts else None

    first, second = dict(before), dict(after)
    pairs = [(total(first.get(row, "")) == want, total(second.get(row, "")) == want) for row, want in enumerate(right)]
    return [len(right), sum(b for b, _ in pairs), sum(a for _, a in pairs),
            sum(a > b for b, a in pairs), sum(a < b for b, a in pairs)]
"""


def notebook_09(paired: str = PAIRED, counts: str = COUNTS) -> dict:
    """Return a learner's notebook of rung 09 with these answers."""
    return new_notebook(
        cells=[
            new_code_cell(paired.strip(), metadata=task_meta("answer-paired", solution=True)),
            new_code_cell('check("09", "paired")', metadata=task_meta("paired", points=4)),
            new_code_cell(counts.strip(), metadata=task_meta("answer-harness", solution=True)),
            new_code_cell('check("09", "harness")', metadata=task_meta("harness", points=3)),
            new_code_cell("causes = {}", metadata=task_meta("answer-failures", solution=True)),
            new_code_cell('check("09", "failures")', metadata=task_meta("failures", points=2)),
            new_code_cell("answers = {}", metadata=task_meta("answer-numbers", solution=True)),
            new_code_cell('check("09", "numbers")', metadata=task_meta("numbers", points=2)),
            new_code_cell("conclusions = {}", metadata=task_meta("answer-conclude", solution=True)),
            new_markdown_cell("It forgot.", metadata=task_meta("explain-evals", points=5, solution=True)),
            new_code_cell('check("09", "done-when")', metadata=task_meta("done-when", points=9)),
        ]
    )


@functools.cache
def suite(n: int = N, seed: int = SEED):
    """Return the public suite that the made-up models are asked."""
    return tuple(course_suite("public", n, seed))


@functools.cache
def _right_texts() -> dict[str, tuple[str, str]]:
    """Return (task, right answer) by prompt, over the suite and the fresh letters."""
    asked = [*suite(), *suite(200), course_suite("public", FRESH_ROWS, FRESH_SEED)[1]]
    return {row["prompt"]: (task.name, row.get("completion", row.get("chosen"))) for task in asked for row in task.rows}


def chance_of(text: str) -> float:
    """Return a number from 0 to 1 that hangs on nothing but the text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") / 2**32


class Actor:
    """In place of a model: right on a share of each task's rows, always and as sure of stories as told."""

    def __init__(self, skills: dict[str, float], nats: float):
        self.skills, self.mean = skills, nats

    def complete(self, prompts, tokens):
        """Return the right answer or words that are none."""
        return [self._text(prompt) for prompt in prompts]

    def _text(self, prompt):
        task, right = _right_texts()[prompt]
        return right if chance_of(prompt) < self.skills[task] else " no idea"

    def losses(self, rows):
        """Return losses that vary from row to row; those of letters as in `conftest.Scripted`."""
        return [RowLoss(20 * (self.mean + 0.3 * chance_of(row["prompt"])), 20, 150.0, 30) for row in rows]

    def nats(self, rows):
        """Return each completion's cost and its tokens."""
        return [(loss.completion, loss.completion_tokens) for loss in self.losses(rows)]


BASE_ACTOR, TUNED_ACTOR = Actor(BEFORE, 0.7), Actor(AFTER, 0.9)


def runs_of(actor: Actor, n: int = N) -> dict[str, TaskRun]:
    """Return an actor's run of the suite."""
    return run_suite(actor, suite(n), progress=False)


@functools.cache
def honest_table(n: int = N):
    """Return the comparison of the two actors."""
    return compare(suite(n), runs_of(BASE_ACTOR, n), runs_of(TUNED_ACTOR, n))


def write_table(folder: Path, base: Path, table=None, *, conclusions=None, seed: int = SEED) -> None:
    """Write outcomes.json, eval.json and both forms of the report."""
    table = table or honest_table()
    conclusions = {name: one.verdict for name, one in table.items()} if conclusions is None else conclusions
    record = BaseRecord(id=base.name, fingerprint=fingerprint_model(base))
    artifacts = folder / "artifacts"
    made = outcomes_record(table, base=record, stage="model", seed=seed, conclusions=conclusions)
    write_json(artifacts / "outcomes.json", made)
    write_json(artifacts / "eval.json", eval_record(table, base=record, stage="model"))
    write_report(artifacts, Page("Tickets", "It writes tickets and forgot replies.", {"base": base.name}), table)


def make_evals_work(folder: Path, base: Path, first_loss: float) -> None:
    """Write honest artifacts of a "run" on `base` that added noise, the table, and answers to all questions."""
    stage = folder / "artifacts" / "model"
    stage.mkdir(parents=True)
    (stage / "config.json").write_bytes((base / "config.json").read_bytes())
    stream = np.random.default_rng(3)
    tensors = {
        name: (values + 0.05 * values.std() * stream.normal(size=values.shape)).astype(np.float32)
        for name, values in tensors_of(base / "model.safetensors").items()
    }
    save_file(tensors, stage / "model.safetensors", metadata={"format": "pt"})
    record = BaseRecord(id=base.name, fingerprint=fingerprint_model(base))
    total = sum(values.size for values in tensors.values())
    write_json(stage / "run.json", run_record(record, total, rung="09"))
    write_json(stage / "loss_curve.json", falling_curve(first_loss))
    write_table(folder, base)
    write_numbers(folder)
    write_causes(folder)


def write_numbers(folder: Path, **changes: float) -> None:
    """Write the right answers to the drawn questions, or the given ones."""
    right = {name: SOLUTIONS[name].right(**one.numbers) for name, one in drawn("09", 5).items()}
    write_json(folder / ANSWERS, AnswersRecord(rung="09", seed=5, answers={**right, **changes}))


def write_causes(folder: Path, change=None, seed: int = 5) -> None:
    """Write the right causes of the drawn failures, or what `change` makes of them."""
    causes = right_causes(failures.drawn(seed))
    causes = change(causes) if change else causes
    (folder / failures.FAILURES).write_text(json.dumps({"rung": "09", "seed": seed, "causes": causes}))
