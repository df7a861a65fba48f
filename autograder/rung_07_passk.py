"""Rung 07's `pass_at_k`: the counts it is asked about, the right answers, the mistakes with a name.

1 - C(n - c, k) / C(n, k) (Chen et al. 2021, arXiv 2107.03374, equation 1), with whole numbers, exact.
"""

import random
from collections.abc import Callable
from math import comb

from autograder.student_code import Answer, Call

TOLERANCE = 1e-6


def right(n: int, c: int, k: int) -> float:
    """Return pass@k. By hand: 4 samples, 2 right, k = 2: all wrong in 1 of C(4, 2) = 6 pairs, so 5/6."""
    return 1 - comb(n - c, k) / comb(n, k)


def cases(seed: int) -> list[tuple[int, int, int]]:
    """Return (n, c, k): by hand, random, then the edges."""
    stream = random.Random(f"pass@k/{seed}")
    drawn = []
    while len(drawn) < 6:
        n, k = stream.randint(8, 30), stream.randint(2, 5)
        c = stream.randint(1, n // 2)
        drawn.append((n, c, k))
    return [(4, 2, 2), *drawn, *edges()]


def edges() -> list[tuple[int, int, int]]:
    """Return the edge cases that the exercise names: none right, all right, fewer wrong than k, k = n, k = 1, many."""
    return [(8, 0, 3), (8, 8, 3), (8, 6, 3), (8, 1, 8), (8, 3, 1), (1000, 5, 200)]


def calls(seed: int) -> list[Call]:
    """Return the calls of `pass_at_k`."""
    return [Call(case) for case in cases(seed)]


def number_of(answer: Answer) -> float | None:
    """Return the one number that an answer is, or None."""
    if answer.kind == "value" and type(answer.value) in (int, float):
        return float(answer.value)
    return answer.values[0] if answer.kind in ("object", "tensor") and len(answer.values) == 1 else None


FAULTS: list[tuple[Callable[[int, int, int], float], str]] = [
    (
        lambda n, c, k: 1 - (1 - c / n) ** k,
        "That is biased: c / n is itself an estimate, and the k are drawn without replacement.",
    ),
    (lambda n, c, k: c / n, "That is pass@1."),
    (lambda n, c, k: min(1.0, k * c / n), "Chances of several tries do not simply add up."),
    (lambda n, c, k: comb(n - c, k) / comb(n, k), "That is the chance that all are wrong: take one minus it."),
    (lambda n, c, k: comb(c, k) / comb(n, k), "That is the chance that all k are right."),
    (lambda n, c, k: float(c > 0), "That is whether any of the n is right: pass@n."),
]


def named_fault(asked: list[tuple[int, int, int]], given: list[float]) -> str:
    """Return the mistake that gives exactly these numbers, or ""."""
    for formula, words in FAULTS:
        if all(abs(number - formula(*case)) <= TOLERANCE for case, number in zip(asked, given, strict=True)):
            return words
    return ""
