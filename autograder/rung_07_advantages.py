"""Rung 07's `group_advantages`: the rewards it is asked about, the right answers, the mistakes with a name.

The right answers are worked out here in float64 with NumPy, or by hand, never with the learner's code or libraries:
A = (r - mean of the group) / (std + 1e-4) (DeepSeekMath, arXiv 2402.03300, section 4.1.2; the standard deviation with
Bessel's correction and the 1e-4 as in TRL).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autograder.student_code import Answer, Call, tensor

EPSILON = 1e-4
SCALES = ("group", "batch", "none")
# float32 keeps seven digits; a thousandth of the largest advantage is below 1% of the smallest that is not zero: no
# case holds an advantage below a tenth of its largest, edges of equal rewards aside.
TOLERANCE, SMALLEST = 1e-3, 0.1


@dataclass(frozen=True)
class RewardCase:
    """One batch: rewards [B] in groups of `size`, one after the other."""

    name: str
    rewards: np.ndarray
    size: int
    scale: str
    advice: str = ""

    def call(self) -> Call:
        """Return the call of `group_advantages`."""
        return Call((tensor(self.rewards.tolist(), "float32"), self.size, self.scale))


def right_advantages(case: RewardCase) -> np.ndarray:
    """Return the advantages, float64 [B].

    By hand: rewards 1, 0, 0, 1 have mean 1/2 and, over n - 1, variance (4 x 1/4) / 3 = 1/3; so A = +-0.5 / (0.5774 +
    0.0001) = +-0.8659. Rewards 1, 1, 1, 1 give 0 / (0 + 0.0001) = 0.
    """
    return _advantages(case)


def _advantages(case: RewardCase, *, centre: str = "group", ddof: int = 1, epsilon: float = EPSILON, rows: bool = True,
                power: float = 1.0, scale: str = "") -> np.ndarray:  # fmt: skip
    scale = scale or case.scale
    flat = case.rewards.astype(np.float64)
    groups = flat.reshape(-1, case.size) if rows else flat.reshape(case.size, -1).T
    mean = groups.mean(1, keepdims=True) if centre == "group" else flat.mean() if centre == "batch" else 0.0
    found = groups - mean
    if scale != "none":
        std = groups.std(1, ddof=ddof, keepdims=True) if scale == "group" else flat.std(ddof=ddof)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = found / (std**power + epsilon)
    return (found if rows else found.T).flatten()


def value_cases(seed: int) -> list[RewardCase]:
    """Return the group by hand, then random ones under each way of scaling."""
    stream = np.random.default_rng(seed)
    by_hand = RewardCase("rewards 1, 0, 0, 1", np.array([1.0, 0, 0, 1]), 4, "group")
    return [by_hand, *(_random(stream, scale, f"random rewards {n + 1}") for n in range(2) for scale in SCALES)]


def _random(stream: np.random.Generator, scale: str, name: str) -> RewardCase:
    """Return groups that differ in mean and in spread; the number of groups is not their size."""
    while True:
        size, groups = (int(n) for n in stream.permutation([3, 4, 5, 6])[:2])
        spread, mean = stream.uniform(0.3, 3, (groups, 1)), stream.uniform(-4, 4, (groups, 1))
        rewards = (mean + spread * stream.normal(size=(groups, size))).astype(np.float32).flatten()
        case = RewardCase(f"{name}, scale {scale!r}", rewards, size, scale)
        right = np.abs(right_advantages(case))
        if right.min() > SMALLEST * right.max() / 10:
            return case


def edge_cases(seed: int) -> list[RewardCase]:
    """Return the edge cases that the exercise names."""
    stream = np.random.default_rng([seed, 1])
    equal = np.array([1.0, 1, 1, 1, 1, 0, 0, 1])
    advice = "A group of equal rewards teaches nothing: add 1e-4 to the standard deviation, and it gives zeros."
    nearly = "Where rewards hardly differ, the 1e-4 beside the standard deviation is as large as that."
    shifted = _random(stream, "group", "")
    moved = (shifted.rewards + 100).astype(np.float32)
    shift = "The same number added to every reward of a group changes nothing: subtract the group's mean."
    return [
        RewardCase("a group of equal rewards", equal, 4, "group", advice),
        RewardCase("a batch of equal rewards", np.zeros(6), 3, "batch", advice),
        RewardCase("rewards moved by 100", moved, shifted.size, "group", shift),
        RewardCase("a group of nearly equal rewards", np.array([0.5, 0.5004, 0.5, 0.5004]), 4, "group", nearly),
        RewardCase("groups of two", np.array([1.0, 0, 3, 5]), 2, "group"),
        RewardCase("one group", np.array([0.0, 0, 1]), 3, "batch"),
    ]


def fault_of(answer: Answer, case: RewardCase) -> str | None:
    """Return what is wrong with an answer, or None."""
    right = right_advantages(case)
    if answer.kind in ("value", "object"):
        return f"returned {answer.type_name}, expected a tensor"
    if fault := answer.fault():
        return fault
    if tuple(answer.shape) != right.shape:
        return f"returned a tensor of shape {answer.shape}, expected {list(right.shape)}"
    if not fits(answer, right):
        place = int(np.abs(np.array(answer.values) - right).argmax())
        return f"advantage {place + 1} is {answer.values[place]:.4f}, right is {right[place]:.4f}"
    return None


def fits(answer: Answer, right: np.ndarray) -> bool:
    """Return whether a tensor's numbers are those of `right`."""
    if answer.kind != "tensor" or len(answer.values) != right.size or not np.isfinite(right).all():
        return False
    return bool((np.abs(np.array(answer.values) - right) <= TOLERANCE * max(np.abs(right).max(), 1e-3)).all())


# What a wrong formula gives, and what to say when the learner's numbers are exactly that.
Fault = tuple[Callable[[RewardCase], np.ndarray], str]
FAULTS: list[Fault] = [
    (lambda c: _advantages(c, centre="batch"), "The mean is taken over the whole batch: take it group by group."),
    (lambda c: _advantages(c, centre="batch", scale="batch"), "Mean and spread are the whole batch's: go by groups."),
    (lambda c: _advantages(c, centre="none"), "The group's mean is not subtracted."),
    (
        lambda c: _advantages(c, rows=False),
        "The groups are cut wrongly: the first `size` rewards are one group, so reshape to (-1, size).",
    ),
    (
        lambda c: _advantages(c, ddof=0),
        "That standard deviation divides by n; TRL's divides by n - 1 (torch's default).",
    ),
    (lambda c: _advantages(c, epsilon=0), "The 1e-4 beside the standard deviation is missing."),
    (lambda c: _advantages(c, power=2), "Divide by the standard deviation, not by the variance."),
    (lambda c: _advantages(c, scale="group"), "This scales by the group whatever `scale` says."),
    (
        lambda c: _advantages(c, scale="group" if c.scale == "batch" else c.scale),
        'With scale "batch" this still divides by the group\'s standard deviation.',
    ),
    (lambda c: _advantages(c, scale="none"), "This never scales, whatever `scale` says."),
    (lambda c: -right_advantages(c), "The sign is wrong: better than the group's mean is positive."),
]  # fmt: skip


def named_fault(cases: list[RewardCase], answers: list[Answer]) -> str:
    """Return the mistake that gives exactly these answers to all cases, or "" when none of the known ones does."""
    for formula, words in FAULTS:
        if all(fits(answer, formula(case)) for case, answer in zip(cases, answers, strict=True)):
            return words
    return ""
