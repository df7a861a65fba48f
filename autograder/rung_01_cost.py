"""Rung 01's cost sketch: what `training_cost` and `break_even` must give, and the mistakes with a name."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from autograder.student_code import Answer, Call

RELATIVE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class CostCase:
    """One question of cost with its arguments and the right answer; None means that it never pays."""

    name: str
    arguments: tuple
    right: float | None
    advice: str = ""

    def call(self) -> Call:
        """Return the call of the function."""
        return Call(self.arguments)


def training_cost(rows: float, tokens: float, epochs: float, per_second: float, price: float) -> float:
    """Return the price of a run: tokens seen, over tokens a second, in hours, times the price of an hour.

    600 rows of 60 tokens, 7 epochs, 10 tokens a second, 2 an hour: 252,000 tokens, 25,200 s, 7 hours, 14.
    """
    return rows * tokens * epochs / per_second / 3600 * price


def break_even(training: float, saved: float, price: float) -> float | None:
    """Return after how many requests the tokens saved pay for the training; None when none are saved.

    A training of 14, 700 tokens saved at 2 a million: 0.0014 a request, 10,000 requests.
    """
    return training / (saved * price / 1e6) if saved > 0 else None


def training_cases(seed: int) -> list[CostCase]:
    """Return runs by hand and at random, and the edges: no rows, half an epoch."""
    stream = random.Random(f"01/cost/{seed}")
    drawn = [
        (stream.randint(100, 9000), stream.randint(40, 900), stream.randint(1, 9), stream.randint(500, 20_000),
         round(stream.uniform(0.3, 9), 2)) for _ in range(4)
    ]  # fmt: skip
    given = [("the run by hand", (600, 60, 7, 10, 2)), *((f"run {n + 1}", one) for n, one in enumerate(drawn))]
    given += [("no rows", (0, 60, 7, 10, 2)), ("half an epoch", (600, 60, 0.5, 10, 2.5))]
    return [CostCase(name, arguments, training_cost(*arguments)) for name, arguments in given]


def break_even_cases(seed: int) -> list[CostCase]:
    """Return savings by hand and at random, and the edges: nothing saved, a longer prompt, a training for nothing."""
    stream = random.Random(f"01/even/{seed}")
    drawn = [(round(stream.uniform(1, 900), 2), stream.randint(20, 4000), round(stream.uniform(0.1, 12), 2))
             for _ in range(4)]  # fmt: skip
    given = [("the case by hand", (14, 700, 2)), *((f"case {n + 1}", one) for n, one in enumerate(drawn))]
    never = "When no token is saved it never pays: return None."
    given = [CostCase(name, arguments, break_even(*arguments)) for name, arguments in given]
    given += [
        CostCase("no token saved", (14, 0, 2), None, never),
        CostCase("a longer prompt", (14, -50, 2), None, never),
    ]
    return [*given, CostCase("a training for nothing", (0, 700, 2), 0.0)]


def fault_of(answer: Answer, right: float | None) -> str | None:
    """Return what is wrong with the answer, or None."""
    if fault := answer.fault():
        return fault
    if answer.kind == "tensor" and len(answer.values) == 1:
        value = answer.values[0]
    elif answer.kind == "value" and type(answer.value) in (int, float, type(None)):
        value = answer.value
    else:
        return f"returned {answer.type_name or answer.kind}, expected a number or None"
    if (value is None) != (right is None):
        return f"returned {value}, right is {right if right is None else format(right, ',.6g')}"
    if right is not None and abs(value - right) > RELATIVE_TOLERANCE * abs(right):
        return f"returned {value:,.6g}, right is {right:,.6g}"
    return None


# What wrong formulas give, and what to say to exactly that.
TRAINING_FAULTS: list[tuple[Callable[..., float], str]] = [
    (lambda r, t, e, s, p: r * t * e / s * p, "Seconds into hours: divide by 3600."),
    (lambda r, t, e, s, p: r * t * e / s / 60 * p, "An hour has 3600 seconds."),
    (lambda r, t, e, s, p: r * t / s / 3600 * p, "Every epoch sees all tokens again."),
    (lambda r, t, e, s, p: r * e / s / 3600 * p, "Count tokens, not rows."),
    (lambda r, t, e, s, p: r * t * e / s / 3600, "These are the hours: times the price of one."),
]
EVEN_FAULTS: list[tuple[Callable[..., float], str]] = [
    (lambda c, n, p: c / (n * p), "The price is for a million tokens."),
    (lambda c, n, p: c * n * p / 1e6, "Divide the training's price by what one request saves."),
    (lambda c, n, p: n * p / 1e6 / c, "The other way round: the training's price over what one request saves."),
    (lambda c, n, p: c / p * 1e6, "A request saves `tokens_saved` tokens, not one."),
]


def named_fault(cases: list[CostCase], answers: list[Answer], faults: list) -> str:
    """Return the mistake that gives exactly these answers to the cases with a number, or ""."""
    known = [(case, answer) for case, answer in zip(cases, answers, strict=True) if case.right]
    for formula, said in faults:
        if all(fault_of(answer, formula(*case.arguments)) is None for case, answer in known):
            return said
    return ""
