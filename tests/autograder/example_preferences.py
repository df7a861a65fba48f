"""Submissions of rung 06 for tests: right answers to its exercises, and two "models" that are the tiny base with noise.

Nothing here is trained: what the two models would give is put in their place by the fixture `replying`.
"""

import math
from pathlib import Path

import numpy as np
from example_work import run_record, task_meta, tensors_of
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from safetensors.numpy import save_file

from autograder.rung_06_submission import ROWS, ROWS_LOSS, Gains, Measured
from shared.artifacts import (
    BaseRecord,
    CurveRow,
    EvalEntry,
    EvalRecord,
    LossCurve,
    fingerprint_model,
    fingerprint_rows,
    write_json,
)
from shared.preferences import METRICS, TASK, Verdict, pair_rows
from shared.significance import wilson_interval

BETA = 0.1

DERIVATION = """
def optimal_policy(reference, reward, beta):
    return torch.softmax(torch.log(reference) + reward / beta, dim=1)

def implied_reward(policy, reference, beta):
    return beta * (torch.log(policy) - torch.log(reference))

def preference(policy, reference, chosen, rejected, beta):
    scores = implied_reward(policy, reference, beta)
    rows = torch.arange(len(scores))
    return torch.sigmoid(scores[rows, chosen] - scores[rows, rejected])
"""

DPO_LOSS = """
def response_logps(logits, input_ids, response_mask):
    log_p = logits[:, :-1].log_softmax(-1)
    picked = log_p.gather(-1, input_ids[:, 1:, None])[..., 0]
    return (picked * response_mask[:, 1:]).sum(1)

def dpo_loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    gain = policy_chosen - reference_chosen.detach() - policy_rejected + reference_rejected.detach()
    return -F.logsigmoid(beta * gain).mean()

def gradient_weight(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):
    gain = policy_chosen - reference_chosen - policy_rejected + reference_rejected
    return beta * torch.sigmoid(-beta * gain)
"""


def notebook_06(derivation: str = DERIVATION, loss: str = DPO_LOSS) -> dict:
    """Return a learner's notebook of rung 06 with these answers."""
    return new_notebook(
        cells=[
            new_code_cell(derivation.strip(), metadata=task_meta("answer-derivation", solution=True)),
            new_code_cell('check("06", "derivation")', metadata=task_meta("derivation", points=5)),
            new_code_cell(loss.strip(), metadata=task_meta("answer-dpo-loss", solution=True)),
            new_code_cell('check("06", "dpo-loss")', metadata=task_meta("dpo-loss", points=5)),
            new_markdown_cell("Z cancels.", metadata=task_meta("explain-derivation", points=4, solution=True)),
            new_markdown_cell("It got curt.", metadata=task_meta("explain-run", points=3, solution=True)),
            new_code_cell('check("06", "done-when")', metadata=task_meta("done-when", points=8)),
        ]
    )


def make_preference_work(folder: Path, base: Path) -> None:
    """Write honest artifacts of two "runs" on `base` that added noise to the weights."""
    record = BaseRecord(id=base.name, fingerprint=fingerprint_model(base))
    for number, stage in enumerate(("sft", "dpo")):
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
        settings = {"learning_rate": 1e-5, "per_device_train_batch_size": 8, "loss_type": "sigmoid", "beta": BETA}
        versions = {"torch": "2.13.0", "transformers": "5.23.0", "trl": "1.16.0"}
        made = run_record(
            record, total, rung="06", stage=stage, hyperparameters=settings, steps=60, rows=400, versions=versions
        )
        write_json(path / "run.json", made)
        write_json(path / "loss_curve.json", curve_from_ln_2())
    claims = EvalRecord(base=record, stage="dpo", entries=[claim("win_rate", 0.5, 0.96), claim("right_promise", 1, 1)])
    write_json(folder / "artifacts" / "eval.json", claims)


def curve_from_ln_2(first: float = math.log(2), last: float = 0.2, steps: int = 60, every: int = 1) -> LossCurve:
    """Return a curve that falls from `first` to `last`, with a little noise, one row for `every` steps."""
    stream = np.random.default_rng(0)
    losses = last + (first - last) * np.exp(-np.arange(steps) / 12) + stream.normal(0, 0.01, steps)
    losses[0] = first
    return LossCurve(
        rows=[
            CurveRow(
                step=start + every,
                tokens=(start + every) * 900,
                loss=float(losses[start : start + every].mean()),
                learning_rate=1e-5,
                seconds=0.5 * (start + every),
            )
            for start in range(0, steps, every)
        ]
    )


def claim(metric: str, before: float, after: float, n: int = 200, **changes: object) -> EvalEntry:
    """Return one claim on public letters."""
    fields = {
        "task": TASK, "split": "public", "metric": metric, "n": n, "before": before, "after": after,
        "interval": wilson_interval(round(after * n), n), "data_fingerprint": fingerprint_rows(pair_rows("public", n)),
    }  # fmt: skip
    return EvalEntry(**{**fields, **changes})


def measured(
    before: int = 75, after: int = 144, right: int = ROWS, right_before: int = ROWS, *, chosen: float = 2.0,
    rejected: float = -20.0, divergence: float = 1.5, ranked: int = ROWS,
) -> Measured:  # fmt: skip
    """Return what two models would give: counts of polite and right replies, gains in nats, pairs ranked right."""

    def verdicts(polite: int, right: int) -> list[Verdict]:
        return [Verdict("A reply.", place < polite, place < right, 20) for place in range(ROWS)]

    order = [1 if place < ranked else -1 for place in range(ROWS)]
    held_out = Gains([sign * chosen for sign in order], [sign * rejected for sign in order])
    train = Gains([chosen] * ROWS_LOSS, [rejected] * ROWS_LOSS)
    found = verdicts(before, right_before), verdicts(after, right)
    assert set(METRICS.values()) == {"polite", "right"}
    return Measured(*found, [divergence] * ROWS, held_out, train)
