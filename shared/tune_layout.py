"""A LoRA adapter as torchtune keeps it: its names, and its order of the rows that RoPE turns.

torchtune's Llama turns neighbouring numbers of a head together, as Meta's own code does; transformers turns number i
with number i + d/2 of a head of size d. The weights of queries and keys, and so the rows of their B, stand in another
order (torchtune/models/convert_weights.py, `hf_to_tune`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

NAMES = {
    "base_model.model.model.": "",
    "self_attn.o_proj": "attn.output_proj",
    "self_attn.": "attn.",
    "mlp.gate_proj": "mlp.w1",
    "mlp.down_proj": "mlp.w2",
    "mlp.up_proj": "mlp.w3",
    "lora_A": "lora_a",
    "lora_B": "lora_b",
}


def as_torchtune(adapter: Mapping[str, "torch.Tensor"], heads: int, kv_heads: int) -> dict[str, "torch.Tensor"]:
    """Return a PEFT adapter's tensors under torchtune's names, B of queries and keys in torchtune's order of rows."""
    kept = {}
    for name, values in adapter.items():
        if "lora_B" in name and ("q_proj" in name or "k_proj" in name):
            values = _in_pairs(values, heads if "q_proj" in name else kv_heads)
        for old, new in NAMES.items():
            name = name.replace(old, new)
        kept[name] = values
    return kept


def _in_pairs(rows: "torch.Tensor", heads: int) -> "torch.Tensor":
    """Return [heads x d, rank] with rows i and i + d/2 of each head side by side."""
    return rows.view(heads, 2, -1, rows.shape[-1]).transpose(1, 2).reshape(rows.shape)
