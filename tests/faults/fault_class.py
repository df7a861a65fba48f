"""A small class whose grading is disturbed, and how to tell whether anything was lost, doubled or half written."""

import json
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbgrader.api import Base
from sqlalchemy import create_engine, text

from autograder.nbgrader_course import CONFIG, make_course_folder, nbgrader
from autograder.nbgrader_results import EARLIER
from shared.course import ROOT, load_course

RUNG = "rung-01-when"
DRIVER = "class-driver"
CELLS = load_course().rung("01").cells
LEARNERS = "ada", "ben", "cleo", "dan"
# Not newer than what was graded: --force grades it again, and without it the mark of an unfinished grading does.
OLD_TIME, NEW_TIME = "2025-02-01 10:00:00 UTC", "2025-01-01 10:00:00 UTC"
WEIGHT_BYTES = 300_000  # stands for trained weights: more than one write's worth

VANISHES, WAITS = "vanishes.txt", "waits.txt"  # what they do is in grader.py

Content = dict[str, str | bytes]

GRADES = """
SELECT submitted_assignment.student_id, submitted_assignment.timestamp, base_cell.name,
       grade.auto_score, grade.manual_score, grade.needs_manual_grade
FROM submitted_assignment
LEFT JOIN submitted_notebook ON submitted_notebook.assignment_id = submitted_assignment.id
LEFT JOIN grade ON grade.notebook_id = submitted_notebook.id
LEFT JOIN base_cell ON base_cell.id = grade.cell_id
"""


def make_course(folder: Path) -> Path:
    """Make a course folder with the rung released in it, and return it."""
    make_course_folder(folder, [load_course().rung("01")])
    with (folder / CONFIG).open("a") as file:
        file.write("c.SubmissionExporter.sandbox = 'optional'  # the code is our own\n")
    nbgrader(folder, "generate_assignment", RUNG)
    return folder


def hand_in(course: Path, learners: tuple[str, ...] = LEARNERS, *, new: bool = False) -> None:
    """Let each of the learners submit, or submit better work, with an earlier time on it. No two are alike."""
    for number, learner in enumerate(learners):
        folder = course / "submitted" / learner / RUNG
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "artifacts").mkdir(parents=True)
        (folder / "timestamp.txt").write_text(NEW_TIME if new else OLD_TIME)
        solved = ROOT / "rungs" if new else course / "release"
        shutil.copy(solved / RUNG / f"{RUNG}.ipynb", folder)
        points = dict.fromkeys(CELLS, (number + 2 * new) % 5)
        (folder / "artifacts" / "points.json").write_text(json.dumps(points))
        (folder / "artifacts" / "weights.safetensors").write_bytes(bytes([number + 10 * new]) * WEIGHT_BYTES)


def gradebook_of(course: Path) -> str:
    """Return the address of the SQLite gradebook in the course folder."""
    return f"sqlite:///{course / 'gradebook.db'}"


def copied_gradebook(course: Path, db_url: str) -> None:
    """Copy the SQLite gradebook of the course folder into the empty, or emptied, one at `db_url`."""
    source, target = create_engine(gradebook_of(course)), create_engine(db_url)
    Base.metadata.drop_all(target)
    Base.metadata.create_all(target)
    with source.connect() as old, target.begin() as new:
        for table in Base.metadata.sorted_tables:
            rows = [dict(row) for row in old.execute(table.select()).mappings()]
            if rows:
                new.execute(table.insert(), rows)
    source.dispose()
    target.dispose()


def read_grades(db_url: str) -> dict[str, list[tuple]]:
    """Return learner -> rows of the gradebook, one a graded cell, sorted; doubled ones would be there twice."""
    engine = create_engine(db_url)
    found: dict[str, list[tuple]] = {}
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        for learner, submitted_at, *scores, waits in connection.execute(text(GRADES)):
            row = str(submitted_at)[: len("2025-01-01 10:00:00")], *map(str, scores), bool(waits)
            found.setdefault(learner, []).append(row)
    engine.dispose()
    return {learner: sorted(rows) for learner, rows in found.items()}


def read_results(course: Path) -> dict[str, Content]:
    """Return learner -> what lies in the autograded folder. Every notebook must be whole.

    In the moment in which an earlier result and the new one change places, the earlier one counts.
    """
    places = [*(course / "autograded" / EARLIER).glob(f"*/{RUNG}"), *(course / "autograded").glob(f"[!.]*/{RUNG}")]
    return {folder.parent.name: content(folder) for folder in places}


class State(NamedTuple):
    """What a class has: learner -> rows of the gradebook, learner -> files in the autograded folder."""

    grades: dict[str, list[tuple]]
    results: dict[str, Content]


NOTHING = State({}, {})


def read_state(course: Path, db_url: str = "") -> State:
    """Return what the class has, the gradebook being the one at `db_url` or the one in the course folder."""
    return State(read_grades(db_url or gradebook_of(course)), read_results(course))


def require_old_or_new(found: State, old: State, new: State, begun: Collection[str]) -> None:
    """Fail unless each learner has all of the old or all of the new grades, and all of one of the two folders.

    The two may differ only where the mark says that the grading has begun and not finished.
    """
    assert found.grades.keys() <= new.grades.keys() and found.results.keys() <= new.results.keys()
    for learner in new.grades:
        grades, result = found.grades.get(learner), found.results.get(learner)
        assert grades in (old.grades.get(learner), new.grades[learner]), learner
        assert result in (old.results.get(learner), new.results[learner]), learner
        whole = (grades, result) in [(state.grades.get(learner), state.results.get(learner)) for state in (old, new)]
        assert whole or learner in begun, learner


def begun(course: Path) -> set[str]:
    """Return whose grading has begun and not finished."""
    return {mark.parent.name for mark in (course / "autograded").glob(f".grading/*/{RUNG}.begun")}


def content(folder: Path) -> Content:
    """Return path -> what the file holds; of a notebook, what stays the same when it is graded again."""
    found: Content = {}
    for path in folder.rglob("*"):
        if path.suffix == ".ipynb":
            notebook = nbformat.read(path, as_version=4)
            nbformat.validate(notebook)
            for cell in notebook.cells:
                cell.pop("id")
                for output in cell.get("outputs", []):
                    if output.output_type == "stream":  # the report: what it measured on data drawn afresh
                        output.text = re.sub(r"\d+", "0", output.text)
            found[str(path.relative_to(folder))] = json.dumps(notebook, sort_keys=True)
        elif path.is_file():
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def left_behind(course: Path) -> list[str]:
    """Return what a grading may leave nowhere once it has finished: hidden folders, marks, journals."""
    hidden = [path for path in (course / "autograded").rglob("*") if path.name.startswith(".")]
    return [str(path) for path in [*hidden, *course.glob("gradebook.db-*")]]


def reset(course: Path, snapshot: Path) -> Path:
    """Make `course` what `snapshot` is."""
    shutil.rmtree(course, ignore_errors=True)
    return shutil.copytree(snapshot, course)
