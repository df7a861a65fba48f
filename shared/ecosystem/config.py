"""One recipe, five vocabularies: a tool's configuration as YAML, and the recipe read back out of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from shared.ecosystem.configs import BASE, CONFIG, CONFIGS, DATA, OUTPUT, Config, Shape
from shared.ecosystem.recipe import Recipe

__all__ = ["BASE", "CONFIG", "DATA", "KEYS", "OUTPUT", "config_text", "settings_of", "shape_of"]

# Under which key each tool is told a setting of the recipe; a dot goes one level down. TRL, LLaMA-Factory and Unsloth
# stand on the same trainer; Axolotl, which does too, renames; torchtune has a vocabulary of its own.
KEYS: dict[str, dict[str, str]] = {
    "trl": {
        "rank": "lora_r", "alpha": "lora_alpha", "targets": "lora_target_modules", "learning_rate": "learning_rate",
        "schedule": "lr_scheduler_type", "warmup_steps": "warmup_steps", "steps": "max_steps",
        "batch": "per_device_train_batch_size", "max_length": "max_length", "precision": "dtype", "seed": "seed",
    },
    "axolotl": {
        "rank": "lora_r", "alpha": "lora_alpha", "targets": "lora_target_modules", "learning_rate": "learning_rate",
        "schedule": "lr_scheduler", "warmup_steps": "warmup_steps", "steps": "max_steps",
        "batch": "micro_batch_size", "max_length": "sequence_len", "precision": "bf16", "seed": "seed",
    },
    "llamafactory": {
        "rank": "lora_rank", "alpha": "lora_alpha", "targets": "lora_target", "learning_rate": "learning_rate",
        "schedule": "lr_scheduler_type", "warmup_steps": "warmup_steps", "steps": "max_steps",
        "batch": "per_device_train_batch_size", "max_length": "cutoff_len", "precision": "bf16", "seed": "seed",
    },
    "unsloth": {
        "rank": "adapter.r", "alpha": "adapter.lora_alpha", "targets": "adapter.target_modules",
        "learning_rate": "training.learning_rate", "schedule": "training.lr_scheduler_type",
        "warmup_steps": "training.warmup_steps", "steps": "training.max_steps",
        "batch": "training.per_device_train_batch_size", "max_length": "training.max_length",
        "precision": "model.dtype", "seed": "training.seed",
    },
    "torchtune": {
        "rank": "model.lora_rank", "alpha": "model.lora_alpha", "targets": "model.lora_attn_modules",
        "learning_rate": "optimizer.lr", "schedule": "lr_scheduler._component_",
        "warmup_steps": "lr_scheduler.num_warmup_steps", "steps": "epochs", "batch": "batch_size",
        "max_length": "tokenizer.max_seq_len", "precision": "dtype", "seed": "seed",
    },
}  # fmt: skip


def shape_of(base: Path) -> Shape:
    """Return the base's config.json."""
    return json.loads((base / "config.json").read_text(encoding="utf-8"))


def config_text(tool: str, recipe: Recipe, base: Shape) -> str:
    """Return the tool's configuration as YAML, in the order in which it is written in `configs`."""
    return yaml.safe_dump(CONFIGS[tool](recipe, base), sort_keys=False, allow_unicode=True)


def settings_of(tool: str, text: str, rows: int) -> dict[str, Any]:
    """Return the recipe's settings as the tool's YAML `text` states them, in the recipe's own terms.

    `rows` is the size of the data, from which epochs become steps. What a test compares with the recipe.
    """
    config = yaml.safe_load(text)
    found = {setting: _at(config, key) for setting, key in KEYS[tool].items()}
    return {setting: _plain(tool, setting, value, config, rows) for setting, value in found.items()}


def _at(config: Config, key: str) -> Any:
    for part in key.split("."):
        config = config[part]
    return config


def _plain(tool: str, setting: str, value: Any, config: Config, rows: int) -> Any:
    """Return one value in the recipe's terms."""
    read: dict[tuple[str, str], Callable[[Any], Any]] = {
        ("torchtune", "targets"): lambda names: _torchtune_targets(names, config["model"]["apply_lora_to_mlp"]),
        ("torchtune", "schedule"): lambda name: name.rpartition("get_")[2].partition("_schedule")[0],
        ("torchtune", "steps"): lambda epochs: epochs * (rows // config["batch_size"]),
        ("torchtune", "precision"): {"fp32": "float32", "bf16": "bfloat16"}.get,
        ("llamafactory", "targets"): lambda names: tuple(names.split(",")),
        ("llamafactory", "precision"): {False: "float32", True: "bfloat16"}.get,
        ("axolotl", "precision"): {False: "float32", True: "bfloat16"}.get,
    }
    reader = read.get((tool, setting), tuple if setting == "targets" else lambda same: same)
    return reader(value)


def _torchtune_targets(names: list[str], mlp: bool) -> tuple[str, ...]:
    attention = tuple("o_proj" if name == "output_proj" else name for name in names)
    return attention + (("gate_proj", "up_proj", "down_proj") if mlp else ())
