"""The corpus as token arrays, made by all cores at once.

A token is stored as an int16; `ANSWER_FLAG` is added to it where it belongs to an answer, so that the loss can weigh
answers more. Documents follow one another, each closed by `</s>`.
"""

import functools
import itertools
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from shared.pocket.tokenizer import EOS, take_characters

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ANSWER_FLAG = 1 << 13
TOKEN_MASK = ANSWER_FLAG - 1
# Lines that begin with one of these hold an answer.
_ANSWER_WORDS = ("Answer", "Record", "Entry", "Form", "Output", "Goods")
_PIECE_CHARACTERS = 4_000_000


def token_array(tokenizer_file: Path, characters: int, seed: str, early: bool, workers: int) -> np.ndarray:
    """Return about `characters` characters of corpus as one int16 array, the same for any number of workers."""
    pieces = max(1, characters // _PIECE_CHARACTERS)
    jobs = [(f"{seed}/{piece}", characters // pieces, early) for piece in range(pieces)]
    work = functools.partial(_piece, str(tokenizer_file))
    label = "early text" if early else "text"
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        made = list(tqdm(pool.imap(work, jobs), total=len(jobs), desc=f"tokens of {label}", unit="piece"))
    return np.concatenate(made)


def _piece(tokenizer_file: str, job: tuple[str, int, bool]) -> np.ndarray:
    seed, characters, early = job
    tokenizer = _load(tokenizer_file)
    end = tokenizer.token_to_id(EOS)
    ids: list[int] = []
    for batch in _batches(take_characters(seed, characters, early), 1000):
        for encoded in tokenizer.encode_batch(batch, add_special_tokens=False):
            ids.extend(encoded.ids)
            ids.append(end)
    return flag_answers(np.array(ids, dtype=np.int16), tokenizer)


@functools.lru_cache(maxsize=1)
def _load(tokenizer_file: str) -> "Tokenizer":
    from tokenizers import Tokenizer

    return Tokenizer.from_file(tokenizer_file)


def _batches(texts: Iterator[str], size: int) -> Iterator[list[str]]:
    while batch := list(itertools.islice(texts, size)):
        yield batch


def flag_answers(ids: np.ndarray, tokenizer: "Tokenizer") -> np.ndarray:
    """Add `ANSWER_FLAG` to each token that stands between an answer word and the end of its line or document."""
    here = np.arange(len(ids))
    starts = np.isin(ids, [tokenizer.token_to_id(word) for word in _ANSWER_WORDS])
    ends = np.isin(ids, [tokenizer.token_to_id("Ċ"), tokenizer.token_to_id(EOS)])
    last_start = np.maximum.accumulate(np.where(starts, here, -1))
    last_end = np.maximum.accumulate(np.where(ends, here, -1))
    # The end itself (newline or </s>) still belongs to the answer: knowing where to stop is part of it.
    inside = last_start > np.concatenate([[-1], last_end[:-1]])
    return (ids + ANSWER_FLAG * (inside & ~starts)).astype(np.int16)
