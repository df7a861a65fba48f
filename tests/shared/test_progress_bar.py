"""The progress bar that a notebook keeps: at its end it is text that says how far it came."""

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from shared.progress_bar import progress_bar

CELLS = {
    "finished": "for _ in progress_bar(range(3), desc='letters'): pass",
    "stopped": "with progress_bar(total=4) as bar:\n    bar.update(1)",
    "passing": "with progress_bar(total=2, leave=False) as bar:\n    bar.update(2)",
    "silent": "with progress_bar(total=2, disable=True) as bar:\n    bar.update(2)",
}


def test_elsewhere_it_is_tqdms_own(capsys):
    assert list(progress_bar([1, 2], unit="task")) == [1, 2]
    assert "100%" in capsys.readouterr().err


@pytest.mark.slow
def test_in_a_saved_notebook_it_says_how_far_it_came(tmp_path):
    first = new_code_cell("from shared.progress_bar import progress_bar")
    notebook = new_notebook(cells=[first, *map(new_code_cell, CELLS.values())])
    NotebookClient(notebook, timeout=120, store_widget_state=False).execute(cwd=str(tmp_path))
    nbformat.validate(notebook)
    shown = dict(zip(CELLS, (cell.outputs for cell in notebook.cells[1:]), strict=True))
    assert [len(outputs) for outputs in shown.values()] == [1, 1, 1, 0]
    assert all(set(outputs[0].data) == {"text/plain"} for outputs in shown.values() if outputs)
    texts = {name: outputs[0].data["text/plain"] for name, outputs in shown.items() if outputs}
    assert texts["finished"].startswith("letters: 100%|██████████| 3/3 [")
    assert texts["stopped"].startswith(" 25%|██▌       | 1/4 [")
    assert texts["passing"] == ""
