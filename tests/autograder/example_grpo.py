"""Submissions of rung 07 for tests: right functions, a run's honest files, a model of noise."""

import json
from pathlib import Path

import numpy as np
from example_work import run_record, task_meta, tensors_of
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from safetensors.numpy import save_file

from shared.artifacts import BaseRecord, CurveRow, EvalRecord, LossCurve, fingerprint_model, write_json
from shared.rl.groups import order_entries
from shared.rl.rollouts import FOLDER, RolloutLog, RolloutRow
from shared.world import rows

STAGE_FOLDER = "artifacts/grpo"
ROLLOUTS = str(FOLDER / "grpo.json")
STEPS, ORDERS, SIZE = 60, 60, 8
BEFORE = [3, 4, 5, 3, 4] * 12  # right answers of 8: 0.475, as the pocket base
AFTER = [8, 7, 8, 8, 6] * 12  # 0.925
KEPT = {"reading": [True] * 60, "sorting": [True] * 59 + [False]}

GROUP_ADVANTAGES = """
def group_advantages(rewards, size, scale="group"):
    groups = rewards.view(-1, size)
    centred = groups - groups.mean(dim=1, keepdim=True)
    if scale == "none":
        return centred.flatten()
    spread = groups.std(dim=1, keepdim=True) if scale == "group" else rewards.std()
    return (centred / (spread + 1e-4)).flatten()
"""

GRPO_LOSS = """
def kl_k3(logp, ref_logp):
    gap = ref_logp - logp
    return gap.exp() - gap - 1

def grpo_loss(logp, old_logp, ref_logp, advantages, mask, epsilon, beta, loss_type):
    ratio, weight = (logp - old_logp).exp(), advantages[:, None]
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
    per_token = -torch.min(ratio * weight, clipped * weight)
    if beta:
        per_token = per_token + beta * kl_k3(logp, ref_logp)
    per_token = per_token * mask
    if loss_type == "grpo":
        return (per_token.sum(1) / mask.sum(1).clamp(min=1)).mean()
    return per_token.sum() / (mask.sum() if loss_type == "dapo" else mask.numel())
"""

PASS_AT_K = """
def pass_at_k(n, right, k):
    return 1 - comb(n - right, k) / comb(n, k)
"""


def notebook_07(advantages: str = GROUP_ADVANTAGES, loss: str = GRPO_LOSS, passk: str = PASS_AT_K) -> dict:
    """Return a learner's notebook of rung 07 with these answers."""
    return new_notebook(
        cells=[
            new_code_cell(advantages.strip(), metadata=task_meta("answer-advantages", solution=True)),
            new_code_cell('check("07", "advantages")', metadata=task_meta("advantages", points=3)),
            new_code_cell(loss.strip(), metadata=task_meta("answer-grpo-loss", solution=True)),
            new_code_cell('check("07", "grpo-loss")', metadata=task_meta("grpo-loss", points=5)),
            new_code_cell(passk.strip(), metadata=task_meta("answer-pass-at-k", solution=True)),
            new_code_cell('check("07", "pass-at-k")', metadata=task_meta("pass-at-k", points=2)),
            new_markdown_cell("It sharpens.", metadata=task_meta("teach-or-sharpen", points=2, solution=True)),
            new_markdown_cell("No value model.", metadata=task_meta("explain-ppo", points=5, solution=True)),
            new_code_cell('check("07", "done-when")', metadata=task_meta("done-when", points=8)),
        ]
    )


def rising_log(start: float = 0.475, end: float = 0.925, **changes: object) -> RolloutLog:
    """Return the log of a run whose share of right answers rises, with a little noise, one row a step."""
    stream = np.random.default_rng(0)
    rights = np.clip(end - (end - start) * np.exp(-np.arange(STEPS) / 12) + stream.normal(0, 0.03, STEPS), 0, 1)
    made = [
        RolloutRow(step=i + 1, reward=float(x), reward_std=0.4, zero_std=0.2, entropy=0.05, length=30.0, cut=0.0,
                   kl=0.1, right=float(x), working=0.5)
        for i, x in enumerate(rights)
    ]  # fmt: skip
    return RolloutLog(**{"stage": "grpo", "completions": 64, "rows": made, **changes})


def flat_curve() -> LossCurve:
    """Return the loss curve of a GRPO run: about 0, on either side of it."""
    return LossCurve(
        rows=[
            CurveRow(step=i + 1, tokens=5000 * (i + 1), loss=0.01 * (-1) ** i, learning_rate=2e-4, seconds=2.0 * i)
            for i in range(STEPS)
        ]
    )


def claims(base: BaseRecord, before: list[int] = BEFORE, after: list[int] = AFTER) -> EvalRecord:
    """Return what a model with these right answers can honestly claim."""
    asked = rows("orders", "public", len(after))
    return EvalRecord(base=base, stage="grpo", entries=order_entries("orders", asked, before, after, SIZE))


def make_grpo_work(folder: Path, base: Path) -> None:
    """Write honest artifacts of a "run" on `base` that added noise to the weights."""
    stage = folder / STAGE_FOLDER
    stage.mkdir(parents=True)
    (stage / "config.json").write_bytes((base / "config.json").read_bytes())
    stream = np.random.default_rng(3)
    tensors = {
        name: (values + 0.05 * values.std() * stream.normal(size=values.shape)).astype(np.float32)
        for name, values in tensors_of(base / "model.safetensors").items()
    }
    save_file(tensors, stage / "model.safetensors", metadata={"format": "pt"})
    record = BaseRecord(id=base.name, fingerprint=fingerprint_model(base))
    settings = {"learning_rate": 2e-4, "per_device_train_batch_size": 64, "num_generations": 8, "loss_type": "dapo"}
    total = sum(values.size for values in tensors.values())
    run = run_record(record, total, rung="07", stage="grpo", steps=STEPS, rows=500, hyperparameters=settings)
    write_json(stage / "run.json", run)
    write_json(stage / "loss_curve.json", flat_curve())
    write_json(folder / ROLLOUTS, rising_log())
    write_json(folder / "artifacts" / "eval.json", claims(record))


def write_log(folder: Path, **changes: object) -> None:
    """Write another log of rollouts; `start` and `end` are its shares of right answers."""
    write_json(folder / ROLLOUTS, rising_log(**changes))


def claim(folder: Path, before: list[int] = BEFORE, after: list[int] = AFTER) -> None:
    """Let eval.json claim what these right answers give."""
    path = folder / "artifacts" / "eval.json"
    base = BaseRecord(**json.loads(path.read_text())["base"])
    write_json(path, claims(base, before, after))
