"""`check` in a notebook: the verdict of the command line, on what is saved, and one line for every mistake."""

import sys

import pytest
from example_work import RUNG, solved_notebook, write_notebook
from made_reports import made

from autograder import check


@pytest.fixture
def in_notebook(work, monkeypatch):
    """Stand where Jupyter runs the notebook, with the solved one saved."""
    monkeypatch.chdir(work)
    write_notebook(solved_notebook(), work)
    return work


@pytest.fixture
def asked(monkeypatch):
    """Let every criterion be met without a check, and return how it was asked for."""
    asked = []

    def grade(rung, folder, **options):
        asked.append((rung, folder, options))
        return made(True)

    monkeypatch.setattr("autograder.runner.grade", grade)
    return asked


def test_a_cell_is_checked_from_the_notebook(in_notebook, capsys):
    check("02", "read-failures")
    assert capsys.readouterr().out.endswith("Done: 3 of 3 points.\n")


def test_the_whole_rung_is_checked_from_the_notebook(in_notebook, asked, capsys):
    check("02")
    assert capsys.readouterr().out.endswith("Done: 20 of 20 points.\n")
    assert asked == [("02", in_notebook, {"cells": None})]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("99",), "no rung '99'"),
        (("02", "loss"), "rung 02 has no graded cell 'loss'"),
    ],
)
def test_a_mistake_in_a_notebook_is_one_line_too(arguments, line, in_notebook, capsys):
    check(*arguments)
    said = capsys.readouterr().out
    assert said.startswith(line) and said.count("\n") == 1


def test_a_planned_rung_is_one_line_in_a_notebook(planned, in_notebook, capsys):
    check(planned.id)
    said = capsys.readouterr().out
    assert said.startswith(f"rung {planned.id} ({planned.title}) is not built yet") and said.count("\n") == 1


def test_a_notebook_without_a_folder_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path))
    check("02", "read-failures")
    assert capsys.readouterr().out.startswith(f"{tmp_path}/{RUNG}: no such folder")


def run_cell(source: str, path, monkeypatch) -> None:
    """Define `failure_kind` in `__main__` as a notebook's cell does, so that its source can be found."""
    path.write_text(source)
    namespace: dict = {}
    exec(compile(source, str(path), "exec"), namespace)
    monkeypatch.setattr(sys.modules["__main__"], "failure_kind", namespace["failure_kind"], raising=False)


def test_an_answer_that_is_not_saved_yet_is_noticed(in_notebook, asked, tmp_path, monkeypatch, capsys):
    saved = next(cell.source for cell in solved_notebook().cells if "def failure_kind" in cell.source)
    run_cell(saved, tmp_path / "first.py", monkeypatch)
    check("02", "read-failures")
    assert len(asked) == 1
    run_cell(saved.replace("not-json", "no-json"), tmp_path / "second.py", monkeypatch)
    check("02", "read-failures")
    assert len(asked) == 1 and "save it (Ctrl+S)" in capsys.readouterr().out


@pytest.mark.parametrize("notebook", ["{", "", "[]", '{"cells": [{"metadata": 3}]}'])
def test_a_notebook_that_cannot_be_read_is_said_by_the_check_itself(in_notebook, notebook, capsys):
    (in_notebook / f"{RUNG}.ipynb").write_text(notebook)
    check("02", "read-failures")
    assert capsys.readouterr().out.endswith("Not done: 0 of 3 points.\n")
