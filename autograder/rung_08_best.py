"""Rung 08's `best_of_n` and `best_of_n_kl`: what they are asked, the right answers, the mistakes with a name.

The right answers come from looking at every subset of the samples, one by one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log
from statistics import fmean

import numpy as np

from autograder.student_code import Answer, Call

RELATIVE_TOLERANCE = 1e-4
SIZES = (1, 2, 4, 10, 64, 256)  # n whose divergence is asked


@dataclass(frozen=True)
class BestCase:
    """The samples of one prompt, with both scores, and n."""

    name: str
    proxy: list[float]
    gold: list[float]
    n: int

    def call(self) -> Call:
        """Return the call of `best_of_n`."""
        return Call((self.proxy, self.gold, self.n))


def right_best(case: BestCase) -> float:
    """Return the mean, over all subsets of n samples, of the gold score of the subset's best by proxy.

    By hand, for proxy (1, 2, 3), gold (5, 6, 1), n = 2: the subsets' best are 2, 3, 3, their gold 6, 1, 1: 8/3.
    """
    order = range(len(case.proxy))
    return fmean(case.gold[max(subset, key=case.proxy.__getitem__)] for subset in combinations(order, case.n))


def right_kl(n: int) -> float:
    """Return log n - (n - 1) / n: 0 for n = 1, ln 2 - 1/2 = 0.1931 for n = 2."""
    return log(n) - (n - 1) / n


def best_cases(seed: int) -> list[BestCase]:
    """Return the case by hand and random ones, in random order, from n = 1 to all samples; no two scores are equal."""
    stream = np.random.default_rng([seed, 3])
    cases = [BestCase("the example's three samples", [1.0, 2.0, 3.0], [5.0, 6.0, 1.0], 2)]
    for size, n in ((5, 1), (6, 2), (7, 3), (8, 5), (6, 6), (1, 1)):
        proxy = stream.permutation(size) + stream.uniform(-0.4, 0.4, size)
        gold = -0.3 * proxy + stream.normal(2, 1, size)  # what the proxy likes best is not what is best
        cases.append(BestCase(f"best of {n} among {size}", proxy.tolist(), gold.tolist(), n))
    return cases


def number_fault(answer: Answer) -> str | None:
    """Return what keeps an answer from being one finite number, or None. A scalar tensor or array is a number, too."""
    if answer.kind == "error":
        return str(answer.value)
    return (
        None if number_of(answer) is not None else answer.fault() or f"returned {answer.type_name}, expected a number"
    )


def number_of(answer: Answer) -> float | None:
    """Return the finite number that an answer is, or None."""
    if answer.fault():
        return None
    if answer.kind == "value" and isinstance(answer.value, int | float) and not isinstance(answer.value, bool):
        return float(answer.value)
    return answer.values[0] if len(answer.values) == 1 and not any(size != 1 for size in answer.shape) else None


def near(given: float, right: float) -> bool:
    """Return whether two numbers agree."""
    return abs(given - right) <= RELATIVE_TOLERANCE * abs(right) + 1e-9


def _sorted_by(case: BestCase, key: Sequence[float]) -> list[float]:
    return [gold for _, gold in sorted(zip(key, case.gold, strict=True))]


def _with_replacement(case: BestCase) -> float:
    size, ordered = len(case.proxy), _sorted_by(case, case.proxy)
    return sum(g * (((i + 1) / size) ** case.n - (i / size) ** case.n) for i, g in enumerate(ordered))


def _all(case: BestCase, pick: Callable) -> float:
    return fmean(pick(subset) for subset in combinations(range(len(case.proxy)), case.n))


BEST_FAULTS: list[tuple[Callable[[BestCase], float], str]] = [
    (
        lambda c: _all(c, lambda s: max(c.gold[i] for i in s)),
        "This picks by the gold score, which nobody has when it matters: the proxy picks, gold judges.",
    ),
    (
        lambda c: _all(c, lambda s: max(c.proxy[i] for i in s)),
        "This is the proxy's own score of what it picks: asked is the gold score of that sample.",
    ),
    (
        lambda c: _all(c, lambda s: c.gold[min(s, key=c.proxy.__getitem__)]),
        "This picks the sample with the lowest proxy score.",
    ),
    (
        lambda c: c.gold[max(range(c.n), key=c.proxy.__getitem__)],
        "This looks at the first n samples only: average over all subsets of n.",
    ),
    (
        lambda c: c.gold[max(range(len(c.proxy)), key=c.proxy.__getitem__)],
        "This takes the best of all samples, whatever n is.",
    ),
    (
        lambda c: fmean(_sorted_by(c, c.proxy)[-c.n :]),
        "This is the mean of the n best; only the first of them is used.",
    ),
    (_with_replacement, "This draws with replacement, so one sample can be drawn twice; the n samples are distinct."),
]
KL_FAULTS: list[tuple[Callable[[int], float], str]] = [
    (lambda n: log(n), "(n - 1) / n is to be taken off."),
    (lambda n: (n - 1) / n - log(n), "The sign is turned round: a divergence is not negative."),
    (lambda n: log(n) + (n - 1) / n, "(n - 1) / n is taken off, not added."),
    (lambda n: log(n, 2) - (n - 1) / n, "The logarithm is the natural one: nats."),
    (lambda n: log(n, 10) - (n - 1) / n, "The logarithm is the natural one: nats."),
    (lambda n: log(n) - n / (n - 1) if n > 1 else 0.0, "It is (n - 1) / n, not n / (n - 1)."),
]


def named_best_fault(cases: Sequence[BestCase], given: Sequence[float]) -> str:
    """Return the mistake that gives exactly these numbers, or ""."""
    named = (
        words for formula, words in BEST_FAULTS if all(near(g, formula(c)) for c, g in zip(cases, given, strict=True))
    )
    return next(named, "")


def named_kl_fault(given: Sequence[float]) -> str:
    """Return the mistake that gives exactly these divergences, or ""."""
    named = (
        words for formula, words in KL_FAULTS if all(near(g, formula(n)) for n, g in zip(SIZES, given, strict=True))
    )
    return next(named, "")
