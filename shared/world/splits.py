"""Which split a thing belongs to, and the random stream that each split draws from.

Train, public and hidden data are held apart by *entity*: an item, a person or an order belongs to one split for ever,
decided by a hash of its name, so no seed can carry it across. Phrasing is held apart in the same spirit by the
grammar's three pools (`shared.world.grammar.Phrasings`).
"""

import hashlib
import os
import random
from typing import Literal, get_args

Split = Literal["train", "public", "hidden"]
SPLITS: tuple[Split, ...] = get_args(Split)
HIDDEN_SEED_VARIABLE = "COURSE_HIDDEN_SEED"

# Fourteen buckets: ten train, two public, two hidden.
_BUCKETS: tuple[Split, ...] = ("train",) * 10 + ("public",) * 2 + ("hidden",) * 2


class WorldError(ValueError):
    """A request that the world cannot answer, said in one line."""


def split_of(name: str) -> Split:
    """Return the split that the entity called `name` belongs to: 10/14 train, 2/14 public, 2/14 hidden."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return _BUCKETS[int.from_bytes(digest, "big") % len(_BUCKETS)]


def members(names: list[str], split: Split) -> list[str]:
    """Return those of `names` that belong to `split`, in their given order."""
    return [name for name in names if split_of(name) == split]


def random_stream(task: str, split: Split, seed: int | str) -> random.Random:
    """Return the random stream of one task, split and seed: the same on every machine and Python version."""
    if split not in SPLITS:
        raise WorldError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if split == "hidden":
        seed = f"{_hidden_seed()}/{seed}"
    return random.Random(f"{task}/{split}/{seed}")


def _hidden_seed() -> str:
    secret = os.environ.get(HIDDEN_SEED_VARIABLE, "")
    if not secret:
        raise WorldError(
            f"the hidden split needs the instructor's secret: set {HIDDEN_SEED_VARIABLE}, or ask for split 'public'"
        )
    return secret
