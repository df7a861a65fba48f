"""Which split a thing belongs to, and the random stream that each split draws from.

Train, public and hidden data are held apart by *entity*: an item, a person or an order belongs to one split for ever,
decided by a hash of its name, so no seed can carry it across. Phrasing is held apart in the same spirit by the
grammar's three pools (`shared.world.grammar.Phrasings`). Of what belongs to the hidden split, the instructor's secret
chooses what is used (`shared.world.secret`).
"""

import hashlib
import random
from typing import Literal, get_args

from shared.world.secret import HIDDEN_SEED_VARIABLE, ONE_IN, WorldError, chosen, is_chosen, keyed

__all__ = ["HIDDEN_SEED_VARIABLE", "SPLITS", "Split", "WorldError", "belongs", "members", "random_stream", "split_of"]

Split = Literal["train", "public", "hidden"]
SPLITS: tuple[Split, ...] = get_args(Split)

# Fourteen buckets: ten train, two public, two hidden.
_BUCKETS: tuple[Split, ...] = ("train",) * 10 + ("public",) * 2 + ("hidden",) * 2


def split_of(name: str) -> Split:
    """Return the split that the entity called `name` belongs to: 10/14 train, 2/14 public, 2/14 hidden."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return _BUCKETS[int.from_bytes(digest, "big") % len(_BUCKETS)]


def belongs(name: str, split: Split) -> bool:
    """Return whether rows of `split` may use the entity called `name`; of hidden ones, one in three by the secret."""
    return split_of(name) == split and (split != "hidden" or is_chosen(name))


def members(names: list[str], split: Split) -> list[str]:
    """Return those of `names`, all of `split`, that its rows use: all, or of hidden ones the secret's third."""
    return chosen(names, len(names) // ONE_IN) if split == "hidden" else names


def random_stream(task: str, split: Split, seed: int | str) -> random.Random:
    """Return the random stream of one task, split and seed: the same on every machine and Python version."""
    if split not in SPLITS:
        raise WorldError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if split == "hidden":
        seed = keyed(f"{task}/{seed}").hex()
    return random.Random(f"{task}/{split}/{seed}")
