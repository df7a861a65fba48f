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

LEAST_TOTAL = 1e-30  # of attention's exponentials; below 1e-38 bfloat16 loses digits


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

        Texts are padded on the right: no place of a causal model sees what comes after it. No place is the last of
        `ids`: a text's next token is the one that is looked at first.
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
        return _leads(self._normed(hidden) @ self.head.T, torch.from_numpy(ids[rows, places + 1]))

    def _normed(self, hidden: Tensor) -> Tensor:
        """Return hidden [N, H], each row divided by its root mean square."""
        norm = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True)  # PyTorch adds up in float32
        return hidden * norm.float().square_().div_(hidden.shape[-1]).add_(self.epsilon).rsqrt_().bfloat16()

    def _turn(self, length: int) -> tuple[Tensor, Tensor]:
        """Return the cosine and the signed sine [T, width] of each place's rotation."""
        angles = torch.arange(length)[:, None] * self.frequencies
        cosine, sine = angles.cos(), angles.sin()
        return torch.cat([cosine, cosine], -1).bfloat16(), torch.cat([-sine, sine], -1).bfloat16()

    def _bias(self, batch: int, length: int) -> Tensor:
        """Return what is added to the attention scores, to hide what comes later."""
        shared = self.heads // self.key_heads
        later = torch.full((length, length), -torch.inf, dtype=torch.bfloat16).triu(1)
        return later.repeat(shared, 1).expand(batch * self.key_heads, -1, -1)

    def _mixed(self, projected: Tensor, batch: int, turn: tuple[Tensor, Tensor], bias: Tensor) -> Tensor:
        """Return each head's mix of values [N, heads * width] from the joined queries, keys and values."""
        heads = projected.view(batch, len(projected) // batch, -1, self.width).permute(2, 0, 1, 3).contiguous()
        turned, value = heads.split([self.heads + self.key_heads, self.key_heads])
        turned = (turned * turn[0]).addcmul_(turned.roll(self.width // 2, -1), turn[1])
        query, key = turned.split([self.heads, self.key_heads])
        query = query.unflatten(0, (self.key_heads, -1)).transpose(1, 2)  # [key heads, B, that share it, T, width]
        key, value = key.flatten(0, 1), value.flatten(0, 1)
        weights = torch.baddbmm(bias, query.reshape(len(key), -1, self.width), key.transpose(1, 2)).exp_()
        # A softmax subtracts the largest score first, for range alone. Where range is short without, nothing is clear.
        total = weights.sum(-1, keepdim=True)
        mixed = (weights @ value).div_(total.masked_fill_(total < LEAST_TOTAL, torch.nan))
        return mixed.view(query.shape).permute(1, 3, 0, 2, 4).reshape(len(projected), -1)


def _leads(logits: Tensor, likely: Tensor) -> Leads:
    """Return the first choices of logits [P, V], which are used up. The `likely` [P], mostly right, save a search."""
    best = logits.amax(-1)
    missed = (logits.gather(1, likely[:, None])[:, 0] != best).nonzero()[:, 0]
    likely[missed] = logits[missed].max(-1).indices
    second = logits.scatter_(1, likely[:, None], -torch.inf).amax(-1)
    return Leads(likely.numpy(), (best.float() - second.float()).numpy())


def _rounded(weight: np.ndarray) -> Tensor:
    return torch.from_numpy(weight).bfloat16()
