"""How a checker weighs numbers that a learner worked out: right, or a mistake that has a name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autograder.criteria import Finding
from shared.questions import AnswersRecord, Question, drawn

RELATIVE_TOLERANCE = 0.005  # an answer rounded to three digits is right


@dataclass(frozen=True)
class Solution:
    """How a question is answered from its numbers: the right formula, and wrong ones with what to say to them."""

    right: Callable[..., float]
    faults: tuple[tuple[Callable[..., float], str], ...] = ()
    advice: str = ""


def judge_number(record: AnswersRecord, name: str, solutions: Mapping[str, Solution]) -> Finding:
    """Return the finding on the answer to one question of the learner's own draw."""
    question, solution = drawn(record.rung, record.seed)[name], solutions[name]
    right = solution.right(**question.numbers)
    expected = f"the right number for your question, within {RELATIVE_TOLERANCE:.1%}"
    given = record.answers.get(name)
    if given is None:
        return Finding(False, f"no answer to {name!r}", expected, hint="Fill it in, run the two cells, and check.")
    if _near(given, right):
        return Finding(True, f"{given:,.10g}", expected)
    return Finding(False, f"{name}: {given:,.10g} is not it", expected, _named(question, solution, given))


def _named(question: Question, solution: Solution, given: float) -> str:
    """Return what to say of a wrong number: the mistake that gives exactly it, or the general advice."""
    said = (words for formula, words in solution.faults if _near(given, formula(**question.numbers)))
    return next(said, solution.advice)


def _near(given: float, right: float) -> bool:
    return abs(given - right) <= RELATIVE_TOLERANCE * abs(right)
