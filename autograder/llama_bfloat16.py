"""A Llama in bfloat16, for one pass over whole texts: what `autograder.quick_look` asks first.

The network of `autograder.llama`, whose formulas' sources are named there, on processors that multiply bfloat16
themselves. It is laid out for speed on one thread: what a norm multiplies by and what attention divides by is worked
into the weights, products that share an input are one, and the last block computes no place that nobody asks for.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from autograder.llama import Leads


class Block(NamedTuple):
    """One block's weights, each [out, in]."""

    query_key_value: Tensor
    output: Tensor
    gate: Tensor
    up: Tensor
    down: Tensor


class BFloat16Llama:
    """The network of one config.json with one set of weights (name -> float32 array, transformers' names)."""

    def __init__(self, config: Mapping, weights: Mapping[str, np.ndarray]):
        # One thread, for verdicts are forked from processes that have done this. And in a forked process PyTorch makes
        # its pool of threads anew at the first call. Of two threads that both come first, one finds none ("Invalid
        # thread pool!"), so the process that will start them comes first.
        torch.set_num_threads(1)
        self.heads = config["num_attention_heads"]
        self.key_heads = config.get("num_key_value_heads") or self.heads
        self.width = config.get("head_dim") or config["hidden_size"] // self.heads
        self.epsilon = config["rms_norm_eps"]
        theta = (config.get("rope_parameters") or config).get("rope_theta", 10_000.0)
        self.frequencies = theta ** -(torch.arange(0, self.width, 2, dtype=torch.float64) / self.width)
        self.blocks = [self._block(weights, f"model.layers.{i}.") for i in range(config["num_hidden_layers"])]
        embedding = weights["model.embed_tokens.weight"]
        self.embedding = _rounded(embedding)
        self.head = _rounded(weights.get("lm_head.weight", embedding) * weights["model.norm.weight"])

    def _block(self, weights: Mapping[str, np.ndarray], prefix: str) -> Block:
        before_attention = weights[f"{prefix}input_layernorm.weight"]
        before_gate = weights[f"{prefix}post_attention_layernorm.weight"]
        query, key, value, output = (weights[f"{prefix}self_attn.{name}_proj.weight"] for name in "qkvo")
        gate, up, down = (weights[f"{prefix}mlp.{name}_proj.weight"] for name in ("gate", "up", "down"))
        joined = np.concatenate([query * np.float32(self.width**-0.5), key, value]) * before_attention
        return Block(*map(_rounded, (joined, output, gate * before_gate, up * before_gate, down)))

    @torch.inference_mode()
    def leads(self, ids: np.ndarray, rows: np.ndarray, places: np.ndarray) -> Leads:
        """Return the model's first choice after `places` [P] of `rows` [P] of the texts `ids` [B, T].

        Texts are padded on the right: no place of a causal model sees what comes after it.
        """
        batch, length = ids.shape
        asked = torch.from_numpy(rows * length + places)
        turn, bias = self._turn(length), self._bias(batch, length)
        hidden = self.embedding[torch.from_numpy(ids)].flatten(0, 1)
        for block in self.blocks:
            mixed = self._mixed(self._normed(hidden) @ block.query_key_value.T, batch, turn, bias)
            if block is self.blocks[-1]:
                mixed, hidden = mixed[asked], hidden[asked]
            hidden = torch.addmm(hidden, mixed, block.output.T)
            normed = self._normed(hidden)
            gated = torch.nn.functional.silu(normed @ block.gate.T, inplace=True).mul_(normed @ block.up.T)
            hidden = torch.addmm(hidden, gated, block.down.T)
        logits = self._normed(hidden) @ self.head.T
        best = logits.max(-1)
        second = logits.scatter_(1, best.indices[:, None], -torch.inf).amax(-1)
        return Leads(best.indices.numpy(), (best.values.float() - second.float()).numpy())

    def _normed(self, hidden: Tensor) -> Tensor:
        """Return hidden [N, H], each row divided by its root mean square."""
        norm = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True, dtype=torch.float32)
        return hidden * norm.square_().div_(hidden.shape[-1]).add_(self.epsilon).rsqrt_().bfloat16()

    def _turn(self, length: int) -> tuple[Tensor, Tensor]:
        """Return the cosine and the signed sine [T, 1, width] of each place's rotation."""
        angles = torch.arange(length)[:, None, None] * self.frequencies
        cosine, sine = angles.cos(), angles.sin()
        return torch.cat([cosine, cosine], -1).bfloat16(), torch.cat([-sine, sine], -1).bfloat16()

    def _bias(self, batch: int, length: int) -> Tensor:
        """Return what is added to the attention scores, to hide what comes later."""
        shared = self.heads // self.key_heads
        later = torch.full((length, length), -torch.inf, dtype=torch.bfloat16).triu(1)
        return later.repeat(shared, 1).expand(batch * self.key_heads, -1, -1)

    def _mixed(self, projected: Tensor, batch: int, turn: tuple[Tensor, Tensor], bias: Tensor) -> Tensor:
        """Return each head's mix of values [N, heads * width] from the joined queries, keys and values."""
        length = len(projected) // batch
        heads = projected.view(batch, length, -1, self.width)
        turned, value = heads.split([self.heads + self.key_heads, self.key_heads], 2)
        first, second = turned.chunk(2, -1)
        turned = (turned * turn[0]).addcmul_(torch.cat([second, first], -1), turn[1])
        parts = *turned.split([self.heads, self.key_heads], 2), value
        query, key, value = (part.transpose(1, 2).reshape(len(bias), -1, self.width) for part in parts)
        scores = torch.baddbmm(bias, query, key.transpose(1, 2)).softmax(-1, dtype=torch.float32).bfloat16()
        return (scores @ value).view(batch, self.heads, length, self.width).transpose(1, 2).reshape(len(projected), -1)


def _rounded(weight: np.ndarray) -> Tensor:
    return torch.from_numpy(weight).bfloat16()
