"""Rung 04's `round_trip`: the weights it is asked about, the right answers, the mistakes that have a name.

The right answers are worked out here with NumPy, or by hand. The 16 levels come from the normal distribution's
quantiles (QLoRA, arXiv 2305.14314, section 3 and appendix E).
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from autograder.student_code import Answer, Call, tensor

RELATIVE_TOLERANCE = 1e-4  # float32 has seven digits; two neighbouring levels are never nearer than 8% of the largest
ZERO_TOLERANCE = 1e-7


def nf4_levels() -> np.ndarray:
    """Return NF4's 16 levels, ascending, from -1 to 1: quantiles of the normal, 8 above zero, zero, 7 below.

    The outermost quantile stands half a step from 0 and 1, averaged over 15 and 16 steps: 1 - (1/30 + 1/32) / 2.
    """
    edge = 1 - (1 / 30 + 1 / 32) / 2
    quantile = NormalDist().inv_cdf
    above = [quantile(p) for p in np.linspace(edge, 0.5, 9)[:-1]]
    below = [-quantile(p) for p in np.linspace(edge, 0.5, 8)[:-1]]
    return np.array(sorted([*above, 0.0, *below])) / max(above)


@dataclass(frozen=True)
class RoundTripCase:
    """Weights of any shape, ascending levels in [-1, 1], and how many weights share one constant."""

    name: str
    weights: np.ndarray
    levels: np.ndarray
    block_size: int
    advice: str = ""

    def call(self) -> Call:
        """Return the call that passes these."""
        arrays = (self.weights, self.levels)
        return Call((*(tensor(array.tolist(), "float32") for array in arrays), self.block_size))


def right(case: RoundTripCase) -> np.ndarray:
    """Return what comes back, in the shape of the weights.

    By hand, with levels (-1, -0.5, 0, 1) and blocks of four: (0.2, -0.8, 0.5, 0.1) has the largest magnitude 0.8;
    over it (0.25, -1, 0.625, 0.125); nearest levels (0, -1, 1, 0), the third because 0.625 is nearer to 1 than to 0;
    times 0.8 gives (0, -0.8, 0.8, 0).
    """
    return _round_trip(case, nearest, np.abs)


def nearest(scaled: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the nearest level of each number."""
    return levels[np.abs(scaled[..., None] - levels).argmin(-1)]


def _round_trip(case: RoundTripCase, pick: Callable, magnitude: Callable) -> np.ndarray:
    flat, levels = case.weights.astype(np.float64).flatten(), case.levels.astype(np.float64)
    out = np.zeros_like(flat)
    for start in range(0, len(flat), case.block_size):
        block = flat[start : start + case.block_size]
        largest = magnitude(block).max()
        if largest:
            out[start : start + case.block_size] = largest * pick(block / largest, levels)
    return out.reshape(case.weights.shape)


def by_hand() -> RoundTripCase:
    """Return the block that `right` works out by hand."""
    weights, levels = np.array([0.2, -0.8, 0.5, 0.1]), np.array([-1, -0.5, 0, 1])
    return RoundTripCase("the block of the example", weights, levels, 4)


def value_cases(seed: int) -> list[RoundTripCase]:
    """Return the block by hand and four random matrices: two on NF4's levels, two on levels of their own."""
    stream = np.random.default_rng(seed)
    cases = [by_hand()]
    for number in range(4):
        block = int(stream.choice((4, 8, 16)))
        levels = nf4_levels() if number < 2 else _levels(stream)
        cases.append(_safe(stream, f"random matrix {number + 1}", (6, 2 * block), levels, block))
    return cases


def edge_cases(seed: int) -> list[RoundTripCase]:
    """Return the edge cases that the exercise names."""
    stream = np.random.default_rng([seed, 1])
    levels = nf4_levels()
    empty = _safe(stream, "a block of zeros", (4, 8), levels, 8).weights.copy()
    empty[1] = 0
    last = "The last block may hold fewer than block_size weights: pad it, or take what is there."
    return [
        RoundTripCase("a block of zeros", empty, levels, 8, "Zeros stay zeros: nothing may be divided by zero."),
        _safe(stream, "a shorter last block", (30,), levels, 8, last),
        _safe(stream, "fewer weights than a block", (5,), levels, 64, last),
        _safe(stream, "three dimensions", (2, 3, 8), levels, 8, "Give the weights' own shape back."),
        _safe(stream, "blocks across rows", (4, 6), levels, 8, "Blocks run through the flattened weights."),
        RoundTripCase("tiny weights", _safe(stream, "", (16,), levels, 8).weights * 1e-6, levels, 8,
                      "Divide by the block's own largest magnitude, without adding anything to it."),
    ]  # fmt: skip


def _levels(stream: np.random.Generator) -> np.ndarray:
    """Return eight uneven levels from -1 to 1, at least 0.1 apart, one of them 0."""
    below = -np.cumsum(stream.uniform(0.1, 0.4, 3))[::-1]
    above = np.cumsum(stream.uniform(0.1, 0.4, 4))
    return np.array([*below / -below[0], 0.0, *above / above[-1]])


def _safe(stream, name: str, shape: tuple, levels: np.ndarray, block: int, advice: str = "") -> RoundTripCase:
    """Return normal weights of which none lies so near the middle of two levels that float32 could decide."""
    while True:
        case = RoundTripCase(name, stream.normal(size=shape).astype(np.float32), levels, block, advice)
        middles = (levels[1:] + levels[:-1]) / 2
        flat = case.weights.astype(np.float64).flatten()
        blocks = [flat[start : start + block] for start in range(0, len(flat), block)]
        scaled = np.concatenate([part / np.abs(part).max() for part in blocks])
        if np.abs(scaled[:, None] - middles).min() > 1e-4:
            return case


def fault_of(answer: Answer, expected: np.ndarray) -> str | None:
    """Return what is wrong with an answer that should be the tensor `expected`, or None."""
    if answer.kind in ("value", "object"):
        return f"returned {answer.type_name}, expected a tensor"
    if fault := answer.fault():
        return fault
    if tuple(answer.shape) != expected.shape:
        return f"returned a tensor of shape {answer.shape}, expected {list(expected.shape)}"
    if not fits(answer.values, expected):
        place = int(np.abs(np.reshape(answer.values, expected.shape) - expected).argmax())
        return f"number {place + 1} is {answer.values[place]:.4g}, right is {expected.flat[place]:.4g}"
    return None


def fits(values: list[float], expected: np.ndarray) -> bool:
    """Return whether the flat `values` are those of `expected`, number by number."""
    if len(values) != expected.size:
        return False
    room = np.maximum(RELATIVE_TOLERANCE * np.abs(expected), ZERO_TOLERANCE * np.abs(expected).max())
    return bool((np.abs(np.reshape(values, expected.shape) - expected) <= room).all())


def _below(scaled: np.ndarray, levels: np.ndarray) -> np.ndarray:
    return levels[np.clip(np.searchsorted(levels, scaled, side="right") - 1, 0, len(levels) - 1)]


def _above(scaled: np.ndarray, levels: np.ndarray) -> np.ndarray:
    return levels[np.clip(np.searchsorted(levels, scaled), 0, len(levels) - 1)]


def _whole(case: RoundTripCase) -> np.ndarray:
    largest = np.abs(case.weights).max()
    return largest * nearest(case.weights / largest, case.levels)


def _unscaled(case: RoundTripCase) -> np.ndarray:
    largest = RoundTripCase(case.name, case.weights, np.array([-1.0, 1.0]), case.block_size)
    return right(case) / np.maximum(np.abs(_round_trip(largest, lambda s, _: np.ones_like(s), np.abs)), 1e-30)


# What a wrong way gives, and what to say when the learner's numbers are exactly that.
FAULTS: list[tuple[Callable[[RoundTripCase], np.ndarray], str]] = [
    (_whole, "One constant for all: take the largest magnitude of each block."),
    (_unscaled, "These are levels: multiply them by the block's constant again."),
    (lambda case: nearest(case.weights, case.levels), "Divide each block by its largest magnitude first."),
    (lambda case: _round_trip(case, _below, np.abs), "Rounded down: take the nearest level, above or below."),
    (lambda case: _round_trip(case, _above, np.abs), "Rounded up: take the nearest level, above or below."),
    (
        lambda case: _round_trip(case, nearest, lambda block: block),
        "The largest number is not the largest magnitude: use abs().",
    ),
    (lambda case: case.weights.astype(np.float64), "These are the weights themselves: nothing was rounded."),
]


def named_fault(cases: list[RoundTripCase], answers: list[Answer]) -> str:
    """Return the mistake that gives exactly these answers to all cases, or "" when none of the known ones does."""
    for formula, words in FAULTS:
        if all(fits(answer.values, formula(case)) for case, answer in zip(cases, answers, strict=True)):
            return words
    return ""
