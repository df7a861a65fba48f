"""Judging: only what passed earns points, nothing leaves `judge`, a report cannot say more than what was met."""

import pytest

from autograder.criteria import (
    LONGEST_HINT,
    LONGEST_LINE,
    CannotTell,
    Criterion,
    Finding,
    NotMet,
    Report,
    all_failed,
    judge,
    one_line,
    recount,
)
from shared.safe_files import ArtifactError


class Folder:
    """A submission with all its cells but those named, and learner functions at work for others."""

    def __init__(self, missing: str = "", running: str = ""):
        self.missing, self.running = missing, running

    def require_cell(self, cell: str) -> None:
        if cell == self.missing:
            raise NotMet(f"the cell {cell} is missing")

    def is_running(self, cell: str) -> bool:
        return cell == self.running


def finds(passed, observed="seen"):
    return lambda work: Finding(passed, observed, "wanted", "cause", "hint")


def raises(error):
    def check(work):
        raise error

    return check


def criteria(*checks, points=2):
    return [Criterion(f"c{i}", f"title {i}", points, f"cell-{i}", check) for i, check in enumerate(checks)]


def test_points_of_what_passed_are_added_up():
    report = judge("02", criteria(finds(True), finds(False), finds(None), finds(True)), Folder())
    assert [result.points for result in report.criteria] == [2, 0, 0, 2]
    assert (report.score, report.max_score, report.done, report.undecided) == (4, 8, False, False)


@pytest.mark.parametrize(
    ("found", "done", "undecided"),
    [
        ([True, True], True, False),
        ([True, False], False, False),
        ([True, None], False, True),
        ([None, False], False, False),
    ],
)
def test_done_only_when_all_passed(found, done, undecided):
    report = judge("02", criteria(*map(finds, found)), Folder())
    assert (report.done, report.undecided) == (done, undecided)


def test_no_criteria_is_not_done():
    assert not judge("02", [], Folder()).done


@pytest.mark.parametrize(
    ("error", "passed", "observed"),
    [
        (NotMet("too short", cause="why", hint="what next"), False, "too short"),
        (ArtifactError("run.json: no such file"), False, "run.json: no such file"),
        (MemoryError(), False, "the check ran out of memory"),
        (CannotTell("there is no GPU"), None, "there is no GPU"),
        (RecursionError("deep"), None, "the checker itself failed (RecursionError: deep)"),
        (KeyError("name"), None, "the checker itself failed (KeyError: 'name')"),
        (AssertionError(), None, "the checker itself failed (AssertionError: )"),
        (OSError(28, "No space left"), None, "the checker itself failed (OSError: [Errno 28] No space left)"),
        (StopIteration("x"), None, "the checker itself failed (StopIteration: x)"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), None, "the checker itself failed (UnicodeDecodeError"),
    ],
)
def test_an_exception_earns_nothing_and_stops_nothing(error, passed, observed):
    report = judge("02", criteria(raises(error), finds(True)), Folder())
    first, second = report.criteria
    assert first.passed is passed and first.points == 0 and first.observed.startswith(observed)
    assert second.passed is True
    assert not report.done and "Traceback" not in report.model_dump_json()


def test_a_reason_comes_with_its_cause_and_hint():
    report = judge("02", criteria(raises(NotMet("x", cause="Because.", hint="Do this."))), Folder())
    assert report.criteria[0].hint == "Because. Do this."
    assert report.criteria[0].expected == "title 0"


@pytest.mark.parametrize("answer", [None, True, "passed", 1])
def test_a_check_that_gives_no_finding_is_a_fault_of_ours(answer):
    first, second = judge("02", criteria(lambda work: answer, finds(True)), Folder()).criteria
    assert first.passed is None and first.points == 0 and "the checker itself failed" in first.observed
    assert second.passed is True


def test_a_deleted_cell_fails_its_criteria_without_asking():
    first, second = judge("02", criteria(finds(True), finds(True)), Folder(missing="cell-0")).criteria
    assert (first.passed, first.points, first.observed) == (False, 0, "the cell cell-0 is missing")
    assert second.passed


def test_what_is_still_running_is_asked_last_and_reported_in_place():
    asked = []

    def check(name):
        return lambda work: asked.append(name) or Finding(True, "", "")

    report = judge("02", criteria(*map(check, "abc")), Folder(running="cell-1"))
    assert asked == ["a", "c", "b"]
    assert [result.id for result in report.criteria] == ["c0", "c1", "c2"]


def test_of_cell_gives_that_cells_results():
    report = judge("02", criteria(finds(True), finds(False)), Folder())
    assert [result.id for result in report.of_cell("cell-1")] == ["c1"]


def test_a_finding_quotes_at_most_one_printable_line():
    wild = "a\nb\x1b[31m\r\n\u202e\ud800" + "x" * 10_000
    result = judge("02", criteria(finds(False, wild)), Folder()).criteria[0]
    assert result.observed.startswith("a b [31m x") and len(result.observed) == LONGEST_LINE
    assert result.observed.isprintable() and result.observed.endswith("…")


@pytest.mark.parametrize("text", ["", " \n\t ", "\x00", "\u2028"])
def test_one_line_of_nothing_is_empty(text):
    assert one_line(text) == ""


def test_one_line_leaves_a_short_line_and_shortens_a_long_one():
    assert one_line("fine – as it is") == "fine – as it is"
    assert one_line("abcdef", 6) == "abcdef"
    assert one_line("abcdefg", 6) == "abcde…"
    assert one_line(None) == "None"


def test_a_hint_may_be_longer_than_a_line():
    checks = criteria(lambda work: Finding(False, "", "", "c" * 700, "h" * 700))
    assert len(judge("02", checks, Folder()).criteria[0].hint) == LONGEST_HINT


def forged(report: Report, **changes) -> Report:
    """Return a report whose first result says something else."""
    first = report.criteria[0].model_copy(update=changes)
    return report.model_copy(update={"criteria": [first, *report.criteria[1:]]})


def test_recount_leaves_an_honest_report_alone():
    checks = criteria(finds(True), finds(False), finds(None))
    report = judge("02", checks, Folder())
    assert recount(report, checks) == report


@pytest.mark.parametrize(
    "lie", [{"points": 99}, {"max_points": 99}, {"title": "easy"}, {"cell": "another"}, {"points": -5}]
)
def test_recount_takes_everything_but_the_finding_from_our_own_list(lie):
    checks = criteria(finds(True), finds(False))
    report = judge("02", checks, Folder())
    assert recount(forged(report, **lie), checks) == report


def test_recount_does_not_believe_the_sums():
    checks = criteria(finds(True), finds(False))
    report = judge("02", checks, Folder())
    assert recount(report.model_copy(update={"score": 99, "max_score": 1, "done": True}), checks) == report


def test_recount_refuses_other_criteria():
    checks = criteria(finds(True), finds(True), finds(False))
    report = judge("02", checks, Folder())
    for results in (report.criteria[:2], report.criteria[::-1], [*report.criteria, report.criteria[0]], []):
        with pytest.raises(ValueError, match="does not answer"):
            recount(report.model_copy(update={"criteria": results}), checks)
    with pytest.raises(ValueError, match="does not answer"):
        recount(forged(report, id="c9"), checks)


def test_all_failed_gives_each_criterion_the_same_line():
    report = all_failed("02", criteria(finds(True), finds(True)), Finding(False, "stopped", "an end", hint="again"))
    assert [(r.passed, r.points, r.observed, r.hint) for r in report.criteria] == [(False, 0, "stopped", "again")] * 2
    assert (report.score, report.max_score, report.done) == (0, 4, False)
