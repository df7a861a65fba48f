"""Each tool's configuration, made from the one recipe, and read back in the recipe's words."""

from collections.abc import Callable
from typing import Any

import yaml

from shared.ecosystem.export import FILE
from shared.ecosystem.recipe import Recipe

BASE, DATA, OUTPUT, CONFIG = "base", "data", "output", "config.yaml"  # in the tool's folder, where it is started

Config = dict[str, Any]


def trl_config(recipe: Recipe) -> Config:
    """Return the configuration of `trl sft --config`."""
    return {
        "model_name_or_path": BASE,
        "dtype": recipe.precision,
        "datasets": [{"path": "json", "data_files": f"{DATA}/{FILE}"}],
        "max_length": recipe.max_length,
        "use_peft": True,
        "lora_r": recipe.rank,
        "lora_alpha": recipe.alpha,
        "lora_dropout": 0.0,
        "lora_target_modules": list(recipe.targets),
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.schedule,
        "warmup_steps": recipe.warmup_steps,
        "max_steps": recipe.steps,
        "per_device_train_batch_size": recipe.batch,
        "seed": recipe.seed,
        "use_cpu": recipe.device == "cpu",
        "bf16": recipe.precision == "bfloat16",
        "activation_checkpointing": False,
        "dataloader_pin_memory": recipe.device == "cuda",
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": 100,
        "save_total_limit": 1,
        "report_to": "none",
        "output_dir": OUTPUT,
    }


CONFIGS: dict[str, Callable[[Recipe], Config]] = {"trl": trl_config}


def config_text(tool: str, recipe: Recipe) -> str:
    """Return the tool's configuration as YAML, in the order in which it is written here."""
    return yaml.safe_dump(CONFIGS[tool](recipe), sort_keys=False, allow_unicode=True)
