"""Measure reward models: rung 08's run with other pairs, labels and sizes, over several seeds.

    python scripts/measure_reward.py --seeds 0 1 2
    python scripts/measure_reward.py --seeds 0 --names recipe people

Writes `shared/measured/reward.json` after each run (a minute or two on one core) and goes on where it stopped: what is
in the table is not run again.
"""

import argparse
import functools
import sys
import tempfile
from collections.abc import Sequence
from statistics import fmean

from datasets import Dataset

from shared.measured import save, table_so_far
from shared.quiet import quiet
from shared.reward_best import Samples, curve, draw, scored
from shared.reward_measures import accuracy, calibration, expected_calibration_error
from shared.reward_model import load_untrained, rows_as_asked, score
from shared.reward_pairs import CONTRASTS, TRAINED, balanced, hard_first, labelled_by_people, pairs, twins, wordy
from shared.reward_policy import load_writer
from shared.reward_rules import gold
from shared.training import trainer_arguments

NAME = "reward"
HELD_OUT, LETTERS, SAMPLES, HEAT = 200, 16, 64, 1.5
NOTES = (
    f"tone, item, action: share of {HELD_OUT} public pairs ranked rightly; wordy: the same where the worse reply is "
    "the longer. margin: mean on those pairs. talk: mean margin of small talk over the mean size of a margin. "
    f"ece: expected calibration error, 5 bins. best: mean true score, of 3, of the best of 1, 2, 4, ..., {SAMPLES} of "
    f"{SAMPLES} replies sampled at temperature {HEAT} to each of {LETTERS} public letters. by_pairs: after "
    "so many pairs, the share ranked rightly and mean margin of 80 held-out pairs of each contrast."
)
RECIPE = {"labels": "rules", "order": "hard first", "rate": 1.5e-4}
CHANGES = {
    "recipe": {},
    "mixed": {"order": "mixed"},
    "people": {"labels": "people", "order": "mixed"},
    "balanced": {"labels": "balanced people", "order": "mixed"},
}
MIXED = {"rules": 1760, "people": 1120, "balanced people": 1120}  # pairs; balancing leaves fewer than half
STEPS = {"balanced people": 70}  # as many as on all of the people's pairs; elsewhere each pair is seen once
WATCHED, EVERY = 80, 20  # held-out pairs a contrast, and steps between two looks at them


def main() -> int:
    """Run what is missing from the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--names", nargs="+", default=list(CHANGES), choices=list(CHANGES))
    asked = parser.parse_args()
    command = "python scripts/measure_reward.py --seeds 0 1 2"
    for seed in asked.seeds:
        for name in asked.names:
            if any((row["name"], row["seed"]) == (name, seed) for row in table_so_far(NAME, NOTES, command).rows):
                continue
            print(f"{name}, seed {seed}", flush=True)
            row = measure(name, seed)
            table = table_so_far(NAME, NOTES, command)  # read again: another run may have added to it meanwhile
            table.rows.append(row)
            table.rows.sort(key=lambda one: (list(CHANGES).index(one["name"]), one["seed"]))
            save(NAME, table)
    return 0


def measure(name: str, seed: int) -> dict:
    """Train with the settings called `name` and return the table's row."""
    settings = {**RECIPE, **CHANGES[name]}
    model, tokenizer, losses, watched = train(seed=seed, **settings)
    held_out = {one: pairs("public", HELD_OUT, contrasts=[one]) for one in CONTRASTS}
    found = {one: margins(model, tokenizer, rows) for one, rows in held_out.items()}
    every = [margin for one in TRAINED for margin in found[one]]
    usual = fmean(map(abs, every))
    return {
        "name": name,
        "seed": seed,
        **settings,
        **{one: round(accuracy(found[one]), 4) for one in CONTRASTS},
        "wordy": round(accuracy(margins(model, tokenizer, wordy("public", HELD_OUT))), 4),
        "margin": round(fmean(every), 3),
        "talk": round(fmean(margins(model, tokenizer, twins("public", HELD_OUT), "long", "short")) / usual, 3),
        "ece": round(expected_calibration_error(calibration(every)), 3),
        "loss": round(fmean(losses[-10:]), 4),
        "best": best_scores(model, tokenizer),
        "by_pairs": watched,
    }


def margins(model, tokenizer, rows: Sequence[dict], better: str = "chosen", worse: str = "rejected") -> list[float]:
    """Return the reward of each row's `better` reply minus that of the `worse`."""
    prompts = [row["prompt"] for row in rows]
    high, low = (score(model, tokenizer, prompts, [row[name] for row in rows]) for name in (better, worse))
    return [one - other for one, other in zip(high, low, strict=True)]


def best_scores(model, tokenizer) -> list[float]:
    """Return the mean true score of the best of n by the model's reward, n = 1, 2, 4, ..."""
    samples = samples_of_the_base()
    true = [[gold(prompt, one) for one in replies] for prompt, replies in zip(*samples, strict=True)]
    return [round(row.gold, 3) for row in curve(scored(model, tokenizer, samples), true)]


@functools.cache
def samples_of_the_base() -> Samples:
    """Return the samples that every model scores."""
    prompts = [row["prompt"] for row in pairs("public", LETTERS, 2)]
    return draw(*load_writer(), prompts, SAMPLES, temperature=HEAT, progress=False)


def rows_for(labels: str, order: str, seed: int) -> list[dict]:
    """Return training pairs as the program or the simulated people label them."""
    if order == "hard first":
        return hard_first(seed)
    drawn = pairs("train", MIXED[labels], seed, contrasts=TRAINED, small_talk=labels != "rules")
    if labels == "rules":
        return drawn
    by_people = labelled_by_people(drawn, seed)
    return balanced(by_people) if labels == "balanced people" else by_people


def train(*, labels: str, order: str, seed: int, rate: float):
    """Return the reward model, its tokenizer, its losses and what was watched on the way: rung 08's run, but for the
    given settings."""
    import torch
    from transformers import PrinterCallback
    from trl import RewardConfig, RewardTrainer

    rows = Dataset.from_list(rows_as_asked(rows_for(labels, order, seed)))
    model, tokenizer = load_untrained(seed, dtype=torch.float32)
    watched: list[dict] = []
    with tempfile.TemporaryDirectory() as folder, quiet():
        kept = {**trainer_arguments(folder), "save_strategy": "no", "seed": seed, "disable_tqdm": True}
        arguments = RewardConfig(
            **kept, learning_rate=rate, max_steps=STEPS.get(labels) or len(rows) // 16, warmup_steps=10,
            lr_scheduler_type="constant_with_warmup", per_device_train_batch_size=16, max_length=256,
            train_sampling_strategy="sequential" if order == "hard first" else "random",
        )  # fmt: skip
        trainer = RewardTrainer(
            model, arguments, train_dataset=rows, processing_class=tokenizer, callbacks=[watcher(tokenizer, watched)]
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return trainer.model.eval(), tokenizer, losses, watched


def watcher(tokenizer, watched: list[dict]):
    """Return a callback that scores held-out pairs every few steps."""
    from transformers import TrainerCallback

    held_out = {one: pairs("public", WATCHED, contrasts=[one]) for one in TRAINED}

    class Watch(TrainerCallback):
        """Adds to `watched`."""

        def on_step_end(self, args, state, control, model=None, **kwargs):
            if state.global_step % EVERY and state.global_step < state.max_steps:
                return
            found = {one: margins(model, tokenizer, rows) for one, rows in held_out.items()}
            seen = {"pairs": 16 * state.global_step, "margin": round(fmean(m for v in found.values() for m in v), 3)}
            watched.append(seen | {one: round(accuracy(values), 3) for one, values in found.items()})
            print(watched[-1], flush=True)

    return Watch()


if __name__ == "__main__":
    sys.exit(main())
