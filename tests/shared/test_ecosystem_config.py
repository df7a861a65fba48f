"""Five configurations, one recipe: each states every setting of it, in its tool's own words."""

from dataclasses import fields, replace

import pytest
import yaml

from shared.ecosystem.config import CONFIGS, KEYS, config_text, settings_of, shape_of
from shared.ecosystem.recipe import RECIPES, Recipe
from shared.ecosystem.tools import COMPONENTS, TOOLS
from shared.pocket import BASE

SHAPES = {
    "llama": shape_of(BASE),
    "qwen2": {**shape_of(BASE), "model_type": "qwen2", "num_key_value_heads": 2, "tie_word_embeddings": True},
}
OTHER = Recipe(
    learning_rate=5e-4, precision="bfloat16", device="cuda", rank=4, alpha=64, targets=("q_proj", "v_proj"), steps=60,
    warmup_steps=7, batch=8, max_length=128, rows=160, seed=3,
)  # fmt: skip
# `rows` is the data's, `device` the machine's.
STATED = {field.name for field in fields(Recipe)} - {"rows", "device"}


def test_every_tool_has_a_configuration_and_keys_for_every_setting():
    assert set(CONFIGS) == set(KEYS) == set(TOOLS)
    assert all(set(keys) == STATED for keys in KEYS.values())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("recipe", [*RECIPES.values(), OTHER], ids=[*RECIPES, "another"])
@pytest.mark.parametrize("tool", CONFIGS)
def test_every_configuration_states_the_recipe(tool, recipe, shape):
    found = settings_of(tool, config_text(tool, recipe, SHAPES[shape]), recipe.rows)
    assert found == {name: getattr(recipe, name) for name in STATED}


@pytest.mark.parametrize("tool", CONFIGS)
def test_no_configuration_holds_a_path_of_this_machine(tool):
    text = config_text(tool, RECIPES["pocket"], SHAPES["llama"])
    assert str(BASE.parent.parent) not in text
    assert not any(str(value).startswith("/") for value in yaml.safe_load(text).values())


def test_epochs_must_come_out_even():
    assert RECIPES["pocket"].epochs == 10
    with pytest.raises(ValueError, match="no whole passes"):
        _ = replace(RECIPES["pocket"], steps=401).epochs
    with pytest.raises(ValueError, match="no whole passes"):
        _ = replace(RECIPES["pocket"], rows=600, steps=375).epochs


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_trl_knows_every_key(name, monkeypatch):
    from trl.scripts.sft import make_parser

    recipe = replace(RECIPES[name], device="cpu", precision="float32")
    parser = make_parser()
    left = parser.set_defaults_with_config(**yaml.safe_load(config_text("trl", recipe, SHAPES["llama"])))
    assert left == []


@pytest.mark.slow
def test_unsloths_training_keys_are_trls():
    from dataclasses import fields

    from trl import SFTConfig

    config = yaml.safe_load(config_text("unsloth", RECIPES["gpu"], SHAPES["llama"]))
    assert set(config["training"]) <= {field.name for field in fields(SFTConfig)}


def test_torchtune_components_are_there():
    config = yaml.safe_load(config_text("torchtune", RECIPES["pocket"], SHAPES["llama"]))
    text = (COMPONENTS / "torchtune_tickets.py").read_text()
    for part in ("tokenizer", "dataset"):
        module, _, name = config[part]["_component_"].rpartition(".")
        assert (COMPONENTS / f"{module}.py").is_file()
        assert name in text
