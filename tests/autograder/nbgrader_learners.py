"""The class of learners that `test_nbgrader` has graded: honest ones, unlucky ones, and forgers of every kind.

Each function fills a submission folder. Its decorator says what the work deserves, cell by cell: that, and nothing
else, is what the gradebook may hold after the run.
"""

import shutil
from pathlib import Path

import nbformat
from example_work import FAILURE_KIND, PROSE, RUNG, SFT_LOSS, edit
from nbformat.v4 import new_code_cell, new_output
from nbgrader_class import (
    NOTHING,
    ONE_FUNCTION,
    PROSE_CELL,
    Scene,
    cell,
    full_marks,
    graded,
    into_markdown,
    learner,
    resubmission,
    save,
    without_graded_cells,
)

# The honest and the unlucky


@learner({"sft-loss": 4, "read-failures": 3, "done-when": 4})
def honest(scene: Scene, folder: Path) -> None:
    """Everything done; the model has not learned, and the falling curve is not its own. Side runs lie there too."""
    shutil.copytree(scene.honest_work / "artifacts", folder / "artifacts")
    save(scene.notebook(sft_loss=SFT_LOSS, failure_kind=FAILURE_KIND, prose=PROSE), folder)
    for name in ("experiments/too-hot/big.safetensors", "artifacts/model/checkpoint-10/optimizer.pt"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(b"not for grading")


@learner(NOTHING, waits=())
def untouched(scene: Scene, folder: Path) -> None:
    """The notebook as it was handed out."""
    shutil.copy(scene.folder / "release" / RUNG / f"{RUNG}.ipynb", folder)


@learner({"sft-loss": 0, "read-failures": 3, "done-when": 3}, waits=(PROSE_CELL, "done-when"))
def trained_elsewhere(scene: Scene, folder: Path) -> None:
    """A model that can only be measured on a GPU box: a human must see that it is."""
    shutil.copytree(scene.honest_work / "artifacts", folder / "artifacts")
    edit(folder / "artifacts" / "model" / "run.json", lambda run: run.update(profile="gpu"))
    save(scene.notebook(), folder)


@learner()
def one_function(scene: Scene, folder: Path) -> None:
    """One exercise of three, a plot and a notebook of the learner's own."""
    notebook = scene.notebook()
    figure = new_output("display_data", data={"image/png": "AAAA"})
    notebook.cells.append(new_code_cell("plot()", outputs=[figure], metadata={"tags": ["mine"]}))
    save(notebook, folder)
    (folder / "scratch.ipynb").write_text("not JSON")


@learner()
def older_jupyter(scene: Scene, folder: Path) -> None:
    """Saved in the format without cell ids, a graded cell turned into text by mistake."""
    notebook = scene.notebook()
    notebook.nbformat_minor = 4
    for one in notebook.cells:
        del one["id"]
    into_markdown(cell(notebook, "sft-loss"))
    save(notebook, folder)


@learner()
def hosted_notebook(scene: Scene, folder: Path) -> None:
    """Saved by a hosted service, whose notebooks lack what the format asks of widgets."""
    notebook = scene.notebook()
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"abc": {"model_name": "HTMLModel"}}}
    bar = {"application/vnd.jupyter.widget-view+json": {"model_id": "abc"}, "text/plain": "a bar"}
    notebook.cells.append(new_code_cell("bar()", outputs=[new_output("display_data", data=bar)]))
    save(notebook, folder)


@learner()
def odd_timestamp(scene: Scene, folder: Path) -> None:
    """A file in the timestamp's place that is none."""
    save(scene.notebook(), folder)
    (folder / "timestamp.txt").write_text("last Tuesday, I think")


@learner({**ONE_FUNCTION, "read-failures": 0})
def answer_copied(scene: Scene, folder: Path) -> None:
    """Two cells of one name: nobody can say which one is the answer."""
    notebook = scene.notebook()
    notebook.cells.append(cell(notebook, "answer-read-failures"))
    save(notebook, folder)


@learner(NOTHING, waits=())
def no_notebook(scene: Scene, folder: Path) -> None:
    """The artifacts alone."""
    shutil.copytree(scene.honest_work / "artifacts", folder / "artifacts")


@learner(NOTHING, waits=())
def not_json(scene: Scene, folder: Path) -> None:
    """Half an upload."""
    path = save(scene.notebook(), folder)
    path.write_text(path.read_text()[:2000])


@learner(NOTHING, waits=())
def no_cells(scene: Scene, folder: Path) -> None:
    """A notebook without a cell."""
    save(nbformat.v4.new_notebook(), folder)


@learner({**ONE_FUNCTION, "read-failures": 0})
def emptied(scene: Scene, folder: Path) -> None:
    """Every cell still there, nothing in any of them, and no more metadata than its name."""
    notebook = scene.notebook()
    for one in notebook.cells:
        one.source = ""
        one.metadata = {"nbgrader": {k: v for k, v in one.metadata.get("nbgrader", {}).items() if k == "grade_id"}}
    save(notebook, folder)


@learner(NOTHING, waits=())
def huge(scene: Scene, folder: Path) -> None:
    """A notebook of a size that nobody reads."""
    with save(scene.notebook(), folder).open("r+b") as file:
        file.truncate(50_000_001)


@learner(NOTHING, waits=())
def folder_for_notebook(scene: Scene, folder: Path) -> None:
    """A folder that carries the notebook's name."""
    (folder / f"{RUNG}.ipynb").mkdir()
    save(scene.notebook(), folder / f"{RUNG}.ipynb")


# The forgers


@learner(NOTHING, waits=(PROSE_CELL,))
def patched_checker(scene: Scene, folder: Path) -> None:
    """The checker's modules patched from the notebook; an answer that reaches for them is none."""
    patch = "import autograder.runner as r, autograder.criteria as c\nr.grade = c.judge = lambda *a, **k: 20.0"
    notebook = scene.notebook()
    notebook.cells.insert(0, new_code_cell(scene.marking(patch)))
    answer = cell(notebook, "answer-read-failures")
    answer.source = f"{patch}\nimport sys\nsys.modules['autograder.student_child'] = None\n{answer.source}"
    save(notebook, folder)


@learner()
def fake_modules(scene: Scene, folder: Path) -> None:
    """Modules and configuration of the learner's own where a careless grader would load them."""
    save(scene.notebook(), folder)
    for name in ("autograder", "json", "torch", "numpy", "nbgrader_config", "sitecustomize", "conftest"):
        (folder / f"{name}.py").write_text(scene.marking("raise SystemExit(0)"))


@learner()
def printed_report(scene: Scene, folder: Path) -> None:
    """Full marks as the saved outputs of the graded cells."""
    notebook = scene.notebook()
    for one in graded(notebook):
        one.outputs, one.execution_count = full_marks(one.metadata.nbgrader.grade_id), 1
    save(notebook, folder)


@learner()
def more_points(scene: Scene, folder: Path) -> None:
    """A hundred points on every cell, on ordinary ones and on answers too."""
    notebook = scene.notebook()
    for number, one in enumerate(notebook.cells):
        known = one.metadata.get("nbgrader", {"grade_id": f"mine-{number}", "schema_version": 3, "task": False})
        one.metadata["nbgrader"] = {**known, "grade": True, "solution": False, "locked": False, "points": 100}
    save(notebook, folder)


@learner()
def skipped_execution(scene: Scene, folder: Path) -> None:
    """The tag that makes nbgrader pass over a cell and give it all its points."""
    notebook = scene.notebook()
    for one in notebook.cells:
        one.metadata["tags"] = ["skip-execution", "nbgrader-skip", "raises-exception"]
    save(notebook, folder)


@learner(NOTHING, waits=())
def graded_cells_deleted(scene: Scene, folder: Path) -> None:
    """No graded cell, no error in one."""
    save(without_graded_cells(scene.notebook()), folder)


@learner()
def graded_cells_copied(scene: Scene, folder: Path) -> None:
    """Each graded cell three times, the copies with full marks, the metadata of one of them damaged."""
    notebook = scene.notebook()
    for one in graded(notebook):
        copy = nbformat.from_dict({**one, "id": "a-copy", "outputs": full_marks(one.metadata.nbgrader.grade_id)})
        notebook.cells = [copy, *notebook.cells, copy, nbformat.from_dict({**copy, "metadata": {"nbgrader": {}}})]
    save(notebook, folder)


@learner()
def graded_cells_edited(scene: Scene, folder: Path) -> None:
    """The check replaced by its result."""
    notebook = scene.notebook()
    for one in graded(notebook):
        one.source = scene.marking("20.0")
    save(notebook, folder)


@learner()
def graded_cells_as_text(scene: Scene, folder: Path) -> None:
    """Graded cells as Markdown and raw text: by nbgrader's own rules a human would have to give their points."""
    notebook = scene.notebook()
    for one in graded(notebook):
        into_markdown(one)
    cell(notebook, "done-when").cell_type = "raw"
    save(notebook, folder)


@learner()
def prose_as_code(scene: Scene, folder: Path) -> None:
    """The prose answer as a code cell without an error."""
    notebook = scene.notebook()
    one = cell(notebook, PROSE_CELL)
    one.cell_type, one.outputs, one.execution_count = "code", [], None
    one.metadata.nbgrader.solution = False
    save(notebook, folder)


@learner()
def gradebook_writer(scene: Scene, folder: Path) -> None:
    """A notebook that would give itself 40 of 20 if anything in it were run."""
    statement = "update grade set auto_score = 40, manual_score = 40"
    gradebook = str(scene.folder / "gradebook.db")
    attack = f"import sqlite3\nwith sqlite3.connect({gradebook!r}) as db: db.execute({statement!r})"
    notebook = scene.notebook()
    notebook.cells = [new_code_cell(scene.marking(attack)), *notebook.cells, new_code_cell(scene.marking(attack))]
    save(notebook, folder)


@learner()
def linked_files(scene: Scene, folder: Path) -> None:
    """Links to the gradebook and to what somebody else has trained."""
    save(scene.notebook(), folder)
    (folder / "artifacts").symlink_to(scene.submitted("honest") / "artifacts")
    (folder / "gradebook.json").symlink_to(scene.folder / "gradebook.db")
    (folder / "deep").mkdir()
    (folder / "deep" / "[x]*.json").symlink_to("../../../../gradebook.db")


@learner(NOTHING, waits=())
def linked_notebook(scene: Scene, folder: Path) -> None:
    """Somebody else's notebook by a link."""
    (folder / f"{RUNG}.ipynb").symlink_to(scene.submitted("honest") / f"{RUNG}.ipynb")


# Those who submit again: what the first submission earned must not stay


@resubmission()
def again_without_graded_cells(scene: Scene, folder: Path) -> None:
    """Nothing left that could fail."""
    save(without_graded_cells(scene.notebook()), folder)


@resubmission()
def again_without_notebook(scene: Scene, folder: Path) -> None:
    """Nothing left at all."""
    (folder / f"{RUNG}.ipynb").unlink()


@resubmission()
def again_not_text(scene: Scene, folder: Path) -> None:
    """A character that no file can hold: half a surrogate pair."""
    notebook = scene.notebook()
    notebook.cells[0].source = "\ud800"
    save(notebook, folder)


@resubmission(waits=(PROSE_CELL,))
def again_called_unreadable(scene: Scene, folder: Path) -> None:
    """The grader's own note on a notebook that it could not read, of a type that it never wrote."""
    notebook = scene.notebook()
    notebook.metadata["course_unreadable"] = {"no": ["line"]}
    save(notebook, folder)


@resubmission(ONE_FUNCTION, waits=(PROSE_CELL,))
def again_graded_by_hand(scene: Scene, folder: Path) -> None:
    """The same work once more, after a human has given points."""
    save(scene.notebook(), folder)
