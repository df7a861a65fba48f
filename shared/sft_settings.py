"""A recipe of the memory estimator as TRL's settings, and the recipe for the card that is here."""

import importlib.util
from typing import Any

from shared.memory import Method, Recipe, fastest_that_fits
from shared.memory_fit import usable_bytes
from shared.model_shape import ModelShape
from shared.models import ModelError

OPTIMIZERS = {
    "adamw": "adamw_torch_fused",
    "adamw-8bit": "adamw_8bit",
    "paged-adamw": "paged_adamw_32bit",
    "paged-adamw-8bit": "paged_adamw_8bit",
}


def sft_settings(recipe: Recipe, rows: int | None = None) -> dict[str, Any]:
    """Return the recipe as keywords of TRL's SFTConfig.

    A step takes `rows` rows, a multiple of the recipe's own: what does not fit at once is accumulated.
    """
    return {
        "per_device_train_batch_size": recipe.batch,
        "gradient_accumulation_steps": (rows or recipe.batch) // recipe.batch,
        "max_length": recipe.sequence,
        "optim": OPTIMIZERS[recipe.optimizer],
        "use_liger_kernel": recipe.fused,
        "activation_checkpointing": recipe.checkpointing,
        "activation_checkpointing_kwargs": checkpointing_settings(recipe),
    }


def checkpointing_settings(recipe: Recipe) -> dict[str, Any] | None:
    """Return which layers are checkpointed and how; all of them in the reentrant way, which is the faster one."""
    if not recipe.checkpointing:
        return None
    if recipe.every > 1:
        return {"every_n_layers": recipe.every}
    return {"use_reentrant": True, **({"offload": True} if recipe.offload else {})}


def recipe_here(
    shape: ModelShape, method: Method, sequence: int, *, card_bytes: int | None = None, **settings: Any
) -> Recipe:
    """Return the fastest recipe for this machine's first GPU (or one of `card_bytes`), with Liger if it is installed.

    `settings` go to `Recipe`: what is not to be chosen. Raises ModelError when nothing fits.
    """
    import torch

    total = card_bytes or torch.cuda.get_device_properties(0).total_memory
    fused = importlib.util.find_spec("liger_kernel") is not None
    recipe = fastest_that_fits(shape, method, usable_bytes(total / 1e9), sequence, fused=fused, **settings)
    if recipe is None:
        raise ModelError(
            f"{shape.parameters:,} parameters: {method} on rows of {sequence} tokens does not fit into "
            f"{total / 1e9:.0f} GB. Take a smaller base (COURSE_BASE_MODEL), or shorter rows"
        )
    return recipe
