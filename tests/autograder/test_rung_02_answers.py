"""Rung 02's code exercises: any right answer passes, and each wrong one fails for the reason that names its fault."""

import example_work
import pytest
from rung_02_answers import RIGHT_KINDS, RIGHT_LOSSES, WRONG_KINDS, WRONG_LOSSES

from autograder.checkers import checker_of
from autograder.criteria import Report, judge
from shared.course import load_course


def report_on(folder, cell: str, answer: str) -> Report:
    """Return the report on one graded cell of a notebook that holds `answer`, judged in this process."""
    example_work.write_notebook(example_work.solved_notebook({f"answer-{cell}": answer}), folder)
    course = load_course()
    rung = course.rung("02")
    checker = checker_of(rung, [cell])
    with checker.submission(folder, rung, course, seed=5, split="public") as work:
        work.begin({cell})
        return judge(rung.id, checker.criteria, work)


@pytest.mark.parametrize("name", RIGHT_LOSSES)
def test_any_right_loss_passes(work, name):
    report = report_on(work, "sft-loss", RIGHT_LOSSES[name])
    assert report.done, [result.observed for result in report.criteria]


@pytest.mark.parametrize("fault", WRONG_LOSSES)
def test_a_wrong_loss_is_refused_by_name(work, fault):
    answer, criterion, word = WRONG_LOSSES[fault]
    report = report_on(work, "sft-loss", answer)
    result = next(result for result in report.criteria if result.id == criterion)
    assert result.passed is False and result.points == 0
    assert word in f"{result.observed} {result.hint}".lower()


@pytest.mark.parametrize("name", RIGHT_KINDS)
def test_any_right_failure_kind_passes(work, name):
    report = report_on(work, "read-failures", RIGHT_KINDS[name])
    assert report.done, [result.observed for result in report.criteria]


@pytest.mark.parametrize("fault", WRONG_KINDS)
def test_a_wrong_failure_kind_is_refused(work, fault):
    answer, criterion = WRONG_KINDS[fault]
    report = report_on(work, "read-failures", answer)
    assert criterion in [result.id for result in report.criteria if result.passed is False]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("def sft_loss(logits, input_ids, completion_mask):\n    raise NotImplementedError()", "not written yet"),
        ("def sft_loss(logits, input_ids, completion_mask:\n    return 0", "not python"),
        ("loss = 3", "no function of this name"),
        ("def sft_loss(*batch):\n    import sys\n    sys.exit(0)", "systemexit"),
        ("import os\nos._exit(0)", "without a usable answer"),
        ("def sft_loss(*batch):\n    return undefined_name", "nameerror"),
    ],
)
def test_an_answer_that_cannot_run_is_one_clear_line(work, answer, words):
    report = report_on(work, "sft-loss", answer)
    assert report.score == 0
    assert all(words in result.observed.lower() and "\n" not in result.observed for result in report.criteria)
