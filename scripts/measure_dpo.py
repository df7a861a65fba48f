"""Measure what DPO's settings change: rung 06's run with one setting changed at a time, over three seeds.

    python scripts/measure_dpo.py --seeds 0 1 2

Writes `shared/measured/dpo.json` after each run (40 to 60 seconds on one core) and goes on where it stopped: what is in
the table is not run again. Every seed has its own SFT model, pairs, order and sampled replies.
"""

import argparse
import functools
import math
import sys
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.data import load_task
from shared.measured import save, table_so_far
from shared.models import load_base
from shared.preferences import judge, letter_archive, log_probabilities, preference_pairs, sample_replies
from shared.quiet import quiet
from shared.training import trainer_arguments

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    Loaded = tuple[PreTrainedModel, PreTrainedTokenizerBase]

NAME = "dpo"
ROWS = 200
NOTES = (
    f"polite, right: share of {ROWS} replies to public letters, sampled at temperature 1, that the judge finds polite, "
    "that hold the right promise. words: mean length of a reply. kl: mean of log pi - log pi_ref over those replies, "
    "nats. accuracy: share of the public pairs whose chosen reply gained more. chosen, rejected: mean log-probability "
    "of the pairs' replies, nats. prose: perplexity of stories. end: mean loss of the last 5 steps. Rows named trace "
    "are AdamW's run, looked at while it trains; their loss is that step's."
)
PUSH = 0.005  # rate x beta: the gradient holds the factor beta, so that this is the length of the first step
RECIPE = {"beta": 0.1, "rate": 0.05, "optim": "sgd", "steps": 60, "flipped": 0.0, "loss": ["sigmoid"]}
ADAM = {"optim": "adamw_torch", "rate": 1e-4, "steps": 40}
CHANGES: dict[str, dict] = {
    "reference": {"steps": 0},
    "recipe": {},
    "beta 1": {"beta": 1.0, "rate": PUSH},
    "beta 0.01": {"beta": 0.01, "rate": PUSH / 0.01},
    "AdamW": ADAM,
    "40% flipped": {"flipped": 0.4},
    "all flipped": {"flipped": 1.0},
}
TRACED = (0, 5, 10, 15, 20, 30, 40)  # steps at which AdamW's run is looked at


def main() -> int:
    """Run what is missing from the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no run after so many minutes")
    arguments = parser.parse_args()
    begun, command = time.monotonic(), "python scripts/measure_dpo.py --seeds 0 1 2"
    done = {(row["name"], row["seed"]) for row in table_so_far(NAME, NOTES, command).rows}
    wanted = [("trace", 0)] if 0 in arguments.seeds else []
    wanted += [(name, seed) for seed in arguments.seeds for name in CHANGES]
    for name, seed in (one for one in wanted if one not in done):
        if time.monotonic() - begun > 60 * arguments.minutes:
            break
        rows = trace(seed) if name == "trace" else [measure(name, seed)]
        table = table_so_far(NAME, NOTES, command)  # read again: another process may have added rows
        table.rows.extend(rows)
        save(NAME, table)
        print(rows[-1], flush=True)
    return 0


def measure(name: str, seed: int) -> dict:
    """Train with the settings called `name` and return the table's row."""
    settings = {**RECIPE, **CHANGES[name]}
    if settings["steps"] == 0:
        policy, losses = with_weights(reference_weights(seed))[0], []
    else:
        policy, losses = train(seed=seed, **settings)
    end = round(sum(losses[-5:]) / 5, 4) if losses else None
    row = {"name": name, "seed": seed, **settings, "loss": "+".join(settings["loss"]), "end": end}
    return row | look(policy, seed)


def trace(seed: int) -> list[dict]:
    """Return the rows of AdamW's run, looked at while it trains."""
    rows: list[dict] = []

    def watch(model: "PreTrainedModel", step: int) -> None:
        if step in TRACED:
            rows.append({"name": "trace", "seed": seed, "step": step, **look(model.eval(), seed)})
            model.train()

    watch(with_weights(reference_weights(seed))[0], 0)
    _, losses = train(seed=seed, watch=watch, **{**RECIPE, **ADAM})
    return [row | {"loss": losses[max(row["step"], 1) - 1]} for row in rows]


def look(policy: "PreTrainedModel", seed: int) -> dict:
    """Return the columns that say what became of a policy."""
    (reference, tokenizer), pairs = with_weights(reference_weights(seed)), preference_pairs("public", ROWS, seed)
    texts = sample_replies(policy, tokenizer, pairs, seed=seed, progress=False)
    verdicts = judge(pairs, texts)
    asked = {"kl": texts, "chosen": pairs["chosen"], "rejected": pairs["rejected"]}
    mine, theirs = (
        {name: log_probabilities(model, tokenizer, pairs["prompt"], replies) for name, replies in asked.items()}
        for model in (policy, reference)
    )
    gains = {name: [a - b for a, b in zip(mine[name], theirs[name], strict=True)] for name in asked}
    ranked = sum(a > b for a, b in zip(gains["chosen"], gains["rejected"], strict=True))
    found = {
        "polite": sum(one.polite for one in verdicts), "right": sum(one.right for one in verdicts),
        "words": sum(one.words for one in verdicts), "kl": sum(gains["kl"]), "accuracy": ranked,
        "chosen": sum(mine["chosen"]), "rejected": sum(mine["rejected"]),
    }  # fmt: skip
    return {**{name: round(total / ROWS, 4) for name, total in found.items()}, "prose": perplexity(policy, tokenizer)}


def perplexity(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> float:
    """Return the perplexity of 60 stories after their first letter: a skill that no preference asked about."""
    stories = [row["completion"] for row in load_task("prose", "public", 60)]
    tokens = sum(len(tokenizer(text)["input_ids"]) for text in stories)
    heads, tails = [text[:1] for text in stories], [text[1:] for text in stories]
    return round(math.exp(-sum(log_probabilities(model, tokenizer, heads, tails)) / tokens), 4)


@functools.cache
def reference_weights(seed: int) -> dict:
    """Return the weights of rung 06's SFT model: the base, trained on answered letters of both tones.

    Weights, not the model: a trainer hangs its own forward pass on a model, and a copy would still call the original.
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


def with_weights(weights: dict) -> "Loaded":
    """Return a fresh model with these weights, and its tokenizer."""
    model, tokenizer = load_base()
    model.load_state_dict(weights)
    return model, tokenizer


def train(
    *, beta: float, rate: float, optim: str, steps: int, flipped: float, loss: list[str], seed: int,
    watch: Callable[["PreTrainedModel", int], None] | None = None, **options: object,
) -> "tuple[PreTrainedModel, list[float]]":  # fmt: skip
    """Return the policy after one run from the reference, and its losses. `watch` is called after each step."""
    from transformers import PrinterCallback, TrainerCallback, set_seed
    from trl import DPOConfig, DPOTrainer

    class Watch(TrainerCallback):
        """Hands the model on after each step."""

        def on_step_end(self, args, state, control, model=None, **kwargs):
            if watch is not None:
                watch(model, state.global_step)

    set_seed(seed)
    (model, tokenizer), (reference, _) = (with_weights(reference_weights(seed)) for _ in range(2))
    with tempfile.TemporaryDirectory() as folder, quiet():
        kept = {**trainer_arguments(folder), "save_strategy": "no", "seed": seed, "disable_tqdm": True}
        arguments = DPOConfig(
            **kept, learning_rate=rate, max_steps=steps, warmup_steps=5, lr_scheduler_type="cosine",
            per_device_train_batch_size=8, beta=beta, loss_type=loss, max_length=256, optim=optim,
            max_grad_norm=1.0 if optim.startswith("adamw") else 0.0, **options,
        )  # fmt: skip
        rows = preference_pairs("train", 400, seed, flipped=flipped)
        trainer = DPOTrainer(
            model, reference, arguments, train_dataset=rows, processing_class=tokenizer, callbacks=[Watch()]
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return trainer.model.eval(), losses


if __name__ == "__main__":
    sys.exit(main())
