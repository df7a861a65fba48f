"""A submission as the checkers see it: worked out once, started early, ended with the check."""

import pytest
from example_work import solved_notebook, write_notebook
from sandboxes import running, soon

from autograder.criteria import CannotTell, NotMet
from autograder.rung_02_submission import FAILURE_KIND, SFT_LOSS, Rung02
from autograder.student_code import StudentCode
from autograder.submission import Submission, remembered
from shared.artifacts import ArtifactError, RunRecord
from shared.course import load_course


@pytest.fixture
def opened(work):
    course = load_course()
    with Rung02(work, course.rung("02"), course, seed=1, split="public") as submission:
        yield submission


class Counted:
    """Counts how often its properties are worked out."""

    def __init__(self):
        self.times = 0

    @remembered
    def works(self):
        """A value."""
        self.times += 1
        return self.times

    @remembered
    def fails(self):
        """An error."""
        self.times += 1
        raise ArtifactError("no such file")


def test_a_value_is_worked_out_once():
    counted = Counted()
    assert (counted.works, counted.works, counted.times) == (1, 1, 1)
    assert Counted.works.__doc__ == "A value."


def test_a_failure_is_remembered_too():
    counted = Counted()
    for _ in range(3):
        with pytest.raises(ArtifactError, match="no such file"):
            _ = counted.fails
    assert counted.times == 1


def test_only_the_asked_cells_functions_are_started(opened):
    opened.begin({"read-failures", "done-when"})
    assert opened.is_running("read-failures")
    assert not opened.is_running("sft-loss") and not opened.is_running("done-when")


def test_answers_are_fetched_once_and_are_the_functions(opened):
    opened.begin({"read-failures"})
    answers = opened.answers_of(FAILURE_KIND)
    assert answers is opened.answers_of(FAILURE_KIND)
    cases = [*opened.kind_cases, *opened.text_edge_cases]
    assert all(answer.value in case.right for answer, case in zip(answers, cases, strict=True))


def test_a_function_that_cannot_be_run_gives_the_same_line_each_time(work):
    write_notebook(solved_notebook({"answer-read-failures": "def failure_kind(:"}), work)
    course = load_course()
    with Rung02(work, course.rung("02"), course, seed=1, split="public") as submission:
        submission.begin({"read-failures"})
        for _ in range(2):
            with pytest.raises(ArtifactError, match="failure_kind: the cell is not Python"):
                submission.answers_of(FAILURE_KIND)
        assert not submission.is_running("read-failures")


def test_a_notebook_that_cannot_be_read_starts_nothing_and_raises_when_asked(opened):
    opened.notebook_path.write_text("{")
    opened.begin({"sft-loss", "read-failures"})
    assert not opened.is_running("sft-loss")
    with pytest.raises(ArtifactError, match="not a notebook"):
        opened.answers_of(SFT_LOSS)
    with pytest.raises(ArtifactError, match="not a notebook"):
        opened.require_cell("sft-loss")


def test_leaving_ends_what_was_started(work):
    write_notebook(solved_notebook({"answer-read-failures": "while True: pass"}), work)
    course = load_course()
    with Rung02(work, course.rung("02"), course, seed=1, split="public") as submission:
        submission.begin({"read-failures"})
        child = submission._running[FAILURE_KIND.name]
        assert isinstance(child, StudentCode) and running(child._process.group)
    assert soon(lambda: not running(child._process.group)) and not child.folder.exists()


def test_a_deleted_graded_cell_is_missed(opened):
    opened.require_cell("done-when")
    with pytest.raises(NotMet, match=r"the graded cell 'gone' is missing from rung-02-sft\.ipynb") as caught:
        opened.require_cell("gone")
    assert "make start" in caught.value.hint


@pytest.mark.parametrize("path", ["../elsewhere", "/etc/passwd", "artifacts/../../x", "a\0b"])
def test_no_path_leads_out(opened, path):
    with pytest.raises(ArtifactError):
        opened.path(path)


def test_a_record_is_read_from_inside(opened):
    assert opened.record("artifacts/model/run.json", RunRecord).steps == 100
    with pytest.raises(ArtifactError, match="expected a file inside"):
        opened.record("../run.json", RunRecord)


def test_a_threshold_comes_from_the_course(opened):
    assert opened.threshold("exact_match", "pocket") == load_course().rung("02").thresholds["pocket"]["exact_match"]
    with pytest.raises(CannotTell, match=r"course.yml: no threshold 'speed' for rung 02 on 'pocket'"):
        opened.threshold("speed", "pocket")


def test_the_same_seed_gives_the_same_questions_and_another_seed_others(work):
    course = load_course()
    calls = [
        repr((made.loss_calls(), made.text_calls()))
        for seed in (1, 1, 2)
        for made in [Rung02(work, course.rung("02"), course, seed=seed, split="public")]
    ]
    assert calls[0] == calls[1] != calls[2]


def test_a_submission_without_functions_starts_nothing(work):
    course = load_course()
    with Submission(work, course.rung("02"), course, seed=1, split="public") as submission:
        submission.begin({"sft-loss"})
        assert not submission.is_running("sft-loss")
