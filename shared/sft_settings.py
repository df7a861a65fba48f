"""A recipe of the memory estimator as TRL's settings, and the fastest one for the card at hand."""

from typing import Any

from shared.memory import Method, Recipe, fastest_that_fits
from shared.memory_fit import usable_bytes
from shared.model_shape import ModelShape

OPTIMIZERS = {
    "adamw": "adamw_torch_fused",
    "adamw-8bit": "adamw_8bit",
    "paged-adamw": "paged_adamw_32bit",
    "paged-adamw-8bit": "paged_adamw_8bit",
}


def sft_settings(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as keywords of TRL's SFTConfig.

    Checkpointing is the reentrant kind: with Liger's kernels it is the faster one (`shared/measured/training.json`).
    """
    return {
        "per_device_train_batch_size": recipe.batch,
        "max_length": recipe.sequence,
        "optim": OPTIMIZERS[recipe.optimizer],
        "use_liger_kernel": recipe.fused,
        "activation_checkpointing": recipe.checkpointing,
        "activation_checkpointing_kwargs": {"use_reentrant": True} if recipe.checkpointing else None,
    }


def fastest_here(shape: ModelShape, method: Method, sequence: int, **settings: Any) -> Recipe | None:
    """Return the fastest recipe for this machine's GPU on rows of `sequence` tokens, or None where none fits.

    `settings` go to `Recipe`. Raises RuntimeError without a GPU, as PyTorch does.
    """
    import torch

    card = torch.cuda.get_device_properties(0).total_memory
    return fastest_that_fits(shape, method, usable_bytes(card / 1e9), sequence, **settings)
