"""A course folder with a class in it, graded by the real `nbgrader`: the stage for `nbgrader_learners`."""

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

import nbformat
from example_work import FAILURE_KIND, PROSE, RUNG, contents
from nbformat.v4 import new_output
from nbgrader.api import Gradebook

from autograder.nbgrader_course import NbgraderError, make_course_folder, nbgrader
from shared.course import load_course

AUTOMATIC = {"sft-loss": 4, "read-failures": 3, "done-when": 13}
PROSE_CELL, PROSE_POINTS = "explain-sft", 5
NOTHING = dict.fromkeys(AUTOMATIC, 0)
ONE_FUNCTION = {**NOTHING, "read-failures": 3}  # the second exercise is right, the rest is not there: quick to check


class Scene(NamedTuple):
    """The course folder that the class is graded in, and what a learner may start from."""

    folder: Path
    honest_work: Path
    marker: Path

    def notebook(self, **answers: str) -> nbformat.NotebookNode:
        """Return the released notebook with answers in it; without any, those that `ONE_FUNCTION` stands for."""
        notebook = nbformat.read(self.folder / "release" / RUNG / f"{RUNG}.ipynb", as_version=4)
        given = answers or {"sft_loss": "def sft_loss(:", "failure_kind": FAILURE_KIND, "prose": PROSE}
        names = {"sft_loss": "answer-sft-loss", "failure_kind": "answer-read-failures", "prose": PROSE_CELL}
        for key, source in given.items():
            cell(notebook, names[key]).source = source.strip()
        return notebook

    def submitted(self, learner: str) -> Path:
        """Return the folder that the learner's work lies in."""
        return self.folder / "submitted" / learner / RUNG

    def marking(self, also: str = "") -> str:
        """Return Python source that leaves the marker when it is run."""
        return f"open({str(self.marker)!r}, 'a').write('executed')\n{also}"


class Learner(NamedTuple):
    """What a learner submits, what it deserves cell by cell, and which cells then wait for a human."""

    submit: Callable[[Scene, Path], object]
    deserves: dict[str, float]
    waits: Collection[str]


CLASS: dict[str, Learner] = {}


def learner(deserves: dict[str, float] = ONE_FUNCTION, *, waits: Collection[str] = (PROSE_CELL,)) -> Callable:
    """Enter the decorated function into the class, under its own name."""

    def enter(submit: Callable[[Scene, Path], object]) -> Callable:
        CLASS[submit.__name__] = Learner(submit, deserves, waits)
        return submit

    return enter


def cell(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """Return the notebook's cell with this grade_id."""
    return next(one for one in notebook.cells if one.metadata.get("nbgrader", {}).get("grade_id") == name)


def save(notebook: nbformat.NotebookNode, folder: Path) -> Path:
    """Write a notebook as the rung's, valid or not."""
    path = folder / f"{RUNG}.ipynb"
    path.write_text(json.dumps(notebook))
    return path


def graded(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the cells that the checker gives points for."""
    return [cell(notebook, name) for name in AUTOMATIC]


def full_marks(name: str) -> list[nbformat.NotebookNode]:
    """Return outputs that look like a report with all points."""
    points = float(AUTOMATIC[name])
    text = f"✓ all is well  {points:g}/{points:g}\nDone: {points:g} of {points:g} points.\n"
    result = new_output("execute_result", data={"text/plain": repr(points)}, execution_count=1)
    return [new_output("stream", name="stdout", text=text), result]


class Outcome(NamedTuple):
    """What was found after one run: whether it failed, its log, the gradebook, the submissions before and after."""

    failed: str
    said: str
    grades: dict[str, dict[str, "Grade"]]
    before: dict[str, str]
    after: dict[str, str]


class Grade(NamedTuple):
    """One graded cell in the gradebook."""

    auto: float | None
    manual: float | None
    waits: bool
    most: float


def make_scene(folder: Path, honest_work: Path) -> Scene:
    """Make a course folder with the rung released in it."""
    make_course_folder(folder, [load_course().rung("02")])
    nbgrader(folder, "generate_assignment", RUNG)
    return Scene(folder, honest_work, folder.parent / "executed")


def hand_in(scene: Scene, learners: dict[str, Learner]) -> None:
    """Let the learners fill their folders."""
    for name, one in learners.items():
        scene.submitted(name).mkdir(parents=True, exist_ok=True)
        one.submit(scene, scene.submitted(name))


def autograde(scene: Scene) -> Outcome:
    """Run `nbgrader autograde` once over the whole class, in the sandbox if there is one: these attacks are our own."""
    before, log, failed = contents(scene.folder / "submitted"), scene.folder / "nbgrader.log", ""
    log.unlink(missing_ok=True)
    try:
        nbgrader(scene.folder, "autograde", RUNG, f"--NbGrader.logfile={log}", "--SubmissionExporter.sandbox=optional")
    except NbgraderError as error:
        failed = str(error)
    return Outcome(failed, log.read_text(), read_grades(scene), before, contents(scene.folder / "submitted"))


def read_grades(scene: Scene) -> dict[str, dict[str, Grade]]:
    """Return learner -> graded cell -> what the gradebook holds."""
    with Gradebook(f"sqlite:///{scene.folder / 'gradebook.db'}") as gradebook:
        notebooks = gradebook.notebook_submissions(RUNG, RUNG)
        return {
            notebook.student.id: {
                grade.name: Grade(grade.auto_score, grade.manual_score, grade.needs_manual_grade, grade.max_score)
                for grade in notebook.grades
            }
            for notebook in notebooks
        }


def grade_by_hand(scene: Scene, name: str, scores: dict[str, float]) -> None:
    """Set manual scores and end the waiting, as formgrader does."""
    with Gradebook(f"sqlite:///{scene.folder / 'gradebook.db'}") as gradebook:
        for cell_name, score in scores.items():
            grade = gradebook.find_grade(cell_name, RUNG, RUNG, name)
            grade.manual_score, grade.needs_manual_grade = score, False
        gradebook.db.commit()
