"""Measure what is lost when a recipe moves between tools and a line stays behind: rung 11's run by TRL's command.

    python scripts/measure_moved.py --seeds 0 1 2

Each run is `trl sft --config` in a process of its own, with one setting as another tool, or TRL itself, has it when
the configuration does not state it. Writes `shared/measured/moved.json` after each run (one to two minutes on two
cores) and goes on where it stopped. A score is the share of 200 public rows with the right ticket.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from shared.data import load_task
from shared.evaluation import evaluate_tickets
from shared.measured import save, table_so_far
from shared.model_shape import PROJECTIONS
from shared.models import base_folder, base_spec, load_base

NAME = "moved"
COMMAND = "python scripts/measure_moved.py"
ROWS = 200
NOTES = f"familiar, unseen: share of {ROWS} public rows with the right ticket. loss: mean of the last 20 steps."
RECIPE = {
    "use_peft": True, "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "lora_target_modules": list(PROJECTIONS),
    "completion_only_loss": True, "packing": False, "max_length": 256, "per_device_train_batch_size": 16,
    "gradient_accumulation_steps": 1, "learning_rate": 3e-3, "lr_scheduler_type": "cosine", "warmup_steps": 20,
    "max_steps": 400, "gradient_checkpointing": False, "dtype": "float32", "bf16": False,
}  # fmt: skip
# What is left of an Axolotl file without the lines whose names TRL does not know: micro_batch_size, num_epochs,
# lr_scheduler and sequence_len. TRL then takes 8 rows a step, 3 epochs, a linear schedule and at most 1,024 tokens.
LEFT_OUT = {"per_device_train_batch_size": None, "max_steps": None, "lr_scheduler_type": None, "max_length": None}
CHANGES = {
    "recipe": {},
    "four lines left behind": LEFT_OUT,
    "length: 3 epochs": {"max_steps": None},
    "batch: 8 rows a step": {"per_device_train_batch_size": None},
    "schedule: linear, no warmup": {"lr_scheduler_type": None, "warmup_steps": None},
    "layers: queries and values": {"lora_target_modules": None},
    "alpha: half the rank": {"lora_alpha": 8},
    "dropout: 0.05": {"lora_dropout": None},
    "loss: on the prompt, too": {"completion_only_loss": False},
}


def main() -> int:
    """Run what is missing from the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=CHANGES, default=list(CHANGES))
    given = parser.parse_args()
    table = table_so_far(NAME, NOTES, COMMAND)
    done = {(row["name"], row["seed"]) for row in table.rows}
    for name, seed in ((name, seed) for seed in given.seeds for name in given.only if (name, seed) not in done):
        table.rows.append(measure(name, seed))
        save(NAME, table.model_copy(update={"command": command_of(table.rows)}))
        print(table.rows[-1], flush=True)
    return 0


def command_of(rows: list[dict]) -> str:
    """Return the calls that make these rows: one for the names that have the same seeds."""
    seeds_of, names_of = {}, {}
    for row in rows:
        seeds_of.setdefault(row["name"], set()).add(row["seed"])
    for name in CHANGES:
        if seeds := sorted(seeds_of.get(name, ())):
            names_of.setdefault(" ".join(map(str, seeds)), []).append(f'"{name}"')
    return "; ".join(f"{COMMAND} --seeds {seeds} --only {' '.join(names)}" for seeds, names in names_of.items())


def measure(name: str, seed: int) -> dict:
    """Train with the settings called `name` and return the table's row."""
    from peft import PeftModel

    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        started = time.monotonic()
        run_trl(folder, {**RECIPE, **CHANGES[name], "seed": seed})
        seconds = time.monotonic() - started
        model, tokenizer = load_base()
        model = PeftModel.from_pretrained(model, folder / "out").eval()
        history = json.loads((folder / "out" / "checkpoint-last" / "trainer_state.json").read_text())["log_history"]
    row = {"name": name, "seed": seed}
    for phrasing in ("familiar", "unseen"):
        rows = load_task("tickets", "public", ROWS, phrasing=phrasing)
        answers = evaluate_tickets(model, tokenizer, rows, progress=False)
        row[phrasing] = sum(answer.kind == "correct" for answer in answers) / ROWS
    losses = [entry["loss"] for entry in history if "loss" in entry]
    return {**row, "steps": history[-1]["step"], "loss": round(sum(losses[-20:]) / 20, 4), "seconds": round(seconds)}


def run_trl(folder: Path, settings: dict) -> None:
    """Run TRL's command in `folder`; its results lie in `out`, its last checkpoint in `out/checkpoint-last`."""
    rows = load_task("tickets", "train", 600).select_columns(["prompt", "completion"])
    rows.to_json(folder / "train.jsonl")
    config = {
        "model_name_or_path": str(base_folder(base_spec())),
        "datasets": [{"path": "json", "data_files": str(folder / "train.jsonl")}],
        "output_dir": str(folder / "out"), "report_to": "none", "logging_steps": 1, "save_strategy": "steps",
        "save_steps": 1.0, "use_cpu": True, "dataloader_pin_memory": False, "disable_tqdm": True,
        **{key: value for key, value in settings.items() if value is not None},
    }  # fmt: skip
    (folder / "sft.yaml").write_text(yaml.safe_dump(config))
    trl = Path(sys.executable).with_name("trl")
    subprocess.run([trl, "sft", "--config", folder / "sft.yaml"], check=True, stdout=subprocess.DEVNULL)
    checkpoints = sorted((folder / "out").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    checkpoints[-1].rename(folder / "out" / "checkpoint-last")


if __name__ == "__main__":
    sys.exit(main())
