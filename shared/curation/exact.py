"""Exact duplicates: equal normal forms, found by their hashes in one pass."""

import hashlib
from collections.abc import Iterable

from shared.curation.text import normal_form


class Seen:
    """The texts seen so far, as 8-byte hashes: memory grows by some 60 bytes a distinct text, whatever its length.

    Two different texts share a hash of 64 bits with a chance below one in a million among five million texts
    (n^2 / 2^65).
    """

    def __init__(self) -> None:
        self._hashes: set[bytes] = set()

    def add(self, *parts: str) -> bool:
        """Remember a text made of `parts`; return whether it is new. Where one part ends counts."""
        text = "\0".join(normal_form(part) for part in parts)
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
        new = digest not in self._hashes
        self._hashes.add(digest)
        return new


def exact_duplicates(texts: Iterable[tuple[str, ...]]) -> list[str | None]:
    """Return for each text (a tuple of its parts) "seen before", or None for its first appearance."""
    seen = Seen()
    return [None if seen.add(*parts) else "seen before" for parts in texts]
