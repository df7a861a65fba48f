"""Near-duplicates: MinHash signatures, and locality-sensitive hashing so that no two rows need be compared blindly.

MinHash is Broder's (1997), "On the resemblance and containment of documents"; the bands are explained in Leskovec,
Rajaraman & Ullman, Mining of Massive Datasets, chapter 3. `datasketch` does both.
"""

import zlib
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from shared.curation.text import jaccard, shingles

if TYPE_CHECKING:
    from datasketch import MinHash

PERMUTATIONS = 64  # the standard error of an estimated similarity J is sqrt(J (1 - J) / 64), at most 0.06


def catch_rate(similarity: float, bands: int, rows: int) -> float:
    """Return the chance that two texts meet in at least one band: 1 - (1 - J^rows)^bands.

    By hand: J = 0.5, 2 bands of 1 row: 1 - 0.5^2 = 0.75.
    """
    return 1 - (1 - similarity**rows) ** bands


class NearIndex:
    """Finds, for each new text, an earlier one at least `threshold` similar that has the same `label`.

    The index proposes candidates and their exact Jaccard similarity decides, so a chance meeting of hashes removes
    nothing. Texts with different labels are a conflict, not a repetition: neither is removed here. Their signatures
    are told apart by a number made from the label, so they do not even become candidates: in letters that share their
    phrases the candidates would else grow with the rows, and the time with their square. Bands are chosen wide: a pair
    at the threshold is missed in about one case in fifty.
    """

    def __init__(self, threshold: float, permutations: int = PERMUTATIONS):
        from datasketch import MinHashLSH

        self.threshold, self.permutations = threshold, permutations
        self.bands, self.rows = bands_for(threshold, permutations)
        self._index = MinHashLSH(num_perm=permutations, params=(self.bands, self.rows))
        self._texts: list[tuple[str, Hashable]] = []

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, text: str, label: Hashable = None) -> int | None:
        """Return the number (order of adding, from 0) of the earlier text that this one repeats.

        None when it repeats none; only then is it remembered.
        """
        pieces = shingles(text)
        signature = signature_of(pieces, self.permutations)
        mark = signature.hashvalues.dtype.type(zlib.crc32(repr(label).encode("utf-8", "replace")))
        signature.hashvalues = signature.hashvalues ^ mark
        for number in sorted(self._index.query(signature)):
            earlier, its_label = self._texts[number]
            if its_label == label and jaccard(pieces, shingles(earlier)) >= self.threshold:
                return number
        self._index.insert(len(self._texts), signature, check_duplication=False)
        self._texts.append((text, label))
        return None


def signature_of(pieces: set[str], permutations: int = PERMUTATIONS) -> "MinHash":
    """Return datasketch's MinHash of a set of pieces. CRC-32 is no cryptography, but quick and the same everywhere."""
    from datasketch import MinHash

    signature = MinHash(num_perm=permutations, hashfunc=zlib.crc32)
    signature.update_batch([piece.encode("utf-8", "replace") for piece in pieces])
    return signature


def bands_for(threshold: float, permutations: int) -> tuple[int, int]:
    """Return (bands, rows a band): the most rows at which a pair at the threshold is still caught 98 times in 100."""
    for rows in range(permutations, 0, -1):
        bands = permutations // rows
        if catch_rate(threshold, bands, rows) >= 0.98:
            return bands, rows
    return permutations, 1


def near_duplicates(texts: Sequence[str], labels: Sequence[Hashable], threshold: float) -> list[str | None]:
    """Return for each text "like: <the earlier text>", or None when it is like no earlier one with its label."""
    index = NearIndex(threshold)
    found = []
    for text, label in zip(texts, labels, strict=True):
        number = index.add(text, label)
        found.append(None if number is None else f"like: {index._texts[number][0]}")
    return found
