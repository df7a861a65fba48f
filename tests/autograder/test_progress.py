"""`make progress`: a rung is begun when the learner has done something in it, and unanswered prose is named."""

import json

import nbformat
import pytest
from example_work import PROSE, RUNG, solved_notebook, write_notebook
from nbgrader.preprocessors import ClearSolutions

from autograder import cli
from autograder.progress import PLACEHOLDER, begun_work, prose_progress
from autograder.start import MANIFEST, _hash
from shared.course import load_course

RUNG_02 = load_course().rung("02")
TWO_ANSWERS = RUNG_02.model_copy(update={"prose_cells": {"explain-sft": 3, "checklist": 2}})


@pytest.fixture
def handed_out(tmp_path):
    """A work folder as `make start` leaves it."""
    path = write_notebook(solved_notebook({"explain-sft": PLACEHOLDER}), tmp_path / RUNG)
    manifest = {RUNG: {"source": "", "files": {path.name: _hash(path)}}}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    return path


def test_what_was_handed_out_is_not_begun(handed_out, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "grade", lambda *_: pytest.fail("there is nothing to check"))
    monkeypatch.setenv("COLUMNS", "160")
    assert begun_work(RUNG_02, tmp_path) is None
    assert cli.main(["progress", "--work", str(tmp_path)]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if RUNG_02.title in line)
    assert "0/20" in row and "not begun" in row and "answered" not in row


def test_a_changed_notebook_is_begun(handed_out, tmp_path):
    handed_out.write_text(handed_out.read_text() + "\n")
    assert begun_work(RUNG_02, tmp_path) == tmp_path / RUNG


def test_artifacts_are_begun_work(handed_out, tmp_path):
    (tmp_path / RUNG / "artifacts").mkdir()
    assert begun_work(RUNG_02, tmp_path) == tmp_path / RUNG


def test_a_folder_that_nobody_handed_out_is_begun(handed_out, tmp_path):
    (tmp_path / MANIFEST).unlink()
    assert begun_work(RUNG_02, tmp_path) == tmp_path / RUNG


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"explain-sft": PLACEHOLDER, "checklist": PLACEHOLDER}, "not answered"),
        ({"explain-sft": " \n", "checklist": f"\n{PLACEHOLDER}\n"}, "not answered"),
        ({}, "not answered"),
        ({"explain-sft": PROSE}, "1 of 2 answered"),
        ({"explain-sft": PROSE, "checklist": PROSE}, "answered"),
    ],
)
def test_how_far_the_prose_is(texts, said, tmp_path):
    cells = [
        nbformat.v4.new_markdown_cell(text, metadata={"nbgrader": {"grade_id": name}}) for name, text in texts.items()
    ]
    write_notebook(nbformat.v4.new_notebook(cells=cells), tmp_path)
    assert prose_progress(TWO_ANSWERS, tmp_path) == said


def test_an_unreadable_notebook_has_no_answers(tmp_path):
    (tmp_path / f"{RUNG}.ipynb").write_text("not JSON")
    assert prose_progress(RUNG_02, tmp_path) == "not answered"


def test_the_placeholder_is_nbgraders():
    assert ClearSolutions().text_stub == PLACEHOLDER
