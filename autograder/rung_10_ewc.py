"""Rung 10's `fisher` and `penalty`: the cases asked, the right answers, the mistakes with a name.

The model is small enough for a pencil: softmax regression, log p(y | x) = W[y] . x - ln sum over v of exp(W[v] . x),
with d log p(y | x) / d W[v, d] = (1 if v is y else 0 - p(v | x)) x[d]. Right answers are worked out in float64 with
NumPy, never with the learner's code or libraries.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autograder.student_code import Answer, Call, tensor

# float32 keeps seven digits; a thousandth of the largest number is far below what any named mistake changes.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class FisherCase:
    """Examples for `fisher`: weights [V, D], inputs [N, D], labels [N]."""

    name: str
    weights: np.ndarray
    inputs: np.ndarray
    labels: np.ndarray
    advice: str = ""

    def call(self) -> Call:
        """Return the call of `fisher`."""
        parts = (tensor(self.weights.tolist(), "float32"), tensor(self.inputs.tolist(), "float32"))
        return Call((*parts, tensor(self.labels.tolist(), "int64")))

    @property
    def probabilities(self) -> np.ndarray:
        """p(v | x), float64 [N, V]."""
        logits = self.inputs.astype(np.float64) @ self.weights.astype(np.float64).T
        raised = np.exp(logits - logits.max(1, keepdims=True))
        return raised / raised.sum(1, keepdims=True)

    @property
    def gradients(self) -> np.ndarray:
        """The gradient of log p(y | x) for each example, float64 [N, V, D]."""
        gap = np.eye(len(self.weights))[self.labels] - self.probabilities
        return gap[:, :, None] * self.inputs.astype(np.float64)[:, None, :]


def right_fisher(case: FisherCase) -> np.ndarray:
    """Return the mean over examples of the squared gradient, float64 [V, D].

    By hand: W = 0 with V = 2, D = 1 gives p = 1/2. Inputs 1 and 1, labels 0 and 1: the gradients for W[0] are +1/2
    and -1/2, their squares 1/4 and 1/4: F = 1/4. The mean gradient is 0, and so would be its square.
    """
    return (case.gradients**2).mean(0)


FISHER_FAULTS: list[tuple[Callable[[FisherCase], np.ndarray], str]] = [
    (lambda c: c.gradients.mean(0) ** 2,
     "That squares the mean gradient, in which examples cancel: square each example's own, then take the mean."),
    (lambda c: (c.gradients**2).sum(0), "That is the sum over examples: take the mean."),
    (lambda c: np.abs(c.gradients).mean(0), "Take the square of each gradient, not its size."),
    (lambda c: c.gradients.mean(0), "That is the mean gradient itself: square each example's own first."),
    (lambda c: (c.gradients**2).mean(0) / 2, "There is no 1/2 in F; the penalty has one."),
    (lambda c: ((c.probabilities * (1 - c.probabilities))[:, :, None] * c.inputs[:, None, :] ** 2).mean(0),
     "That is the expectation over all labels; here take the labels that are given."),
    (lambda c: (c.probabilities[:, :, None] ** 2 * c.inputs[:, None, :] ** 2).mean(0),
     "The 1 of the label is missing: the gradient is (1 if v is y else 0) - p(v | x), times x."),
]  # fmt: skip


@dataclass(frozen=True)
class PenaltyCase:
    """Weights, their anchor and their Fisher information, all of one shape, and lambda."""

    name: str
    weights: np.ndarray
    anchor: np.ndarray
    fisher: np.ndarray
    strength: float
    advice: str = ""

    def call(self, gradient: bool = False) -> Call:
        """Return the call of `penalty`, asking for the gradient of the weights if `gradient`."""
        parts = (tensor(part.tolist(), "float32") for part in (self.weights, self.anchor, self.fisher))
        return Call((*parts, self.strength), gradient_of=0 if gradient else None)


def right_penalty(case: PenaltyCase) -> float:
    """Return lambda/2 * sum of F (theta - theta*)^2 (arXiv 1612.00796, equation 3).

    By hand: theta (1, 2), anchor (0, 0), F (3, 1), lambda 4: 4/2 * (3 * 1 + 1 * 4) = 14.
    """
    gap = case.weights.astype(np.float64) - case.anchor
    return float(case.strength / 2 * (case.fisher * gap**2).sum())


def right_gradient(case: PenaltyCase) -> np.ndarray:
    """Return lambda * F (theta - theta*)."""
    return case.strength * case.fisher * (case.weights.astype(np.float64) - case.anchor)


PENALTY_FAULTS: list[tuple[Callable[[PenaltyCase], float], str]] = [
    (lambda c: 2 * right_penalty(c), "The 1/2 is missing."),
    (lambda c: float(c.strength / 2 * (c.fisher * c.weights.astype(np.float64) ** 2).sum()),
     "The anchor is missing: that pulls the weights to zero, not to where they were."),
    (lambda c: float(c.strength / 2 * (c.fisher * np.abs(c.weights.astype(np.float64) - c.anchor)).sum()),
     "Square the distance."),
    (lambda c: float(c.strength / 2 * ((c.weights.astype(np.float64) - c.anchor) ** 2).sum()),
     "Every weight counts alike: multiply by the Fisher information."),
    (lambda c: right_penalty(c) / c.weights.size, "That is the mean: the penalty is a sum."),
    (lambda c: float(c.strength / 2 * (c.fisher * (c.weights.astype(np.float64) - c.anchor)).sum() ** 2),
     "Square each weight's distance, then add up."),
    (lambda c: float(c.strength / 2 * (c.fisher**2 * (c.weights.astype(np.float64) - c.anchor) ** 2).sum()),
     "The Fisher information is not squared again."),
    (lambda c: right_penalty(c) / c.strength, "The strength, lambda, is missing."),
    (lambda c: -right_penalty(c), "The sign is wrong: leaving the anchor costs."),
]  # fmt: skip


def fisher_cases(seed: int) -> list[FisherCase]:
    """Return the case by hand, random ones, and the edges: one example, huge logits."""
    stream = np.random.default_rng([seed, 12])
    by_hand = FisherCase("two labels, weights 0", np.zeros((2, 1)), np.ones((2, 1)), np.array([0, 1]))
    made = [by_hand, *(_random_fisher(stream, f"random examples {i + 1}", n) for i, n in enumerate((6, 9, 4)))]
    one = _random_fisher(stream, "one example", 1)
    sure = _random_fisher(stream, "", 5)
    advice = "exp overflows: use softmax or log_softmax."
    return [*made, one, FisherCase("huge logits", sure.weights * 400, sure.inputs, sure.labels, advice)]


def _random_fisher(stream: np.random.Generator, name: str, n: int) -> FisherCase:
    V, D = int(stream.integers(3, 6)), int(stream.integers(2, 5))
    inputs = stream.normal(0, 1.5, (n, D)).astype(np.float32)
    return FisherCase(name, stream.normal(0, 1, (V, D)).astype(np.float32), inputs, stream.integers(0, V, n))


def penalty_cases(seed: int) -> list[PenaltyCase]:
    """Return the case by hand, random ones of several shapes, and the edges: at the anchor, a Fisher of zeros."""
    stream = np.random.default_rng([seed, 13])
    by_hand = PenaltyCase("two weights", np.array([1.0, 2]), np.zeros(2), np.array([3.0, 1]), 4.0)
    made = [by_hand, *(_random_penalty(stream, f"random weights {i + 1}", shape)
                       for i, shape in enumerate(((5,), (3, 4), (2, 3, 2))))]  # fmt: skip
    one = _random_penalty(stream, "", (4,))
    still = PenaltyCase("weights at their anchor", one.anchor, one.anchor, one.fisher, 7.0, "Nothing has moved: 0.")
    free = PenaltyCase("a Fisher of zeros", one.weights, one.anchor, np.zeros(4), 7.0, "These weights are free: 0.")
    return [*made, still, free]


def _random_penalty(stream: np.random.Generator, name: str, shape: tuple[int, ...]) -> PenaltyCase:
    weights, anchor = (stream.normal(0, 1, shape).astype(np.float32) for _ in range(2))
    return PenaltyCase(name, weights, anchor, stream.gamma(1, 2, shape).astype(np.float32),
                       round(float(stream.uniform(3, 9)), 2))  # fmt: skip


def fisher_fault(seed: int, answers: list[Answer]) -> tuple[str, str] | None:
    """Return (what was observed, the mistake's name) of the first wrong Fisher information, or None."""
    asked = fisher_cases(seed)
    for case, answer in zip(asked, answers, strict=True):
        right = right_fisher(case)
        if answer.kind in ("value", "object"):
            return f"{case.name}: returned {answer.type_name}, expected a tensor", ""
        if fault := answer.fault():
            return f"{case.name}: {fault}", case.advice
        if tuple(answer.shape) != right.shape:
            return f"{case.name}: returned shape {answer.shape}, expected {list(right.shape)}", ""
        if not _near(answer.values, right):
            place = int(np.abs(np.array(answer.values) - right.flatten()).argmax())
            observed = f"{case.name}: one number is {answer.values[place]:.4f}, right is {right.flatten()[place]:.4f}"
            pairs = list(zip(asked[:4], answers[:4], strict=True))
            named = (words for formula, words in FISHER_FAULTS if all(_near(a.values, formula(c)) for c, a in pairs))
            return observed, next(named, case.advice)
    return None


def penalty_fault(seed: int, answers: list[Answer]) -> tuple[str, str] | None:
    """Return (what was observed, the mistake's name) of the first wrong penalty, or None."""
    asked = penalty_cases(seed)
    for case, answer in zip(asked, answers, strict=True):
        if fault := answer.scalar_fault():
            return f"{case.name}: {fault}", case.advice
        right = right_penalty(case)
        if not _close(answer.values[0], right):
            named = (words for formula, words in PENALTY_FAULTS
                     if all(len(a.values) == 1 and _close(a.values[0], formula(c))
                            for c, a in zip(asked[:4], answers[:4], strict=True)))  # fmt: skip
            return f"{case.name}: {answer.values[0]:.4f}, right is {right:.4f}", next(named, case.advice)
    return None


def gradient_fault(seed: int, answers: list[Answer]) -> tuple[str, str] | None:
    """Return (what was observed, the likely cause) of the first wrong gradient of the penalty, or None."""
    for case, answer in zip(penalty_cases(seed), answers, strict=True):
        if fault := answer.scalar_fault():
            return f"{case.name}: {fault}", ""
        if answer.gradient is None:
            return f"{case.name}: no gradient reaches the weights", "The graph is cut: .item(), .detach() or float()."
        if not _near(answer.gradient, right_gradient(case)):
            return f"{case.name}: the gradient is off", "It is lambda F (theta - theta*). Mend the value first."
    return None


def _near(values: list[float], right: np.ndarray) -> bool:
    gap = np.abs(np.array(values) - right.flatten()) if len(values) == right.size else np.array([np.inf])
    return bool((gap <= TOLERANCE * max(float(np.abs(right).max()), 1e-3)).all())


def _close(given: float, right: float) -> bool:
    return abs(given - right) <= TOLERANCE * max(abs(right), 1e-3)
