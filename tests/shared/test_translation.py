"""The recipe to translate: drawn once, whole passes, a batch that needs all three of its factors."""

import json

import pytest

from shared.translation import (
    LONGEST_CONFIG,
    TRANSLATIONS,
    Recipe,
    TranslationError,
    drawn,
    my_recipe,
    save_translations,
)

DRAWN_7 = Recipe(
    rank=8,
    alpha=4,
    dropout=0.08,
    targets=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    learning_rate=0.0005,
    schedule="constant_with_warmup",
    warmup_steps=15,
    rows=1440,
    steps=360,
    batch=16,
    devices=2,
    fits=2,
    max_length=1536,
)


def test_a_seed_draws_the_same_everywhere():
    assert drawn(7) == DRAWN_7, "the draw has changed: translations already made are lost"


@pytest.mark.parametrize("seed", range(100))
def test_no_line_of_a_recipe_is_a_default_of_either_tool(seed):
    """A line left out must not come out right by chance, nor two settings look alike."""
    recipe = drawn(seed)
    assert recipe.rank not in (8, 16) or recipe.alpha not in (16, 32) or recipe.alpha != 2 * recipe.rank
    assert recipe.alpha != 2 * recipe.rank and recipe.dropout not in (0, 0.05)
    assert recipe.learning_rate not in (2e-5, 5e-5) and recipe.schedule != "cosine"
    assert recipe.max_length not in (512, 1024, 2048)


@pytest.mark.parametrize("seed", range(100))
def test_the_batch_has_three_factors_and_steps_are_whole_passes(seed):
    recipe = drawn(seed)
    pieces, rest = divmod(recipe.batch, recipe.devices * recipe.fits)
    assert rest == 0 and min(pieces, recipe.devices, recipe.fits) >= 2
    assert recipe.rows % recipe.batch == 0 and recipe.steps * recipe.batch % recipe.rows == 0
    assert recipe.steps > 2 * recipe.warmup_steps


def test_the_page_says_every_setting():
    recipe = drawn(3)
    page = str(recipe)
    for name, value in vars(recipe).items():
        if name == "targets":
            continue
        assert any(said in page for said in (str(value), f"{value:,}" if type(value) is int else "", f"{value:g}"
                                             if isinstance(value, float) else "") if said), name  # fmt: skip


def test_the_first_call_draws_and_later_ones_find_the_same(tmp_path):
    first = my_recipe(work=tmp_path)
    assert isinstance(first, Recipe) and my_recipe(work=tmp_path) == first


def test_translations_are_kept_beside_the_seed_and_can_be_changed(tmp_path):
    my_recipe(work=tmp_path)
    seed = json.loads((tmp_path / TRANSLATIONS).read_text())["seed"]
    for text in ("lora_r: 8", "lora_r: 16"):
        save_translations({"axolotl": text}, work=tmp_path)
        kept = json.loads((tmp_path / TRANSLATIONS).read_text())
        assert kept == {"rung": "11", "seed": seed, "configs": {"axolotl": text}}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"trl": "a: 1"}, "no tool 'trl'; expected axolotl or llamafactory"),
        ({"axolotl": {"lora_r": 8}}, "axolotl: expected YAML as text"),
        ({"axolotl": "x" * (LONGEST_CONFIG + 1)}, "at most 10000 characters"),
        ({"axolotl": None}, "expected YAML as text"),
    ],
)
def test_a_translation_that_is_none_is_one_line(tmp_path, given, words):
    with pytest.raises(TranslationError) as caught:
        save_translations(given, work=tmp_path)
    assert words in str(caught.value) and "\n" not in str(caught.value)
