"""Rung 09's `interval` and `paired_p`: what they are asked, and the right answers from an oracle of their own."""

import random
from collections.abc import Sequence
from math import comb, sqrt
from typing import NamedTuple

from autograder.student_code import Answer, Call

Z = 1.959963984540054
ROUNDING = 1e-9  # how far rounding may carry an end past 0 or 1
TOLERANCE = 5e-4  # of an interval's ends: z = 1.96 moves them by less than 1e-5


class IntervalCase(NamedTuple):
    """A count and what Wilson's interval of it is."""

    name: str
    right: int
    n: int

    @property
    def ends(self) -> tuple[float, float]:
        """The two roots p of (p - right/n)² = z² p (1 - p) / n, which is where Wilson's formula comes from.

        By hand: 10 of 10 give 10 / (10 + 3.8415) = 0.7225 and 1.
        """
        share = self.right / self.n
        a, b = 1 + Z**2 / self.n, -(2 * share + Z**2 / self.n)
        root = sqrt(max(0.0, b**2 - 4 * a * share**2))
        return (-b - root) / (2 * a), (-b + root) / (2 * a)


class PairedCase(NamedTuple):
    """Rows before and after, and the exact p-value."""

    name: str
    before: list[bool]
    after: list[bool]

    @property
    def changed(self) -> tuple[int, int]:
        """How many rows got better, and how many worse."""
        pairs = list(zip(self.before, self.after, strict=True))
        return pairs.count((False, True)), pairs.count((True, False))

    @property
    def p(self) -> float:
        """The sum of the probabilities of all outcomes as rare as the one seen, or rarer (a fair coin's are symmetric).

        By hand: 3 better, 1 worse: (1 + 4 + 4 + 1) / 16 = 0.625.
        """
        better, worse = self.changed
        tosses, seen = better + worse, comb(better + worse, better)
        return sum(comb(tosses, k) for k in range(tosses + 1) if comb(tosses, k) <= seen) / 2**tosses


def interval_cases(seed: int) -> list[IntervalCase]:
    """Return random counts."""
    stream = random.Random(f"interval/{seed}")
    sizes = [8, 20, 50, 200, 1000]
    return [IntervalCase("eight of ten", 8, 10)] + [
        IntervalCase(f"{right} of {n}", right, n) for n in sizes for right in [stream.randint(1, n - 1)]
    ]


def interval_edges(seed: int) -> list[IntervalCase]:
    """Return counts at the ends."""
    n = random.Random(f"interval edges/{seed}").randint(5, 60)
    return [IntervalCase("all right", n, n), IntervalCase("none right", 0, n), IntervalCase("one row", 1, 1)]


def paired_cases(seed: int) -> list[PairedCase]:
    """Return rows that changed both ways, mostly for the better or the worse."""
    stream = random.Random(f"paired/{seed}")
    made = [PairedCase("the example", [True] * 6 + [False] * 4, [True] * 5 + [False] + [True] * 3 + [False])]
    for better, worse, same in ((6, 0, 9), (5, 12, 40), (14, 6, 100), (30, 18, 60), (9, 10, 5)):
        pairs = [(False, True)] * (better + stream.randint(0, 2)) + [(True, False)] * worse
        pairs += [(kind, kind) for kind in stream.choices((True, False), k=same)]
        stream.shuffle(pairs)
        made.append(PairedCase(f"{len(pairs)} rows", [b for b, _ in pairs], [a for _, a in pairs]))
    return made


def paired_edges(seed: int) -> list[PairedCase]:
    """Return the edges that the exercise names: nothing changed, as many each way, two thousand changed rows."""
    stream = random.Random(f"paired edges/{seed}")
    same = stream.choices((True, False), k=30)
    many = [(False, True)] * 1040 + [(True, False)] * 960
    stream.shuffle(many)
    return [
        PairedCase("no row changed", same, same),
        PairedCase("as many better as worse", [True, False] * 7, [False, True] * 7),
        PairedCase("2,000 changed rows", [b for b, _ in many], [a for _, a in many]),
    ]


def interval_calls(seed: int) -> list[Call]:
    """Return the calls of `interval`: plain, then edges."""
    return [Call((case.right, case.n)) for case in (*interval_cases(seed), *interval_edges(seed))]


def paired_calls(seed: int) -> list[Call]:
    """Return the calls of `paired_p`: plain, then edges."""
    return [Call((case.before, case.after)) for case in (*paired_cases(seed), *paired_edges(seed))]


def interval_fault(case: IntervalCase, answer: Answer) -> tuple[str, str] | None:
    """Return (what was observed, the mistake's name) of a wrong interval, or None."""
    if answer.kind == "error":
        return f"{case.name}: {answer.value}", ""
    if len(answer.values) != 2:
        return f"{case.name}: returned {answer.type_name}, expected a pair (low, high)", ""
    low, high = answer.values
    right = case.ends
    if _near(low, right[0]) and _near(high, right[1]) and -ROUNDING <= low <= high <= 1 + ROUNDING:
        return None
    said = f"{case.name}: ({low:.4f}, {high:.4f}), right is ({right[0]:.4f}, {right[1]:.4f})"
    return said, _named_interval(case, (low, high))


def p_fault(case: PairedCase, answer: Answer) -> tuple[str, str] | None:
    """Return (what was observed, the mistake's name) of a wrong p-value, or None."""
    if answer.kind == "error":
        return f"{case.name}: {answer.value}", ""
    given = number_of(answer)
    if given is None:
        return f"{case.name}: returned {answer.type_name}, expected a number", ""
    if abs(given - case.p) <= 1e-6 + 1e-3 * case.p and given <= 1:
        return None
    better, worse = case.changed
    return f"{case.name} ({better} better, {worse} worse): {given:.4g}, right is {case.p:.4g}", _named_p(case, given)


def number_of(answer: Answer) -> float | None:
    """Return the one number that an answer is, whatever its type, or None."""
    if answer.kind == "value" and type(answer.value) in (int, float):
        return float(answer.value)
    return answer.values[0] if len(answer.values) == 1 and not answer.shape else None


def _named_interval(case: IntervalCase, given: Sequence[float]) -> str:
    share, n = case.right / case.n, case.n
    plain = Z * sqrt(share * (1 - share) / n)
    if _near(given[0], share - plain) and _near(given[1], share + plain):
        return "That is p ± z sqrt(p(1-p)/n): it leaves 0 to 1, and has no width where all are right."
    return "Wilson's formula has z²/2n beside the share, and 1 + z²/n below everything."


def _named_p(case: PairedCase, given: float) -> str:
    better, worse = case.changed
    half = case.p / 2
    if abs(given - half) <= 1e-6 + 1e-3 * half:
        return "That is one-sided: a change for the worse would be as surprising."
    if given > 1:
        return "A probability above 1: where both tails meet, the value is 1."
    tail = sum(comb(len(case.before), k) for k in range(min(better, worse) + 1)) / 2 ** len(case.before)
    if abs(given - min(1.0, 2 * tail)) < 1e-9:
        return "Rows that did not change say nothing: only those that changed are tossed."
    return "Binomial(changed, 1/2), the tail up to the rarer count, times two."


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= TOLERANCE
