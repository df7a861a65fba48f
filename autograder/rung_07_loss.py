"""Rung 07's `kl_k3` and `grpo_loss`: the batches they are asked about, the right answers, the mistakes with a name.

The right answers are worked out here in float64 with NumPy, or by hand. The loss is minus the clipped objective plus
beta x k3 (DeepSeekMath, arXiv 2402.03300, equations 3 and 4; PPO's clip, arXiv 1707.06347, equation 7), averaged over
tokens in one of three ways (TRL's loss_type; Dr. GRPO, arXiv 2503.20783; DAPO, arXiv 2503.14476).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from autograder.student_code import Answer, Call, tensor

# float32 keeps seven digits, and losses cancel: a thousandth of the loss's scale, the mean of its terms' sizes. Cases
# are drawn so that the loss is at least a fifth of that, so this is below 1% of any right answer.
TOLERANCE, LEAST = 1e-3, 0.2
TYPES = ("grpo", "dapo", "dr_grpo")


@dataclass(frozen=True)
class PolicyCase:
    """One batch. Shapes: log-probabilities and mask [B, T] (1 = a token of the answer), advantages [B]."""

    name: str
    logp: np.ndarray
    old: np.ndarray
    ref: np.ndarray | None
    advantages: np.ndarray
    mask: np.ndarray
    epsilon: float
    beta: float
    loss_type: str
    advice: str = ""

    def call(self, gradient: bool = False) -> Call:
        """Return the call of `grpo_loss`, asking for the gradient of `logp` if wanted."""
        floats = [None if part is None else tensor(part.tolist(), "float32") for part in
                  (self.logp, self.old, self.ref, self.advantages)]  # fmt: skip
        mask = tensor(self.mask.tolist(), "int64")
        arguments = (*floats, mask, self.epsilon, self.beta, self.loss_type)
        return Call(arguments, gradient_of=0 if gradient else None)


@dataclass(frozen=True)
class Formula:
    """The loss, or one that is wrong in one way."""

    kl: str = "k3"
    kl_sign: int = 1
    surrogate: str = "min"
    over: str = "old"
    sign: int = 1
    norm: str = ""
    masked: bool = True

    def terms(self, case: PolicyCase) -> np.ndarray:
        """Return the loss of each token, float64 [B, T]."""
        logp, advantage = case.logp.astype(np.float64), case.advantages[:, None].astype(np.float64)
        below = {"old": case.old, "ref": case.old if case.ref is None else case.ref, "none": logp}[self.over]
        ratio = np.exp(logp - below) if self.over != "none" else np.exp(logp)
        loss = -self.sign * _surrogate(self.surrogate, ratio, advantage, case.epsilon)
        if case.ref is None or case.beta == 0:
            return loss
        return loss + self.kl_sign * case.beta * kl_terms(self.kl, logp, case.ref.astype(np.float64))

    def __call__(self, case: PolicyCase) -> float:
        """Return the loss of a batch."""
        weights = token_weights(case.mask if self.masked else np.ones_like(case.mask), self.norm or case.loss_type)
        return float((self.terms(case) * weights).sum())


def kl_terms(name: str, logp: np.ndarray, ref: np.ndarray) -> np.ndarray:
    """Return an estimator of KL(policy || reference), token by token.

    With d = log ref - log p: k1 = -d, k2 = d^2 / 2, k3 = e^d - d - 1 (Schulman 2020, "Approximating KL divergence").
    By hand: p = 1/2, ref = 1/4 gives d = -ln 2 and k3 = 1/2 + 0.6931 - 1 = 0.1931.
    """
    d = ref - logp
    forms = {
        "k1": -d, "k2": d**2 / 2, "k3": np.exp(d) - d - 1, "swapped": np.exp(-d) + d - 1, "minus": d + 1 - np.exp(d),
        "no-one": np.exp(d) - d, "ratio": np.exp(d) - 1,
    }  # fmt: skip
    return forms[name]


def _surrogate(name: str, ratio: np.ndarray, advantage: np.ndarray, epsilon: float) -> np.ndarray:
    clipped = np.clip(ratio, 1 - epsilon, 1 + epsilon) * advantage
    forms = {
        "min": np.minimum(ratio * advantage, clipped),
        "max": np.maximum(ratio * advantage, clipped),
        "clip": clipped,
        "plain": ratio * advantage,
        "above": np.minimum(ratio * advantage, np.minimum(ratio, 1 + epsilon) * advantage),
        "below": np.minimum(ratio * advantage, np.maximum(ratio, 1 - epsilon) * advantage),
    }
    return forms[name]


def token_weights(mask: np.ndarray, norm: str) -> np.ndarray:
    """Return what each token's loss is multiplied with, [B, T].

    By hand, answers of 1 and 3 tokens in a batch 4 wide: "grpo" gives 1/2 to the first's token and 1/6 to each of the
    second's; "dapo" 1/4 to each; "dr_grpo" 1/8 to each.
    """
    tokens = mask.sum(1, keepdims=True)
    scales = {
        "grpo": 1 / (len(mask) * np.maximum(tokens, 1)),
        "dapo": 1 / max(mask.sum(), 1),
        "dr_grpo": 1 / mask.size,
        "sum": 1.0,
        "all": 1 / mask.size,
        "rows": 1 / len(mask),
    }
    return mask * scales[norm]


right_loss = Formula()


def right_gradient(case: PolicyCase) -> np.ndarray:
    """Return d loss / d logp, [B, T]: -A ratio where the clip does not hold, 0 where it does; beta (1 - e^d) beside."""
    logp, advantage = case.logp.astype(np.float64), case.advantages[:, None].astype(np.float64)
    ratio = np.exp(logp - case.old)
    held = ((advantage > 0) & (ratio > 1 + case.epsilon)) | ((advantage < 0) & (ratio < 1 - case.epsilon))
    gradient = np.where(held, 0, -advantage * ratio)
    if case.ref is not None:
        gradient = gradient + case.beta * (1 - np.exp(case.ref - logp))
    return gradient * token_weights(case.mask, case.loss_type)


def scale_of(case: PolicyCase) -> float:
    """Return the sum of the sizes of the loss's parts: what a rounding error is measured against."""
    return float((np.abs(right_loss.terms(case)) * token_weights(case.mask, case.loss_type)).sum())


def fits(answer: Answer, right: float, case: PolicyCase) -> bool:
    """Return whether a finite answer is `right`, within a thousandth of the batch's scale."""
    return abs(answer.values[0] - right) <= max(TOLERANCE * scale_of(case), 1e-6)


FAULTS: list[tuple[Formula, str]] = [
    (Formula(kl="k1"), "The KL term is k1, log p - log ref: that is unbiased but can be negative; asked is k3."),
    (Formula(kl="k2"), "The KL term is k2, half the square: asked is k3."),
    (Formula(kl="swapped"), "In k3 policy and reference are exchanged: d = ref_logp - logp."),
    (Formula(kl_sign=-1), "The KL's sign is wrong: the loss grows with the distance, + beta x k3."),
    (Formula(kl="no-one"), "k3 is e^d - d - 1: the 1 is missing."),
    (Formula(surrogate="max"), "Take the *smaller* of the two objectives: min, with a minus before it."),
    (Formula(surrogate="clip"), "The ratio is always clipped: take the smaller of clipped and unclipped objective."),
    (Formula(surrogate="plain"), "The ratio is never clipped."),
    (Formula(surrogate="above"), "The clip works above 1 + epsilon only: clip at 1 - epsilon too."),
    (Formula(surrogate="below"), "The clip works below 1 - epsilon only: clip at 1 + epsilon too."),
    (Formula(over="ref"), "The ratio is taken over the reference: it is new policy over *old* policy."),
    (Formula(over="none"), "The ratio lacks its denominator: exp(logp - old_logp)."),
    (Formula(sign=-1), "The sign of the objective is wrong: what is to grow must enter the loss with a minus."),
    (Formula(norm="grpo"), "This takes the mean of the answers' means whatever `loss_type` says."),
    (Formula(norm="dapo"), "This divides by all tokens of the batch whatever `loss_type` says."),
    (Formula(norm="dr_grpo"), "This divides by B x T whatever `loss_type` says."),
    (Formula(masked=False), "The mask is ignored: tokens after an answer's end must not count."),
    (Formula(norm="sum"), "This is the sum over tokens: divide as `loss_type` says."),
    (Formula(norm="rows"), "This divides by the number of answers only."),
]


def named_fault(cases: list[PolicyCase], answers: list[Answer]) -> str:
    """Return the mistake that gives exactly these answers to all cases, or "" when none of the known ones does."""
    for formula, words in FAULTS:
        if all(fits(answer, formula(case), case) for case, answer in zip(cases, answers, strict=True)):
            return words
    return ""


def value_cases(seed: int) -> list[PolicyCase]:
    """Return a batch that is worked out by hand, and two random ones of each type."""
    stream = np.random.default_rng(seed)
    return [by_hand(), *(random_case(stream, kind, f"random batch {n + 1}") for n in range(2) for kind in TYPES)]


def by_hand() -> PolicyCase:
    """Return two answers of one and two tokens, beta 0, epsilon 0.2, "dapo".

    Ratios 1.5 (A = 2): min(3, 2.4) = 2.4. Ratios 0.5 and 1.1 (A = -1): min(-0.5, -0.8) = -0.8 and -1.1. The loss is
    -(2.4 - 0.8 - 1.1) / 3 = -0.1667.
    """
    old = np.array([[-1.0, 0.0], [-1.0, -2.0]])
    logp = old + np.log([[1.5, 1.0], [0.5, 1.1]])
    advantages, mask = np.array([2.0, -1.0]), np.array([[1, 0], [1, 1]])
    return PolicyCase("the batch of the example", logp, old, None, advantages, mask, 0.2, 0.0, "dapo")


def random_case(stream: np.random.Generator, loss_type: str, name: str, **fixed: object) -> PolicyCase:
    """Return a batch in which every ratio is clear of the clip's corners, and no wrong formula is right by chance."""
    while True:
        rows, width = int(stream.integers(3, 6)), int(stream.integers(6, 9))
        logp = -stream.exponential(1.5, (rows, width)).astype(np.float32)
        old = (logp + stream.normal(0, 0.35, logp.shape)).astype(np.float32)
        ref = (logp + stream.normal(0, 0.6, logp.shape)).astype(np.float32)
        lengths = 1 + stream.permutation(width)[:rows]
        mask = (np.arange(width) < lengths[:, None]).astype(np.int64)
        advantages = (stream.choice([-1, 1], rows) * stream.uniform(0.5, 2, rows)).astype(np.float32)
        beta = round(float(stream.uniform(0.1, 0.5)), 2)
        case = PolicyCase(f"{name}, {loss_type}", logp, old, ref, advantages, mask, 0.2, beta, loss_type)
        case = replace(case, **fixed)
        if _well_drawn(case):
            return case


def _well_drawn(case: PolicyCase) -> bool:
    ratio = np.exp(case.logp.astype(np.float64) - case.old)
    clear = min(np.abs(ratio - 1 - case.epsilon).min(), np.abs(ratio - 1 + case.epsilon).min()) > 0.01
    return clear and len(set(np.sign(case.advantages))) == 2 and abs(right_loss(case)) > LEAST * scale_of(case)


def edge_cases(seed: int) -> list[PolicyCase]:
    """Return the edge cases that the exercise names."""
    stream = np.random.default_rng([seed, 1])
    wild = random_case(stream, "dapo", "")
    numbers = np.where(wild.mask, wild.logp, -80.0).astype(np.float32)
    empty = random_case(stream, "grpo", "")
    mask = empty.mask.copy()
    mask[0] = 0
    return [
        random_case(stream, "grpo", "no reference", ref=None, beta=0.0,
                    advice="With beta 0 there is no reference: ref_logp is None."),
        replace(wild, name="wild numbers after the end", logp=numbers,
                advice="What stands where the mask is 0 must not count."),
        replace(empty, name="an answer without a token", mask=mask,
                advice="Its mean is 0, not 0 / 0: divide by at least 1."),
        random_case(stream, "dapo", "another epsilon", epsilon=0.05, advice="epsilon is an argument."),
    ]  # fmt: skip


def gradient_cases(seed: int) -> list[PolicyCase]:
    """Return batches whose gradient is compared: fresh samples (old = new), and stale ones."""
    stream = np.random.default_rng([seed, 2])
    stale = random_case(stream, "grpo", "stale samples")
    while True:
        fresh = random_case(stream, "dapo", "fresh samples")
        fresh = replace(fresh, name="fresh samples, ratio 1", old=fresh.logp)
        if _apart(fresh):
            return [fresh, stale]


def _apart(case: PolicyCase) -> bool:
    right = np.abs(right_gradient(case))[case.mask == 1]
    return right.min() > 0.02 * right.max()


def kl_cases(seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return pairs (logp, ref_logp) [B, T] for `kl_k3`: by hand, random, and equal ones."""
    stream = np.random.default_rng([seed, 3])
    made = [(np.log([[0.5]]), np.log([[0.25]]))]
    for _ in range(3):
        logp = -stream.exponential(1.0, (2, 4))
        made.append((logp, logp + stream.choice([-1, 1], (2, 4)) * stream.uniform(0.3, 1.5, (2, 4))))
    return [*made, (made[1][0], made[1][0])]


Kind = Callable[[np.ndarray, np.ndarray], np.ndarray]
KL_FAULTS: dict[str, str] = {
    "k1": "This is k1, log p - log ref: right on average, but negative for some tokens.",
    "k2": "This is k2, half the square of d: never negative, but not right on average.",
    "swapped": "Policy and reference are exchanged: d = ref_logp - logp.",
    "minus": "The sign is wrong: k3 is never negative.",
    "no-one": "The - 1 is missing: equal policies have distance 0.",
    "ratio": "The - d is missing: e^d - 1 is 0 on average, whatever the policies.",
}
