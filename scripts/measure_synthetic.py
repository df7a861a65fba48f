"""Measure two generations of training on the model's own answers: verified ones, and all of them.

    python scripts/measure_synthetic.py --seeds 0 1 2

Writes `shared/measured/synthetic.json` after each generation (a minute on two cores) and goes on where a seed is
missing.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence

from shared.curation.synthetic import sampled, spread, verified
from shared.data import load_task
from shared.measured import Table, save, table_so_far
from shared.models import load_base
from shared.quiet import quiet
from shared.training import trainer_arguments

NAME = "synthetic"
ORDERS, TIMES, TEMPERATURE = 150, 4, 0.7
STEPS, RATE = 30, 3e-4
ASKED, ANSWERS = 60, 8
NOTES = (
    f"Generation 0 is the base. Each next one is trained for {STEPS} steps on answers that the one before it gave to "
    f"{ORDERS} orders, {TIMES} each at temperature {TEMPERATURE}: the verified ones, or as many at random of all. "
    f"right, working, different: shares of {ANSWERS} answers to each of {ASKED} public orders at temperature 1."
)


def main() -> int:
    """Run what is missing from the table, a whole seed at a time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    table = table_so_far(NAME, NOTES, f"python scripts/measure_synthetic.py --seeds {' '.join(map(str, seeds))}")
    done = {(row["name"], row["seed"]) for row in table.rows if row["generation"] == 2}
    for seed in seeds:
        for name in ("verified", "all answers"):
            if (name, seed) not in done:
                generations(name, seed, table)
    return 0


def generations(name: str, seed: int, table: Table) -> None:
    """Go through both generations, adding a row to the table for each."""
    model, tokenizer = load_base()
    asked = load_task("orders", "public", ASKED)
    for generation in range(3):
        if generation:
            rows = own_answers(model, tokenizer, name, 10 * seed + generation)
            model = train(model, tokenizer, rows, seed)
        found = spread(sampled(model, tokenizer, asked, ANSWERS, temperature=1.0, seed=seed))
        row = {"name": name, "seed": seed, "generation": generation}
        table.rows.append(row | {key: round(value, 4) for key, value in found.items()})
        save(NAME, table)
        print(table.rows[-1], flush=True)


def own_answers(model, tokenizer, name: str, seed: int) -> list[Mapping]:
    """Return answers of the model to new orders: those that the verifier accepts, or as many of all."""
    orders = load_task("orders", "train", ORDERS, seed=seed)
    samples = sampled(model, tokenizer, orders, TIMES, temperature=TEMPERATURE, seed=seed)
    right = verified(samples)
    return right if name == "verified" else random.Random(seed).sample(samples, len(right))


def train(model, tokenizer, rows: Sequence[Mapping], seed: int):
    """Return the model after a short full fine-tune on `rows`."""
    from datasets import Dataset
    from transformers import PrinterCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    set_seed(seed)
    data = Dataset.from_list([{key: row[key] for key in ("prompt", "completion")} for row in rows])
    with tempfile.TemporaryDirectory() as folder, quiet():
        kept = {**trainer_arguments(folder), "save_strategy": "no", "seed": seed, "disable_tqdm": True}
        arguments = SFTConfig(
            **kept, learning_rate=RATE, max_steps=STEPS, warmup_steps=5, per_device_train_batch_size=16,
            max_length=256,
        )  # fmt: skip
        trainer = SFTTrainer(model, arguments, train_dataset=data, processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return trainer.model.eval()


if __name__ == "__main__":
    sys.exit(main())
