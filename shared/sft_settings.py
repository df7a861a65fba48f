"""A recipe of the memory estimator as TRL's settings."""

from typing import Any

from shared.memory import Recipe

OPTIMIZERS = {
    "adamw": "adamw_torch_fused",
    "adamw-8bit": "adamw_8bit",
    "paged-adamw": "paged_adamw_32bit",
    "paged-adamw-8bit": "paged_adamw_8bit",
}


def sft_settings(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as keywords of TRL's SFTConfig; checkpointing is the reentrant kind."""
    return {
        "per_device_train_batch_size": recipe.batch,
        "max_length": recipe.sequence,
        "optim": OPTIMIZERS[recipe.optimizer],
        "use_liger_kernel": recipe.fused,
        "activation_checkpointing": recipe.checkpointing,
        "activation_checkpointing_kwargs": {"use_reentrant": True} if recipe.checkpointing else None,
    }
