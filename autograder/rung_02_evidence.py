"""How rung 02 weighs the answers of its learner's functions."""

from autograder.criteria import Finding
from autograder.rung_02_submission import FAILURE_KIND, Rung02
from autograder.rung_02_texts import TextCase
from autograder.student_code import Answer


def judge_texts(work: Rung02, cases: list[TextCase], start: int, expected: str) -> Finding:
    """Return the finding on `failure_kind` for `cases`, whose answers begin at `start`."""
    answers = work.answers_of(FAILURE_KIND)[start : start + len(cases)]
    wrong = [(case, answer) for case, answer in zip(cases, answers, strict=True) if _text_fault(case, answer)]
    if not wrong:
        return Finding(True, f"right on {len(cases)} texts", expected)
    case, answer = wrong[0]
    shown = case.text if len(case.text) <= 90 else case.text[:89] + "…"
    observed = f"{_text_fault(case, answer)} for {shown!r} ({len(wrong)} of {len(cases)} texts are off)"
    return Finding(False, observed, expected, case.advice, "Try this text in the notebook.")


def _text_fault(case: TextCase, answer: Answer) -> str | None:
    if answer.kind == "error":
        return str(answer.value)
    if answer.kind != "value" or not isinstance(answer.value, str):
        return f"returned {answer.type_name}, expected text"
    return None if answer.value in case.right else f"returned {answer.value!r}, right is {case.right[0]!r}"
