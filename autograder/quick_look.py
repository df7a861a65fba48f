"""What a model would write, without letting it write: guess its answer, and check the guess in one pass.

A model that writes greedily puts, at each place, the token that it gives the most. So a guess is right when the model
gives the most to each of its tokens, which one pass over prompt and guess shows, where writing takes a pass a token. A
guess that is wrong at one place becomes a better one: the model's choices are the next guess. (Jacobi decoding,
arXiv:2305.10427.)

The first passes are in bfloat16, which some processors multiply themselves, twice as fast as float32. There only a
choice counts that rounding cannot turn: the first logit must stand `CLEAR` above the second. What is not clear is
checked in float32, and what is still not told is left to be written. So the answers depend neither on the guesses nor
on the rounding (`tests/autograder/test_quick_look.py`).

It pays for a class. PyTorch takes longer to import than one submission's answers.
"""

import functools
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np

from autograder.llama import Leads

CLEAR = 1.0  # between two logits; a test lets models of several kinds show that rounding moves closer ones by less
PASSES = 2  # guesses at one answer: most wrong answers are wrong in one field, and a third guess saved no time
ROWS_AT_ONCE = 16  # rows of similar length a batch: hardly any padding, and the threads of a verdict end together
MULTIPLY_BFLOAT16 = ("avx512_bf16", "amx_bf16")  # PyTorch's names of what a processor can do


def pays() -> bool:
    """Return whether this processor multiplies bfloat16 itself: where it is imitated, a quick look is a slow one."""
    import torch

    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in MULTIPLY_BFLOAT16)


class Network(Protocol):
    """A model that tells its choices at many places in one pass."""

    def leads(self, ids: np.ndarray, rows: np.ndarray, places: np.ndarray) -> Leads:
        """As `autograder.llama.Llama.leads`."""


class Look(NamedTuple):
    """A network to ask, and by how much a choice must lead to be clear."""

    network: Network
    clear: float


class Checked(NamedTuple):
    """A guess that a network has seen: as good as it could be made, whether it is the answer, or worth another pass."""

    guess: list[int]
    told: bool
    again: bool


def answers(
    looks: Sequence[Look],
    prompts: Sequence[list[int]],
    guesses: Sequence[list[int]],
    stops: Collection[int],
    most: int,
    threads: int = 1,
) -> list[list[int] | None]:
    """Return each prompt's continuation up to its first token of `stops`, or None where no look can tell.

    A guess is any continuation, as token ids; a better one saves passes. No answer is longer than `most` tokens.
    """
    found: list[list[int] | None] = [None] * len(prompts)
    left = {row: _cut(guess, stops) for row, guess in enumerate(guesses)}
    with ThreadPoolExecutor(threads) as pool:
        for look in looks:
            asked = set(left)
            for _ in range(PASSES):
                some = {row: left[row] for row in asked if 0 < len(left[row]) <= most}
                asked = set()
                check = functools.partial(_check, look, prompts, some, stops)
                for row, checked in itertools.chain.from_iterable(pool.map(check, _batches(prompts, some))):
                    left[row] = checked.guess
                    if checked.told:
                        found[row] = left.pop(row)
                    elif checked.again:
                        asked.add(row)
    return found


def _batches(prompts: Sequence[list[int]], guesses: Mapping[int, list[int]]) -> Iterator[list[int]]:
    """Yield rows of similar length."""
    order = sorted(guesses, key=lambda row: len(prompts[row]) + len(guesses[row]))
    for first in range(0, len(order), ROWS_AT_ONCE):
        yield order[first : first + ROWS_AT_ONCE]


def _check(
    look: Look,
    prompts: Sequence[list[int]],
    guesses: Mapping[int, list[int]],
    stops: Collection[int],
    batch: list[int],
) -> list[tuple[int, Checked]]:
    """Show the network the guesses of the rows `batch`, the longest last; return what has become of them."""
    texts = [[*prompts[row], *guesses[row]] for row in batch]
    ids = np.zeros((len(batch), len(texts[-1])), dtype=np.int64)
    for line, text in zip(ids, texts, strict=True):
        line[: len(text)] = text
    # A token is chosen at the place before it.
    places = [range(len(prompts[row]) - 1, len(text) - 1) for row, text in zip(batch, texts, strict=True)]
    lengths = [*map(len, places)]
    chosen, leads = look.network.leads(ids, np.repeat(np.arange(len(batch)), lengths), np.concatenate(places))
    ends = np.cumsum(lengths)[:-1]
    return [
        (row, _better(guesses[row], tokens.tolist(), (lead > look.clear).tolist(), stops))
        for row, tokens, lead in zip(batch, np.split(chosen, ends), np.split(leads, ends), strict=True)
    ]


def _better(guess: list[int], tokens: list[int], clear: list[bool], stops: Collection[int]) -> Checked:
    """Return what a guess has become where the model chooses these tokens, clearly or not."""
    alike = _first(a != b for a, b in zip(tokens, guess, strict=True))
    if alike == len(guess):
        return Checked(guess, told=all(clear), again=False)
    return Checked(_cut([*tokens, guess[-1]], stops), told=False, again=all(clear[: alike + 1]))


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
