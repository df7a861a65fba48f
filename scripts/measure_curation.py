"""Measure what curation changes: one recipe, one number of steps, other data; and what rows put back do.

    python scripts/measure_curation.py
    python scripts/measure_curation.py --seeds 3 4 --sets curated "all clean"

A seed draws its own raw set, its own choice of rows and its own order of training. Writes
`shared/measured/curation.json` after each run (a minute on two idle cores) and goes on where it stopped.
"""

import argparse
import itertools
import random
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence

from shared.curation.diversity import most_diverse
from shared.curation.memorised import completion_losses
from shared.curation.pipeline import Pipeline
from shared.curation.steps import clean, put_back
from shared.data import load_task
from shared.evaluation import TicketResult, evaluate_tickets
from shared.measured import save, table_so_far
from shared.models import load_base
from shared.quiet import quiet
from shared.training import trainer_arguments

NAME = "curation"
ROWS, RAW, FEW = 200, 5000, 300
STEPS, BATCH = 300, 8
SETS = ("raw", "random", "curated", "put back", "all clean")
NOTES = (
    f"familiar, unseen: share of {ROWS} public rows with the right ticket after {STEPS} steps of {BATCH} rows. leaked, "
    "not leaked: the same share among public rows that were, or were not, among the training rows. parroted: share of "
    "wrongly labelled training messages, put in once or eight times, that are answered with the wrong ticket learned. "
    "leaked loss, not leaked loss: mean loss of the right tickets, in nats a token."
)


def main() -> int:
    """Run what is missing from the table, a whole seed at a time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    options = parser.parse_args()
    table = table_so_far(NAME, NOTES, "python scripts/measure_curation.py")
    done = {(row["name"], row["seed"]) for row in table.rows}
    pipelines: dict[int, Pipeline] = {}
    asked = itertools.product(options.seeds, options.sets)
    for seed, name in ((seed, name) for seed, name in asked if (name, seed) not in done):
        if seed not in pipelines:
            test = load_task("tickets", "public", ROWS)["prompt"]
            pipelines[seed] = clean(load_task("dirty-tickets", "train", RAW, seed=seed), test)
        table.rows.append(measure(name, seed, pipelines[seed]))
        save(NAME, table)
        print(table.rows[-1], flush=True)
    return 0


def measure(name: str, seed: int, pipeline: Pipeline) -> dict:
    """Train on the set called `name` and return the table's row."""
    rows = training_set(name, seed, pipeline)
    trainer = train(rows, seed)
    model, tokenizer = trainer.model.eval(), trainer.processing_class
    found = {
        phrasing: evaluate_tickets(
            model, tokenizer, load_task("tickets", "public", ROWS, phrasing=phrasing), progress=False
        )
        for phrasing in ("familiar", "unseen")
    }
    seen = {row["prompt"] for row in rows}
    row = {"name": name, "seed": seed, "rows": len(rows), "steps": STEPS}
    row |= {phrasing: share(answers) for phrasing, answers in found.items()}
    row["leaked"] = share([one for one in found["familiar"] if one.prompt in seen])
    row["not leaked"] = share([one for one in found["familiar"] if one.prompt not in seen])
    if name == "put back":
        row |= {f"parroted, {copies}": parroted(model, tokenizer, rows, copies) for copies in (1, 8)}
        row |= losses(model, tokenizer, seen)
    return row


def losses(model, tokenizer, seen: set[str]) -> dict[str, float]:
    """Return the mean loss of the right tickets of public letters that are among the prompts `seen`, and of others."""
    public = load_task("tickets", "public", ROWS).to_list()
    parts = {"leaked": [row for row in public if row["prompt"] in seen]}
    parts["not leaked"] = [row for row in public if row["prompt"] not in seen]
    return {
        f"{name} loss": round(statistics.mean(completion_losses(model, tokenizer, part)), 4)
        for name, part in parts.items()
    }


def training_set(name: str, seed: int, pipeline: Pipeline) -> list[Mapping]:
    """Return the rows of the set called `name`."""
    raw, kept = pipeline.raw.to_list(), pipeline.rows
    chosen = [kept["place"][place] for place in most_diverse(kept["prompt"], FEW, seed)]
    sets = {
        "raw": lambda: raw,
        "random": lambda: random.Random(seed).sample(raw, FEW),
        "curated": lambda: [raw[place] for place in chosen],
        "put back": lambda: put_back(pipeline, chosen),
        "all clean": lambda: kept.to_list(),
    }
    return sets[name]()


def parroted(model, tokenizer, rows: Sequence[Mapping], copies: int) -> float:
    """Return the share of wrongly labelled messages, so often in `rows`, to which the wrong ticket is the answer."""
    import json

    asked = {row["prompt"]: row for row in rows if row["why"] == "wrong" and row["copies"] == copies}
    wrong = [{"prompt": prompt, "ticket": json.loads(row["completion"])} for prompt, row in asked.items()]
    return share(evaluate_tickets(model, tokenizer, wrong, progress=False))


def share(answers: Sequence[TicketResult]) -> float | None:
    """Return the share of right answers, None when there are none at all."""
    return round(sum(one.kind == "correct" for one in answers) / len(answers), 4) if answers else None


def train(rows: Sequence[Mapping], seed: int):
    """Return the trainer after one run: a full fine-tune by rung 05's recipe."""
    from datasets import Dataset
    from transformers import PrinterCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    set_seed(seed)
    model, tokenizer = load_base()
    data = Dataset.from_list([{name: row[name] for name in ("prompt", "completion")} for row in rows])
    with tempfile.TemporaryDirectory() as folder, quiet():
        kept = {**trainer_arguments(folder), "save_strategy": "no", "seed": seed, "disable_tqdm": True}
        arguments = SFTConfig(
            **kept, learning_rate=1e-3, max_steps=STEPS, warmup_steps=20, lr_scheduler_type="cosine",
            per_device_train_batch_size=BATCH, max_length=256,
        )  # fmt: skip
        trainer = SFTTrainer(model, arguments, train_dataset=data, processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return trainer


if __name__ == "__main__":
    sys.exit(main())
