"""torchtune's layout of an adapter: its names, and a model that says the same once its rows are turned its way."""

import pytest

from shared.tune_layout import as_torchtune


@pytest.fixture(scope="module")
def adapter():
    import torch

    stream, tensors = torch.Generator().manual_seed(0), {}
    shapes = {"self_attn.q_proj": 8, "self_attn.k_proj": 4, "self_attn.v_proj": 4, "self_attn.o_proj": 8,
              "mlp.gate_proj": 12, "mlp.up_proj": 12, "mlp.down_proj": 8}  # fmt: skip
    for name, outputs in shapes.items():
        for part, shape in (("lora_A", (2, 8)), ("lora_B", (outputs, 2))):
            values = torch.randn(shape, generator=stream)
            tensors[f"base_model.model.model.layers.0.{name}.{part}.weight"] = values
    return tensors


def test_the_names_are_torchtunes(adapter):
    names = set(as_torchtune(adapter, heads=2, kv_heads=1))
    assert names == {
        f"layers.0.{module}.{part}.weight"
        for module in ("attn.q_proj", "attn.k_proj", "attn.v_proj", "attn.output_proj", "mlp.w1", "mlp.w2", "mlp.w3")
        for part in ("lora_a", "lora_b")
    }


def test_only_b_of_queries_and_keys_changes_its_order(adapter):
    kept = as_torchtune(adapter, heads=2, kv_heads=1)
    rows = adapter["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"]
    assert kept["layers.0.attn.q_proj.lora_b.weight"].equal(rows[[0, 2, 1, 3, 4, 6, 5, 7]])  # two heads of four
    rows = adapter["base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight"]
    assert kept["layers.0.attn.k_proj.lora_b.weight"].equal(rows[[0, 2, 1, 3]])
    for ours, theirs in (("v_proj.lora_B", "v_proj.lora_b"), ("q_proj.lora_A", "q_proj.lora_a")):
        rows = adapter[f"base_model.model.model.layers.0.self_attn.{ours}.weight"]
        assert kept[f"layers.0.attn.{theirs}.weight"].equal(rows)


def test_it_is_the_way_back_of_torchtunes_own_conversion(adapter):
    """torchtune's `_permute_lora_matrix`: view(heads, d/2, 2, rank), the two middle axes exchanged."""
    kept = as_torchtune(adapter, heads=2, kv_heads=1)["layers.0.attn.q_proj.lora_b.weight"]
    home = kept.view(2, 2, 2, 2).transpose(1, 2).reshape(8, 2)
    assert home.equal(adapter["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"])
