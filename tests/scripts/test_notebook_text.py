"""A notebook survives the way to text and back: ids, nbgrader metadata, magics, misleading text."""

import importlib.util
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from shared.course import ROOT

SCRIPT = ROOT / "scripts" / "notebook_text.py"
SPEC = importlib.util.spec_from_file_location("notebook_text", SCRIPT)
notebook_text = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(notebook_text)

GRADED = {"grade": True, "grade_id": "sft-loss", "points": 4, "locked": True, "solution": False}


@pytest.fixture
def notebook():
    cells = [
        new_markdown_cell("# Title\n\n\n<details>\n<summary>Hint</summary>\n\n# %% not a cell\n</details>"),
        new_code_cell("import json\n\n\n%matplotlib inline\n!ls"),
        new_code_cell("check('02', 'sft-loss')", metadata={"nbgrader": GRADED, "tags": ["x"], "deletable": False}),
        new_code_cell(""),
    ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "celltoolbar": "Create Assignment"})


def test_round_trip_changes_nothing(notebook):
    before = nbformat.writes(notebook)
    after = notebook_text.from_text(notebook_text.to_text(notebook), notebook)
    assert nbformat.writes(after) == before


@pytest.mark.parametrize("path", sorted(ROOT.glob("rungs/*/*.ipynb")), ids=lambda path: path.stem)
def test_round_trip_of_the_course_notebooks(path):
    notebook = nbformat.read(path, as_version=4)
    after = notebook_text.from_text(notebook_text.to_text(notebook), notebook)
    assert nbformat.writes(after) == nbformat.writes(notebook)


def test_an_edited_cell_keeps_its_id_and_metadata(notebook):
    text = notebook_text.to_text(notebook).replace("check('02', 'sft-loss')", "print('quite other')")
    cell = notebook_text.from_text(text, notebook).cells[2]
    assert cell.source == "print('quite other')"
    assert (cell.id, cell.metadata.nbgrader.grade_id) == ("cell-2", "sft-loss")


def test_a_new_cell_gets_an_id_of_its_own(notebook):
    after = notebook_text.from_text(notebook_text.to_text(notebook) + "\n# %%\nnew = 1\n", notebook)
    assert after.cells[-1].source == "new = 1"
    assert len({cell.id for cell in after.cells}) == 5


def test_a_copied_header_is_refused(notebook):
    text = notebook_text.to_text(notebook) + '\n# %% id="cell-1"\nnew = 1\n'
    with pytest.raises(ValueError, match='two cells have id="cell-1"'):
        notebook_text.from_text(text, notebook)


def test_command_line_writes_and_reads(notebook, tmp_path, monkeypatch, capsys):
    source, text = tmp_path / "a.ipynb", tmp_path / "text" / "a.py"
    nbformat.write(notebook, source)
    before = source.read_text()
    assert notebook_text.main(["write", str(source), str(text)]) == 0
    assert notebook_text.main(["read", str(source), str(text)]) == 0
    assert source.read_text() == before
    monkeypatch.setattr(sys, "stderr", sys.stdout)
    capsys.readouterr()
    assert notebook_text.main(["read", str(source), str(tmp_path / "missing.py")]) == 2
    assert capsys.readouterr().out.startswith("notebook_text: [Errno 2]")
