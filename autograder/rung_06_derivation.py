"""Rung 06's derivation: small random distributions, and the identities that each of its steps must fulfil on them.

A world here is a few prompts with a few replies each: a reference policy, a reward, a beta. Nothing is compared with
a formula where a property says it all: the optimum is what no rival beats, the implied reward differs from the true one
by one number a prompt, and the preference is that of the true reward. (arXiv 2305.18290, sections 3 and 4.)
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autograder.student_code import Answer, Call, tensor

TOLERANCE = 1e-4  # of a probability and of a reward over beta: float32 keeps seven digits
# The gap to the optimum is beta KL(pi, pi*). A policy that is right within TOLERANCE stays far below this, in nats.
LARGEST_GAP = 1e-5
RIVALS = 50


@dataclass(frozen=True)
class World:
    """Prompts with replies. Shapes: reference, reward [X, Y], float64; chosen, rejected [X], places of replies."""

    name: str
    reference: np.ndarray
    reward: np.ndarray
    beta: float
    chosen: np.ndarray
    rejected: np.ndarray
    advice: str = ""

    def optimum_call(self) -> Call:
        """Return the call of `optimal_policy`."""
        return Call((_float(self.reference), _float(self.reward), self.beta))

    def reward_call(self) -> Call:
        """Return the call of `implied_reward`, with the optimum as the policy."""
        return Call((_float(optimum(self)), _float(self.reference), self.beta))

    def preference_call(self) -> Call:
        """Return the call of `preference`, with the optimum as the policy and no reward."""
        places = (tensor(places.tolist(), "int64") for places in (self.chosen, self.rejected))
        return Call((_float(optimum(self)), _float(self.reference), *places, self.beta))


def optimum(world: World) -> np.ndarray:
    """Return pi*(y | x) = pi_ref exp(r / beta) / Z(x), float64 [X, Y] (arXiv 2305.18290, equation 4).

    By hand: pi_ref = (3/4, 1/4), r = (0, ln 3), beta = 1 gives weights 3/4 and 3/4, so Z = 3/2 and pi* = (1/2, 1/2).
    """
    scaled = world.reward / world.beta
    weight = world.reference * np.exp(scaled - scaled.max(1, keepdims=True))
    return weight / weight.sum(1, keepdims=True)


def objective(world: World, policy: np.ndarray) -> np.ndarray:
    """Return E[r] - beta KL(pi, pi_ref) for each prompt, float64 [X] (equation 3); -inf where pi_ref is 0 and pi not.

    By hand, in the world of `optimum`: at pi* = (1/2, 1/2) the reward is ln 3 / 2 = 0.5493, the divergence
    1/2 ln(2/3) + 1/2 ln 2 = 0.1438, so J = 0.4055 = ln 3/2 = beta ln Z.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(policy > 0, np.log(policy) - np.log(world.reference), 0.0)
        spent = np.where(policy > 0, policy * ratio, 0.0)
    return (policy * world.reward).sum(1) - world.beta * spent.sum(1)


def true_preference(world: World) -> np.ndarray:
    """Return Bradley and Terry's probability that chosen is preferred, by the true reward, float64 [X] (equation 1)."""
    rows = np.arange(len(world.reward))
    return 1 / (1 + np.exp(world.reward[rows, world.rejected] - world.reward[rows, world.chosen]))


def by_hand() -> World:
    """Return the world that `optimum` works out by hand."""
    one, other = np.array([0]), np.array([1])
    return World("the example's world", np.array([[0.75, 0.25]]), np.array([[0.0, np.log(3)]]), 1.0, other, one)


def value_worlds(seed: int) -> list[World]:
    """Return the world by hand and five random ones."""
    stream = np.random.default_rng(seed)
    return [by_hand(), *(_random_world(stream, f"random world {number + 1}") for number in range(5))]


def edge_worlds(seed: int) -> list[World]:
    """Return the worlds at the edges that the exercise names; they concern `optimal_policy` alone."""
    stream = np.random.default_rng([seed, 1])
    tiny = _random_world(stream, "a tiny beta", beta=0.001)
    never = _random_world(stream, "a reply that the reference never gives")
    reference = never.reference.copy()
    reference[:, 0] = 0
    reference /= reference.sum(1, keepdims=True)
    return [
        World(tiny.name, tiny.reference, tiny.reward, tiny.beta, tiny.chosen, tiny.rejected,
              "exp(r / beta) overflows: work with logarithms, as softmax does."),
        World(never.name, reference, never.reward, never.beta, never.chosen, never.rejected,
              "Probability 0 times anything is 0: log 0 = -inf is fine inside softmax."),
    ]  # fmt: skip


def _random_world(stream: np.random.Generator, name: str, beta: float | None = None) -> World:
    """Return a world without extreme numbers: log ratios of the optimum stay below 5."""
    prompts, replies = int(stream.integers(2, 5)), int(stream.integers(3, 7))
    beta = float(stream.choice((0.25, 0.5, 2.0, 4.0))) if beta is None else beta
    reference = stream.dirichlet(np.full(replies, 3.0), prompts)
    reference = (reference + 0.02) / (1 + 0.02 * replies)
    scale = 1.5 * max(beta, 0.25)
    reward = stream.uniform(-1, 1, (prompts, replies)) * scale + stream.uniform(-3, 3, (prompts, 1))
    pairs = np.array([stream.permutation(replies)[:2] for _ in range(prompts)])
    return World(name, reference, reward, beta, pairs[:, 0], pairs[:, 1])


def distribution_fault(answer: Answer, world: World) -> str | None:
    """Return what keeps an answer from being one distribution a prompt, or None."""
    if fault := _array_fault(answer, world.reward.shape):
        return fault
    policy = np.reshape(answer.values, world.reward.shape)
    if policy.min() < 0:
        return f"a probability is {policy.min():.4f}"
    off = np.abs(policy.sum(1) - 1)
    if off.max() > TOLERANCE:
        return f"the probabilities of a prompt's replies add up to {policy.sum(1)[off.argmax()]:.4f}, not to 1"
    return None


def rival_that_wins(answer: Answer, world: World, seed: int) -> tuple[str, float] | None:
    """Return a policy that reaches a higher objective than the answered one, and by how much (nats), or None.

    Rivals: the reference, the greedy policy, random policies, steps away from the answer, and the optimum itself.
    """
    policy = np.reshape(answer.values, world.reward.shape)
    policy = policy / policy.sum(1, keepdims=True)
    reached = objective(world, policy)
    for name, rival in _rivals(policy, world, np.random.default_rng([seed, 7])):
        gap = (objective(world, rival) - reached).max() / world.beta
        if not gap <= LARGEST_GAP:
            return name, float(gap)
    return None


def _rivals(policy: np.ndarray, world: World, stream: np.random.Generator):
    yield "the reference itself", world.reference
    for number in range(RIVALS):
        drawn = stream.dirichlet(np.full(policy.shape[1], 1.0), len(policy)) * (world.reference > 0)
        drawn /= drawn.sum(1, keepdims=True)
        yield "a random policy", drawn
        share = 10.0 ** -(1 + number % 3)
        yield "a small step away from it", (1 - share) * policy + share * drawn
    yield "the optimum", optimum(world)


def implied_fault(answer: Answer, world: World) -> str | None:
    """Return how the answer is not the true reward up to one number a prompt, or None."""
    if fault := _array_fault(answer, world.reward.shape):
        return fault
    gap = np.reshape(answer.values, world.reward.shape) - world.reward
    spread = gap.max(1) - gap.min(1)
    if spread.max() <= 10 * TOLERANCE * world.beta:
        return None
    return (
        f"true and implied reward of a prompt's replies differ by {gap[spread.argmax()].min():.3f} to "
        f"{gap[spread.argmax()].max():.3f}"
    )


def preference_fault(answer: Answer, world: World) -> str | None:
    """Return how the answer is not Bradley and Terry's preference by the true reward, or None."""
    right = true_preference(world)
    if fault := _array_fault(answer, right.shape):
        return fault
    gap = np.abs(np.array(answer.values) - right)
    if gap.max() <= 10 * TOLERANCE:
        return None
    return f"{answer.values[gap.argmax()]:.4f}, by the true reward it is {right[gap.argmax()]:.4f}"


def _array_fault(answer: Answer, shape: tuple[int, ...]) -> str | None:
    if answer.kind in ("value", "object"):
        return f"returned {answer.type_name}, expected a tensor"
    if fault := answer.fault():
        return fault
    return None if tuple(answer.shape) == shape else f"returned shape {answer.shape}, expected {list(shape)}"


def _float(values: np.ndarray) -> dict:
    return tensor(values.tolist(), "float32")


# What a wrong formula gives for a world, and what to say when the learner's numbers are exactly that.
Fault = tuple[Callable[[World], np.ndarray], str]


def _normalised(weight: np.ndarray) -> np.ndarray:
    return weight / weight.sum(1, keepdims=True)


def _ratio(world: World) -> np.ndarray:
    return np.log(optimum(world)) - np.log(world.reference)


def _picked(world: World, scores: np.ndarray, sign: int = 1) -> np.ndarray:
    rows = np.arange(len(scores))
    return 1 / (1 + np.exp(-sign * (scores[rows, world.chosen] - scores[rows, world.rejected])))


OPTIMUM_FAULTS: list[Fault] = [
    (lambda w: _normalised(w.reference * np.exp(w.reward * w.beta)),
     "Beta is inverted: the reward is divided by it, so that a high beta keeps the policy close to the reference."),
    (lambda w: _normalised(np.exp(w.reward / w.beta)), "The reference is forgotten: weigh each reply by it."),
    (lambda w: w.reference * np.exp(w.reward / w.beta), "Divide by Z(x), the sum over a prompt's replies."),
    (lambda w: w.reference * np.exp(w.reward / w.beta) / (w.reference * np.exp(w.reward / w.beta)).sum(),
     "Z belongs to one prompt: sum over its replies (dim -1), not over everything."),
    (lambda w: _normalised(w.reference * np.exp(-w.reward / w.beta)), "The sign is wrong: this avoids reward."),
    (lambda w: _normalised(w.reference * np.exp(w.reward)), "Beta is missing."),
    (lambda w: _normalised(np.exp(w.reference + w.reward / w.beta)),
     "Inside softmax stands the *logarithm* of the reference."),
    (lambda w: np.eye(w.reward.shape[1])[w.reward.argmax(1)], "This maximizes the reward alone: what does it cost?"),
]  # fmt: skip
REWARD_FAULTS: list[Fault] = [
    (lambda w: _ratio(w) / w.beta, "Beta is inverted: the log ratio is multiplied by it."),
    (lambda w: _ratio(w), "Beta is missing."),
    (lambda w: -w.beta * _ratio(w), "The ratio is upside down: policy over reference."),
    (lambda w: w.beta * np.log(optimum(w)), "The reference is missing: log pi alone calls likely replies good."),
    (lambda w: w.beta * np.exp(_ratio(w)), "The logarithm of the ratio is missing."),
]
PREFERENCE_FAULTS: list[Fault] = [
    (lambda w: 1 - true_preference(w), "Chosen and rejected are swapped."),
    (lambda w: _picked(w, _ratio(w) / w.beta), "Beta is inverted: the log ratio is multiplied by it."),
    (lambda w: _picked(w, _ratio(w)), "Beta is missing."),
    (lambda w: _picked(w, w.beta * np.log(optimum(w))), "The reference is missing."),
    (lambda w: _picked(w, optimum(w)), "The sigmoid takes a difference of rewards, not of probabilities."),
    (lambda w: np.log(true_preference(w)), "This is the logarithm of the probability."),
]


def named_fault(worlds: list[World], answers: list[Answer], faults: list[Fault]) -> str:
    """Return the mistake that gives exactly these answers in all worlds, or "" when none of the known ones does."""
    for formula, words in faults:
        if all(_equal(answer, formula(world)) for world, answer in zip(worlds, answers, strict=True)):
            return words
    return ""


def _equal(answer: Answer, expected: np.ndarray) -> bool:
    if len(answer.values) != expected.size or not np.isfinite(answer.values).all():
        return False
    return bool(np.allclose(np.reshape(answer.values, expected.shape), expected, rtol=1e-3, atol=1e-5))
