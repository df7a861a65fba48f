"""What learners get: the release version of every built rung, without solutions, its graded cells as in course.yml."""

import nbformat
import pytest

from autograder.checkers import checker_of
from autograder.nbgrader_course import make_course_folder, nbgrader
from shared.course import ROOT, load_course

pytestmark = pytest.mark.slow

BUILT = [rung for rung in load_course().rungs if rung.built]
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
TEXT = "YOUR ANSWER HERE"
CODE = "# YOUR CODE HERE\nraise NotImplementedError()"
SHORT = 12  # characters: a line that short, such as `else:`, may stand anywhere


def notebook_of(folder):
    return nbformat.read(folder / f"{folder.name}.ipynb", as_version=4)


def named_cells(notebook) -> dict:
    """Return grade_id -> cell, and fail on a name that is given twice."""
    cells = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    names = [cell.metadata.nbgrader.grade_id for cell in cells]
    assert len(names) == len(set(names))
    return dict(zip(names, cells, strict=True))


def solution_lines(cell) -> list[str]:
    """Return the lines between the solution marks of one cell."""
    lines, inside = [], False
    for line in cell.source.splitlines():
        marks = line.strip() in (BEGIN, END)
        inside = line.strip() == BEGIN if marks else inside
        lines += [line.strip()] if inside and not marks else []
    assert not inside, "a solution that does not end"
    return lines


@pytest.fixture(scope="module", params=BUILT, ids=lambda rung: rung.folder)
def rung(request):
    return request.param


@pytest.fixture(scope="module")
def course_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    make_course_folder(folder, BUILT)
    for rung in BUILT:
        nbgrader(folder, "generate_assignment", rung.folder)
    return folder


@pytest.fixture
def source(rung):
    return notebook_of(ROOT / "rungs" / rung.folder)


@pytest.fixture
def released(rung, course_folder):
    return notebook_of(course_folder / "release" / rung.folder)


def test_only_the_notebook_is_released(rung, course_folder):
    assert [path.name for path in (course_folder / "release" / rung.folder).rglob("*")] == [f"{rung.folder}.ipynb"]


def test_no_line_of_a_solution_is_released(source, released):
    everything = nbformat.writes(released)
    assert BEGIN not in everything and END not in everything
    lines = [line for cell in source.cells for line in solution_lines(cell) if len(line) > SHORT]
    assert lines, "no solution found: does the test still look in the right place?"
    text = "\n".join(cell.source for cell in released.cells)
    assert [line for line in lines if line in text] == []


def test_every_answer_cell_asks_for_an_answer(source, released):
    answers = {name: cell for name, cell in named_cells(source).items() if cell.metadata.nbgrader.solution}
    assert answers
    for name, cell in answers.items():
        given = named_cells(released)[name].source
        assert solution_lines(cell), f"{name} has no solution in the source"
        stub = "\n".join(line.strip() for line in given.splitlines())
        assert stub.endswith(CODE) if cell.cell_type == "code" else TEXT in given


def test_marks_stand_in_answer_cells_only(source):
    for cell in source.cells:
        if BEGIN in cell.source or END in cell.source:
            assert cell.metadata.nbgrader.solution


def test_cells_and_points_are_those_of_the_course(rung, released):
    graded = {name: cell for name, cell in named_cells(released).items() if cell.metadata.nbgrader.grade}
    automatic = {n: c.metadata.nbgrader.points for n, c in graded.items() if not c.metadata.nbgrader.solution}
    prose = {n: c.metadata.nbgrader.points for n, c in graded.items() if c.metadata.nbgrader.solution}
    assert (automatic, prose) == (rung.cells, rung.prose_cells)
    assert (sum(automatic.values()), sum(prose.values())) == (rung.points, rung.prose_points)
    assert {graded[name].cell_type for name in automatic} == {"code"}
    assert {graded[name].cell_type for name in prose} <= {"markdown"}


def test_checker_cells_are_locked_and_answers_are_not(released):
    for cell in named_cells(released).values():
        facts = cell.metadata.nbgrader
        assert facts.locked is not facts.solution
        assert cell.metadata.get("editable", True) is facts.solution
        assert cell.metadata.get("deletable", True) is False


def test_the_checkers_criteria_give_each_cell_its_points(rung):
    criteria = checker_of(rung).criteria
    given = {cell: sum(one.points for one in criteria if one.cell == cell) for cell in {one.cell for one in criteria}}
    assert given == rung.cells
    assert len({one.id for one in criteria}) == len(criteria)
    assert all(one.points > 0 for one in criteria)


def test_each_graded_cell_asks_for_its_own_check(rung, released):
    for name in rung.cells:
        assert f'check("{rung.id}", "{name}")' in named_cells(released)[name].source


def test_every_learner_function_has_its_answer_cell(rung, released):
    for cell, function, _ in checker_of(rung).submission.learner_functions:
        assert function.cell == f"answer-{cell}" and cell in rung.cells
        assert f"def {function.name}(" in named_cells(released)[function.cell].source


def test_no_output_is_released(released):
    for cell in released.cells:
        assert cell.cell_type != "code" or (cell.outputs == [] and cell.execution_count is None)


def test_the_gradebook_knows_the_same_cells(rung, course_folder):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course_folder / 'gradebook.db'}") as gradebook:
        notebook = gradebook.find_notebook(rung.folder, rung.folder)
        assert {cell.name: cell.max_score for cell in notebook.grade_cells} == {**rung.cells, **rung.prose_cells}
