"""Proposals in nbgrader's gradebook: points in grey, reasons in the comment; the cell waits for a human's word."""

import json
import shutil
from types import SimpleNamespace

import pytest
from essays import essays
from nbformat.v4 import new_markdown_cell, new_notebook
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import SaveAutoGrades
from traitlets.config import LoggingConfigurable

from autograder import nbgrader_prose
from autograder.nbgrader_prose import ProseProposals
from autograder.prose.self_check import STUB
from shared.course import Judge, load_course

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Object of type <Submitted")]

RUNG, CELL, MOST = "rung-02-sft", "explain-sft", 5
HONEST = next(one.text for one in essays("tuned") if one.cell == CELL and one.kind == "plain")
OTHER = next(one.text for one in essays("held-out") if one.cell == CELL and one.kind == "chatty")
WRONG = next(one.text for one in essays("tuned") if one.cell == CELL and one.kind == "wrong")
CHECKSUM = "as released"


class Class(SimpleNamespace):
    """A gradebook and a folder of submissions, graded as far as nbgrader's last two steps go."""

    def submit(self, student: str, text: str) -> None:
        with Gradebook(self.url) as gradebook:
            gradebook.add_student(student)
            gradebook.add_submission(RUNG, student)
        folder = self.root / "submitted" / student / RUNG
        folder.mkdir(parents=True)
        cell = {"cell_type": "markdown", "source": text, "metadata": {"nbgrader": {"grade_id": CELL}}}
        (folder / f"{RUNG}.ipynb").write_text(json.dumps({"cells": [cell]}))

    def autograde(self, student: str, text: str) -> list[str]:
        """Grade; return the sources of the notebook's cells afterwards."""
        metadata = {"grade_id": CELL, "grade": True, "solution": True, "points": MOST, "checksum": CHECKSUM}
        notebook = new_notebook(cells=[new_markdown_cell(text, metadata={"nbgrader": metadata})])
        where = {"notebook": RUNG, "assignment": RUNG, "student": student, "db_url": self.url}
        resources = {"nbgrader": where}
        for step in (SaveAutoGrades(), ProseProposals(parent=self.exporter)):
            notebook, resources = step.preprocess(notebook, resources)
        return [cell.source for cell in notebook.cells]

    def grade(self, student: str) -> SimpleNamespace:
        with Gradebook(self.url) as gradebook:
            grade = gradebook.find_grade(CELL, RUNG, RUNG, student)
            comment = gradebook.find_comment(CELL, RUNG, RUNG, student)
            facts = {"auto": grade.auto_score, "manual": grade.manual_score, "waits": grade.needs_manual_grade}
            return SimpleNamespace(**facts, score=grade.score, comment=comment.comment, said=comment.auto_comment)

    def by_hand(self, student: str, score: float, words: str) -> None:
        with Gradebook(self.url) as gradebook:
            grade = gradebook.find_grade(CELL, RUNG, RUNG, student)
            grade.manual_score, grade.needs_manual_grade = score, False
            gradebook.find_comment(CELL, RUNG, RUNG, student).manual_comment = words
            gradebook.db.commit()


@pytest.fixture(scope="module")
def _released(tmp_path_factory):
    """The gradebook after the release; nbgrader takes seconds to make one."""
    path = tmp_path_factory.mktemp("released") / "gradebook.db"
    url = f"sqlite:///{path}"
    with Gradebook(url) as gradebook:
        gradebook.add_assignment(RUNG)
        gradebook.add_notebook(RUNG, RUNG)
        gradebook.add_grade_cell(CELL, RUNG, RUNG, max_score=MOST, cell_type="markdown")
        gradebook.add_solution_cell(CELL, RUNG, RUNG)
        gradebook.add_source_cell(CELL, RUNG, RUNG, cell_type="markdown", source=STUB, checksum=CHECKSUM)
    return path


@pytest.fixture
def course(tmp_path, _released):
    shutil.copy(_released, tmp_path / "gradebook.db")
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    converter = LoggingConfigurable()
    converter.coursedir = CourseDirectory(root=str(tmp_path))
    exporter = LoggingConfigurable(parent=converter)
    return Class(root=tmp_path, url=url, exporter=exporter)


def graded(course: Class, text: str, student: str = "ada") -> SimpleNamespace:
    course.submit(student, text)
    course.autograde(student, text)
    return course.grade(student)


@pytest.mark.parametrize(("text", "points"), [(HONEST, 5), (WRONG, 0), ("The loss counts the answer only.", 0)])
def test_a_proposal_waits_for_a_human(course, text, points):
    grade = graded(course, text)
    assert (grade.auto, grade.manual, grade.waits) == (points, None, True)
    assert grade.said.startswith(f"Proposed by program: {points} of 5") and "a human decides" in grade.said


def test_an_answer_in_another_language_waits_without_a_proposal(course):
    text = next(one.text for one in essays("special") if one.cell == CELL and one.kind == "Spanish")
    grade = graded(course, text)
    assert (grade.auto, grade.score, grade.waits) == (None, 0, True) and "proposes nothing" in grade.said


def test_what_a_human_gave_stays(course):
    graded(course, HONEST)
    course.by_hand("ada", 1.5, "Not what we discussed.")
    course.autograde("ada", HONEST)
    grade = course.grade("ada")
    assert (grade.auto, grade.manual, grade.score, grade.comment) == (5, 1.5, 1.5, "Not what we discussed.")
    course.autograde("ada", WRONG)
    grade = course.grade("ada")
    assert (grade.auto, grade.score, grade.waits) == (0, 1.5, True)


def test_two_learners_with_one_text_are_both_told_and_only_the_log_says_who(course, caplog):
    course.submit("ben", HONEST)
    course.submit("cleo", OTHER)
    grade = graded(course, HONEST)
    assert (grade.auto, grade.waits) == (0, True)
    assert "the same text as in another learner's answer" in grade.said and "ben" not in grade.said
    course.autograde("cleo", OTHER)
    assert course.grade("cleo").auto >= 4


def test_the_rubric_and_the_reasons_stand_below_the_answer(course):
    course.submit("ada", HONEST)
    answer, rubric = course.autograde("ada", HONEST)
    assert answer == HONEST and rubric.startswith("> **Rubric.** A human reads it. *Two points*: masking")
    assert rubric.endswith(f"\n>\n> {course.grade('ada').said}")


def test_a_slip_of_ours_costs_no_points_and_stops_nobody(course, monkeypatch):
    monkeypatch.setattr(nbgrader_prose, "propose", lambda *_: 1 / 0)
    grade = graded(course, HONEST)
    assert (grade.auto, grade.waits) == (None, True)
    assert grade.said == "The program could not read this answer; a human grades it (ZeroDivisionError)."


def test_a_judges_advice_is_a_line_and_no_score(course, monkeypatch):
    alone = graded(course, HONEST)
    grading = load_course().grading.model_copy(update={"judge": Judge(endpoint="https://judge.example/v1", model="j")})
    advised = load_course().model_copy(update={"grading": grading})
    monkeypatch.setattr(nbgrader_prose, "load_course", lambda: advised)
    for verdict in ("holds", "wrong"):
        monkeypatch.setattr("autograder.prose.judge_model.ask", lambda *_, verdict=verdict: verdict)
        course.autograde("ada", HONEST)
        grade = course.grade("ada")
        assert (grade.auto, grade.waits) == (alone.auto, True)
        assert grade.said.startswith(f"{alone.said}\n\nAdvice of j, no score: ")


@pytest.mark.parametrize("text", ["", "x" * 200_000, "\x00 \x1b[31m", "<!--" * 5_000, "<b " * 20_000])
def test_nothing_in_an_answer_stops_the_batch(course, text):
    grade = graded(course, text)
    assert grade.waits and grade.auto in (0, None)
