"""A submitted notebook is data: what can be read is read, anything else is one line."""

import json
import os

import pytest
from example_work import SFT_LOSS, solved_notebook, write_notebook
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder import notebook_source
from autograder.notebook_source import answer_source, grade_id, has_cell, read_notebook
from shared.safe_files import ArtifactError


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "rung-02-sft"


def refusal(function, *arguments) -> str:
    with pytest.raises(ArtifactError) as caught:
        function(*arguments)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_solved_notebook_gives_its_answers(folder):
    path = write_notebook(solved_notebook(), folder)
    notebook = read_notebook(path, folder)
    assert answer_source(notebook, "answer-sft-loss", path) == SFT_LOSS.strip()
    assert has_cell(notebook, "sft-loss") and not has_cell(notebook, "nothing")


def test_source_may_be_a_list_of_lines_or_one_text():
    for source in ("a\nb", ["a\n", "b"]):
        cell = {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": "x"}}, "source": source}
        assert answer_source({"cells": [cell]}, "x", "n.ipynb") == "a\nb"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"hello", "not a notebook (Expecting value"),
        (b'{"cells": [', "not a notebook (Expecting value"),
        (b"\xff\xfe\xfa", "not a notebook"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 5_000, "not a notebook"),
        (b"[]", "no list of cells"),
        (b"null", "no list of cells"),
        (b'{"cells": {}}', "no list of cells"),
        (b'{"cells": [1]}', "no list of cells"),
        (b"{}", "no list of cells"),
    ],
)
def test_what_is_no_notebook_is_one_line(folder, content, words):
    folder.mkdir()
    path = folder / "n.ipynb"
    path.write_bytes(content)
    line = refusal(read_notebook, path, folder)
    assert "rung-02-sft/n.ipynb: " in line and words in line


def test_a_missing_notebook_and_one_too_large_are_one_line(folder, monkeypatch):
    path = write_notebook(solved_notebook(), folder)
    monkeypatch.setattr(notebook_source, "LARGEST_NOTEBOOK", 100)
    assert "expected at most 100" in refusal(read_notebook, path, folder)
    path.unlink()
    assert "no such notebook. Keep the rung's notebook under its own name" in refusal(read_notebook, path, folder)


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "folder"])
def test_only_an_ordinary_file_is_opened(folder, tmp_path, kind):
    folder.mkdir()
    path, outside = folder / "n.ipynb", tmp_path / "outside.ipynb"
    outside.write_text(json.dumps({"cells": []}))
    make = {
        "link": lambda: path.symlink_to(outside),
        "dangling": lambda: path.symlink_to(tmp_path / "nowhere"),
        "fifo": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }
    make[kind]()
    assert "expected" in refusal(read_notebook, path, folder)


@pytest.mark.parametrize(
    "metadata", [None, [], {}, {"nbgrader": None}, {"nbgrader": []}, {"nbgrader": {}}, {"nbgrader": {"grade_id": 3}}]
)
def test_odd_metadata_makes_an_ordinary_cell(metadata):
    assert grade_id({"metadata": metadata}) is None
    assert grade_id({}) is None


def changed(change) -> dict:
    notebook = solved_notebook()
    index = next(i for i, cell in enumerate(notebook.cells) if grade_id(cell) == "answer-sft-loss")
    change(notebook.cells, index)
    return notebook


def as_text(cells, index):
    cells[index] = new_markdown_cell(cells[index].source, metadata=cells[index].metadata)


def with_source(source):
    return lambda cells, index: cells[index].update(source=source)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cells, index: cells.pop(index), "is missing. Fetch the notebook again"),
        (lambda cells, index: cells[index].metadata.clear(), "is missing"),
        (lambda cells, index: cells.append(cells[index]), "2 cells are called 'answer-sft-loss', expected one"),
        (as_text, "is not a code cell. Change its type back to Code"),
        (with_source("x" * 100_001), "has 100,001 characters, expected at most 100,000"),
        (with_source(3), "is not a code cell"),
        (with_source(["a", 3]), "is not a code cell"),
    ],
)
def test_an_answer_cell_that_cannot_be_used_is_one_line(change, words):
    line = refusal(answer_source, changed(change), "answer-sft-loss", "n.ipynb")
    assert line.startswith("n.ipynb: ") and "'answer-sft-loss'" in line and words in line


def test_cells_may_be_added_and_moved():
    def moved(cells, index):
        cells.insert(0, cells.pop(index))
        cells.append(new_code_cell("my_own = 1"))

    assert answer_source(changed(moved), "answer-sft-loss", "n.ipynb") == SFT_LOSS.strip()
