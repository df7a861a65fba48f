"""A course folder with a class in it, graded by the real `nbgrader`: the stage on which the attacks are made."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbgrader.api import Gradebook

from autograder.nbgrader_course import NbgraderError, make_course_folder, nbgrader
from shared.course import ROOT, Rung, load_course
from tests.adversaries.attack import Attack, Starts, Target, half_done, hand_in

FIRST_TIME, SECOND_TIME = "2025-01-01 10:00:00 UTC", "2025-02-01 10:00:00 UTC"
KEPT = ("autograder", "shared", "rungs", "course.yml", "nbgrader_config.py")  # of the repository: must stay as it is


class Grade(NamedTuple):
    """One graded cell in the gradebook."""

    auto: float | None
    manual: float | None
    waits: bool
    most: float


class Outcome(NamedTuple):
    """What one run left: whether it failed, its log, the gradebook, the submissions before and after."""

    failed: str
    said: str
    grades: dict[str, dict[str, Grade]]
    before: dict[str, str]
    after: dict[str, str]


class Classroom(NamedTuple):
    """A course with released rungs; `starts` by the rung's id."""

    target: Target
    starts: dict[str, Starts]

    @property
    def folder(self) -> Path:
        """The course's folder."""
        return self.target.course


def make_classroom(target: Target, solved: dict[str, Path]) -> Classroom:
    """Make the course folder and release the rungs in it; `solved` are folders of honest work by the rung's id."""
    rungs = [load_course().rung(name) for name in solved]
    make_course_folder(target.course, rungs)
    for rung in rungs:
        nbgrader(target.course, "generate_assignment", rung.folder)
    return Classroom(target, {rung.id: _starts(target.course, rung, solved[rung.id]) for rung in rungs})


def _starts(course: Path, rung: Rung, solved: Path) -> Starts:
    name = f"{rung.folder}.ipynb"
    released = nbformat.read(course / "release" / rung.folder / name, as_version=4)
    honest = nbformat.read(solved / name, as_version=4)
    for cell in honest.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return Starts(released, honest, solved / "artifacts")


def submit_all(room: Classroom, learners: Iterable[Attack]) -> None:
    """Let all hand in. Who will submit again first hands in what earns something."""
    for one in learners:
        starts = room.starts[one.rung.id]
        if one.again:
            folder = room.folder / "submitted" / one.name / one.rung.folder
            folder.mkdir(parents=True)
            nbformat.write(half_done(starts), folder / f"{one.rung.folder}.ipynb")
            (folder / "timestamp.txt").write_text(FIRST_TIME)
        else:
            hand_in(one, starts, room.target)


def submit_again(room: Classroom, learners: Iterable[Attack]) -> None:
    """Let those who submit a second time do so."""
    for one in learners:
        folder = hand_in(one, room.starts[one.rung.id], room.target)
        (folder / "timestamp.txt").write_text(SECOND_TIME)


def autograde(room: Classroom, rung: Rung) -> Outcome:
    """Run `nbgrader autograde` once over the whole class."""
    submitted, log, failed = room.folder / "submitted", room.folder / "nbgrader.log", ""
    before = contents(submitted)
    log.unlink(missing_ok=True)
    try:
        nbgrader(room.folder, "autograde", rung.folder, f"--NbGrader.logfile={log}")
    except NbgraderError as error:
        failed = str(error)
    return Outcome(failed, log.read_text(), read_grades(room.folder, rung), before, contents(submitted))


def read_grades(course: Path, rung: Rung) -> dict[str, dict[str, Grade]]:
    """Return learner -> graded cell -> what the gradebook holds."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        notebooks = gradebook.notebook_submissions(rung.folder, rung.folder)
        return {
            notebook.student.id: {
                grade.name: Grade(grade.auto_score, grade.manual_score, grade.needs_manual_grade, grade.max_score)
                for grade in notebook.grades
            }
            for notebook in notebooks
        }


def grade_by_hand(room: Classroom, rung: Rung, name: str, scores: dict[str, float]) -> None:
    """Set manual scores and end the waiting, as formgrader does."""
    with Gradebook(f"sqlite:///{room.folder / 'gradebook.db'}") as gradebook:
        for cell_name, score in scores.items():
            grade = gradebook.find_grade(cell_name, rung.folder, rung.folder, name)
            grade.manual_score, grade.needs_manual_grade = score, False
        gradebook.db.commit()


def contents(folder: Path) -> dict[str, str]:
    """Return every path below `folder` with its kind and the hash of what an ordinary file holds.

    Of a file of more than 1 GB its size stands for that, and nothing of one that has a second name elsewhere.
    """
    found = {}
    walked = ((Path(parent), [*folders, *names]) for parent, folders, names in os.walk(folder))  # passes over errors
    for path in sorted(parent / name for parent, names in walked for name in names):
        try:
            status = path.lstat()
        except OSError:  # a path longer than the system allows
            continue
        small = path.is_file() and not path.is_symlink() and status.st_size < 10**9
        content = hashlib.sha256(path.read_bytes()).hexdigest() if small else status.st_size
        content = content if status.st_nlink == 1 or path.is_dir() else "linked"
        found[str(path.relative_to(folder))] = f"{status.st_mode} {content}"
    return found


def repository() -> dict[str, str]:
    """Return the repository's own files, those that Python makes aside, with their hashes."""
    parts = {name: contents(ROOT / name) for name in KEPT if (ROOT / name).is_dir()}
    files = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in KEPT if (ROOT / name).is_file()}
    found = {f"{part}/{path}": content for part, paths in parts.items() for path, content in paths.items()}
    return {path: content for path, content in {**found, **files}.items() if "__pycache__" not in path}
