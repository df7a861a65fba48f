"""Proposals for prose cells, in nbgrader's gradebook. `nbgrader_config.py` puts this class into `nbgrader autograde`.

The points that the program would give go into `auto_score`, which formgrader shows in grey in the score's empty
field, and the reasons into the automatic comment. The cell stays flagged: it waits until a human has given points, and
those go into `manual_score`, which is never written here and wins over the proposal, also after another grading. What
is settled without a human is the cell that nobody touched: nbgrader gives that 0.
"""

from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from nbgrader.api import Gradebook
from nbgrader.api import Notebook as GradebookNotebook
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.criteria import one_line
from autograder.notebook_source import LARGEST_ANSWER, grade_id
from autograder.prose.classmates import answers_of_others
from autograder.prose.copied import copied_share
from autograder.prose.ideas import prose_cells
from autograder.prose.judge_model import advice
from autograder.prose.proposal import Proposal, Sources, Verdict, propose
from autograder.prose.questions import questions_of
from autograder.prose.reading import read
from shared.course import CourseError, Rung, load_course

FAILED = "The program could not read this answer; a human grades it"


class ProseProposals(NbGraderPreprocessor):
    """Writes the proposal for each prose cell into the gradebook, and the rubric beside the answer for the grader."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Propose points for the prose cells that nbgrader leaves to a human. No fault of ours stops the batch."""
        where = resources["nbgrader"]
        try:
            rung = load_course().rung(where["assignment"])
        except CourseError:  # an assignment of the instructor's own
            return nb, resources
        known, answers, said = prose_cells(rung), {grade_id(cell): cell for cell in nb.cells}, {}
        with Gradebook(where["db_url"]) as gradebook:
            submitted = gradebook.find_submission_notebook(where["notebook"], where["assignment"], where["student"])
            released = _released(gradebook.find_notebook(where["notebook"], where["assignment"]))
            comments = {comment.name: comment for comment in submitted.comments}
            for grade in submitted.grades:
                if grade.name in known and grade.name in answers and grade.needs_manual_grade:
                    source, before = answers[grade.name].source, released.get(grade.name, "")
                    grade.auto_score, comment = self._read(rung, grade.name, source, before, where["student"])
                    comments[grade.name].auto_comment = said[grade.name] = comment
            gradebook.db.commit()
        _show(nb, questions_of(rung).rubrics, said)
        return nb, resources

    def _read(self, rung: Rung, name: str, source: str, released: str, student: str) -> tuple[float | None, str]:
        """Return the points that the program proposes, None where it proposes nothing, and the comment."""
        try:
            proposal = self._proposal(rung, name, source[:LARGEST_ANSWER], released, student)
            judged = advice(load_course().grading.judge, questions_of(rung).questions[name], source, self.log)
        except Exception as error:  # a slip of ours must neither stop the batch nor cost a learner points
            self.log.warning("%s, %s: %s (%s: %s)", student, name, FAILED, type(error).__name__, one_line(error))
            return None, f"{FAILED} ({type(error).__name__})."
        return proposal.points, "\n\n".join([proposal.comment, *([judged] if judged else [])])

    def _proposal(self, rung: Rung, name: str, source: str, released: str, student: str) -> Proposal:
        course = self.parent.parent.coursedir
        folder = Path(course.format_path(course.submitted_directory, student, rung.folder))
        others = {one: runs[name] for one, runs in answers_of_others(course, rung, student).items() if name in runs}
        sources = Sources(questions_of(rung).runs, tuple(others.values()), folder)
        proposal = propose(source, released, prose_cells(rung)[name], sources)
        if proposal.verdict is Verdict.SHARED:  # who it is stands in the log alone: learners read the comment
            answer = read(source)
            shares = {one: copied_share(answer, runs) for one, runs in others.items()}
            self.log.warning("%s, %s: the same text as %s", student, name, max(shares, key=shares.get))
        return proposal


def _released(notebook: GradebookNotebook) -> dict[str, str]:
    """Return what stood in each cell when the notebook was released."""
    return {cell.name: cell.source for cell in notebook.source_cells}


def _show(nb: NotebookNode, rubrics: dict[str, str], said: dict[str, str]) -> None:
    """Put the course's rubric and the comment after each prose answer, whatever the learner did to the text above.

    Formgrader shows the automatic comment in grey in a field of a line or two, too small to read it there.
    """
    for number in reversed(range(len(nb.cells))):
        name = grade_id(nb.cells[number])
        if name in rubrics:
            lines = [f"> **Rubric.** {' '.join(rubrics[name].split())}", said.get(name, "")]
            nb.cells.insert(number + 1, new_markdown_cell("\n>\n> ".join(filter(None, lines))))
