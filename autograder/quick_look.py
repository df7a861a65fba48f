"""What a model would write, without letting it write: guess its answer, and check the guess in one pass in bfloat16.

A model that writes greedily puts, at each place, the token that it gives the most. So a guess is right when the model
gives the most to each of its tokens, which one pass over prompt and guess shows, where writing takes a pass a token;
and processors that multiply bfloat16 themselves do it four times as fast as float32. A guess that is wrong at one
place becomes a better one: the model's choices are the next guess. (Jacobi decoding, arXiv:2305.10427.)

Only a choice that rounding cannot turn counts: the first logit must stand `CLEAR` above the second. Everything else is
left to `autograder.llama` in float32. So the answers depend neither on the guesses nor on the rounding
(`tests/autograder/test_quick_look.py`).

It pays for a class. PyTorch and transformers take longer to import than one submission's answers.
"""

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np

from autograder.trained_from import Base

CLEAR = 1.0  # between two logits; a test lets models of several kinds show that rounding moves closer ones by less
PASSES = 2  # guesses at one answer: most wrong answers are wrong in one field, and a third guess saved no time
ROWS_AT_ONCE = 25  # rows of similar length a batch: hardly any padding
MULTIPLY_BFLOAT16 = ("avx512_bf16", "amx_bf16")  # PyTorch's names of what a processor can do


def pays() -> bool:
    """Return whether this processor multiplies bfloat16 itself: where it is imitated, a quick look is a slow one."""
    import torch

    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in MULTIPLY_BFLOAT16)


class Choices(NamedTuple):
    """At each place of a guess: the model's first choice, and whether it is a clear one."""

    tokens: list[int]
    clear: list[bool]


class QuickLook:
    """A model of the base's network in bfloat16. Until `at` has given it weights it is one that nobody has trained."""

    def __init__(self, base: Base):
        import torch
        from transformers import AutoConfig, LlamaForCausalLM

        torch.set_num_threads(1)  # children are forked from here, and threads would stay behind
        config = AutoConfig.from_pretrained(base.folder)
        self.model = LlamaForCausalLM._from_config(config, attn_implementation="eager", dtype=torch.bfloat16).eval()

    def at(self, weights: Mapping[str, np.ndarray]) -> Self:
        """Return one of the same network with these weights; names are transformers', tied weights stand there once."""
        import torch

        other = copy.deepcopy(self)
        other.model.load_state_dict({name: torch.from_numpy(weight) for name, weight in weights.items()}, strict=False)
        return other

    def answers(
        self, prompts: Sequence[list[int]], guesses: Sequence[list[int]], stops: Collection[int], most: int
    ) -> list[list[int] | None]:
        """Return each prompt's continuation up to its first token of `stops`, or None where only float32 can tell.

        A guess is any continuation, as token ids; a better one saves passes. No answer is longer than `most` tokens.
        """
        found: list[list[int] | None] = [None] * len(prompts)
        left = {row: _cut(guess, stops) for row, guess in enumerate(guesses)}
        for _ in range(PASSES):
            left = {row: guess for row, guess in left.items() if 0 < len(guess) <= most}
            choices = self._choices([prompts[row] for row in left], list(left.values()))
            guessed, left = left, {}
            for (row, guess), (chosen, clear) in zip(guessed.items(), choices, strict=True):
                alike = _first(a != b for a, b in zip(chosen, guess, strict=True))
                if alike == len(guess) and all(clear):
                    found[row] = guess
                elif all(clear[: alike + 1]):
                    left[row] = _cut([*chosen, guess[-1]], stops)
        return found

    def _choices(self, prompts: list[list[int]], guesses: list[list[int]]) -> list[Choices]:
        """Return the model's choices at the places of each guess."""
        import torch

        order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]) + len(guesses[row]))
        found: dict[int, Choices] = {}
        with torch.inference_mode():
            for first in range(0, len(order), ROWS_AT_ONCE):
                batch = order[first : first + ROWS_AT_ONCE]
                pieces = self._batch([prompts[row] for row in batch], [guesses[row] for row in batch])
                found.update(zip(batch, pieces, strict=True))
        return [found[row] for row in range(len(prompts))]

    def _batch(self, prompts: list[list[int]], guesses: list[list[int]]) -> Iterator[Choices]:
        import torch

        # Padded on the right: no place of a causal model sees what comes after it.
        texts = [torch.tensor([*prompt, *guess]) for prompt, guess in zip(prompts, guesses, strict=True)]
        ids = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True)
        hidden = self.model.model(input_ids=ids, use_cache=False).last_hidden_state
        # A token is chosen at the place before it.
        before = [range(len(prompt) - 1, len(text) - 1) for prompt, text in zip(prompts, texts, strict=True)]
        rows, places = torch.tensor([(row, place) for row, some in enumerate(before) for place in some]).T
        best = self.model.lm_head(hidden[rows, places]).float().topk(2)
        clear = best.values[:, 0] - best.values[:, 1] > CLEAR
        lengths = [len(guess) for guess in guesses]
        for tokens, sure in zip(best.indices[:, 0].split(lengths), clear.split(lengths), strict=True):
            yield Choices(tokens.tolist(), sure.tolist())


def _cut(tokens: Sequence[int], stops: Collection[int]) -> list[int]:
    """Return the tokens up to the first stop, which is the last of them; none where there is no stop."""
    end = _first(token in stops for token in tokens)
    return list(tokens[: end + 1]) if end < len(tokens) else []


def _first(flags: Iterable[bool]) -> int:
    """Return the place of the first true flag, or how many flags there are."""
    place = -1
    for place, flag in enumerate(flags):
        if flag:
            return place
    return place + 1
