"""Attacks in the notebook itself: its cells, their metadata, their saved outputs, and code for its kernel."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tests.adversaries.attack import NOTHING, PROSE, Work, attack, full_marks

# Code that a kernel would run


@attack(NOTHING)
def patched_checker(work: Work) -> None:
    """Replaces the checker's functions from the notebook, and again inside an answer."""
    patch = "import autograder.runner as r, autograder.criteria as c\nr.grade = c.judge = lambda *a, **k: 20.0"
    work.begin_with(work.mark(f"{patch}\nclass R: score = 13\nr.grade = lambda *a, **k: R"))
    answer = work.cell("answer-read-failures")
    answer.source = f"{patch}\nimport sys\nsys.modules['autograder.student_child'] = None\n{answer.source}"


@attack()
def faked_module(work: Work) -> None:
    """Puts a module of its own into sys.modules in the checker's place."""
    work.begin_with(
        work.mark(
            "import sys, types\nfake = types.ModuleType('autograder.runner')\n"
            "fake.grade = lambda *a, cells=(), **k: types.SimpleNamespace(score={'sft-loss': 4}.get(cells[0], 13))\n"
            "sys.modules['autograder.runner'] = fake"
        )
    )


def _score_of(name: str, tries: str, expression: str) -> None:
    def submit(work: Work) -> None:
        source = f"import autograder.runner, types\nscore = {expression}\nclass R: pass\nR.score = score\n"
        work.begin_with(work.mark(f"{source}autograder.runner.grade = lambda *a, **k: R"))

    submit.__name__, submit.__doc__ = f"score_{name}", f"Makes the checker answer {tries}."
    attack()(submit)


for _row in (
    ("nan", "`nan`", "float('nan')"),
    ("infinite", "infinity", "float('inf')"),
    ("huge", "a thousand million points", "1e9"),
    ("negative", "minus one", "-1"),
    ("true", "`True`", "True"),
    ("false", "`False`", "False"),
    ("none", "nothing at all", "None"),
    ("numpy", "a NumPy number", "__import__('numpy').float64(0.25)"),
    (
        "object",
        "an object that prints as 13",
        "type('S', (), {'__repr__': lambda s: '13', '__float__': lambda s: 13.})()",
    ),
):
    _score_of(*_row)


@attack()
def swallowed_cells(work: Work) -> None:
    """Makes the kernel drop the source of every later cell: nothing runs, nothing fails."""
    work.begin_with(work.mark("get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])"))


@attack()
def gradebook_writer(work: Work) -> None:
    """Writes 40 points for everybody into the gradebook, from the first cell and from the last."""
    statement = "update grade set auto_score = 40, manual_score = 40"
    gradebook = str(work.target.course / "gradebook.db")
    source = work.mark(f"import sqlite3\nwith sqlite3.connect({gradebook!r}) as db: db.execute({statement!r})")
    work.notebook.cells = [new_code_cell(source), *work.notebook.cells, new_code_cell(source)]


@attack()
def kernel_of_its_own(work: Work) -> None:
    """Names a kernel that would run a command of the learner's choice."""
    work.notebook.metadata["kernelspec"] = {"name": "mine", "display_name": "mine", "argv": ["touch", "executed"]}
    (work.folder / "kernels" / "mine").mkdir(parents=True)
    (work.folder / "kernels" / "mine" / "kernel.json").write_text('{"argv": ["touch", "executed"], "language": "x"}')


# Saved outputs and metadata


@attack()
def saved_outputs(work: Work) -> None:
    """Saves full marks as the outputs of the graded cells."""
    for one in work.graded:
        one.outputs, one.execution_count = full_marks(one.metadata.nbgrader.points), 1


@attack()
def points_raised(work: Work) -> None:
    """Writes a hundred points on every cell, on ordinary ones and on answers too."""
    for number, one in enumerate(work.notebook.cells):
        known = one.metadata.get("nbgrader", {"grade_id": f"mine-{number}", "schema_version": 3, "task": False})
        one.metadata["nbgrader"] = {**known, "grade": True, "solution": False, "locked": False, "points": 100}


@attack()
def skip_tags(work: Work) -> None:
    """Tags every cell so that nbgrader passes it over and gives its points."""
    for one in work.notebook.cells:
        one.metadata["tags"] = ["skip-execution", "nbgrader-skip", "raises-exception"]


@attack()
def forged_metadata(work: Work) -> None:
    """Unlocks the graded cells, takes away their checksums and claims another schema."""
    for one in work.graded:
        one.metadata.nbgrader.update(locked=False, checksum="0" * 32, schema_version=1, cell_type="markdown")


@attack()
def graded_as_solution(work: Work) -> None:
    """Declares the graded cells to be answers, for which a human would have to give the points."""
    for one in work.graded:
        one.metadata.nbgrader.update(solution=True, locked=False, task=False)
        one.source = "20.0"


@attack(NOTHING, waits=())
def graded_cells_deleted(work: Work) -> None:
    """Deletes the graded cells: no cell, no error in one."""
    _without_graded_cells(work)


def _without_graded_cells(work: Work) -> None:
    work.notebook.cells = [one for one in work.notebook.cells if not one.metadata.get("nbgrader", {}).get("grade")]


@attack((0, 0, 0))
def graded_cells_renamed(work: Work) -> None:
    """Calls the graded cells by names that no checker knows."""
    for one in work.graded:
        one.metadata.nbgrader["grade_id"] += "-2"


@attack((0, 0, 0))
def look_alike_names(work: Work) -> None:
    """Spells the graded cells' names with Cyrillic letters that look the same."""
    for one in work.graded:
        one.metadata.nbgrader["grade_id"] = one.metadata.nbgrader["grade_id"].translate(str.maketrans("aeo", "аео"))


@attack()
def graded_cells_copied(work: Work) -> None:
    """Submits each graded cell three times, the copies with full marks, the metadata of one of them damaged."""
    for one in work.graded:
        copy = nbformat.from_dict({**one, "id": "a-copy", "outputs": full_marks(one.metadata.nbgrader.points)})
        damaged = nbformat.from_dict({**copy, "metadata": {"nbgrader": {}}})
        work.notebook.cells = [copy, *work.notebook.cells, copy, damaged]


@attack()
def graded_cells_moved(work: Work) -> None:
    """Moves the graded cells to the top, where nothing has gone wrong yet."""
    first = work.graded
    work.notebook.cells = [*first, *(one for one in work.notebook.cells if all(one is not known for known in first))]


@attack()
def graded_cells_edited(work: Work) -> None:
    """Replaces each check by its result."""
    for one in work.graded:
        one.source = work.mark("20.0")


@attack()
def graded_cells_as_text(work: Work) -> None:
    """Turns graded cells into text, whose points only a human could give."""
    for one in work.graded:
        into_markdown(one)
    work.cell("done-when").cell_type = "raw"


def into_markdown(one: nbformat.NotebookNode) -> None:
    """Change a code cell's type as Jupyter does."""
    one.cell_type = "markdown"
    del one["outputs"], one["execution_count"]


@attack()
def prose_as_code(work: Work) -> None:
    """Turns the prose answer into a code cell without an error."""
    one = work.cell(PROSE)
    one.cell_type, one.outputs, one.execution_count = "code", [], None
    one.metadata.nbgrader.solution = False


@attack((0, 0, 0))
def answer_twice(work: Work) -> None:
    """Submits two cells under one answer's name, for the checker to pick the better one."""
    work.notebook.cells.append(work.cell("answer-read-failures"))


@attack()
def script_for_the_grader(work: Work) -> None:
    """Hides scripts in outputs, an image and Markdown, for the browser of the human who opens the submission."""
    script = "<script>fetch('/formgrader/api/grade/1', {method: 'PUT', body: '{\"manual_score\": 20}'})</script>"
    data = [
        {"text/html": script},
        {"application/javascript": "alert('SCRIPTED')"},
        {"image/svg+xml": f"<svg>{script}</svg>"},
        {"image/png": "AAAA\" onerror=\"alert('SCRIPTED')"},
        {"text/plain": "a figure", "text/markdown": script},
    ]
    outputs = [new_output("display_data", data=one) for one in data]
    work.notebook.cells.append(new_code_cell("show()", outputs=outputs))
    work.notebook.cells.append(new_markdown_cell(f"My notes. {script} <img src=x onerror=\"alert('SCRIPTED')\">"))
    work.cell(PROSE).source += f"\n\n{script}"


# Notebooks that should stop the reader


@attack(NOTHING, waits=())
def nested_too_deeply(work: Work) -> None:
    """Nests brackets a hundred thousand deep in the notebook's metadata."""
    path = work.save()
    path.write_text('{"metadata": {"x": ' + "[" * 100_000 + "]" * 100_000 + "}, " + path.read_text()[1:])


@attack(NOTHING, waits=())
def half_a_letter(work: Work) -> None:
    """Holds half a surrogate pair, which no file in UTF-8 can hold."""
    work.notebook.cells[0].source = "\ud800"


@attack(NOTHING, waits=())
def oversized_notebook(work: Work) -> None:
    """Is of a size that nobody reads."""
    with work.save().open("r+b") as file:
        file.truncate(50_000_001)


@attack(NOTHING)
def called_unreadable(work: Work) -> None:
    """Carries the grader's own note on a notebook that it could not read, of a type that it never wrote."""
    work.notebook.metadata["course_unreadable"] = {"no": ["line"]}


# Those who submit again: what the first submission earned must not stay


@attack(NOTHING, waits=(), again=True)
def again_without_graded_cells(work: Work) -> None:
    """After a good submission hands in one with nothing left that could fail."""
    _without_graded_cells(work)


@attack(NOTHING, waits=(), again=True)
def again_without_notebook(work: Work) -> None:
    """After a good submission hands in nothing at all, so that the old score stands."""
    work.path.unlink()
    work.notebook = None


@attack(NOTHING, waits=(), again=True)
def again_not_text(work: Work) -> None:
    """After a good submission hands in a notebook that cannot be converted."""
    work.notebook.cells[0].source = "\ud800"


@attack(again=True)
def again_with_old_outputs(work: Work) -> None:
    """Submits again with a timestamp of the future and yesterday's outputs in its cells."""
    for one in work.graded:
        one.outputs, one.execution_count = full_marks(one.metadata.nbgrader.points), 1
