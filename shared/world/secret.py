"""What the instructor's secret decides: which entities and which wordings the hidden split uses.

Every choice goes by a keyed hash (BLAKE2b, RFC 7693, section 2.9), the secret being the key. Whoever does not know the
secret cannot foretell a choice, and a choice does not give the secret away. What there is to choose from belongs to
the hidden split for ever (`shared.world.splits.split_of`, `Phrasings.hidden`), so every secret's rows are disjoint
from the train and the public split.
"""

import functools
import hashlib
import os
from collections.abc import Sequence
from typing import TypeVar

HIDDEN_SEED_VARIABLE = "COURSE_HIDDEN_SEED"
# One in so many of the hidden split's entities is used under one secret: two secrets have a third in common.
ONE_IN = 3

T = TypeVar("T")


class WorldError(ValueError):
    """A request that the world cannot answer, said in one line."""


def keyed(name: str) -> bytes:
    """Return the keyed hash of `name`, 16 bytes. Raises WorldError when there is no secret."""
    return _hash(_secret(), name)


def chosen(names: Sequence[str], n: int) -> list[str]:
    """Return the n of `names` that the secret chooses, in their given order. Raises WorldError without a secret."""
    return list(_lowest(_secret(), tuple(names), n))


def is_chosen(name: str) -> bool:
    """Return whether the secret chooses `name`, one name in three. Raises WorldError without a secret."""
    return int.from_bytes(keyed(name), "big") % ONE_IN == 0


def one_of_each(options: Sequence[T], groups: int) -> tuple[T, ...]:
    """Return one of each group: the secret chooses within `groups` equal runs of `options`.

    Raises WorldError when there is no secret.
    """
    size = len(options) // groups
    runs = (options[start : start + size] for start in range(0, size * groups, size))
    return tuple(min(run, key=lambda one: keyed(repr(one))) for run in runs)


def _secret() -> str:
    secret = os.environ.get(HIDDEN_SEED_VARIABLE, "")
    if not secret:
        raise WorldError(
            f"the hidden split needs the instructor's secret: set {HIDDEN_SEED_VARIABLE}, or ask for split 'public'"
        )
    return secret


def _hash(secret: str, name: str) -> bytes:
    key = hashlib.sha256(secret.encode()).digest()  # a key has at most 64 bytes, a secret any number
    return hashlib.blake2b(name.encode(), key=key, digest_size=16).digest()


@functools.lru_cache
def _lowest(secret: str, names: tuple[str, ...], n: int) -> tuple[str, ...]:
    found = set(sorted(names, key=lambda name: _hash(secret, name))[:n])
    return tuple(name for name in names if name in found)
