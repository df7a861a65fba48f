"""The recipe for a card, and the recipe as TRL's settings."""

import pytest

from shared.memory import Recipe, estimate
from shared.memory_fit import usable_bytes
from shared.model_shape import SHAPES
from shared.models import ModelError
from shared.sft_settings import recipe_here, sft_settings

SEVEN = SHAPES["qwen2.5-7b"]


def test_a_large_card_needs_no_checkpointing_and_a_small_one_does():
    large, small = (recipe_here(SEVEN, "qlora", 256, card_bytes=int(size * 1e9)) for size in (80, 12))
    assert (large.batch, large.checkpointing) == (16, False)
    assert small.checkpointing or small.batch < 16
    assert estimate(SEVEN, small).peak <= usable_bytes(12)


def test_what_is_given_is_not_chosen():
    recipe = recipe_here(SEVEN, "qlora", 256, card_bytes=int(24e9), optimizer="paged-adamw-8bit", rank=8)
    assert (recipe.optimizer, recipe.rank) == ("paged-adamw-8bit", 8)


def test_what_does_not_fit_is_one_clear_line():
    with pytest.raises(ModelError, match=r"full on rows of 256 tokens does not fit into 24 GB\. Take a smaller base"):
        recipe_here(SEVEN, "full", 256, card_bytes=int(24e9))


@pytest.mark.parametrize(
    ("recipe", "kwargs"),
    [
        (Recipe("qlora", checkpointing=False), None),
        (Recipe("qlora"), {"use_reentrant": True}),
        (Recipe("qlora", offload=True), {"use_reentrant": True, "offload": True}),
        (Recipe("qlora", every=3), {"every_n_layers": 3}),
    ],
)
def test_trl_takes_the_settings(recipe, kwargs, tmp_path):
    from trl import SFTConfig

    config = SFTConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **sft_settings(recipe, rows=8))
    assert config.activation_checkpointing == recipe.checkpointing
    assert config.activation_checkpointing_kwargs == kwargs
    assert config.per_device_train_batch_size * config.gradient_accumulation_steps == 8
