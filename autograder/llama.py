"""A Llama in NumPy: enough of one to re-evaluate a small model in seconds.

Importing PyTorch, transformers and PEFT takes longer than everything a check does with the pocket model, so the
checker computes its answers itself: the network of arXiv:2302.13971 (RMSNorm, rotary positions, SwiGLU; grouped
queries as in arXiv:2307.09288), float32, greedy decoding with a cache. `tests/autograder/test_llama.py` holds it to
transformers' logits and texts. It serves plain Llama configurations only (`fits`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

Array = np.ndarray
Pick = Callable[[Array], Array]  # logits [B, V] -> the next token of each row [B]
MASKED = np.float32(-1e30)  # added to the attention scores of positions that may not be seen
ROWS_AT_ONCE = 128  # more rows a batch make the caches outgrow the processor's


def fits(config: Mapping) -> bool:
    """Return whether this module computes what transformers would for a model with this config.json."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return (
        config.get("model_type") == "llama"
        and config.get("hidden_act") == "silu"
        and rope.get("rope_type", "default") == "default"
        and not config.get("attention_bias")
        and not config.get("mlp_bias")
    )


class Leads(NamedTuple):
    """What a model puts after each of several places: its first choice, and how far its logit leads the second."""

    tokens: Array  # [P]
    leads: Array  # [P]


class Llama:
    """The network of one config.json with one set of weights (name -> float32 array, transformers' names)."""

    def __init__(self, config: Mapping, weights: Mapping[str, Array]):
        self.heads = config["num_attention_heads"]
        self.key_heads = config.get("num_key_value_heads") or self.heads
        self.width = config.get("head_dim") or config["hidden_size"] // self.heads
        self.epsilon = np.float32(config["rms_norm_eps"])
        self.layers = [_Layer(weights, f"model.layers.{i}.") for i in range(config["num_hidden_layers"])]
        self.embedding = weights["model.embed_tokens.weight"]
        self.norm = weights["model.norm.weight"]
        self.head = _ready(weights.get("lm_head.weight", self.embedding))
        theta = (config.get("rope_parameters") or config).get("rope_theta", 10_000.0)
        self.frequencies = theta ** -(np.arange(0, self.width, 2) / self.width)

    def logits(self, ids: Array, mask: Array) -> Array:
        """Return the logits [B, T, V] of token ids [B, T]; `mask` is 1 for tokens, 0 for padding on either side."""
        cache = self._cache(*ids.shape)
        return _times(self._run(ids, _positions(mask), _visible(mask), cache, 0), self.head)

    def leads(self, ids: Array, rows: Array, places: Array) -> Leads:
        """Return the model's first choice after `places` [P] of `rows` [P] of the texts `ids` [B, T].

        Texts are padded on the right: no place of a causal model sees what comes after it.
        """
        mask = np.ones_like(ids)
        asked = rows, places
        logits = self._run(ids, _positions(mask), _visible(mask[:1]), self._cache(*ids.shape), 0, asked) @ self.head
        best = np.arange(len(logits)), logits.argmax(-1)
        first, logits[best] = logits[best], -np.inf
        return Leads(best[1], first - logits.max(-1))

    def continue_greedily(self, prompts: Sequence[Sequence[int]], end: set[int], most: int) -> list[list[int]]:
        """Return the likeliest continuation of each prompt, token by token, up to `most` tokens.

        A continuation ends with its first token in `end`. Rows of similar length share a batch.
        """
        return self.continue_by(lambda logits: logits.argmax(-1), prompts, end, most)

    def continue_by(self, pick: Pick, prompts: Sequence[Sequence[int]], end: set[int], most: int) -> list[list[int]]:
        """Return a continuation of each prompt as `continue_greedily` does, its tokens chosen by `pick`."""
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
        answers: list[list[int]] = [[] for _ in prompts]
        for start in range(0, len(prompts), ROWS_AT_ONCE):
            batch = order[start : start + ROWS_AT_ONCE]
            for index, answer in zip(batch, self._continue(pick, [prompts[i] for i in batch], end, most), strict=True):
                answers[index] = answer
        return answers

    def _continue(self, pick: Pick, prompts: list[Sequence[int]], end: set[int], most: int) -> list[list[int]]:
        ids, mask = pad_left(prompts)
        answers: list[list[int]] = [[] for _ in prompts]
        rows = np.arange(len(prompts))  # the rows of the batch that are still being written
        cache = self._cache(len(prompts), ids.shape[1] + most)
        hidden = self._run(ids, _positions(mask), _visible(mask), cache, 0)[:, -1]
        for step in range(most):
            tokens = pick(hidden @ self.head)
            for row, token in zip(rows, tokens.tolist(), strict=True):
                answers[row].append(token)
            going = np.array([token not in end for token in tokens.tolist()])
            if not going.any() or step == most - 1:
                break
            if not going.all():
                rows, mask, tokens = rows[going], mask[going], tokens[going]
                cache = [part[:, going] for part in cache]
            done = mask.shape[1]
            mask = np.concatenate([mask, np.ones_like(mask[:, :1])], axis=1)
            bias = np.where(mask, np.float32(0), MASKED)[:, None, None]
            hidden = self._run(tokens[:, None], mask.sum(1, keepdims=True) - 1, bias, cache, done)[:, -1]
        return answers

    def _cache(self, batch: int, length: int) -> list[Array]:
        """Return room for keys and values: two arrays [layers, B, key heads, length, width]."""
        shape = (len(self.layers), batch, self.key_heads, length, self.width)
        return [np.empty(shape, dtype=np.float32) for _ in range(2)]

    def _run(
        self, ids: Array, positions: Array, bias: Array, cache: list[Array], done: int, asked: tuple = ()
    ) -> Array:
        """Return the final hidden states [B, T, H] of `ids`, whose first token stands at place `done` of the cache.

        `bias` [B, 1, T or 1, done + T] is added to the attention scores. With `asked`, rows [P] and places [P], only
        their hidden states [P, H] are computed to the end.
        """
        angles = positions[..., None] * self.frequencies
        turn = np.cos(angles).astype(np.float32)[:, None], np.sin(angles).astype(np.float32)[:, None]
        hidden = self.embedding[ids]
        for number, layer in enumerate(self.layers):
            keys, values = cache[0][number], cache[1][number]
            normed = _normed(hidden, layer.attention_norm, self.epsilon)
            hidden = hidden + self._attention(layer, normed, turn, bias, keys, values, done)
            if asked and layer is self.layers[-1]:
                hidden = hidden[asked]
            hidden = hidden + layer.feed_forward(_normed(hidden, layer.feed_forward_norm, self.epsilon))
        return _normed(hidden, self.norm, self.epsilon)

    def _attention(self, layer, hidden, turn, bias, keys, values, done) -> Array:
        batch, length, _ = hidden.shape
        projected = _times(hidden, layer.query_key_value).reshape(batch, length, -1, self.width).swapaxes(1, 2)
        query, key, value = np.split(projected, [self.heads, self.heads + self.key_heads], axis=1)
        seen = slice(0, done + length)
        keys[:, :, done : done + length] = _rotated(key, *turn)
        values[:, :, done : done + length] = value
        query = _rotated(query, *turn) * np.float32(self.width**-0.5)
        shared = self.heads // self.key_heads
        query = query.reshape(batch, self.key_heads, shared * length, self.width)
        scores = query @ keys[:, :, seen].swapaxes(-1, -2)
        scores = scores.reshape(batch, self.heads, length, -1) + bias
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        mixed = scores.reshape(batch, self.key_heads, shared * length, -1) @ values[:, :, seen]
        mixed = mixed.reshape(batch, self.heads, length, self.width).swapaxes(1, 2).reshape(batch, length, -1)
        return _times(mixed, layer.output)


class _Layer:
    """One block's weights, turned so that `x @ weight` applies them, with those that share an input joined."""

    def __init__(self, weights: Mapping[str, Array], prefix: str):
        def joined(*names: str) -> Array:
            return _ready(np.concatenate([weights[f"{prefix}{name}.weight"] for name in names]))

        self.query_key_value = joined("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
        self.output = joined("self_attn.o_proj")
        self.gate_up = joined("mlp.gate_proj", "mlp.up_proj")
        self.down = joined("mlp.down_proj")
        self.attention_norm = weights[f"{prefix}input_layernorm.weight"]
        self.feed_forward_norm = weights[f"{prefix}post_attention_layernorm.weight"]

    def feed_forward(self, hidden: Array) -> Array:
        """Return down(silu(gate(x)) * up(x))."""
        gate, up = np.split(_times(hidden, self.gate_up), 2, axis=-1)
        return _times(gate / (1 + np.exp(-gate)) * up, self.down)


def pad_left(rows: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    """Return ids and mask, both [B, T]: rows of token ids padded on the left with id 0 and mask 0."""
    width = max(map(len, rows))
    ids = np.array([[0] * (width - len(row)) + list(row) for row in rows])
    mask = np.array([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask


def sampler(seed: int) -> Pick:
    """Return the choice of tokens by their probability (temperature 1), the same for the same seed and calls."""
    stream = np.random.default_rng(seed)

    def pick(logits: Array) -> Array:
        upto = np.exp(logits - logits.max(-1, keepdims=True)).cumsum(-1)
        return (upto < stream.random((len(logits), 1)) * upto[:, -1:]).sum(-1)

    return pick


def token_losses(logits: Array, ids: Array) -> Array:
    """Return [B, T - 1]: -log softmax(logits [B, T, V]) of each token of ids [B, T], at the place before it.

    The logits are used up: at a whole vocabulary a copy of them takes as long as the reckoning.
    """
    logits = logits[:, :-1]
    chosen = np.take_along_axis(logits, ids[:, 1:, None], -1)[..., 0]
    largest = logits.max(-1)
    logits -= largest[..., None]
    return np.log(np.exp(logits, out=logits).sum(-1)) + (largest - chosen)


def _ready(weight: Array) -> Array:
    return np.ascontiguousarray(weight.T)


def _times(x: Array, weight: Array) -> Array:
    """Return x [B, T, I] @ weight [I, O] as one product: NumPy alone would make one small product a row of B."""
    return (x.reshape(-1, x.shape[-1]) @ weight).reshape(*x.shape[:-1], -1)


def _positions(mask: Array) -> Array:
    return np.maximum(mask.cumsum(1) - 1, 0)


def _visible(mask: Array) -> Array:
    """Return the bias [B, 1, T, T] that hides padding and what comes later."""
    earlier = np.tri(mask.shape[1], dtype=bool)
    return np.where(earlier & mask[:, None, None].astype(bool), np.float32(0), MASKED)


def _normed(hidden: Array, weight: Array, epsilon: np.float32) -> Array:
    return hidden / np.sqrt(np.square(hidden).mean(-1, keepdims=True) + epsilon) * weight


def _rotated(x: Array, cosine: Array, sine: Array) -> Array:
    """Return x [B, heads, T, width] turned by its position; its halves are the two coordinates of each plane."""
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)
