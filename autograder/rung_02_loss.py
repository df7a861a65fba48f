"""Rung 02's `sft_loss`: the batches it is asked, the right answers, and the mistakes that have a name.

The right answers are worked out here in float64 with NumPy, or by hand, never with the learner's code or libraries.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autograder.student_code import Answer, Call, tensor

# float32 keeps seven digits; a thousandth leaves room for any order of summation, and is a tenth of the 1% of the
# smallest expected value that a wrong formula could hide in.
RELATIVE_TOLERANCE = 1e-3
ZERO_TOLERANCE = 1e-6


@dataclass(frozen=True)
class LossCase:
    """One batch for `sft_loss`. Shapes: logits [B, T, V], ids [B, T], mask [B, T] (1 = a token of the completion)."""

    name: str
    logits: np.ndarray
    ids: np.ndarray
    mask: np.ndarray
    advice: str = ""

    def call(self, gradient: bool = False) -> Call:
        """Return the call that passes this batch, asking for the gradient of the logits if `gradient`."""
        arguments = (
            tensor(self.logits.tolist(), "float32"),
            tensor(self.ids.tolist(), "int64"),
            tensor(self.mask.tolist(), "int64"),
        )
        return Call(arguments, gradient_of=0 if gradient else None)


def log_probabilities(case: LossCase) -> np.ndarray:
    """Return log softmax of the logits over the vocabulary, float64 [B, T, V], with the maximum taken out first."""
    logits = case.logits.astype(np.float64)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _nll(case: LossCase) -> np.ndarray:
    """Return -log p(token t+1 | up to t), float64 [B, T-1]."""
    return -np.take_along_axis(log_probabilities(case)[:, :-1], case.ids[:, 1:, None], axis=-1)[..., 0]


def right_loss(case: LossCase) -> float:
    """Return the loss: the mean of -log p over the completion tokens of the whole batch; 0 when there is none.

    By hand: zero logits over V tokens give ln V whatever the tokens are. With V = 2 and logits (0, ln 3) everywhere,
    token 1 has p = 3/4 and costs ln 4/3 = 0.2877, token 0 has p = 1/4 and costs ln 4 = 1.3863; a row with completion
    (1) beside a row with completion (0, 0, 0) gives (0.2877 + 3 x 1.3863) / 4 = 1.1117, while the mean of the two
    row means would be 0.8370.
    """
    mask = case.mask[:, 1:]
    return float((_nll(case) * mask).sum() / max(mask.sum(), 1))


def right_gradient(case: LossCase) -> np.ndarray:
    """Return d loss / d logits, float64 [B, T, V]: (softmax - one-hot of the next) / N where it counts, else 0."""
    mask = case.mask[:, 1:].astype(np.float64)
    gradient = np.exp(log_probabilities(case))
    gradient[:, -1] = 0
    rows, steps = np.indices(mask.shape)
    gradient[rows, steps, case.ids[:, 1:]] -= 1
    gradient[:, :-1] *= (mask / max(mask.sum(), 1))[..., None]
    return gradient


def loss_fits(answer: Answer, expected: float) -> bool:
    """Return whether a finite answer is `expected`, within a thousandth of it."""
    return abs(answer.values[0] - expected) <= max(RELATIVE_TOLERANCE * abs(expected), ZERO_TOLERANCE)


def gradient_gap(case: LossCase, answer: Answer) -> tuple[float, float]:
    """Return the largest error of a returned gradient, and the largest number in the right one."""
    right = right_gradient(case)
    if len(answer.gradient or ()) != right.size:
        return float("inf"), float(np.abs(right).max())
    return float(np.abs(np.reshape(answer.gradient, right.shape) - right).max()), float(np.abs(right).max())


def value_cases(seed: int) -> list[LossCase]:
    """Return the batches whose loss is compared: two worked out by hand, six drawn from `seed`."""
    stream = np.random.default_rng(seed)
    zeros = np.zeros((2, 5, 7), dtype=np.float32)
    ids = stream.integers(0, 7, (2, 5))
    flat = LossCase("all logits zero, 7 tokens", zeros, ids, np.array([[0, 0, 1, 1, 1], [0, 0, 0, 1, 1]]))
    ln3 = np.tile(np.array([0, np.log(3)], dtype=np.float32), (2, 5, 1))
    ids = np.array([[0, 0, 1, 0, 0], [1, 0, 0, 0, 0]])
    uneven = LossCase("rows of unequal length", ln3, ids, np.array([[0, 0, 1, 0, 0], [0, 1, 1, 1, 0]]))
    return [flat, uneven, *(_random_case(stream, i) for i in range(6))]


def _random_case(stream: np.random.Generator, number: int) -> LossCase:
    """Return a batch of three rows: prompts and completions of different lengths, padded right or left."""
    width, vocabulary = int(stream.integers(9, 14)), int(stream.integers(5, 30))
    logits = stream.normal(0, 3, (3, width, vocabulary)).astype(np.float32)
    mask = np.zeros((3, width), dtype=np.int64)
    for row, length in enumerate(stream.permutation([1, 3, 5])):
        start = int(stream.integers(2, width - length))
        mask[row, start : start + length] = 1
    return LossCase(f"random batch {number + 1}", logits, stream.integers(0, vocabulary, (3, width)), mask)


def edge_cases(seed: int) -> list[LossCase]:
    """Return the edge cases that the exercise names."""
    stream = np.random.default_rng([seed, 1])
    base = _random_case(stream, 0)
    first = base.mask.copy()
    first[:, 0] = 1
    masked_out = base.logits.copy()
    masked_out[:, :-1][base.mask[:, 1:] == 0] = 1e4 * stream.normal(size=base.logits.shape[-1])
    nothing = np.zeros_like(base.mask)
    huge = (base.logits * 3e3).astype(np.float32)
    return [
        LossCase("a mask without a single 1", base.logits, base.ids, nothing, "With no token to learn from, return 0."),
        LossCase("a 1 on the first token", base.logits, base.ids, first, "Nothing predicts token 0: leave it out."),
        LossCase("huge logits", huge, base.ids, base.mask, "exp overflows: use log_softmax or logsumexp."),
        LossCase("wild logits on masked tokens", masked_out, base.ids, base.mask, "Masked tokens must not count."),
    ]


def gradient_cases(seed: int) -> list[LossCase]:
    """Return two random batches whose gradient is compared."""
    stream = np.random.default_rng([seed, 2])
    return [_random_case(stream, number) for number in range(2)]


# What a wrong formula gives for a batch, and what to say when the learner's numbers are exactly that.
Fault = tuple[str, Callable[[LossCase], float]]


def _masked_mean(nll: np.ndarray, mask: np.ndarray) -> float:
    return float((nll * mask).sum() / max(mask.sum(), 1))


def _same_position(case: LossCase) -> float:
    nll = -np.take_along_axis(log_probabilities(case), case.ids[..., None], axis=-1)[..., 0]
    return _masked_mean(nll, case.mask)


def _backwards(case: LossCase) -> float:
    nll = -np.take_along_axis(log_probabilities(case)[:, 1:], case.ids[:, :-1, None], axis=-1)[..., 0]
    return _masked_mean(nll, case.mask[:, :-1])


def _row_means(case: LossCase) -> float:
    mask = case.mask[:, 1:]
    return float(((_nll(case) * mask).sum(1) / np.maximum(mask.sum(1), 1)).mean())


def _raw_logits(case: LossCase) -> float:
    picked = np.take_along_axis(case.logits[:, :-1].astype(np.float64), case.ids[:, 1:, None], axis=-1)[..., 0]
    return _masked_mean(-picked, case.mask[:, 1:])


LOSS_FAULTS: list[Fault] = [
    ("The logits at position t predict token t + 1: compare logits[:, :-1] with input_ids[:, 1:].", _same_position),
    ("The shift goes the wrong way: logits[:, :-1] belong to input_ids[:, 1:].", _backwards),
    ("The prompt is counted too: keep only the tokens whose mask is 1.", lambda case: float(_nll(case).mean())),
    (
        "The mask is not shifted with the tokens: use completion_mask[:, 1:].",
        lambda case: _masked_mean(_nll(case), case.mask[:, :-1]),
    ),
    ("This is the mean of the rows' means: divide once, by all completion tokens of the batch.", _row_means),
    (
        "This divides by all positions: divide by the number of completion tokens.",
        lambda case: float((_nll(case) * case.mask[:, 1:]).mean()),
    ),
    ("This is the sum: divide by the number of completion tokens.", lambda c: float((_nll(c) * c.mask[:, 1:]).sum())),
    (
        "Token 0 is a token like any other: leave out only what the mask leaves out.",
        lambda case: _masked_mean(_nll(case), case.mask[:, 1:] * (case.ids[:, 1:] != 0)),
    ),
    ("The sign is wrong: the loss is minus the log-probability.", lambda case: -right_loss(case)),
    ("These are raw logits: take log_softmax over the vocabulary first.", _raw_logits),
    ("This is the logarithm to base 2: use the natural one.", lambda case: right_loss(case) / np.log(2)),
]


def named_loss_fault(cases: list[LossCase], answers: list[Answer]) -> str:
    """Return the mistake that gives exactly these answers to all cases, or "" when none of the known ones does."""
    for name, formula in LOSS_FAULTS:
        if all(loss_fits(answer, formula(case)) for case, answer in zip(cases, answers, strict=True)):
            return name
    return ""
