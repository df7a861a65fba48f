"""The real `nbgrader` grades a whole class: everybody gets what the work deserves, and no forgery earns a point."""

import logging
import sys
from datetime import datetime
from types import SimpleNamespace
from unittest.mock import Mock

import nbformat
import nbgrader_class
import nbgrader_learners  # noqa: F401 (enters the learners into the class)
import pytest
from example_work import PROSE, RUNG
from nbgrader_class import AUTOMATIC, CLASS, PROSE_CELL, PROSE_POINTS, RESUBMITTED, SECOND_TIME

from autograder.nbgrader_course import NbgraderError, nbgrader
from shared.course import load_course

pytestmark = pytest.mark.slow

BY_HAND = {PROSE_CELL: 4.5, "done-when": 6.0}


@pytest.fixture(scope="module")
def environment(_tiny_base_folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROFILE", "pocket")
        patch.setenv("COURSE_BASE_MODEL", str(_tiny_base_folder))
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        yield


@pytest.fixture(scope="module")
def scene(tmp_path_factory, environment, _tiny_work):
    return nbgrader_class.make_scene(tmp_path_factory.mktemp("nbgrader") / "course", _tiny_work)


@pytest.fixture(scope="module")
def first(scene):
    """The class, graded in one run."""
    nbgrader_class.hand_in(scene, CLASS)
    return nbgrader_class.autograde(scene)


@pytest.fixture(scope="module")
def second(scene, first):
    """Some submit again, after a human has graded one of them; nbgrader takes up what is newer."""
    nbgrader_class.grade_by_hand(scene, "again_graded_by_hand", BY_HAND)
    nbgrader_class.hand_in(scene, RESUBMITTED)
    for name in RESUBMITTED:
        (scene.submitted(name) / "timestamp.txt").write_text(SECOND_TIME)
    return nbgrader_class.autograde(scene)


def scores(grades) -> dict[str, float | None]:
    return {name: grade.auto for name, grade in grades.items() if name in AUTOMATIC}


def test_the_course_says_the_same_of_the_cells():
    rung = load_course().rung("02")
    assert (rung.cells, rung.prose_cells) == (AUTOMATIC, {PROSE_CELL: PROSE_POINTS})


@pytest.mark.parametrize("name", CLASS)
def test_everybody_gets_what_the_work_deserves(first, name):
    grades = first.grades[name]
    assert scores(grades) == CLASS[name].deserves
    assert {cell: grade.most for cell, grade in grades.items()} == {**AUTOMATIC, PROSE_CELL: PROSE_POINTS}


@pytest.mark.parametrize("name", CLASS)
def test_what_only_a_human_can_grade_waits_and_nothing_else_does(first, name):
    grades = first.grades[name]
    assert {cell for cell, grade in grades.items() if grade.waits} == set(CLASS[name].waits)
    assert grades[PROSE_CELL].auto == 0  # a proposal where it waits: one line is too short for the question


@pytest.mark.parametrize("name", RESUBMITTED)
def test_who_submits_again_gets_what_the_new_work_deserves(second, name):
    assert scores(second.grades[name]) == RESUBMITTED[name].deserves
    waiting = {cell for cell, grade in second.grades[name].items() if grade.waits}
    assert waiting == {*RESUBMITTED[name].waits, *(BY_HAND if "by_hand" in name else ())}


def test_who_does_not_submit_again_keeps_the_grades(first, second):
    for name in CLASS.keys() - RESUBMITTED.keys():
        assert second.grades[name] == first.grades[name]


def test_points_given_by_hand_survive_and_are_shown_to_a_human_again(second):
    grades = second.grades["again_graded_by_hand"]
    assert {name: grades[name].manual for name in BY_HAND} == BY_HAND
    assert all(grades[name].waits for name in BY_HAND)


def test_nothing_of_a_submission_is_executed_or_changed(scene, first, second):
    assert not scene.marker.exists()
    assert first.before == first.after and second.before == second.after


def test_nobody_is_passed_over(scene, first):
    assert set(first.grades) == set(CLASS)
    assert all((scene.folder / "autograded" / name / RUNG / f"{RUNG}.ipynb").is_file() for name in CLASS)


def test_nobody_stops_the_batch(first, second):
    assert (first.failed, second.failed) == ("", "")
    assert "error processing" not in first.said + second.said


def autograded(scene, name: str) -> nbformat.NotebookNode:
    notebook = nbformat.read(scene.folder / "autograded" / name / RUNG / f"{RUNG}.ipynb", as_version=4)
    nbformat.validate(notebook)
    return notebook


def printed(cell) -> str:
    return "".join(output.get("text", "") + output.get("evalue", "") for output in cell.outputs)


@pytest.mark.parametrize("name", ["honest", "printed_report", "graded_cells_edited", "graded_cells_as_text"])
def test_graded_cells_hold_the_source_and_the_report_of_the_course(scene, first, name):
    notebook, released = autograded(scene, name), scene.notebook()
    for cell, points in scores(first.grades[name]).items():
        shown = nbgrader_class.cell(notebook, cell)
        assert shown.source == nbgrader_class.cell(released, cell).source
        total = f"{points:g} of {AUTOMATIC[cell]} points."
        assert printed(shown).endswith(f"Done: {total}\n" if points == AUTOMATIC[cell] else f"Not done: {total}\n")
        assert "all is well" not in printed(shown)
        assert shown.outputs[-1].data["text/plain"] == repr(float(points))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("no_notebook", f"no_notebook/{RUNG}/{RUNG}.ipynb: no such notebook"),
        ("not_json", "not a notebook ("),
        ("huge", "50,000,001 bytes, expected at most 50,000,000"),
        ("folder_for_notebook", "expected an ordinary file"),
        ("linked_notebook", "expected a real file or folder, found a link"),
        ("graded_cells_deleted", "The graded cell 'done-when' is missing, so it scores 0."),
        ("no_cells", "The graded cell 'sft-loss' is missing, so it scores 0."),
    ],
)
def test_a_notebook_that_cannot_be_graded_says_why(scene, first, name, line):
    assert line in autograded(scene, name).cells[0].source
    assert line in first.said


def test_the_rubric_stands_below_the_prose_answer(scene, first):
    cells = [cell.source for cell in autograded(scene, "honest").cells]
    [rubric] = [
        source for source in cells if source.startswith("> **Rubric.** A human reads it. *Two points*: masking")
    ]
    assert "Proposed by program: 0 of 5 (too short)" in rubric
    assert cells.index(rubric) == cells.index(PROSE) + 1


def test_a_learners_own_figures_stay_for_the_human(scene, first):
    own = autograded(scene, "one_function").cells[-1]
    assert own.source == "plot()" and own.outputs[0].data == {"image/png": "AAAA"} and own.metadata.tags == ["mine"]


def test_what_is_not_for_grading_or_not_a_file_is_not_copied(scene, first):
    assert {path.name for path in (scene.folder / "autograded" / "honest" / RUNG).iterdir()} == {
        "artifacts",
        f"{RUNG}.ipynb",
    }
    assert not list((scene.folder / "autograded" / "honest").rglob("optimizer.pt"))
    copied = [path for path in (scene.folder / "autograded" / "linked_files").rglob("*") if not path.is_dir()]
    assert [path.name for path in copied] == [f"{RUNG}.ipynb"]


def test_only_the_cells_of_the_course_are_graded_cells(scene, first):
    for name in ("more_points", "graded_cells_copied", "prose_as_code"):
        found = [cell for cell in autograded(scene, name).cells if cell.metadata.get("nbgrader", {}).get("grade")]
        assert {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points for cell in found} == {
            **AUTOMATIC,
            PROSE_CELL: PROSE_POINTS,
        }
        assert len(found) == len(AUTOMATIC) + 1


@pytest.fixture(scope="module")
def feedback(scene, second):
    nbgrader(scene.folder, "generate_feedback", RUNG)
    return scene.folder / "feedback"


def test_everybody_gets_feedback(feedback):
    assert {path.parts[-3] for path in feedback.glob(f"*/{RUNG}/{RUNG}.html")} == set(CLASS)


def test_feedback_shows_the_report(feedback):
    page = (feedback / "honest" / RUNG / f"{RUNG}.html").read_text()
    assert "the tickets are right on held-out items" in page and "Done: 4 of 4 points." in page


def test_feedback_says_why_nothing_could_be_graded(feedback):
    page = (feedback / "not_json" / RUNG / f"{RUNG}.html").read_text()
    assert "not a notebook" in page


def test_the_scores_can_be_exported(scene, second):
    nbgrader(scene.folder, "export", "--to", "grades.csv")
    lines = (scene.folder / "grades.csv").read_text().splitlines()
    rows = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    exported = {row["student_id"]: float(row["score"]) for row in rows if row["assignment"] == RUNG}
    expected = {name: sum(one.deserves.values()) for name, one in {**CLASS, **RESUBMITTED}.items()}
    expected["again_graded_by_hand"] = sum(BY_HAND.values()) + 3
    assert exported == expected


def test_what_one_run_left_out_or_passed_over_is_forgotten_in_the_next(tmp_path):
    """Formgrader keeps one CourseDirectory through all the runs of a server."""
    from nbgrader.coursedir import CourseDirectory

    from autograder.nbgrader_plugin import _leave_out_what_is_not_a_file, _pass_over_bad_timestamps

    course = CourseDirectory(ignore=["*.pyc"])
    converter = SimpleNamespace(assignments={str(tmp_path): []}, coursedir=course, log=logging.getLogger("test"))
    (tmp_path / "link").symlink_to("elsewhere")
    _leave_out_what_is_not_a_file(converter)
    assert course.ignore == ["*.pyc", str(tmp_path / "link")]
    (tmp_path / "link").unlink()
    for _ in range(sys.getrecursionlimit()):
        _pass_over_bad_timestamps(course)
    _leave_out_what_is_not_a_file(converter)
    assert course.ignore == ["*.pyc"]
    (tmp_path / "timestamp.txt").write_text(SECOND_TIME)
    assert course.get_existing_timestamp(str(tmp_path)) == datetime(2025, 2, 1, 10)


def test_trouble_with_the_gradebook_costs_no_points(tmp_path, monkeypatch):
    from sqlalchemy.exc import OperationalError

    from autograder.nbgrader_plugin import SubmissionExporter

    path = nbgrader_class.save(nbformat.v4.new_notebook(), tmp_path)
    exporter = SubmissionExporter()
    locked = OperationalError("update grade", {}, Exception("database is locked"))
    monkeypatch.setattr(SubmissionExporter, "from_notebook_node", Mock(side_effect=[locked, ("", {})]))
    with pytest.raises(OperationalError):
        exporter.from_filename(str(path))


def test_a_fault_of_ours_is_said_in_the_notebook_and_stops_nobody(tmp_path, monkeypatch):
    from autograder.nbgrader_plugin import SubmissionExporter

    path = nbgrader_class.save(nbformat.v4.new_notebook(), tmp_path)
    made = Mock(side_effect=[KeyError("a slip"), ("", {})])
    monkeypatch.setattr(SubmissionExporter, "from_notebook_node", made)
    SubmissionExporter().from_filename(str(path))
    assert "cannot be graded (KeyError: 'a slip')" in made.call_args.args[0].metadata["course_unreadable"]


def test_a_command_that_fails_is_one_line(scene):
    with pytest.raises(NbgraderError, match=r"^nbgrader autograde nothing: failed [^\n]*$"):
        nbgrader(scene.folder, "autograde", "nothing")
