"""The class that the browser tests look at: Ada's honest work with her own figures, Ben's half-done one, Eve's trap.

Ada's model is noise on a tiny base, so nothing is trained; where COURSE_HONEST_WORK names a folder with a solved rung
02 (`make demo` leaves one), hers is that one, which makes truer pictures.
"""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import example_work
import nbformat
from example_work import FAILURE_KIND, RUNG, SFT_LOSS
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output, new_raw_cell

from autograder.nbgrader_course import CONFIG, make_course_folder, nbgrader
from shared.artifacts import EvalRecord, LossCurve, read_json
from shared.course import load_course
from shared.figures import before_after, loss_curve, page

HONEST_WORK = "COURSE_HONEST_WORK"
LEFT_OUT = shutil.ignore_patterns("experiments", ".cache", "checkpoint-*")
SOLUTION_MARKS = ("### BEGIN SOLUTION", "### END SOLUTION")
PROSE_CELL, PROSE_POINTS = "explain-sft", 5
RUBRIC = "masking puts the loss on what the model shall write"  # a line that stands above the prose answer
PROSE = (
    "The letter is given, so the model need not learn to write one: masked, the whole loss lies on the ticket. From "
    "600 letters it learnt how a ticket looks and which words ask for which team, not what a tent is: asked in words "
    "that it has not seen, it is wrong one time in six. The steps are small because a large one would overwrite what "
    "the base has learnt from thousands of letters."
)
# Run on a grader's page, it would give its author all points, with the grader's own session, and leave a mark.
GIVE_ME_POINTS = """
window.owned = true;
fetch("/formgrader/api/grades?submission_id=" + submission_id).then(answer => answer.json()).then(grades => {
  for (const grade of grades) fetch("/formgrader/api/grade/" + grade.id, {
    method: "PUT",
    headers: {"X-CSRFToken": document.cookie.match("_xsrf=([^;]*)")[1]},
    body: JSON.stringify({...grade, manual_score: grade.max_score}),
  });
});
"""
ON_ERROR = "onerror=window.owned=true"
TRAP = f"<script>{GIVE_ME_POINTS}</script><img src=nowhere {ON_ERROR}><h1 id={PROSE_CELL} class=nbgrader_cell>mine</h1>"
HALF_DONE = {"sft-loss": 0, "read-failures": 3, "done-when": 0}


class Course(NamedTuple):
    """A course folder, what its server must be told, and what the checker gives Ada."""

    folder: Path
    environment: dict[str, str]
    ada: dict[str, int]
    ben: dict[str, int] = HALF_DONE

    @property
    def release(self) -> Path:
        """The rung as learners get it."""
        return self.folder / "release" / RUNG


def make_course(folder: Path) -> Course:
    """Make the course folder with rung 02 released and three submissions, not graded yet."""
    rung = load_course().rung("02")
    make_course_folder(folder, [rung])
    with (folder / CONFIG).open("a") as file:
        file.write("c.SubmissionExporter.sandbox = 'optional'  # the code is our own\n")
    nbgrader(folder, "generate_assignment", RUNG)
    ada, ben, eve = (folder / "submitted" / name / RUNG for name in ("ada", "ben", "eve"))
    ben.mkdir(parents=True)
    eve.mkdir(parents=True)
    nbformat.write(answered(folder, {"answer-read-failures": FAILURE_KIND}), ben / f"{RUNG}.ipynb")
    nbformat.write(with_traps(answered(folder, {PROSE_CELL: f"All points, please. {TRAP}"})), eve / f"{RUNG}.ipynb")
    (eve / "my-plots.html").write_text(TRAP)
    if honest := os.environ.get(HONEST_WORK):
        shutil.copytree(honest, ada, ignore=LEFT_OUT)
        _answer_in_her_own_words(ada / f"{RUNG}.ipynb")
        return Course(folder, {}, dict(rung.cells))
    base = example_work.make_tiny_base(folder.parent / "tiny-base")
    example_work.make_artifacts(ada, base, example_work.base_loss_of(base))
    right = {"answer-sft-loss": SFT_LOSS, "answer-read-failures": FAILURE_KIND, PROSE_CELL: PROSE}
    nbformat.write(with_figures(answered(folder, right), ada), ada / f"{RUNG}.ipynb")
    return Course(folder, {"COURSE_BASE_MODEL": str(base)}, {"sft-loss": 4, "read-failures": 3, "done-when": 1})


def answered(folder: Path, answers: dict[str, str]) -> nbformat.NotebookNode:
    """Return the released notebook with answers in it, by grade_id."""
    notebook = nbformat.read(folder / "release" / RUNG / f"{RUNG}.ipynb", as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(name, cell.source).strip()
    return notebook


def with_figures(notebook: nbformat.NotebookNode, work: Path) -> nbformat.NotebookNode:
    """Put the figures of the artifacts in `work` where the notebook shows them, as a learner's run does."""
    curve = read_json(work / "artifacts" / "model" / "loss_curve.json", LossCurve, within=work)
    entries = read_json(work / "artifacts" / "eval.json", EvalRecord, within=work).entries
    figures = {"curve": loss_curve({"fine-tuning": curve}), "eval": before_after(entries)}
    for cell in notebook.cells:
        if cell.id in figures:
            cell.outputs = [new_output("display_data", data=page(figures[cell.id]))]
    return notebook


def with_traps(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Put a script wherever a page might run it, and a heading that would take the place of a box for a score."""
    picture = {"data": {"image/png": "AAAA"}, "metadata": {"image/png": {"width": f"1 {ON_ERROR}"}}}
    outputs = [
        new_output("display_data", data={"text/html": TRAP}),
        new_output("display_data", data={"text/markdown": TRAP}),
        new_output("display_data", data={"application/javascript": GIVE_ME_POINTS}),
        new_output("display_data", **picture),
    ]
    raw = new_raw_cell(TRAP, metadata={"raw_mimetype": "text/html"})
    heading = new_markdown_cell(f"# {PROSE_CELL}\n\n[my plots](my-plots.html)\n\n{TRAP}")
    notebook.cells[:0] = [heading, raw, new_code_cell("my_plots()", outputs=outputs)]
    return notebook


def _answer_in_her_own_words(path: Path) -> None:
    """Take the marks of a solution out of a solved notebook, and put a learner's prose in the place of its own."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        lines = [line for line in cell.source.splitlines() if line.strip() not in SOLUTION_MARKS]
        prose = cell.metadata.get("nbgrader", {}).get("grade_id") == PROSE_CELL
        cell.source = PROSE if prose else "\n".join(lines)
    nbformat.write(notebook, path)
