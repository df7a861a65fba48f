"""Rung 06's loss: batches for `response_logps`, `dpo_loss` and `gradient_weight`, the right answers, named mistakes.

The right answers are worked out here in float64 with NumPy, or by hand, never with the learner's code or libraries.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autograder.student_code import Answer, Call, tensor

RELATIVE_TOLERANCE, ZERO_TOLERANCE = 1e-3, 1e-6
POLICY, REFERENCE = (0, 1), (2, 3)  # places of the arguments of `dpo_loss`: chosen and rejected of each model


@dataclass(frozen=True)
class Responses:
    """One batch for `response_logps`: logits [B, T, V], ids [B, T], mask [B, T] (1 = a token of the response)."""

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

    @property
    def log_p(self) -> np.ndarray:
        """log softmax of the logits over the vocabulary, float64 [B, T, V]."""
        logits = self.logits.astype(np.float64)
        shifted = logits - logits.max(axis=-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Pairs:
    """Log-probabilities of B pairs' replies, float64 [B]: under the policy and under the reference; and beta."""

    name: str
    policy_chosen: np.ndarray
    policy_rejected: np.ndarray
    reference_chosen: np.ndarray
    reference_rejected: np.ndarray
    beta: float
    advice: str = ""

    def call(self, gradient_of: int | None = None) -> Call:
        """Return the call of `dpo_loss` or `gradient_weight`, which take the same arguments."""
        arrays = (self.policy_chosen, self.policy_rejected, self.reference_chosen, self.reference_rejected)
        return Call((*(tensor(array.tolist(), "float32") for array in arrays), self.beta), gradient_of)

    @property
    def logits(self) -> np.ndarray:
        """beta times what the policy has gained on chosen over rejected, [B]: the difference of implied rewards."""
        chosen = self.policy_chosen - self.reference_chosen
        return self.beta * (chosen - (self.policy_rejected - self.reference_rejected))


def right_loss(pairs: Pairs) -> float:
    """Return the mean of -log sigmoid(beta x gain) over the pairs (arXiv 2305.18290, equation 7).

    By hand: equal models give ln 2 = 0.6931 whatever beta. With beta = 0.5 and a gain of 2 ln 3 the sigmoid is 3/4, the
    loss ln 4/3 = 0.2877; with a gain of -2 ln 3 it is ln 4 = 1.3863; the mean of both is 0.8370.
    """
    return float(np.logaddexp(0, -pairs.logits).mean())


def right_weight(pairs: Pairs) -> np.ndarray:
    """Return beta sigmoid(-beta x gain), float64 [B]: what each pair's gradient is multiplied with (section 4).

    By hand, for the pairs above: 0.5 x 1/4 = 0.125 for the right order, 0.5 x 3/4 = 0.375 for the wrong one.
    """
    return pairs.beta * np.exp(-np.logaddexp(0, pairs.logits))


def right_gradient(pairs: Pairs, of: int) -> np.ndarray:
    """Return d loss / d log pi of the chosen (0) or rejected (1) replies, float64 [B]: -+ weight / B."""
    return (-1 if of == 0 else 1) * right_weight(pairs) / len(pairs.logits)


def right_logps(case: Responses) -> np.ndarray:
    """Return the sum of log p over each row's response tokens, float64 [B]; 0 for a row without any.

    By hand: logits of zero over V tokens give -n ln V for n response tokens, whatever the tokens are.
    """
    picked = np.take_along_axis(case.log_p[:, :-1], case.ids[:, 1:, None], axis=-1)[..., 0]
    return (picked * case.mask[:, 1:]).sum(1)


def right_logps_gradient(case: Responses) -> np.ndarray:
    """Return d (w · sums) / d logits, float64 [B, T, V]: w_b (one-hot - p) where a response token is predicted, else 0.

    w runs from 1 to 2 over the rows (see `student_code.Call`).
    """
    weights = np.linspace(1, 2, len(case.ids))[:, None] * case.mask[:, 1:]
    hit = np.eye(case.logits.shape[-1])[case.ids[:, 1:]]
    gradient = np.zeros(case.logits.shape)
    gradient[:, :-1] = weights[..., None] * (hit - np.exp(case.log_p[:, :-1]))
    return gradient


def pairs_by_hand() -> Pairs:
    """Return the two pairs that `right_loss` works out by hand: gains of 2 ln 3 and -2 ln 3, beta one half."""
    gain = np.log(3)
    policy = np.array([-10 + gain, -12 - gain]), np.array([-11 - gain, -9 + gain])
    return Pairs("the two pairs of the example", *policy, np.array([-10.0, -12.0]), np.array([-11.0, -9.0]), 0.5)


def value_pairs(seed: int) -> list[Pairs]:
    """Return the pairs by hand, equal models, and five random batches."""
    stream = np.random.default_rng([seed, 11])
    same = stream.normal(-20, 4, 3), stream.normal(-25, 4, 3)
    equal = Pairs("policy and reference are equal", *same, *same, 0.1, "Before the first step the loss is ln 2.")
    return [pairs_by_hand(), equal, *(_random_pairs(stream, f"random batch {i + 1}") for i in range(5))]


def edge_pairs(seed: int) -> list[Pairs]:
    """Return the edges that the exercise names."""
    stream = np.random.default_rng([seed, 12])
    far = np.array([-900.0, -40.0]), np.array([-50.0, -1200.0])
    near = np.array([-40.0, -40.0]), np.array([-45.0, -45.0])
    one = _random_pairs(stream, "a single pair", count=1)
    return [
        Pairs("rewards that lie far apart", *far, *near, 1.0, "log(sigmoid(-800)) is -inf: use F.logsigmoid."),
        one,
    ]


def _random_pairs(stream: np.random.Generator, name: str, count: int | None = None) -> Pairs:
    count = count or int(stream.integers(3, 6))
    beta = float(stream.choice((0.05, 0.2, 0.4, 2.0)))
    reference = stream.normal(-30, 6, count), stream.normal(-40, 6, count)
    moved = [values + stream.uniform(-1.5, 1.5, count) / beta for values in reference]
    return Pairs(name, *moved, *reference, beta)


def logps_cases(seed: int) -> list[Responses]:
    """Return batches for `response_logps`: one by hand, five random ones, then the edges that the exercise names."""
    stream = np.random.default_rng([seed, 13])
    zeros = np.zeros((2, 5, 7), dtype=np.float32)
    mask = np.array([[0, 0, 1, 1, 1], [0, 0, 0, 1, 0]])
    flat = Responses("all logits zero, 7 tokens", zeros, stream.integers(0, 7, (2, 5)), mask)
    drawn = [_random_batch(stream, f"random batch {i + 1}") for i in range(5)]
    return [flat, *drawn]


def logps_edges(seed: int) -> list[Responses]:
    """Return the edges of `response_logps`."""
    stream = np.random.default_rng([seed, 14])
    base = _random_batch(stream, "")
    empty = base.mask.copy()
    empty[0] = 0
    huge = (base.logits * 3e3).astype(np.float32)
    return [
        Responses("a row without a response", base.logits, base.ids, empty, "Its sum is 0."),
        Responses("huge logits", huge, base.ids, base.mask, "exp overflows: use log_softmax or logsumexp."),
    ]


def _random_batch(stream: np.random.Generator, name: str) -> Responses:
    """Return three rows whose responses have other lengths, with padding behind them."""
    width, vocabulary = int(stream.integers(10, 14)), int(stream.integers(5, 25))
    logits = stream.normal(0, 2, (3, width, vocabulary)).astype(np.float32)
    mask = np.zeros((3, width), dtype=np.int64)
    for row, length in enumerate(stream.permutation([2, 3, 6])):
        start = int(stream.integers(2, width - length))
        mask[row, start : start + length] = 1
    return Responses(name, logits, stream.integers(0, vocabulary, (3, width)), mask)


def fits(values: list[float], right: np.ndarray) -> bool:
    """Return whether numbers are right within a thousandth of each."""
    if len(values) != right.size:
        return False
    room = np.maximum(RELATIVE_TOLERANCE * np.abs(right), ZERO_TOLERANCE)
    return bool((np.abs(np.reshape(values, right.shape) - right) <= room).all())


def fault_of(answer: Answer, right: np.ndarray) -> str | None:
    """Return what is wrong with an answer that should be the tensor `right` (of shape () for a loss), or None."""
    if answer.kind in ("value", "object"):
        return f"returned {answer.type_name}, expected a tensor"
    if fault := answer.fault():
        return fault
    if tuple(answer.shape) != right.shape:
        return f"returned shape {answer.shape}, expected {list(right.shape)}"
    if fits(answer.values, right):
        return None
    place = int(np.abs(np.reshape(answer.values, right.shape) - right).argmax())
    return f"{answer.values[place]:.4f}, right is {right.flat[place]:.4f}"


# What a wrong formula gives, and what to say when the learner's numbers are exactly that.
LogpsFault = tuple[Callable[[Responses], np.ndarray], str]
PairsFault = tuple[Callable[[Pairs], np.ndarray], str]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -x))


def _over_positions(case: Responses, mask: np.ndarray, shift: bool = True) -> np.ndarray:
    logs, ids = case.log_p, case.ids
    logs, ids = (logs[:, :-1], ids[:, 1:]) if shift else (logs, ids)
    return (np.take_along_axis(logs, ids[..., None], axis=-1)[..., 0] * mask).sum(1)


LOGPS_FAULTS: list[LogpsFault] = [
    (lambda c: right_logps(c) / np.maximum(c.mask[:, 1:].sum(1), 1),
     "This is the mean over the response's tokens; the paper's log pi(y | x) is their *sum*."),
    (lambda c: _over_positions(c, np.ones_like(c.mask[:, 1:])),
     "The prompt's tokens (and the padding's) are counted too: keep those whose mask is 1."),
    (lambda c: _over_positions(c, c.mask, shift=False),
     "The logits at position t predict token t + 1: compare logits[:, :-1] with input_ids[:, 1:]."),
    (lambda c: _over_positions(c, c.mask[:, :-1]), "The mask is not shifted with the tokens: response_mask[:, 1:]."),
    (lambda c: -right_logps(c), "The sign is wrong: a log-probability is at most 0."),
    (lambda c: np.array(right_logps(c).sum()), "One number a row is wanted, not one for the batch."),
]  # fmt: skip
LOSS_FAULTS: list[PairsFault] = [
    (lambda p: np.logaddexp(0, p.logits).mean(), "Chosen and rejected are swapped, or the sign is."),
    (lambda p: np.logaddexp(0, -p.logits / p.beta**2).mean(),
     "Beta is inverted: it multiplies the log ratios, it does not divide them."),
    (lambda p: np.logaddexp(0, -p.logits / p.beta).mean(), "Beta is missing."),
    (lambda p: np.logaddexp(0, -p.logits).sum(), "This is the sum over the pairs: take their mean."),
    (lambda p: np.logaddexp(0, -p.beta * (p.policy_chosen - p.policy_rejected)).mean(),
     "The reference is missing: its log-probabilities are subtracted."),
    (lambda p: _sigmoid(-p.logits).mean(), "The logarithm is missing: -log sigmoid, not 1 - sigmoid."),
    (lambda p: -np.logaddexp(0, -p.logits).mean(), "The sign is wrong: the loss is *minus* the log-probability."),
    (lambda p: np.logaddexp(0, -p.logits).mean() / np.log(2), "This is the logarithm to base 2: take the natural one."),
    (lambda p: np.logaddexp(0, -p.logits.mean()), "Take the mean last: of the losses, not of the margins."),
    (lambda p: np.maximum(0, 1 - p.logits).mean(), "This is the hinge loss, one of TRL's variants."),
]  # fmt: skip
WEIGHT_FAULTS: list[PairsFault] = [
    (lambda p: p.beta * _sigmoid(p.logits), "This weighs right orderings more: the argument's sign is wrong."),
    (lambda p: _sigmoid(-p.logits), "Beta is missing as a factor: the chain rule brings it out."),
    (lambda p: -right_weight(p), "The sign is wrong: the weight is positive; the minus stands before the sum."),
    (lambda p: right_weight(p) / len(p.logits), "One weight a pair, without the mean's 1 / B."),
    (lambda p: p.beta * _sigmoid(p.logits) * _sigmoid(-p.logits),
     "This is the derivative of sigmoid; the loss is its *logarithm*."),
]  # fmt: skip


def named_fault(cases: list, answers: list[Answer], faults: list) -> str:
    """Return the mistake that gives exactly these answers to all cases, or "" when none of the known ones does."""
    for formula, words in faults:
        expected = [np.asarray(formula(case)) for case in cases]
        if all(fits(answer.values, right) for answer, right in zip(answers, expected, strict=True)):
            return words
    return ""
