"""Submissions of rung 08 for tests: right functions, a reward model of noise, samples written by the grammar.

Nothing here is trained. In the place of the model's scores a test may put scores of its own (`scored_as`).
"""

import json
import random
from collections.abc import Callable
from math import log
from pathlib import Path

import numpy as np
from example_work import falling_curve, run_record, task_meta, tensors_of
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from safetensors.numpy import save_file

from shared.artifacts import BaseRecord, EvalRecord, fingerprint_model, write_json
from shared.reward_best import Samples, save_best_of_n
from shared.reward_measures import accuracy_entry
from shared.reward_pairs import CONTRASTS, draw_talk, pairs
from shared.reward_record import BEST_OF_N
from shared.reward_rules import gold, polite, right_promise
from shared.world import rows

RUNG = "rung-08-reward"
STAGE = "artifacts/reward"

PREFERENCE = """
def preference_loss(chosen, rejected):
    return -F.logsigmoid(chosen - rejected).mean()

def last_scores(scores, mask):
    last = (mask * torch.arange(mask.shape[1])).argmax(1)
    return scores[torch.arange(len(scores)), last]
"""

BEST = """
def best_of_n(proxy, gold, n):
    ordered = [score for _, score in sorted(zip(proxy, gold))]
    firsts = [math.comb(below, n - 1) for below in range(len(ordered))]
    return sum(first * score for first, score in zip(firsts, ordered)) / math.comb(len(ordered), n)

def best_of_n_kl(n):
    return math.log(n) - (n - 1) / n
"""

Score = Callable[[str, str], float]


def by_rules(prompt: str, reply: str) -> float:
    """Return a right reward: content counts most, then the tone, and nothing else."""
    return 6 * right_promise(prompt, reply) + 2 * polite(prompt, reply)


def notebook_08(preference: str = PREFERENCE, best: str = BEST) -> dict:
    """Return a learner's notebook of rung 08 with these answers to its code exercises."""
    return new_notebook(
        cells=[
            new_markdown_cell("# Rung 08"),
            new_code_cell(preference.strip(), metadata=task_meta("answer-preference-loss", solution=True)),
            new_code_cell('check("08", "preference-loss")', metadata=task_meta("preference-loss", points=6)),
            new_code_cell(best.strip(), metadata=task_meta("answer-best-of-n", solution=True)),
            new_code_cell('check("08", "best-of-n")', metadata=task_meta("best-of-n", points=3)),
            new_markdown_cell("It needs one.", metadata=task_meta("explain-reward", points=7, solution=True)),
            new_code_cell('check("08", "done-when")', metadata=task_meta("done-when", points=9)),
        ]
    )


def make_reward_work(folder: Path, base: Path) -> None:
    """Write honest artifacts of a "run" on `base` that added noise to the weights and a random head."""
    stage = folder / STAGE
    stage.mkdir(parents=True)
    parameters = write_reward_model(stage, base)
    record = BaseRecord(id=base.name, fingerprint=fingerprint_model(base))
    made = {"rung": "08", "stage": "reward", "method": "full"}
    write_json(stage / "run.json", run_record(record, parameters, **made))
    write_json(stage / "loss_curve.json", falling_curve(log(2), 0.15))
    write_claims(folder, record, by_rules)
    write_samples(folder, by_rules)


def write_reward_model(stage: Path, base: Path, noise: float = 0.05) -> int:
    """Write the base with noise and a random head as a reward model, and return how many parameters it has."""
    config = json.loads((base / "config.json").read_text())
    config.update(architectures=["LlamaForSequenceClassification"], id2label={"0": "LABEL_0"})
    (stage / "config.json").write_text(json.dumps(config))
    stream = np.random.default_rng(1)
    tensors = {
        name: (values + noise * values.std() * stream.normal(size=values.shape)).astype(np.float32)
        for name, values in tensors_of(base / "model.safetensors").items()
    }
    tensors["score.weight"] = stream.normal(0, 0.02, (1, config["hidden_size"])).astype(np.float32)
    save_file(tensors, stage / "model.safetensors", metadata={"format": "pt"})
    return sum(values.size for values in tensors.values())


def write_claims(folder: Path, base: BaseRecord, score: Score, n: int = 200) -> None:
    """Write eval.json as a model with these scores would claim it."""
    entries = []
    for contrast in CONTRASTS:
        asked = pairs("public", n, contrasts=[contrast])
        margins = [score(row["prompt"], row["chosen"]) - score(row["prompt"], row["rejected"]) for row in asked]
        entries.append(accuracy_entry(contrast, asked, [1.0, -1.0] * (n // 2), margins))
    write_json(folder / "artifacts" / "eval.json", EvalRecord(base=base, stage="reward", entries=entries))


def write_samples(folder: Path, score: Score, *, prompts: int = 8, n: int = 16, seed: int = 0) -> None:
    """Write best_of_n.json with replies of the grammar, right and wrong, polite and curt, some with small talk."""
    stream = random.Random(seed)
    asked = [row["prompt"] for row in rows("replies", "public", prompts)]
    written = [[drawn_reply(stream, prompt) for _ in range(n)] for prompt in asked]
    rewards = [[score(prompt, one) for one in some] for prompt, some in zip(asked, written, strict=True)]
    true = [[gold(prompt, one) for one in some] for prompt, some in zip(asked, written, strict=True)]
    save_best_of_n(folder / BEST_OF_N, "reward", Samples(asked, written), rewards, true)


def drawn_reply(stream: random.Random, prompt: str) -> str:
    """Return a reply of the grammar to the letter, right or to another letter."""
    from shared.reward_rules import contents_of
    from shared.world.replies import draw_action, write

    content = next(iter(contents_of(prompt)))
    if stream.random() < 0.5:
        other = stream.choice(rows("replies", "public", 20, 3))["prompt"]
        content = next(iter(contents_of(other)))
    reply = write(stream, draw_action(stream, content), stream.choice(("polite", "curt")))
    return reply + draw_talk(stream, stream.choice((0, 0, 1)))
