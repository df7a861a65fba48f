"""See that a model would write the right answer without letting it write: one pass in bfloat16 over all of it.

A model that would write the right answer gives, at each place of it, the most to the token that comes next. One pass
over prompt and answer shows that, where writing takes a pass a token; and processors that multiply bfloat16 themselves
do it four times as fast as float32. Only a choice that rounding cannot turn counts: the right token's logit must stand
`CLEAR` above every other. Whatever is not seen so, right or wrong, is written out in float32 by `autograder.llama`:
answers are the same with a quick look and without (`tests/autograder/test_quick_look.py`).

It pays for a class. PyTorch and transformers take longer to import than one submission's answers.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from autograder.trained_from import Base

if TYPE_CHECKING:
    import torch

CLEAR = 1.0  # between two logits. Rounding moved a difference below 1 by 0.66 at the most in 27 models of the rungs
ROWS_AT_ONCE = 25  # rows of similar length a batch: hardly any padding
MULTIPLY_BFLOAT16 = ("avx512_bf16", "amx_bf16")  # PyTorch's names of what a processor can do


def pays() -> bool:
    """Return whether this processor multiplies bfloat16 itself: where it is imitated, a quick look is a slow one."""
    import torch

    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in MULTIPLY_BFLOAT16)


class QuickLook:
    """The base's network in bfloat16, which takes any model's weights."""

    def __init__(self, base: Base):
        import torch
        from transformers import AutoConfig, LlamaForCausalLM

        torch.set_num_threads(1)  # children are forked from here, and threads would stay behind
        config = AutoConfig.from_pretrained(base.folder)
        self.model = LlamaForCausalLM._from_config(config, attn_implementation="eager", dtype=torch.bfloat16).eval()

    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        """Put a model's weights into the network; names are transformers', tied weights stand there once."""
        import torch

        self.model.load_state_dict({name: torch.from_numpy(weight) for name, weight in weights.items()}, strict=False)

    def sees_right(self, texts: Sequence[Sequence[int]], starts: Sequence[int]) -> list[bool]:
        """Return of each row whether the model clearly writes it on from its start.

        `texts` are token ids of prompt and right answer with its end token, `starts` where the answers begin.
        """
        import torch

        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        seen = [False] * len(texts)
        with torch.inference_mode():
            for first in range(0, len(order), ROWS_AT_ONCE):
                batch = order[first : first + ROWS_AT_ONCE]
                clear = self._clear([texts[index] for index in batch], [starts[index] for index in batch])
                for index, part in zip(batch, clear, strict=True):
                    seen[index] = bool(part.all())
        return seen

    def _clear(self, texts: list[Sequence[int]], starts: list[int]) -> "tuple[torch.Tensor, ...]":
        """Return of each row whether each of its answer's tokens is clearly the first choice there."""
        import torch

        # Padded on the right: no place of a causal model sees what comes after it.
        ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(text) for text in texts], batch_first=True)
        hidden = self.model.model(input_ids=ids, use_cache=False).last_hidden_state
        lengths = [len(text) - start for text, start in zip(texts, starts, strict=True)]
        places = [(row, start - 1 + i) for row, start in enumerate(starts) for i in range(lengths[row])]
        rows, places = torch.tensor(places).T
        best = self.model.lm_head(hidden[rows, places]).float().topk(2)
        clear = (best.indices[:, 0] == ids[rows, places + 1]) & (best.values[:, 0] - best.values[:, 1] > CLEAR)
        return clear.split(lengths)
