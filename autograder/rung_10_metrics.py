"""Rung 10's four numbers of an accuracy matrix: the matrices asked, the right answers, the mistakes with a name.

The right answers are worked out here with NumPy in float64, by formulas written apart from the course's own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autograder.student_code import Answer, Call

TOLERANCE = 1e-6
NAMES = ("average_accuracy", "backward_transfer", "forgetting", "forward_transfer")
LEAST_GAP = 0.02  # between the right number and that of any named mistake, in every plain case


@dataclass(frozen=True)
class MatrixCase:
    """One run: R[i][j], the accuracy on skill j after skill i was learned, and the accuracies before any."""

    name: str
    R: np.ndarray
    start: np.ndarray
    advice: str = ""

    def call(self, function: str) -> Call:
        """Return the call of one of NAMES."""
        extra = (self.start.tolist(),) if function == "forward_transfer" else ()
        return Call((self.R.tolist(), *extra))


def right_number(function: str, case: MatrixCase) -> float:
    """Return the number (arXiv 1706.08840, equations 2 to 4; forgetting: arXiv 1801.10112).

    By hand, with R = [[1, .2, 0], [.6, .9, .1], [.1, .5, 1]] and start [0, .3, 0]: ACC = 1.6 / 3 = 0.5333;
    BWT = ((.1 - 1) + (.5 - .9)) / 2 = -0.65; forgetting = ((1 - .1) + (.9 - .5)) / 2 = 0.65; FWT = ((.2 - .3) +
    (.1 - 0)) / 2 = 0.
    """
    R, start, last = case.R, case.start, len(case.R) - 1
    if function == "average_accuracy":
        return float(R[last].mean())
    if last == 0:
        return 0.0
    if function == "backward_transfer":
        return float((R[last] - R.diagonal())[:last].mean())
    if function == "forgetting":
        return float((R[:last].max(0) - R[last])[:last].mean())
    return float((R.diagonal(1) - start[1:]).mean())


Fault = tuple[Callable[[MatrixCase], float], str]
FAULTS: dict[str, list[Fault]] = {
    "average_accuracy": [
        (lambda c: float(c.R.diagonal().mean()), "That is each skill just after it was learned: take the last row."),
        (lambda c: float(c.R.mean()), "That is the mean of all cells: take the last row."),
        (lambda c: float(c.R[:, -1].mean()), "That is the last column: rows are stages, columns are skills."),
        (lambda c: float(c.R[-1, :-1].mean()), "The last skill counts too."),
    ],
    "backward_transfer": [
        (lambda c: -right_number("backward_transfer", c), "The sign is wrong: what got worse is below zero."),
        (lambda c: float((c.R[-1] - c.R.diagonal()).mean()),
         "Divide by T - 1: the last skill has had nothing after it."),
        (lambda c: float((c.R[-1] - c.R[0])[:-1].mean()),
         "Compare with R[j][j], each skill just after it was learned, not with the first row."),
        (lambda c: float(np.mean([c.R[i][j] - c.R[j][j] for i in range(len(c.R)) for j in range(i)])),
         "That averages every later stage: only the last row is asked."),
        (lambda c: float((c.R[:, -1] - c.R.diagonal())[:-1].mean()),
         "Row and column are exchanged: R[i][j] is skill j after skill i."),
    ],
    "forgetting": [
        (lambda c: -right_number("forgetting", c), "The sign is wrong: what was lost counts as positive."),
        (lambda c: float((c.R.max(0) - c.R[-1])[:-1].mean()),
         "The maximum is over the stages before the last: forgetting is below zero where a skill ends at its best."),
        (lambda c: float((c.R[:-1].max(0) - c.R[-1]).mean()), "Leave out the last skill: nothing came after it."),
        (lambda c: float((c.R.diagonal() - c.R[-1])[:-1].mean()),
         "That is minus backward transfer: forgetting counts from a skill's best before the last lesson."),
        (lambda c: float((c.R[:-1].max(0) - c.R[-1])[:-1].sum()), "That is the sum: take the mean."),
        (lambda c: float(np.maximum(c.R[:-1].max(0) - c.R[-1], 0)[:-1].mean()),
         "A skill that got better has forgetting below zero: don't cut it off."),
    ],
    "forward_transfer": [
        (lambda c: -right_number("forward_transfer", c), "The sign is wrong: what came for free counts as positive."),
        (lambda c: float((c.R.diagonal() - c.start)[1:].mean()),
         "R[j][j] has been taught skill j: look at the row before, R[j-1][j]."),
        (lambda c: float((c.R[0] - c.start)[1:].mean()), "That is the first row: look at the row before, R[j-1][j]."),
        (lambda c: float(c.R.diagonal(1).mean()), "Subtract what the model could do before any training."),
        (lambda c: float((c.R.diagonal(1) - c.start[:-1]).mean()), "start[j] belongs to skill j."),
        (lambda c: float((c.R.diagonal(1) - c.start[1:]).sum() / len(c.R)),
         "Divide by T - 1: the first skill has no stage before it."),
        (lambda c: float((c.R.diagonal(-1) - c.start[1:]).mean()),
         "Row and column are exchanged: R[i][j] is skill j after skill i."),
    ],
}  # fmt: skip


def plain_cases(seed: int) -> list[MatrixCase]:
    """Return the matrix by hand and random ones of three to five skills, on which every named mistake shows."""
    stream = np.random.default_rng([seed, 10])
    by_hand = np.array([[1, 0.2, 0], [0.6, 0.9, 0.1], [0.1, 0.5, 1]])
    return [MatrixCase("the example", by_hand, np.array([0, 0.3, 0])), *(_random(stream, T) for T in (3, 4, 5, 3))]


def edge_cases(seed: int) -> list[MatrixCase]:
    """Return the edges: one skill; two skills; a last stage that is every skill's best."""
    stream = np.random.default_rng([seed, 11])
    best = stream.uniform(0.1, 0.6, (3, 3))
    best[-1] = stream.uniform(0.7, 1, 3)
    return [
        MatrixCase("one skill", stream.uniform(0, 1, (1, 1)), stream.uniform(0, 1, 1), "A mean of nothing: return 0."),
        MatrixCase("two skills", stream.uniform(0, 1, (2, 2)), stream.uniform(0, 1, 2)),
        MatrixCase("a last stage better than all before", best, stream.uniform(0, 0.3, 3)),
    ]


def _random(stream: np.random.Generator, T: int) -> MatrixCase:
    while True:
        case = MatrixCase(f"{T} random skills", stream.uniform(0, 1, (T, T)), stream.uniform(0, 1, T))
        gaps = [
            abs(fault(case) - right_number(name, case))
            for name, faults in FAULTS.items() for fault, _ in faults
            if fault(case) != right_number(name, case)
        ]  # fmt: skip
        # In some matrix of the series a skill must end at its best, so that cutting off at zero shows.
        if min(gaps) > LEAST_GAP and ((case.R[:-1].max(0) < case.R[-1])[:-1].any() or T > 3):
            return case


def cases(seed: int) -> list[MatrixCase]:
    """Return all cases: plain ones, then edges."""
    return [*plain_cases(seed), *edge_cases(seed)]


def fault_of(function: str, seed: int, answers: list[Answer]) -> tuple[str, str] | None:
    """Return (what was observed, the mistake's name) of the first wrong answer of a function, or None."""
    asked = cases(seed)
    for case, answer in zip(asked, answers, strict=True):
        right = right_number(function, case)
        if answer.kind == "error":
            return f"{case.name}: {answer.value}", case.advice
        given = number_of(answer)
        if given is None:
            return f"{case.name}: returned {answer.type_name}, expected a number", ""
        if not abs(given - right) <= TOLERANCE:
            named = _named(function, asked, answers) or case.advice
            return f"{case.name}: {given:.4f}, right is {right:.4f}", named
    return None


def number_of(answer: Answer) -> float | None:
    """Return the one number that an answer is, NumPy's and PyTorch's too, or None; a list of one is none."""
    if answer.kind == "value" and type(answer.value) in (int, float):
        return float(answer.value)
    if answer.type_name in ("list", "tuple"):
        return None
    return answer.values[0] if len(answer.values) == 1 and not answer.shape else None


def _named(function: str, asked: list[MatrixCase], answers: list[Answer]) -> str:
    for formula, words in FAULTS[function]:
        pairs = [(formula(case), number_of(answer)) for case, answer in zip(asked, answers, strict=True)
                 if len(case.R) > 1]  # fmt: skip
        if all(given is not None and abs(given - wrong) <= TOLERANCE for wrong, given in pairs):
            return words
    return ""
