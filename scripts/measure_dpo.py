"""Measure what DPO's settings change: rung 06's run with one setting changed at a time, over three seeds.

    python scripts/measure_dpo.py --seeds 0 1 2

Writes `shared/measured/dpo.json` after each run (about a minute on one core) and goes on where it stopped: what is in
the table is not run again. Every seed has its own reference policy, pairs, order and sampled replies.
"""

import argparse
import functools
import sys
import tempfile
from typing import TYPE_CHECKING

from shared.data import load_task
from shared.measured import save, table_so_far
from shared.models import load_base
from shared.preferences import (
    judge,
    letter_archive,
    log_probabilities,
    preference_pairs,
    sample_replies,
)
from shared.quiet import quiet
from shared.training import trainer_arguments

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAME = "dpo"
ROWS = 200
NOTES = (
    f"polite, right: share of {ROWS} replies to public letters, sampled at temperature 1, that the judge finds polite, "
    "that hold the right promise. words: mean length of a reply. kl: mean of log pi - log pi_ref over those replies, "
    "nats. accuracy, margin: implicit rewards (over beta 0.1 for all) on the public pairs. chosen, rejected: mean log "
    "probability of the pairs' replies, nats. prose: perplexity of stories. loss: mean of the last 5 steps."
)
RECIPE = {"beta": 0.1, "rate": 1e-4, "steps": 40, "pairs": 400, "flipped": 0.0, "loss": ["sigmoid"]}
CHANGES: dict[str, dict] = {
    "reference": {"steps": 0},
    "recipe": {},
    "beta 0.001": {"beta": 0.001},
    "beta 0.01": {"beta": 0.01},
    "beta 0.03": {"beta": 0.03},
    "beta 0.3": {"beta": 0.3},
    "beta 1": {"beta": 1.0},
    "rate 5e-4": {"rate": 5e-4},
    "rate 1e-5": {"rate": 1e-5},
    "beta 0.01, rate 5e-4": {"beta": 0.01, "rate": 5e-4},
    "120 steps": {"steps": 120},
    "20% flipped": {"flipped": 0.2},
    "40% flipped": {"flipped": 0.4},
    "all flipped": {"flipped": 1.0},
    "40% flipped, robust": {"flipped": 0.4, "loss": ["robust"], "label_smoothing": 0.4},
    "ipo": {"loss": ["ipo"]},
    "hinge": {"loss": ["hinge"]},
    "sigmoid_norm": {"loss": ["sigmoid_norm"]},
    "sigmoid + sft": {"loss": ["sigmoid", "sft"]},
    "apo_zero": {"loss": ["apo_zero"]},
    "kto": {"loss": ["kto"]},
}  # fmt: skip


def main() -> int:
    """Run what is missing from the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--most", type=int, default=1000, help="stop after so many runs")
    arguments = parser.parse_args()
    table = table_so_far(NAME, NOTES, f"python scripts/measure_dpo.py --seeds {' '.join(map(str, arguments.seeds))}")
    done = {(row["name"], row["seed"]) for row in table.rows}
    wanted = [(name, seed) for seed in arguments.seeds for name in CHANGES if (name, seed) not in done]
    for place, (name, seed) in enumerate(wanted[: arguments.most], 1):
        print(f"{place} of {len(wanted)}: {name}, seed {seed}", flush=True)
        table.rows.append(measure(name, seed))
        save(NAME, table)
        print(table.rows[-1], flush=True)
    return 0


def measure(name: str, seed: int) -> dict:
    """Train with the settings called `name` and return the table's row."""
    settings = {**RECIPE, **CHANGES[name]}
    reference, tokenizer = with_weights(reference_weights(seed))
    policy, loss = (reference, None) if settings["steps"] == 0 else train(seed=seed, **settings)
    pairs = preference_pairs("public", ROWS, seed)
    texts = sample_replies(policy, tokenizer, pairs.to_list(), seed=seed, progress=False)
    verdicts = judge(pairs.to_list(), texts)
    row = {"name": name, "seed": seed, **settings, "loss": "+".join(settings["loss"]), "end": loss}
    row["polite"] = sum(one.polite for one in verdicts) / ROWS
    row["right"] = sum(one.right for one in verdicts) / ROWS
    row["words"] = sum(one.words for one in verdicts) / ROWS
    return row | likelihoods(policy, reference, tokenizer, pairs, texts)


def likelihoods(policy: "PreTrainedModel", reference: "PreTrainedModel", tokenizer, pairs, texts: list[str]) -> dict:
    """Return the columns that follow from log-probabilities under the policy and its reference."""
    asked = {"kl": texts, "chosen": pairs["chosen"], "rejected": pairs["rejected"]}
    mine, theirs = (
        {name: log_probabilities(model, tokenizer, pairs["prompt"], replies) for name, replies in asked.items()}
        for model in (policy, reference)
    )
    gain = {name: [a - b for a, b in zip(mine[name], theirs[name], strict=True)] for name in asked}
    margins = [0.1 * (a - b) for a, b in zip(gain["chosen"], gain["rejected"], strict=True)]
    return {
        "kl": round(sum(gain["kl"]) / ROWS, 3),
        "accuracy": sum(margin > 0 for margin in margins) / ROWS,
        "margin": round(sum(margins) / ROWS, 3),
        "chosen": round(sum(mine["chosen"]) / ROWS, 3),
        "rejected": round(sum(mine["rejected"]) / ROWS, 3),
        "prose": round(perplexity(policy, tokenizer), 4),
    }


def perplexity(model: "PreTrainedModel", tokenizer) -> float:
    """Return the perplexity of 100 stories, a skill that no preference asked about."""
    import math

    stories = [row["prompt"] + row["completion"] for row in load_task("prose", "public", 100)]
    tokens = sum(len(tokenizer(text)["input_ids"]) for text in stories)
    starts = [text[:1] for text in stories]
    total = sum(log_probabilities(model, tokenizer, starts, [text[1:] for text in stories]))
    return math.exp(-total / tokens)


@functools.cache
def reference_weights(seed: int) -> dict:
    """Return the weights of rung 06's SFT model: the base, trained on answered letters of both tones.

    Weights, not the model: a trainer hangs its own forward pass on the model, and a copy would still call the original.
    """
    from transformers import PrinterCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    set_seed(seed)
    model, tokenizer = load_base()
    with tempfile.TemporaryDirectory() as folder, quiet():
        kept = {**trainer_arguments(folder), "save_strategy": "no", "seed": seed, "disable_tqdm": True}
        arguments = SFTConfig(
            **kept, learning_rate=1e-4, max_steps=40, warmup_steps=5, lr_scheduler_type="cosine",
            per_device_train_batch_size=16, max_length=256,
        )  # fmt: skip
        rows = letter_archive("train", 600, seed)
        trainer = SFTTrainer(model, arguments, train_dataset=rows, processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return trainer.model.state_dict()


def with_weights(weights: dict):
    """Return a fresh model with these weights, and its tokenizer."""
    model, tokenizer = load_base()
    model.load_state_dict(weights)
    return model, tokenizer


def train(
    *, beta: float, rate: float, steps: int, pairs: int, flipped: float, loss: list[str], seed: int, **options
):  # fmt: skip
    """Return the policy after one run from the reference, and the mean loss of its last five steps."""
    from transformers import PrinterCallback, set_seed
    from trl import DPOConfig, DPOTrainer

    set_seed(seed)
    (model, tokenizer), (reference, _) = (with_weights(reference_weights(seed)) for _ in range(2))
    with tempfile.TemporaryDirectory() as folder, quiet():
        kept = {**trainer_arguments(folder), "save_strategy": "no", "seed": seed, "disable_tqdm": True}
        arguments = DPOConfig(
            **kept, learning_rate=rate, max_steps=steps, warmup_steps=5, lr_scheduler_type="cosine",
            per_device_train_batch_size=16, beta=beta, loss_type=loss, max_length=256, **options,
        )  # fmt: skip
        rows = preference_pairs("train", pairs, seed, flipped=flipped)
        trainer = DPOTrainer(model, reference, arguments, train_dataset=rows, processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return trainer.model.eval(), round(sum(losses[-5:]) / 5, 4)


if __name__ == "__main__":
    sys.exit(main())
