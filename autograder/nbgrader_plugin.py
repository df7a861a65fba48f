"""nbgrader takes its scores from the runner. `nbgrader_config.py` puts these classes into `nbgrader autograde`.

nbgrader by itself scores a cell by what its kernel printed, and fails open: a graded cell with no output has full
points. Here nothing of a submission is executed in nbgrader. Which cells are graded, and for how many points, comes
from the gradebook; what they score comes from `autograder.runner`, over the files as they were submitted.
"""

import glob
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Gradebook
from nbgrader.api import Notebook as GradebookNotebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.nbgraderformat import SCHEMA_VERSION
from nbgrader.preprocessors import NbGraderPreprocessor
from sqlalchemy.exc import SQLAlchemyError
from traitlets import Enum, default

from autograder.copied_files import leave_out_what_cannot_be_copied
from autograder.criteria import Report, one_line
from autograder.nbgrader_batch import NEXT, grade_all, is_of_the_machine, reason_of, said
from autograder.nbgrader_transaction import gradebook_at, patient
from autograder.notebook_source import grade_id, read_notebook
from autograder.report_text import plain
from autograder.sandbox import SandboxError, use_sandbox
from shared.course import load_course
from shared.safe_files import ArtifactError, shown

REPORT, UNREADABLE = "course_report", "course_unreadable"  # keys in the resources and in a notebook's metadata
FIRST_WITH_IDS = 5  # notebook format 4.5 gave cells their ids


class GradedCell(NamedTuple):
    """A graded cell as the gradebook knows it. Not `automatic`: a human gives its points."""

    name: str
    most: float
    automatic: bool


class SubmissionExporter(NotebookExporter):
    """Reads what was submitted, so that no submission can stop the others.

    nbgrader makes it once, after it has listed the submissions and before it copies any of their files. That is the
    place to put `nbgrader_batch.grade_all` in the stead of nbgrader's loop, which calls this exporter in its turn.
    """

    verdict: tuple[Report | None, str] = None, "nothing was checked"  # on the submission at hand
    sandbox = Enum(["required", "optional"], help="Whether learners' code must run in a sandbox").tag(config=True)

    @default("sandbox")
    def _as_the_course_says(self) -> str:
        return load_course().grading.sandbox

    @default("optimistic_validation")
    def _valid_in_the_end(self) -> bool:
        """Validate a notebook once it has gone through every step, and not after each of them."""
        return True

    def __init__(self, **settings: object):
        super().__init__(**settings)
        converter = self.parent
        if getattr(converter, "coursedir", None) is not None:
            self._require_sandbox()
            converter.coursedir.db_url = patient(converter.coursedir.db_url)
            try:
                _expect_each_notebook(converter)
            except SQLAlchemyError as error:
                raise said(converter, f"nothing graded ({reason_of(error)}). {NEXT}") from error
            leave_out_what_cannot_be_copied(converter)
            _pass_over_bad_timestamps(converter.coursedir)
            converter.convert_notebooks = partial(grade_all, converter)

    def _require_sandbox(self) -> None:
        """End the whole run, in one line, when learners' code must be confined and cannot be."""
        try:
            use_sandbox(self.sandbox)
        except SandboxError as error:
            raise said(self.parent, str(error)) from None

    def from_filename(self, filename: str, resources: dict | None = None, **settings: object) -> tuple:
        """Convert one notebook. In place of one that cannot be converted stands an empty one that says why."""
        path = Path(filename)
        try:
            return self.from_notebook_node(_validated(path), resources, **settings)
        except ArtifactError as error:
            reason = one_line(error)
        except Exception as error:  # nbgrader would pass the submission over and let an earlier score stand
            if is_of_the_machine(error):
                raise  # trouble with the gradebook or the disk must not cost a learner points
            reason = one_line(f"{shown(path)}: cannot be graded ({type(error).__name__}: {error})")
        self.log.warning("%s", reason)
        return self.from_notebook_node(new_notebook(metadata={UNREADABLE: reason}), resources, **settings)


def _expect_each_notebook(converter: object) -> None:
    """Make nbgrader go through every submission folder with the notebooks it should hold, whether or not it does.

    By itself it passes over a folder without a notebook, and the score of an earlier submission would stand.
    """
    course = converter.coursedir
    with gradebook_at(course.db_url, course.course_id) as gradebook:
        names = {item.name: [notebook.name for notebook in item.notebooks] for item in gradebook.assignments}
    expected = names.get(course.assignment_id, [])
    folders = glob.glob(course.format_path(converter._input_directory, course.student_id, course.assignment_id))
    for folder in folders:
        if expected and course.notebook_id == "*" and os.path.isdir(folder):
            converter.assignments[folder] = [os.path.join(folder, f"{name}.ipynb") for name in expected]


def _pass_over_bad_timestamps(course: CourseDirectory) -> None:
    """Let a timestamp.txt that holds no time count as none: nbgrader would refuse to grade the submission."""

    def timestamp(folder: str) -> datetime | None:
        try:
            return CourseDirectory.get_existing_timestamp(course, folder)
        except Exception as error:  # of many kinds, one of them a slip of nbgrader's own
            course.log.warning("%s: timestamp.txt holds no time, passed over (%s)", folder, one_line(error))
            return None

    course.get_existing_timestamp = timestamp


def _validated(path: Path) -> NotebookNode:
    """Return the notebook in the file `path`. Raises ArtifactError, one line, for anything else."""
    raw = read_notebook(path, path.parent)
    try:
        text = json.dumps(raw, ensure_ascii=False)
        text.encode("utf-8")  # half a surrogate pair fails here, not when nbgrader writes its copy
        notebook = nbformat.reads(text, as_version=4)
        if notebook.nbformat_minor < FIRST_WITH_IDS:
            notebook = nbformat.v4.upgrade(notebook)
        _, notebook = nbformat.validator.normalize(notebook)
        nbformat.validate(notebook)
    except Exception as error:  # the library raises many kinds for what is not quite a notebook
        reason = one_line(str(error).partition("\n")[0], 150)
        raise ArtifactError(f"{shown(path)}: not a valid notebook ({reason}). Save it again in Jupyter") from None
    return notebook


class TrustedCells(NbGraderPreprocessor):
    """Says anew which cells are whose, from the gradebook: whatever a learner did to that metadata is gone.

    Of two cells with one name the later is kept, the other becomes an ordinary cell. Takes the place of nbgrader's
    ClearOutput (learners' figures stay for human graders) and DeduplicateIds (it leaves metadata behind that stops
    the whole batch).
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Set every cell's nbgrader metadata and clear the outputs of graded cells."""
        with _gradebook_notebook(resources) as notebook:
            trusted = _cell_metadata(notebook)
        for number in reversed(range(len(nb.cells))):
            metadata = trusted.pop(grade_id(nb.cells[number]), None)
            nb.cells[number].metadata.pop("nbgrader", None)
            if metadata is not None:
                nb.cells[number] = _restored(nb.cells[number], metadata)
        nb.metadata.pop("widgets", None)  # hosted services save it in a form on which pages of feedback fail
        return nb, resources


def _cell_metadata(notebook: GradebookNotebook) -> dict[str, dict]:
    """Return grade_id -> nbgrader metadata of every cell that the gradebook knows."""
    points = {cell.name: cell.max_score for cell in [*notebook.grade_cells, *notebook.task_cells]}
    kinds = {
        "grade": {cell.name for cell in notebook.grade_cells},
        "solution": {cell.name for cell in notebook.solution_cells},
        "task": {cell.name for cell in notebook.task_cells},
    }
    return {
        cell.name: {
            "schema_version": SCHEMA_VERSION,
            "grade_id": cell.name,
            "cell_type": cell.cell_type,
            "checksum": cell.checksum,
            "locked": cell.locked,
            **{kind: cell.name in names for kind, names in kinds.items()},
            **({"points": points[cell.name]} if cell.name in points else {}),
        }
        for cell in notebook.source_cells
    }


def _restored(cell: NotebookNode, metadata: dict) -> NotebookNode:
    """Return the cell with trusted metadata and of the type it was released with; a graded cell has no outputs."""
    if cell.cell_type != metadata["cell_type"]:
        make = new_code_cell if metadata["cell_type"] == "code" else new_markdown_cell
        cell = make(cell.source, id=cell.id)
    cell.metadata["nbgrader"] = metadata
    if metadata["grade"] and cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    return cell


class TrustedScores(NbGraderPreprocessor):
    """Puts the checker's scores into the graded cells, where SaveAutoGrades looks for them."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Replace each graded code cell's outputs by the report and one number, or by an error."""
        with _gradebook_notebook(resources) as notebook:
            graded = _graded_cells(notebook)
        report, reason = self._report(nb, resources)
        resources[REPORT] = report
        present = {grade_id(cell) for cell in nb.cells}
        for cell in nb.cells:
            known = graded.get(grade_id(cell))
            if known is not None and known.automatic:
                cell.outputs, cell.execution_count = _outputs(report, reason, known), 1
        missing = [f"The graded cell '{name}' is missing, so it scores 0." for name in graded if name not in present]
        lines = [reason] if UNREADABLE in nb.metadata else missing
        for line in lines:
            self.log.warning("%s: %s", resources["nbgrader"]["student"], line)
        if lines:
            nb.cells.insert(0, new_markdown_cell("\n\n".join(lines)))
        return nb, resources

    def _report(self, nb: NotebookNode, resources: dict) -> tuple[Report | None, str]:
        """Return the runner's report on the submitted files, or None and the reason why there is none."""
        where = resources["nbgrader"]
        if UNREADABLE in nb.metadata:
            return None, one_line(nb.metadata[UNREADABLE])  # a learner may have put anything there
        if where["notebook"] != where["assignment"]:
            return None, f"{where['notebook']}.ipynb has no checker"
        return self.parent.verdict


def _outputs(report: Report | None, reason: str, cell: GradedCell) -> list[NotebookNode]:
    """Return a graded cell's outputs: the report's lines and the score as the only value, or an error."""
    results = report.of_cell(cell.name) if report else []
    most = sum(result.max_points for result in results)
    if report is None or most == 0:
        line = one_line(reason or f"the checker has no criterion for the cell {cell.name!r}")
        return [new_output("error", ename="NotGraded", evalue=line, traceback=[f"Not graded: {line}"])]
    score = sum(result.points for result in results) / most * cell.most
    score = min(max(round(score, 4), 0.0), cell.most)
    text = new_output("stream", name="stdout", text=plain(report, cell.name) + "\n")
    return [text, new_output("execute_result", data={"text/plain": repr(float(score))}, execution_count=1)]


class SettledGrades(NbGraderPreprocessor):
    """Writes into the gradebook what SaveAutoGrades, which goes by the cells it finds, leaves out."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Give missing graded cells 0, and flag for a human what could not be told here."""
        where, present = resources["nbgrader"], {grade_id(cell) for cell in nb.cells}
        report = resources.get(REPORT)
        undecided = {result.cell for result in report.criteria if result.passed is None} if report else set()
        with Gradebook(where["db_url"]) as gradebook:
            submitted = gradebook.find_submission_notebook(where["notebook"], where["assignment"], where["student"])
            for entry in submitted.grades:
                if entry.name not in present:
                    entry.auto_score, entry.needs_manual_grade = 0, entry.manual_score is not None
                elif entry.name in undecided:
                    entry.needs_manual_grade = True
            gradebook.db.commit()
        return nb, resources


@contextmanager
def _gradebook_notebook(resources: dict) -> Iterator[GradebookNotebook]:
    """Open the gradebook at the released notebook that a submitted one belongs to."""
    where = resources["nbgrader"]
    with Gradebook(where["db_url"]) as gradebook:
        yield gradebook.find_notebook(where["notebook"], where["assignment"])


def _graded_cells(notebook: GradebookNotebook) -> dict[str, GradedCell]:
    """Return the graded cells of a released notebook by name."""
    prose = {cell.name for cell in [*notebook.solution_cells, *notebook.task_cells]}
    cells = [*notebook.grade_cells, *notebook.task_cells]
    return {
        cell.name: GradedCell(cell.name, cell.max_score, cell.cell_type == "code" and cell.name not in prose)
        for cell in cells
    }
