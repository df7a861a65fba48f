"""Counting parameters: equal to the real model's, to PEFT's, and to the published sizes."""

import pytest

from shared.course import ROOT
from shared.model_shape import PROJECTIONS, SHAPES, ModelShape, ShapeError, from_config, shape_of

SMALL = ModelShape(hidden=24, layers=2, heads=4, kv_heads=2, mlp=40, vocabulary=50)


def config_of(shape: ModelShape, kind: str):
    from transformers import LlamaConfig, Qwen2Config

    return {"llama": LlamaConfig, "qwen2": Qwen2Config}[kind](
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        intermediate_size=shape.mlp,
        vocab_size=shape.vocabulary,
        tie_word_embeddings=shape.tied,
    )


def model_of(shape: ModelShape, kind: str):
    """Return the real model without memory for its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config_of(shape, kind))


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
@pytest.mark.parametrize("tied", [True, False])
def test_the_count_is_the_models_own(kind, tied):
    shape = ModelShape(24, 2, 4, 2, 40, 50, tied=tied, qkv_bias=kind == "qwen2")
    assert shape.parameters == model_of(shape, kind).num_parameters()


@pytest.mark.parametrize("name", SHAPES)
def test_a_named_shape_counts_as_its_architecture_does(name):
    shape = SHAPES[name]
    assert shape.parameters == model_of(shape, "qwen2" if shape.qkv_bias else "llama").num_parameters()


@pytest.mark.parametrize(
    ("name", "billions"), [("qwen2.5-0.5b", 0.494), ("qwen2.5-7b", 7.616), ("llama-7b", 6.738), ("llama-65b", 65.286)]
)
def test_a_named_shape_has_the_published_size(name, billions):
    assert SHAPES[name].parameters / 1e9 == pytest.approx(billions, abs=6e-4)


@pytest.mark.parametrize("targets", [PROJECTIONS, ("q_proj", "v_proj"), ("down_proj",)])
def test_lora_trains_what_peft_trains(targets):
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(model_of(SMALL, "llama"), LoraConfig(r=3, target_modules=list(targets)))
    assert SMALL.lora_parameters(3, targets) == model.get_nb_trainable_parameters()[0]


def test_a_target_that_misses_is_named():
    with pytest.raises(ShapeError, match="no projection query; expected some of q_proj"):
        SMALL.lora_parameters(4, ("query", "v_proj"))


def test_the_shape_of_a_folder_is_read_from_its_config():
    folder = ROOT / "shared" / "pocket" / "base"
    assert shape_of(folder) == shape_of(str(folder))
    assert shape_of(folder).parameters == 3_801_344


def test_a_config_reads_as_the_shape_it_came_from():
    assert from_config(config_of(SMALL, "llama").to_dict()).parameters == SMALL.parameters


@pytest.mark.parametrize(("model", "words"), [("gpt-9", "expected qwen2.5-0.5b"), ("/nowhere", "a folder with config")])
def test_an_unknown_model_is_one_line(model, words):
    with pytest.raises(ShapeError, match=words):
        shape_of(model)


def test_another_architecture_is_refused():
    with pytest.raises(ShapeError, match="model_type: expected one of llama, qwen2, mistral, got 'mamba'"):
        from_config({"model_type": "mamba"})
