"""Rung 10's `replay_mix` and `interpolate`: the cases asked, what a right answer keeps to, the mistakes with a name."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from autograder.student_code import Answer, Call, tensor

TOLERANCE = 1e-5
OLD_FROM = 1_000  # new rows are the numbers below, old rows those from here on


@dataclass(frozen=True)
class MixCase:
    """One mix: how many rows there are of both kinds, the share of old ones asked for, and how many rows in all."""

    name: str
    new: int
    old: int
    share: float
    n: int
    seed: int

    def call(self, seed: int | None = None) -> Call:
        """Return the call of `replay_mix`; rows are numbers here. `seed` in place of the case's own."""
        rows = list(range(self.new)), list(range(OLD_FROM, OLD_FROM + self.old))
        return Call((*rows, self.share, self.n, self.seed if seed is None else seed))


def mix_cases(seed: int) -> list[MixCase]:
    """Return mixes with rows to spare, then the edges: no old rows asked for, only old ones, too few of a kind."""
    stream = np.random.default_rng([seed, 14])
    seeds = [int(one) for one in stream.integers(0, 10_000, 8)]
    return [
        MixCase("a fifth old", 300, 200, 0.2, 100, seeds[0]),
        MixCase("half old", 150, 120, 0.5, 80, seeds[1]),
        MixCase("a quarter old", 90, 400, 0.25, 120, seeds[2]),
        MixCase("no old rows", 60, 50, 0.0, 40, seeds[3]),
        MixCase("only old rows", 60, 50, 1.0, 40, seeds[4]),
        MixCase("fewer old rows than wanted", 200, 15, 0.5, 80, seeds[5]),
        MixCase("fewer new rows than wanted", 15, 200, 0.5, 80, seeds[6]),
        MixCase("29 of 100 old, where 0.29 * 100 is a little less", 150, 120, 0.29, 100, seeds[7]),
    ]


def mix_calls(seed: int) -> list[Call]:
    """Return the calls of `replay_mix`: every case, the first again, and the first with another seed."""
    cases = mix_cases(seed)
    return [*(case.call() for case in cases), cases[0].call(), cases[0].call(cases[0].seed + 1)]


def mix_fault(seed: int, answers: list[Answer]) -> tuple[str, str] | None:
    """Return (what was observed, the mistake's name) of the first mix that breaks a rule, or None."""
    cases = mix_cases(seed)
    for case, answer in zip(cases, answers, strict=False):
        if answer.kind == "error":
            return f"{case.name}: {answer.value}", ""
        if answer.kind != "object" or not answer.values:
            return f"{case.name}: returned {answer.type_name}, expected a list of rows", ""
        if fault := _rows_fault(case, [int(value) for value in answer.values]):
            return f"{case.name}: {fault[0]}", fault[1]
    again, other = answers[-2].values, answers[-1].values
    if again != answers[0].values:
        return "the same seed gave two different mixes", "Draw from random.Random(seed), not from the global generator."
    return _chance_fault(answers[0].values, other)


def _chance_fault(one: Sequence[float], other: Sequence[float]) -> tuple[str, str] | None:
    """Return what two mixes by different seeds share that chance would not give them, or None."""
    if list(one) == list(other):
        return "another seed gave the same mix", "Draw the rows at random, by the seed."
    if set(one) == set(other):
        return "another seed took the same rows", "Which rows are taken is drawn by the seed, too."
    if [row >= OLD_FROM for row in one] == [row >= OLD_FROM for row in other]:
        return "another seed put the old rows at the same places", "Their places are drawn by the seed, too: shuffle."
    return None


def _rows_fault(case: MixCase, rows: Sequence[int]) -> tuple[str, str] | None:
    wanted, counts = round(case.share * case.n), Counter(rows)
    old = [row >= OLD_FROM for row in rows]
    unknown = [row for row in counts if not (0 <= row < case.new or OLD_FROM <= row < OLD_FROM + case.old)]
    if unknown:
        return "a row that was in neither list", "Return rows as they are."
    if len(rows) != case.n:
        return f"{len(rows)} rows, asked were {case.n}", ""
    if sum(old) != wanted:
        cause = "These are rows of the new task: nothing is replayed." if not any(old) and wanted else ""
        if sum(old) == case.n - wanted and wanted:
            cause = "share is the old rows' part, not the new ones'."
        return f"{sum(old)} of {case.n} rows are old, asked were {wanted}", cause
    for kind, of, taken in (("old", case.old, wanted), ("new", case.new, case.n - wanted)):
        times = [count for row, count in counts.items() if (row >= OLD_FROM) == (kind == "old")]
        if taken and max(times) > -(-taken // of):
            return f"a row that is {kind} stands there {max(times)} times", "No row twice while there are others left."
        if taken and max(times) - (min(times) if len(times) == of else 0) > 1:
            return f"of {of} {kind} rows some come {max(times)} times, some less", "Go through all before any again."
    return _order_fault(case, rows, old, wanted)


def _order_fault(case: MixCase, rows: Sequence[int], old: Sequence[bool], wanted: int) -> tuple[str, str] | None:
    changes = sum(a != b for a, b in pairwise(old))
    if 0 < wanted < case.n and changes < min(wanted, case.n - wanted) / 2:
        return "old and new rows stand in blocks", "Shuffle, or some batches hold old rows only and most hold none."
    for kind, first, of in (("old", OLD_FROM, case.old), ("new", 0, case.new)):
        taken = {row for row in rows if (row >= OLD_FROM) == (kind == "old")}
        if 8 <= len(taken) < of / 1.5 and taken == set(range(first, first + len(taken))):
            return f"always the first {kind} rows", "Draw rows at random from all of them."
    return None


@dataclass(frozen=True)
class BetweenCase:
    """Two tensors of one shape and how far to go from the old one to the new one."""

    name: str
    old: np.ndarray
    new: np.ndarray
    alpha: float

    @property
    def right(self) -> np.ndarray:
        """(1 - alpha) old + alpha new. By hand: from 2 to 6, a quarter of the way, is 3."""
        return (1 - self.alpha) * self.old.astype(np.float64) + self.alpha * self.new

    def call(self) -> Call:
        """Return the call of `interpolate`."""
        parts = (tensor(part.tolist(), "float32") for part in (self.old, self.new))
        return Call((*parts, self.alpha))


def between_cases(seed: int) -> list[BetweenCase]:
    """Return the case by hand, random ones, and both ends."""
    stream = np.random.default_rng([seed, 15])

    def drawn(name: str, alpha: float, *shape: int) -> BetweenCase:
        old, new = (stream.normal(0, 1, shape).astype(np.float32) for _ in range(2))
        return BetweenCase(name, old, new, alpha)

    return [
        BetweenCase("from 2 to 6, a quarter of the way", np.array([2.0]), np.array([6.0]), 0.25),
        drawn("random tensors, alpha 0.3", 0.3, 4),
        drawn("random matrices, alpha 0.8", 0.8, 3, 2),
        drawn("alpha 0", 0.0, 3),
        drawn("alpha 1", 1.0, 3),
    ]


def between_fault(seed: int, answers: list[Answer]) -> tuple[str, str] | None:
    """Return (what was observed, the mistake's name) of the first wrong tensor between two, or None."""
    for case, answer in zip(between_cases(seed), answers, strict=True):
        if answer.kind in ("value", "object"):
            return f"{case.name}: returned {answer.type_name}, expected a tensor", ""
        if fault := answer.fault():
            return f"{case.name}: {fault}", ""
        if tuple(answer.shape) != case.right.shape:
            return f"{case.name}: returned shape {answer.shape}, expected {list(case.right.shape)}", ""
        if not np.allclose(answer.values, case.right.flatten(), atol=TOLERANCE):
            return f"{case.name}: {answer.values[0]:.4f}, right is {case.right.flatten()[0]:.4f}", _named(case, answer)
    return None


def _named(case: BetweenCase, answer: Answer) -> str:
    back = (case.alpha * case.old + (1 - case.alpha) * case.new).flatten()
    if np.allclose(answer.values, back, atol=TOLERANCE):
        return "That goes the wrong way: alpha 0 is the old model, alpha 1 the new one."
    if np.allclose(answer.values, (case.old + case.alpha * case.new).flatten(), atol=TOLERANCE):
        return "The old weights shrink as the new ones grow: (1 - alpha) old + alpha new."
    return ""
