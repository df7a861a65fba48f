"""A few learners for a class: one who did an exercise, one who did nothing, half an upload, and a forger.

Each function fills a submission folder. Its decorator says what the work deserves, cell by cell. The forgers of every
other kind stand in `tests/adversaries`.
"""

import shutil
from pathlib import Path

from example_work import RUNG
from nbformat.v4 import new_code_cell, new_output
from nbgrader_class import NOTHING, Scene, full_marks, graded, learner, save


@learner(NOTHING, waits=())
def untouched(scene: Scene, folder: Path) -> None:
    """The notebook as it was handed out."""
    shutil.copy(scene.folder / "release" / RUNG / f"{RUNG}.ipynb", folder)


@learner()
def one_function(scene: Scene, folder: Path) -> None:
    """One exercise of three, a plot and a notebook of the learner's own."""
    notebook = scene.notebook()
    figure = new_output("display_data", data={"image/png": "AAAA"})
    notebook.cells.append(new_code_cell("plot()", outputs=[figure], metadata={"tags": ["mine"]}))
    save(notebook, folder)
    (folder / "scratch.ipynb").write_text("not JSON")


@learner(NOTHING, waits=())
def not_json(scene: Scene, folder: Path) -> None:
    """Half an upload."""
    path = save(scene.notebook(), folder)
    path.write_text(path.read_text()[:2000])


@learner()
def printed_report(scene: Scene, folder: Path) -> None:
    """Full marks as the saved outputs of the graded cells."""
    notebook = scene.notebook()
    for one in graded(notebook):
        one.outputs, one.execution_count = full_marks(one.metadata.nbgrader.grade_id), 1
    save(notebook, folder)
