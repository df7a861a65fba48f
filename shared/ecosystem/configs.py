"""The configuration files: for each tool a function from the recipe to what stands in its YAML.

Every function writes the same recipe in its tool's words. What is not in the recipe is there for one of three reasons:
where files lie, what the tool would otherwise do on its own (packing, kernels, checkpointing, a template), or what its
log must hold so that the run can be read back.
"""

from collections.abc import Callable, Mapping
from typing import Any

from shared.ecosystem.export import FILE, NAME
from shared.ecosystem.recipe import Recipe

BASE, DATA, OUTPUT, CONFIG = "base", "data", "output", "config.yaml"  # in the tool's folder, where it is started
SAVE_EVERY = 100  # steps

Config = dict[str, Any]
Shape = Mapping[str, Any]  # the base's config.json


def trl(recipe: Recipe, base: Shape) -> Config:
    """Return the configuration of `trl sft --config`: the arguments of ModelConfig and SFTConfig."""
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
        "completion_only_loss": True,
        "packing": False,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.schedule,
        "optim": "adamw_torch_fused",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "warmup_steps": recipe.warmup_steps,
        "max_steps": recipe.steps,
        "per_device_train_batch_size": recipe.batch,
        "gradient_accumulation_steps": 1,
        "seed": recipe.seed,
        "use_cpu": recipe.device == "cpu",
        "bf16": recipe.precision == "bfloat16",
        "activation_checkpointing": False,
        "dataloader_pin_memory": recipe.device == "cuda",
        "logging_steps": 1,
        "save_steps": SAVE_EVERY,
        "save_total_limit": 1,
        "report_to": "none",
        "output_dir": OUTPUT,
    }


def axolotl(recipe: Recipe, base: Shape) -> Config:
    """Return the configuration of `axolotl train`.

    Left out, its Triton kernels for LoRA switch themselves on, and without a GPU the first step fails (0.19).
    """
    return {
        "base_model": BASE,
        "datasets": [{"path": f"{DATA}/{FILE}", "ds_type": "json", "type": "input_output"}],
        "dataset_prepared_path": "prepared",
        "val_set_size": 0,
        "sequence_len": recipe.max_length,
        "sample_packing": False,
        "pad_to_sequence_len": False,
        "train_on_inputs": False,
        "adapter": "lora",
        "lora_r": recipe.rank,
        "lora_alpha": recipe.alpha,
        "lora_dropout": 0.0,
        "lora_target_modules": list(recipe.targets),
        "learning_rate": recipe.learning_rate,
        "lr_scheduler": recipe.schedule,
        "optimizer": "adamw_torch",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "warmup_steps": recipe.warmup_steps,
        "max_steps": recipe.steps,
        "micro_batch_size": recipe.batch,
        "gradient_accumulation_steps": 1,
        "seed": recipe.seed,
        "bf16": recipe.precision == "bfloat16",
        "fp16": False,
        "tf32": False,
        "attn_implementation": "sdpa",
        **{f"lora_{part}_kernel": recipe.device == "cuda" for part in ("qkv", "o", "mlp", "embedding")},
        "gradient_checkpointing": False,
        "logging_steps": 1,
        "save_steps": SAVE_EVERY,
        "save_total_limit": 1,
        "output_dir": OUTPUT,
    }


def llamafactory(recipe: Recipe, base: Shape) -> Config:
    """Return the configuration of `llamafactory-cli train`."""
    return {
        "model_name_or_path": BASE,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "dataset_dir": DATA,
        "dataset": NAME,
        "template": "empty",
        "cutoff_len": recipe.max_length,
        "lora_rank": recipe.rank,
        "lora_alpha": recipe.alpha,
        "lora_dropout": 0.0,
        "lora_target": ",".join(recipe.targets),
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.schedule,
        "warmup_steps": recipe.warmup_steps,
        "max_steps": recipe.steps,
        "per_device_train_batch_size": recipe.batch,
        "gradient_accumulation_steps": 1,
        "seed": recipe.seed,
        "use_cpu": recipe.device == "cpu",
        "bf16": recipe.precision == "bfloat16",
        "disable_gradient_checkpointing": True,
        "logging_steps": 1,
        "save_steps": SAVE_EVERY,
        "save_total_limit": 1,
        "report_to": "none",
        "output_dir": OUTPUT,
    }


def unsloth(recipe: Recipe, base: Shape) -> Config:
    """Return the arguments that `components/unsloth_sft.py` hands on: Unsloth is a library, and starts in a script."""
    return {
        "model": {
            "model_name": BASE,
            "max_seq_length": recipe.max_length,
            "dtype": recipe.precision,
            "load_in_4bit": False,
        },
        "adapter": {
            "r": recipe.rank,
            "lora_alpha": recipe.alpha,
            "lora_dropout": 0,
            "target_modules": list(recipe.targets),
            "use_gradient_checkpointing": False,
            "random_state": recipe.seed,
        },
        "data_files": f"{DATA}/{FILE}",
        "training": {
            "max_length": recipe.max_length,
            "learning_rate": recipe.learning_rate,
            "lr_scheduler_type": recipe.schedule,
            "optim": "adamw_torch",
            "warmup_steps": recipe.warmup_steps,
            "max_steps": recipe.steps,
            "per_device_train_batch_size": recipe.batch,
            "gradient_accumulation_steps": 1,
            "seed": recipe.seed,
            "bf16": recipe.precision == "bfloat16",
            "logging_steps": 1,
            "save_steps": SAVE_EVERY,
            "save_total_limit": 1,
            "report_to": "none",
            "output_dir": OUTPUT,
        },
    }


def torchtune(recipe: Recipe, base: Shape) -> Config:
    """Return the configuration of `tune run lora_finetune_single_device`: components by name, with their arguments."""
    names = {"o_proj": "output_proj"}
    return {
        "output_dir": OUTPUT,
        "model": {
            **_builder(base),
            "lora_attn_modules": [names.get(name, name) for name in recipe.targets if name in _ATTENTION],
            "apply_lora_to_mlp": set(_MLP) <= set(recipe.targets),
            "lora_rank": recipe.rank,
            "lora_alpha": recipe.alpha,
            "lora_dropout": 0.0,
        },
        "tokenizer": {
            "_component_": "torchtune_tickets.plain_tokenizer",
            "folder": BASE,
            "max_seq_len": recipe.max_length,
        },
        "dataset": {"_component_": "torchtune_tickets.ticket_dataset", "data_files": f"{DATA}/{FILE}"},
        "checkpointer": {
            "_component_": "torchtune.training.FullModelHFCheckpointer",
            "checkpoint_dir": BASE,
            "checkpoint_files": ["model.safetensors"],
            "recipe_checkpoint": None,
            "output_dir": OUTPUT,
            "model_type": "QWEN2" if base["model_type"] == "qwen2" else "LLAMA2",
        },
        "resume_from_checkpoint": False,
        "save_adapter_weights_only": True,
        "seed": recipe.seed,
        "shuffle": True,
        "batch_size": recipe.batch,
        "gradient_accumulation_steps": 1,
        "epochs": recipe.epochs,
        "max_steps_per_epoch": None,
        "optimizer": {"_component_": "torch.optim.AdamW", "lr": recipe.learning_rate, "weight_decay": 0.0},
        "lr_scheduler": {
            "_component_": f"torchtune.training.lr_schedulers.get_{recipe.schedule}_schedule_with_warmup",
            "num_warmup_steps": recipe.warmup_steps,
        },
        "clip_grad_norm": 1.0,
        "loss": {"_component_": "torchtune.modules.loss.CEWithChunkedOutputLoss"},
        "compile": False,
        "enable_activation_checkpointing": False,
        "device": recipe.device,
        "dtype": {"float32": "fp32", "bfloat16": "bf16"}[recipe.precision],
        "log_every_n_steps": 1,
        "log_peak_memory_stats": recipe.device == "cuda",
        "metric_logger": {
            "_component_": "torchtune.training.metric_logging.DiskLogger",
            "log_dir": OUTPUT,
            "filename": "metrics.txt",
        },
    }


_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_MLP = ("gate_proj", "up_proj", "down_proj")


def _builder(base: Shape) -> Config:
    """Return torchtune's own network of the base's shape: it has no reader of config.json.

    A Llama with tied embeddings is built untied, from the copy that `layout` writes: LoRA freezes both, so the
    mathematics is the same.
    """
    qwen = base["model_type"] == "qwen2"
    shape = {
        "vocab_size": base["vocab_size"],
        "num_layers": base["num_hidden_layers"],
        "num_heads": base["num_attention_heads"],
        "num_kv_heads": base["num_key_value_heads"],
        "embed_dim": base["hidden_size"],
        "intermediate_dim": base["intermediate_size"],
        "max_seq_len": base["max_position_embeddings"],
        "norm_eps": base["rms_norm_eps"],
    }
    if not qwen:
        return {"_component_": "torchtune.models.llama2.lora_llama2", **shape}
    rope = base.get("rope_theta") or base["rope_parameters"]["rope_theta"]
    tied = {"rope_base": rope, "tie_word_embeddings": base["tie_word_embeddings"]}
    return {"_component_": "torchtune.models.qwen2.lora_qwen2", **shape, **tied}


CONFIGS: dict[str, Callable[[Recipe, Shape], Config]] = {
    "trl": trl, "axolotl": axolotl, "llamafactory": llamafactory, "unsloth": unsloth, "torchtune": torchtune,
}  # fmt: skip
