"""Rung 11's `peft_name` and `halves`: the calls, the right answers, the mistakes with a name.

torchtune's LoRA tensors differ from PEFT's in their names, and the rows of B for queries and keys in their order: it
turns neighbouring pairs of a head's numbers (RoPE as in arXiv 2104.09864, section 3.2.2, and Meta's Llama), while
transformers turns number i with number i + d/2. So row 2i of a head is row i there, and row 2i + 1 row i + d/2
(torchtune/models/convert_weights.py, `tune_to_peft_adapter_weights`). The right answers are worked out here with
NumPy.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autograder.student_code import Answer, Call, tensor

MODULES = {
    "attn.q_proj": "self_attn.q_proj",
    "attn.k_proj": "self_attn.k_proj",
    "attn.v_proj": "self_attn.v_proj",
    "attn.output_proj": "self_attn.o_proj",
    "mlp.w1": "mlp.gate_proj",
    "mlp.w2": "mlp.down_proj",
    "mlp.w3": "mlp.up_proj",
}
PARTS = {"lora_a": "lora_A", "lora_b": "lora_B"}


def right_name(name: str) -> str:
    """Return PEFT's name of torchtune's tensor.

    By hand: layers.3.attn.q_proj.lora_a.weight is base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight, and
    layers.0.mlp.w2.lora_b.weight is base_model.model.model.layers.0.mlp.down_proj.lora_B.weight.
    """
    _, layer, block, module, part, _ = name.split(".")
    return f"base_model.model.model.layers.{layer}.{MODULES[f'{block}.{module}']}.{PARTS[part]}.weight"


def names(seed: int) -> list[str]:
    """Return torchtune's names to ask for: every module and part, over layers of one, two and three digits."""
    stream = np.random.default_rng([seed, 11])
    layers = [int(one) for one in stream.permutation([0, 1, 3, 7, 10, 12, 23, 31, 79, 101, 5, 17, 26, 64])]
    kinds = [(module, part) for module in MODULES for part in PARTS]
    return [f"layers.{layer}.{module}.{part}.weight" for layer, (module, part) in zip(layers, kinds, strict=True)]


def name_fault(name: str, answer: Answer) -> str | None:
    """Return how an answer differs from PEFT's name, or None."""
    if fault := answer.fault():
        return fault
    if answer.kind != "value" or not isinstance(answer.value, str):
        return f"returned {answer.type_name}, expected a str"
    right = right_name(name)
    return None if answer.value == right else f"returned {answer.value[:120]!r}, expected {right!r}"


@dataclass(frozen=True)
class RowsCase:
    """One matrix B, float32 [heads x d, rank], its rows in torchtune's order."""

    title: str
    lora_b: np.ndarray
    heads: int

    def call(self) -> Call:
        """Return the call of `halves`."""
        return Call((tensor(self.lora_b.tolist(), "float32"), self.heads))


def right_rows(case: RowsCase) -> np.ndarray:
    """Return B with each head's even rows first, then its odd ones.

    By hand, one head of four numbers, rank 1: rows 0, 1, 2, 3 come back as 0, 2, 1, 3. Two heads of two: no change.
    """
    size = len(case.lora_b) // case.heads
    order = [
        head * size + row
        for head in range(case.heads)
        for row in (*range(0, size, 2), *range(1, size, 2))
    ]  # fmt: skip
    return case.lora_b[order]


def rows_cases(seed: int) -> list[RowsCase]:
    """Return matrices to reorder; the edges are those that the exercise names."""
    stream = np.random.default_rng([seed, 12])

    def made(title: str, heads: int, size: int, rank: int) -> RowsCase:
        return RowsCase(title, stream.normal(size=(heads * size, rank)).astype(np.float32), heads)

    return [
        RowsCase("one head of four, by hand", np.arange(4, dtype=np.float32)[:, None], 1),
        made("four heads of eight", 4, 8, 3),
        made("three heads of six", 3, 6, 5),
        made("two heads of sixteen, rank 1", 2, 16, 1),
        made("one head", 1, 12, 2),
        made("heads of two", 5, 2, 4),
    ]


def rows_fault(case: RowsCase, answer: Answer) -> str | None:
    """Return how an answer differs from the right rows, or None."""
    right = right_rows(case)
    if fault := answer.fault():
        return fault
    if answer.kind != "tensor":
        return f"returned {answer.type_name}, expected a tensor"
    if tuple(answer.shape) != right.shape:
        return f"returned a tensor of shape {answer.shape}, expected {list(right.shape)}"
    found = np.array(answer.values, dtype=np.float32).reshape(right.shape)
    wrong = np.flatnonzero((found != right).any(axis=1))  # nothing is computed, so nothing is rounded
    return f"row {wrong[0]} is not the right one" if len(wrong) else None


def _interleaved(case: RowsCase) -> np.ndarray:
    """The way back: a head's first half and second half, one row of each in turn."""
    size = len(case.lora_b) // case.heads
    return case.lora_b.reshape(case.heads, 2, size // 2, -1).swapaxes(1, 2).reshape(case.lora_b.shape)


def _over_all_heads(case: RowsCase) -> np.ndarray:
    return np.concatenate([case.lora_b[::2], case.lora_b[1::2]])


FAULTS: list[tuple[Callable[[RowsCase], np.ndarray], str]] = [
    (lambda case: case.lora_b, "The rows are as they came."),
    (_interleaved, "That is the way back, from halves to pairs."),
    (_over_all_heads, "Each head is a block of its own: reorder within it."),
    (lambda case: case.lora_b[::-1], "The rows are not reversed: even ones first, then odd ones, in each head."),
]


def named_rows_fault(cases: list[RowsCase], answers: list[Answer]) -> str:
    """Return the mistake that gives exactly these answers, or ""."""
    for formula, words in FAULTS:
        wrong = [formula(case) for case in cases]
        if all(np.array_equal(np.float32(a.values), one.ravel()) for a, one in zip(answers, wrong, strict=True)):
            return words
    return ""
