"""Fill in `run.json` from the trainer itself: the record says what ran, not what was meant to run."""

import resource
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from shared.artifacts import LossCurve, RunRecord, Setting, fingerprint_rows
from shared.models import base_record, profile_here

if TYPE_CHECKING:
    from datasets import Features
    from peft import PeftConfig
    from transformers import PreTrainedModel, Trainer, TrainingArguments

LIBRARIES = ("torch", "transformers", "trl", "peft")
SETTINGS = (
    "learning_rate", "lr_scheduler_type", "warmup_steps", "max_steps", "num_train_epochs",
    "per_device_train_batch_size", "gradient_accumulation_steps", "optim", "weight_decay", "max_grad_norm",
    "max_length", "packing", "completion_only_loss", "loss_type", "beta", "num_generations",
    "max_completion_length", "temperature", "bf16", "seed",
)  # fmt: skip
ADAPTER_SETTINGS = ("r", "lora_alpha", "lora_dropout", "target_modules")


def run_record(trainer: "Trainer", curve: LossCurve, *, rung: str, stage: str) -> RunRecord:
    """Return the record of a finished run. Memory is this process's peak; seconds include resumed pieces."""
    model = trainer.model
    rows = training_rows(trainer)
    trainable, total = parameter_counts(model)
    return RunRecord(
        rung=rung,
        stage=stage,
        profile=profile_here().name,
        base=base_record(rung=rung),
        method=method_of(model),
        hyperparameters=hyperparameters(trainer.args) | adapter_settings(model) | _decided_by(trainer),
        steps=trainer.state.global_step,
        rows=len(rows),
        data_fingerprint=fingerprint_rows(rows),
        trainable_parameters=trainable,
        total_parameters=total,
        versions={library: version(library) for library in LIBRARIES},
        device=device_name(trainer.args.device.type),
        peak_memory_bytes=peak_memory(trainer.args.device.type),
        wall_seconds=curve.rows[-1].seconds,
    )


def hyperparameters(args: "TrainingArguments") -> dict[str, Setting]:
    """Return the settings that can change a run's result. Epochs count only where max_steps is not set."""
    settings = {name: _plain(getattr(args, name)) for name in SETTINGS if hasattr(args, name)}
    if args.max_steps > 0:
        del settings["num_train_epochs"]
    return settings


def _decided_by(trainer: "Trainer") -> dict[str, Setting]:
    """Return what SFTTrainer decided where the settings left it open (None): whether prompts are masked."""
    decided = getattr(trainer, "completion_only_loss", None)
    return {} if decided is None else {"completion_only_loss": decided}


def adapter_settings(model: "PreTrainedModel") -> dict[str, Setting]:
    """Return the settings of a PEFT adapter, or nothing for a full fine-tune."""
    for config in getattr(model, "peft_config", {}).values():
        return adapter_settings_of(config)
    return {}


def adapter_settings_of(config: "PeftConfig") -> dict[str, Setting]:
    """Return the settings in a PEFT configuration that run.json names."""
    return {name: _plain(getattr(config, name)) for name in ADAPTER_SETTINGS if hasattr(config, name)}


def method_of(model: "PreTrainedModel") -> str:
    """Return how the model was trained: "full", "lora" (or another PEFT type), or "qlora" on a 4-bit base."""
    for config in getattr(model, "peft_config", {}).values():
        quantized = "q" if getattr(model, "is_loaded_in_4bit", False) else ""
        return quantized + config.peft_type.value.lower()
    return "full"


def parameter_counts(model: "PreTrainedModel") -> tuple[int, int]:
    """Return (trainable, total) parameters. Tied weights count once, a 4-bit weight as what it stands for."""
    if hasattr(model, "get_nb_trainable_parameters"):
        return model.get_nb_trainable_parameters()
    return model.num_parameters(only_trainable=True), model.num_parameters()


def training_rows(trainer: "Trainer") -> list[dict]:
    """Return the rows that were trained on, as they were before the trainer prepared them.

    TRL keeps the text beside the token ids that it adds, and writes the end-of-sequence token after the
    text; both are taken off again. Of packed data only token ids are left, and those are returned.
    """
    data = trainer.train_dataset
    end = getattr(trainer.processing_class, "eos_token", None) or ""
    columns = [name for name in data.column_names if not _holds_token_ids(data.features, name)] or data.column_names
    return [
        {name: value.removesuffix(end) if isinstance(value, str) else value for name, value in row.items()}
        for row in data.select_columns(columns)
    ]


def device_name(kind: str) -> str:
    """Return the device in words: "cpu", or "cuda" and the name of the card."""
    if kind != "cuda":
        return kind

    import torch

    return f"cuda ({torch.cuda.get_device_name()})"


def peak_memory(kind: str) -> int:
    """Return the most memory held so far, in bytes: allocated on the GPU, or resident in this process."""
    if kind == "cuda":
        import torch

        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _holds_token_ids(features: "Features", column: str) -> bool:
    inner = getattr(features[column], "feature", None)
    return getattr(inner, "dtype", "").startswith(("int", "bool"))


def _plain(value: object) -> Setting:
    """Return a setting as JSON holds it: numbers, text and None as they are, a list or an enum as text."""
    value = getattr(value, "value", value)
    if value is None or isinstance(value, int | float | str):
        return value
    return ", ".join(map(str, sorted(value))) if isinstance(value, set | list | tuple) else str(value)
