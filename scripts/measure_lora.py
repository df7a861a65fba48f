"""Measure what LoRA's settings change: rung 03's run with one setting changed at a time, over several seeds.

    python scripts/measure_lora.py --seeds 0 1

Writes `shared/measured/lora.json` after each run (75 to 130 seconds on two cores) and goes on where it stopped:
what is in the table is not run again. A number in the table is a share of 200 public rows.
"""

import argparse
import sys
import tempfile

from shared.data import load_task
from shared.evaluation import evaluate_tickets
from shared.measured import save, table_so_far
from shared.models import load_base
from shared.quiet import quiet
from shared.training import trainer_arguments

NAME = "lora"
ROWS = 200
NOTES = f"familiar, unseen: share of {ROWS} public rows with the right ticket. loss: mean of the last 20 steps."
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
RECIPE = {"rank": 16, "alpha": 32, "rate": 3e-3, "targets": "all-linear", "steps": 400}
CHANGES = {
    "recipe": {},
    "full": {"rank": 0, "alpha": 0, "rate": 1e-3, "steps": 250},
    "rank 1": {"rank": 1, "alpha": 2},
    "rank 2": {"rank": 2, "alpha": 4},
    "rank 4": {"rank": 4, "alpha": 8},
    "rank 8": {"rank": 8, "alpha": 16},
    "rank 64": {"rank": 64, "alpha": 128},
    "rate 1e-3": {"rate": 1e-3},
    "rate 1e-2": {"rate": 1e-2},
    "alpha 8": {"alpha": 8},
    "alpha 256": {"alpha": 256},
    "q and v only": {"targets": ["q_proj", "v_proj"]},
    "attention only": {"targets": ATTENTION},
    "rank 64, alpha kept": {"rank": 64},
    "rank 64, rsLoRA, alpha 8": {"rank": 64, "alpha": 8, "use_rslora": True},
    "DoRA": {"use_dora": True},
}


def main() -> int:
    """Run what is missing from the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    seeds = parser.parse_args().seeds
    table = table_so_far(NAME, NOTES, f"python scripts/measure_lora.py --seeds {' '.join(map(str, seeds))}")
    done = {(row["name"], row["seed"]) for row in table.rows}
    wanted = [(name, seed) for seed in seeds for name in CHANGES if (name, seed) not in done]
    for place, (name, seed) in enumerate(wanted, 1):
        print(f"{place} of {len(wanted)}: {name}, seed {seed}", flush=True)
        table.rows.append(measure(name, seed))
        save(NAME, table)
        print(table.rows[-1], flush=True)
    return 0


def measure(name: str, seed: int) -> dict:
    """Train with the settings called `name` and return the table's row."""
    settings = {**RECIPE, **CHANGES[name]}
    trainer = train(seed=seed, **settings)
    row = {"name": name, "seed": seed, **settings}
    model = trainer.model.eval()
    for phrasing in ("familiar", "unseen"):
        answers = evaluate_tickets(
            model, trainer.processing_class, load_task("tickets", "public", ROWS, phrasing=phrasing), progress=False
        )
        row[phrasing] = sum(answer.kind == "correct" for answer in answers) / ROWS
    trained = sum(values.numel() for values in model.parameters() if values.requires_grad)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {**row, "trained": trained, "loss": round(sum(losses[-20:]) / 20, 4)}


def train(*, rank: int, alpha: float, rate: float, targets: str | list, steps: int, seed: int, **options):
    """Return the trainer after one run: rung 03's, but for the given settings; a full fine-tune at rank 0."""
    from peft import LoraConfig
    from transformers import PrinterCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    set_seed(seed)
    model, tokenizer = load_base()
    adapter = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, **options) if rank else None
    with tempfile.TemporaryDirectory() as folder, quiet():
        kept = {**trainer_arguments(folder), "save_strategy": "no", "seed": seed, "disable_tqdm": True}
        arguments = SFTConfig(
            **kept, learning_rate=rate, max_steps=steps, warmup_steps=20, lr_scheduler_type="cosine",
            per_device_train_batch_size=16, max_length=256,
        )  # fmt: skip
        rows = load_task("tickets", "train", 600).select_columns(["prompt", "completion"])
        trainer = SFTTrainer(model, arguments, train_dataset=rows, processing_class=tokenizer, peft_config=adapter)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return trainer


if __name__ == "__main__":
    sys.exit(main())
