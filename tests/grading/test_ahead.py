"""A verdict reached ahead is the verdict that would be reached later, or is not used."""

import os

import pytest
from example_work import RUNG
from grading_class import QUICK, settings_for

from autograder.grading import ahead, student
from autograder.grading.ahead import Ahead, Asked
from autograder.nbgrader_batch import Changed
from autograder.nbgrader_results import begun
from autograder.verdict_server import VerdictServer

ADA, BEN = "ada", "ben"


@pytest.fixture
def folders(tmp_path):
    """Two submissions of one file each."""
    for name in (ADA, BEN):
        (tmp_path / name).mkdir()
        (tmp_path / name / "work.txt").write_text("first")
    return tmp_path


@pytest.fixture
def judged(monkeypatch):
    """What has been judged, in order; a verdict says what stands in the submission. Files named fail raise."""
    found = []

    def verdict_on(assignment, submission, sandbox):
        found.append(submission.name)
        if (submission / "fail").exists():
            raise OSError("no space left")
        return None, (submission / "work.txt").read_text()

    monkeypatch.setattr(ahead, "verdict_on", verdict_on)
    return found


@pytest.fixture
def verdicts(folders, judged):
    """Verdicts, after that on Ada's work: Ben's is under way."""
    made = Ahead()
    made.next = lambda: Asked(RUNG, folders / BEN, "optional")
    assert made.verdict_on(RUNG, folders / ADA, "optional") == (None, "first")
    made.next = None
    made._early.verdict.exception()  # wait until it is there
    assert judged == [ADA, BEN]
    yield made
    made.close()


def test_it_is_used(folders, judged, verdicts):
    assert verdicts.verdict_on(RUNG, folders / BEN, "optional") == (None, "first") and judged == [ADA, BEN]
    assert verdicts.verdict_on(RUNG, folders / BEN, "optional") == (None, "first") and judged == [ADA, BEN, BEN]


def test_what_has_changed_is_judged_again(folders, judged, verdicts):
    (folders / BEN / "work.txt").write_text("later")
    assert verdicts.verdict_on(RUNG, folders / BEN, "optional") == (None, "later") and judged == [ADA, BEN, BEN]


def test_somebody_else_gets_their_own(folders, judged, verdicts):
    assert verdicts.verdict_on(RUNG, folders / ADA, "optional") == (None, "first") and judged == [ADA, BEN, ADA]


def test_a_submission_that_has_gone_is_changed(folders, judged, verdicts):
    (folders / BEN / "work.txt").unlink()
    (folders / BEN).rmdir()
    with pytest.raises(Changed):
        verdicts.verdict_on(RUNG, folders / BEN, "optional")


def test_a_submission_that_has_gone_before_its_turn_is_nobodys_trouble(folders, judged, verdicts):
    verdicts.next = lambda: Asked(RUNG, folders / "nobody", "optional")
    assert verdicts.verdict_on(RUNG, folders / BEN, "optional") == (None, "first")


def test_a_fault_of_the_machine_is_told_only_if_it_lasts(folders, judged):
    made = Ahead()
    (folders / BEN / "fail").touch()
    made.next = lambda: Asked(RUNG, folders / BEN, "optional")
    made.verdict_on(RUNG, folders / ADA, "optional")
    made.next = None
    with pytest.raises(OSError, match="no space left"):
        made.verdict_on(RUNG, folders / BEN, "optional")
    assert judged == [ADA, BEN, BEN]
    made.close()


@pytest.fixture
def grader(scene, monkeypatch):
    """A grader of the class, and who has been begun ahead."""
    before, usual = os.getcwd(), Ahead._begin
    begun_with = []
    monkeypatch.setattr(Ahead, "_begin", lambda self, asked: begun_with.append(name_of(asked)) or usual(self, asked))
    with student.Grader(settings_for(scene), VerdictServer(RUNG, "")) as made:
        yield made, begun_with
        assert made.verdicts.is_ready
    os.chdir(before)


def name_of(asked: Asked) -> str:
    return asked.submission.parent.name


@pytest.mark.slow
def test_whoever_is_next_is_begun_once_unless_that_would_be_for_nothing(grader):
    made, begun_with = grader
    first, second, third, fourth = QUICK
    asked = ((first, second), (second, third), (third, ""))
    assert [made.grade(name, then=then).state for name, then in asked] == ["graded"] * 3
    assert begun_with == [first, second, third]
    begun_with.clear()
    with begun(made.converter.result(RUNG, fourth).mark):
        edit(made, first)
        assert made.grade(first, then=second).state == "graded" and begun_with == [first]  # second is up to date
        edit(made, second)
        assert made.grade(second, then=fourth).state == "graded" and begun_with == [first, second]  # another has fourth
    assert made.grade(first, then=third).state == "unchanged" and begun_with == [first, second]


def edit(made: student.Grader, name: str) -> None:
    """Add a file to the submission."""
    (made.converter.submitted(RUNG, name) / "more.txt").write_text("more")
