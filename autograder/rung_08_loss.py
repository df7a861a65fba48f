"""Rung 08's `preference_loss` and `last_scores`: what they are asked, the right answers, the mistakes with a name.

The right answers are worked out here in float64 with NumPy, or by hand, never with the learner's code or libraries. The
loss is that of Bradley and Terry's model as InstructGPT trains it (arXiv 2203.02155, equation 1), without its factor
for several pairs a prompt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from autograder.student_code import Answer, Call, tensor

RELATIVE_TOLERANCE = 1e-3  # of each expected number; no case expects one so small that float32 would miss it by more


@dataclass(frozen=True)
class LossCase:
    """One batch of pairs: rewards of the chosen and of the rejected replies, both [pairs]."""

    name: str
    chosen: np.ndarray
    rejected: np.ndarray
    advice: str = ""

    def call(self, gradient_of: int | None = None) -> Call:
        """Return the call of `preference_loss`, asking for one argument's gradient if wanted."""
        arrays = (tensor(part.tolist(), "float32") for part in (self.chosen, self.rejected))
        return Call(tuple(arrays), gradient_of)


@dataclass(frozen=True)
class ReadCase:
    """One batch of texts: a score a token [texts, tokens], and the mask that is 1 for tokens and 0 for padding."""

    name: str
    scores: np.ndarray
    mask: np.ndarray
    advice: str = ""

    def call(self) -> Call:
        """Return the call of `last_scores`."""
        return Call((tensor(self.scores.tolist(), "float32"), tensor(self.mask.tolist(), "int64")))


def right_loss(case: LossCase) -> float:
    """Return the mean of -log sigmoid(chosen - rejected) = log(1 + exp(rejected - chosen)).

    By hand, for the example's pairs (2, 0), (1, 1), (0, 1): margins 2, 0, -1; log(1 + e^-2) = 0.1269, log 2 = 0.6931,
    log(1 + e) = 1.3133; their mean is 0.7111.
    """
    return float(np.logaddexp(0, _margins(case) * -1).mean())


def right_gradient(case: LossCase) -> np.ndarray:
    """Return the gradient for the chosen rewards, -sigmoid(rejected - chosen) / pairs; the rejected ones' is its
    negative. For the example: -(0.1192, 0.5, 0.7311) / 3."""
    margins = _margins(case)
    return -np.exp(-np.logaddexp(0, margins)) / len(margins)


def right_scores(case: ReadCase) -> np.ndarray:
    """Return each text's score at its last token: the rightmost place whose mask is 1.

    By hand, for scores [[5, 1, 9], [9, 2, 3]] with masks [[1, 1, 0], [0, 1, 1]]: 1 and 3.
    """
    last = case.mask.shape[1] - 1 - case.mask[:, ::-1].argmax(1)
    return case.scores[np.arange(len(last)), last].astype(np.float64)


def _margins(case: LossCase) -> np.ndarray:
    return case.chosen.astype(np.float64) - case.rejected.astype(np.float64)


def loss_by_hand() -> LossCase:
    """Return the batch that `right_loss` works out by hand."""
    return LossCase("the example's three pairs", np.array([2.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0]))


def read_by_hand() -> ReadCase:
    """Return the batch that `right_scores` works out by hand."""
    scores, mask = np.array([[5.0, 1.0, 9.0], [9.0, 2.0, 3.0]]), np.array([[1, 1, 0], [0, 1, 1]])
    return ReadCase("the example's two texts", scores, mask)


def loss_cases(seed: int) -> list[LossCase]:
    """Return the batch by hand and five random ones, most pairs ordered rightly."""
    stream = np.random.default_rng(seed)
    return [loss_by_hand(), *(_random_pairs(stream, f"random batch {number + 1}") for number in range(5))]


def _random_pairs(stream: np.random.Generator, name: str) -> LossCase:
    size = int(stream.integers(3, 9))
    rejected = stream.normal(0, 1.5, size)
    return LossCase(name, _single(rejected + stream.normal(0.7, 1.2, size)), _single(rejected))


def loss_edges(seed: int) -> list[LossCase]:
    """Return the edge cases that the exercise names."""
    stream = np.random.default_rng([seed, 1])
    huge = "exp overflows: use F.logsigmoid, F.softplus or logaddexp."
    one = _random_pairs(stream, "")
    level = _single(stream.normal(0, 3, 4))
    return [
        LossCase("a margin of 1,000", np.array([600.0, 1.0]), np.array([-400.0, 0.0]), huge),
        LossCase("a margin of -1,000", np.array([-400.0, 1.0]), np.array([600.0, 0.0]), huge),
        LossCase("one pair", one.chosen[:1], one.rejected[:1], "A batch may hold one pair."),
        LossCase("equal rewards", level, level.copy(), "At a margin of 0 the loss is ln 2."),
        LossCase(
            "large rewards of equal size", level + 500, level + 500 - one.chosen[0].clip(0.5, 2), "Only margins count."
        ),
    ]


def read_cases(seed: int) -> list[ReadCase]:
    """Return the batch by hand, then random ones: padded on the right, on the left, on either side, not at all."""
    stream = np.random.default_rng([seed, 2])
    made = [read_by_hand()]
    for name, sides in (("padded on the right", "r"), ("padded on the left", "l"), ("padded on both sides", "rl")):
        made.append(_random_texts(stream, name, sides))
    whole = _random_texts(stream, "no padding", "")
    single = _random_texts(stream, "a text of one token", "r")
    single.mask[0] = 0
    single.mask[0, 0] = 1
    return [*made, whole, single]


def _random_texts(stream: np.random.Generator, name: str, sides: str) -> ReadCase:
    texts, tokens = int(stream.integers(3, 6)), int(stream.integers(7, 12))
    mask = np.ones((texts, tokens), dtype=np.int64)
    for row in mask[1:]:  # the longest text of a batch is not padded
        if "r" in sides:
            row[tokens - int(stream.integers(1, 3)) :] = 0
        if "l" in sides:
            row[: int(stream.integers(1, 3))] = 0
    advice = f"This batch is {name}." if sides else ""
    return ReadCase(name, _single(stream.normal(0, 2, (texts, tokens))), mask, advice)


def _single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)


def fits(values: Sequence[float], right: np.ndarray) -> bool:
    """Return whether the flat `values` are those of `right`, number by number."""
    return len(values) == right.size and bool(
        (np.abs(np.reshape(values, right.shape) - right) <= RELATIVE_TOLERANCE * np.abs(right) + 1e-12).all()
    )


def scalar_fault(answer: Answer, right: float) -> str | None:
    """Return what is wrong with an answer that should be the scalar tensor `right`, or None."""
    if answer.kind == "tensor" and answer.shape:
        return f"returned a tensor of shape {answer.shape}, expected a scalar"
    return tensor_fault(answer, np.array(right))


def tensor_fault(answer: Answer, right: np.ndarray) -> str | None:
    """Return what is wrong with an answer that should be the tensor `right`, or None."""
    if answer.kind in ("value", "object"):
        return f"returned {answer.type_name}, expected a tensor"
    if fault := answer.fault():
        return fault
    if tuple(answer.shape) != right.shape:
        return f"returned a tensor of shape {answer.shape}, expected {list(right.shape)}"
    if not fits(answer.values, right):
        place = int(np.abs(np.reshape(answer.values, right.shape) - right).argmax())
        return f"{answer.values[place]:.4f}, right is {right.flat[place]:.4f}"
    return None


# What a wrong formula gives for the margins, and what to say when the learner's numbers are exactly that.
LOSS_FAULTS: list[tuple[Callable[[np.ndarray], float], str]] = [
    (lambda m: np.logaddexp(0, m).mean(), "The margin's sign is turned round: it is chosen minus rejected."),
    (lambda m: -(1 / (1 + np.exp(-m))).mean(), "The logarithm is missing: -log sigmoid(margin), not -sigmoid(margin)."),
    (lambda m: (1 / (1 + np.exp(-m))).mean(), "This is the mean probability; the loss is the mean of its -log."),
    (lambda m: 1 - (1 / (1 + np.exp(-m))).mean(), "The logarithm is missing: -log sigmoid(margin), not 1 - sigmoid."),
    (lambda m: np.log(1 / (1 + np.exp(-m))).mean(), "The minus before the logarithm is missing."),
    (lambda m: np.logaddexp(0, -m).sum(), "This is the sum over the pairs; the loss is their mean."),
    (lambda m: np.logaddexp(0, -m.mean()), "The mean comes last: of the losses, not of the margins."),
    (lambda m: -m.mean(), "This is the negative margin: without -log sigmoid it has no lower end."),
    (lambda m: np.maximum(0, 1 - m).mean(), "That is a hinge loss; Bradley and Terry's is -log sigmoid(margin)."),
]
READ_FAULTS: list[tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], str]] = [
    (lambda s, m: s[:, -1], "This reads the last place of the row: with padding on the right that is a padding token."),
    (
        lambda s, m: s[range(len(s)), m.sum(1) - 1],
        "The number of tokens gives the last one's place only with padding on the right.",
    ),
    (lambda s, m: (s * m).sum(1) / m.sum(1), "This is the mean over the tokens; a reward is read at the last one."),
    (lambda s, m: s.mean(1), "This is the mean over the row, padding included; a reward is read at the last token."),
    (lambda s, m: (s * m).sum(1), "This is the sum over the tokens; a reward is read at the last one."),
    (lambda s, m: s[range(len(s)), m.argmax(1)], "This is the first token's score: it has seen nothing of the reply."),
    (lambda s, m: np.where(m, s, -np.inf).max(1), "This is the largest score of a token; asked is the last one's."),
]


def named_loss_fault(cases: Sequence[LossCase], answers: Sequence[Answer]) -> str:
    """Return the mistake that gives exactly these losses in all cases, or "" when none of the known ones does."""
    for formula, words in LOSS_FAULTS:
        wrong = [np.array(formula(_margins(case))) for case in cases]
        if all(fits(answer.values, value) for answer, value in zip(answers, wrong, strict=True)):
            return words
    return ""


def named_read_fault(cases: Sequence[ReadCase], answers: Sequence[Answer]) -> str:
    """Return the mistake that gives exactly these scores in all cases, or "" when none of the known ones does."""
    for formula, words in READ_FAULTS:
        wrong = [formula(case.scores.astype(np.float64), case.mask) for case in cases]
        if all(fits(answer.values, values) for answer, values in zip(answers, wrong, strict=True)):
            return words
    return ""
