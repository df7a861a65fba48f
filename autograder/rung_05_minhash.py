"""Rung 05's `minhash` and `estimate`: the sets they are asked about, and the properties that any right answer has.

No signature is right by itself: any hash functions will do. What must hold is that equal sets give equal signatures,
and that the share of equal places estimates the Jaccard similarity, which is computed here from the sets.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

from autograder.student_code import Answer, Call

SIZE = 200
SHARED_AND_OWN = ((0, 20), (8, 16), (16, 12), (12, 6), (24, 8), (30, 5), (30, 2), (40, 1))  # of each pair of sets
# One estimate from 200 places has a standard error of at most 0.035. An honest family of hash functions leaves five of
# them once in a million draws; that the eight errors have a mean of four of *their* standard errors, as rarely.
ERRORS_OF_ONE, ERRORS_OF_MEAN = 5.0, 4.0
LEAST_ERROR = 0.02  # room for chance collisions, and for pairs that share all or nothing


@dataclass(frozen=True)
class Pair:
    """Two sets of pieces, as lists in random order, and their Jaccard similarity."""

    one: list[str]
    other: list[str]
    similarity: float

    @property
    def error(self) -> float:
        """The standard error of the similarity estimated from SIZE places."""
        return sqrt(self.similarity * (1 - self.similarity) / SIZE)


def pairs(seed: int) -> list[Pair]:
    """Return eight pairs, from nothing in common to nearly all.

    By hand: 12 shared pieces and 6 of its own in each set: 12 of 24, similarity 0.5.
    """
    stream = random.Random(f"minhash/{seed}")
    return [_pair(stream, shared, own) for shared, own in SHARED_AND_OWN]


def _pair(stream: random.Random, shared: int, own: int) -> Pair:
    letters = "abcdefghijklmnopqrstuvwxyz "
    pieces: set[str] = set()
    while len(pieces) < shared + 2 * own:
        pieces.add("".join(stream.choices(letters, k=4)))
    drawn = sorted(pieces)
    stream.shuffle(drawn)
    one, other = drawn[: shared + own], drawn[:shared] + drawn[shared + own :]
    stream.shuffle(one)
    stream.shuffle(other)
    return Pair(one, other, shared / (shared + 2 * own))


def signature_calls(seed: int) -> list[Call]:
    """Return the calls of `minhash`: both sets of each pair; then the edges, see `edge_fault`."""
    made = pairs(seed)
    calls = [Call((pieces, SIZE)) for pair in made for pieces in (pair.one, pair.other)]
    pieces = made[0].one
    twice = [*reversed(pieces), *pieces[:5]]
    return [*calls, Call((pieces, SIZE)), Call((twice, SIZE)), Call(([], 7)), Call((pieces[:1], 1)), Call((pieces, 1))]


def shape_fault(answer: Answer, size: int) -> str | None:
    """Return what keeps an answer from being a signature of `size` whole numbers, or None."""
    if answer.kind == "error":
        return str(answer.value)
    if answer.kind == "value" or not answer.values:
        return f"returned {answer.type_name}, expected a list of {size} whole numbers"
    if len(answer.values) != size:
        return f"returned {len(answer.values)} numbers, expected {size}"
    if any(not value.is_integer() for value in answer.values):
        return "returned numbers that are not whole"
    return None


def agreement(one: Answer, other: Answer) -> float:
    """Return the share of places at which two signatures are equal."""
    return fmean(a == b for a, b in zip(one.values, other.values, strict=True))


def estimate_fault(made: Sequence[Pair], found: Sequence[float]) -> tuple[str, str] | None:
    """Return (what was observed, why) when the agreements do not estimate the similarities, or None."""
    if all(share in (0, 1) for share in found):
        return "all places of two signatures agree, or none does", "Every place needs a hash function of its own."
    for pair, share in zip(made, found, strict=True):
        if abs(share - pair.similarity) > max(ERRORS_OF_ONE * pair.error, LEAST_ERROR):
            observed = f"sets of similarity {pair.similarity:.2f}: {share:.0%} of the places agree"
            return observed, "At each place the smallest number over *all* pieces, by that place's own hash function."
    off = fmean(share - pair.similarity for pair, share in zip(made, found, strict=True))
    chance = sqrt(sum(pair.error**2 for pair in made)) / len(made)
    if abs(off) > ERRORS_OF_MEAN * chance:
        return f"the estimates are off by {off:+.3f} on average", "The hash functions are not independent of another."
    return None


def edge_fault(answers: Sequence[Answer]) -> tuple[str, str] | None:
    """Return (what was observed, advice) for the first edge that is not met, or None.

    `answers` are those to the last five calls: a set, the same in another order with repetitions, an empty list of
    size 7, one piece at size 1, many pieces at size 1.
    """
    plain, twice, empty, single, many = answers
    for answer, size, name in ((empty, 7, "no pieces"), (single, 1, "one piece"), (many, 1, "size 1")):
        if fault := shape_fault(answer, size):
            return f"{name}: {fault}", "For no pieces: `size` zeros."
    if any(empty.values):
        return "no pieces: not all numbers are 0", "For no pieces: `size` zeros."
    if shape_fault(twice, SIZE) or plain.values != twice.values:
        return "another order, or a piece twice, changes the signature", "The smallest number of a set has no order."
    return None


def estimate_calls(seed: int) -> list[tuple[Call, float]]:
    """Return calls of `estimate` with the right answers: random shares, all, none, and signatures of one number."""
    stream = random.Random(f"estimate/{seed}")
    made = []
    for size, same in ((10, 4), (64, 51), (7, 3), (128, 128), (32, 0), (1, 1), (1, 0)):
        one = [stream.randrange(1, 2**32) for _ in range(size)]
        places = set(stream.sample(range(size), same))
        other = [number if place in places else number + 1 for place, number in enumerate(one)]
        made.append((Call((one, other)), same / size))
    return made


def number_of(answer: Answer) -> float | None:
    """Return the one number that an answer is, whatever its type, or None."""
    if answer.kind == "value" and type(answer.value) in (int, float):
        return float(answer.value)
    return answer.values[0] if len(answer.values) == 1 and not answer.shape else None
