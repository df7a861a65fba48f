"""Bring a tool's result back as the course's artifacts, so that one checker judges them all.

Four tools write PEFT's adapter format and the transformers trainer's state; torchtune writes the same adapter format
and a log of its own. What comes out is what `shared.training.stage` saves: the adapter, `loss_curve.json` and
`run.json`. What that says of the run is read from the run: steps and rate from its log, the adapter's settings from the
adapter, the others from the configuration file that the tool was started with, which is kept beside it.
"""

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.artifacts import RunRecord, fingerprint_rows, write_json
from shared.ecosystem.config import BASE, CONFIG, DATA, OUTPUT, settings_of
from shared.ecosystem.curves import curve_in, mean_tokens
from shared.ecosystem.export import FILE, ExportError, Row, read_back
from shared.ecosystem.layout import end_token
from shared.ecosystem.recipe import RUNG, Recipe
from shared.ecosystem.tools import Tool
from shared.models import base_folder, base_record, base_spec, profile_here
from shared.quiet import quiet
from shared.run_record import adapter_settings_of
from shared.training import StageError

ADAPTER, PROCESS = "adapter_model.safetensors", "process.json"


def collect(tool: Tool, recipe: Recipe, place: Path, target: Path) -> None:
    """Read what the tool left in `place` and write it to `target`, whole or not at all. Raises StageError."""
    scratch = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    base = base_record(rung=RUNG)
    config = copy_adapter(find(place / OUTPUT, ADAPTER).parent, scratch, base.id)
    process = json.loads((place / PROCESS).read_text(encoding="utf-8"))
    rows = rows_of(place, tool)
    curve = curve_in(place / OUTPUT, training_seconds(process, recipe), mean_tokens(place / BASE, rows), recipe.batch)
    write_json(scratch / "loss_curve.json", curve)
    shutil.copy(place / CONFIG, scratch / CONFIG)
    stated = settings_of(tool.name, (place / CONFIG).read_text(encoding="utf-8"), len(rows))
    logged = {"learning_rate": max(row.learning_rate for row in curve.rows), "steps": curve.rows[-1].step}
    trainable = parameters_in(scratch / ADAPTER)
    record = RunRecord(
        rung=RUNG,
        stage=tool.name,
        profile=profile_here().name,
        base=base,
        method="lora",
        hyperparameters=settings(stated | logged) | adapter_settings_of(config),
        steps=curve.rows[-1].step,
        rows=len(rows),
        data_fingerprint=fingerprint_rows(rows),
        trainable_parameters=trainable,
        total_parameters=trainable + sum(map(parameters_in, base_folder(base_spec(rung=RUNG)).glob("*.safetensors"))),
        versions=process["versions"],
        device=recipe.device,
        peak_memory_bytes=process["peak_bytes"],
        wall_seconds=curve.rows[-1].seconds,
    )
    write_json(scratch / "run.json", record)
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)


def rows_of(place: Path, tool: Tool) -> list[Row]:
    """Return the rows that the tool was given, without their end token. Raises StageError."""
    try:
        return read_back(place / DATA / FILE, tool.format, end_token(place / BASE))
    except ExportError as error:
        raise StageError(f"{tool.title}: {error}. Run it again with rerun=True") from None


def training_seconds(process: dict[str, Any], recipe: Recipe) -> float:
    """Return the seconds of all steps: those from the first step to the last, and one more. Starting is not counted."""
    between = recipe.steps - 1
    return process["step_seconds"] * recipe.steps / between if between else process["seconds"]


def find(folder: Path, name: str) -> Path:
    """Return the newest file called `name` in `folder` or below it. Raises StageError."""
    found = sorted(folder.rglob(name), key=lambda path: (-len(path.parts), path.stat().st_mtime))
    if not found:
        raise StageError(f"{folder}: expected {name} from the tool, found none. Read its log, then run it again")
    return found[-1]


def copy_adapter(source: Path, target: Path, base_id: str) -> Any:
    """Copy the tensors as they are; write the configuration again with this course's PEFT. Return that."""
    from peft import LoraConfig

    shutil.copy(source / ADAPTER, target / ADAPTER)
    with quiet():  # a tool with another PEFT writes keys that this one passes over
        config = LoraConfig.from_pretrained(source)
    config.base_model_name_or_path = base_id
    config.save_pretrained(target)
    return config


def settings(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in the recipe's terms under the names that every run.json of the course uses."""
    return {
        "learning_rate": stated["learning_rate"],
        "lr_scheduler_type": stated["schedule"],
        "warmup_steps": stated["warmup_steps"],
        "max_steps": stated["steps"],
        "per_device_train_batch_size": stated["batch"],
        "gradient_accumulation_steps": 1,
        "max_length": stated["max_length"],
        "completion_only_loss": True,
        "bf16": stated["precision"] == "bfloat16",
        "seed": stated["seed"],
    }


def parameters_in(path: Path) -> int:
    """Return how many numbers a safetensors file holds."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 (no mapping)
