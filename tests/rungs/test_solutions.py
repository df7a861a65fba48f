"""The solved notebooks of the rungs in REACHED, executed on pocket from the top, checked, and graded by nbgrader.

Rung 02's is executed by the demonstration's own test.
"""

import shutil
import time

import pytest

from autograder import demo
from autograder.nbgrader_course import make_course_folder, nbgrader
from autograder.runner import grade
from autograder.solution_run import run_solution
from shared.course import load_course

MINUTES = 5  # what the course promises for a rung on two cores; a machine under load gets twice that
# What the pocket base cannot meet.
REACHED = {
    "01": set(), "03": set(), "04": {"seven-billion"}, "05": set(), "06": set(), "07": set(), "08": set(), "09": set(),
    "11": set(),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("rung", REACHED)
def test_a_solved_rung_gets_all_points_that_pocket_can_give(rung, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "pocket")
    known, folder = load_course().rung(rung), tmp_path / "course"
    work = folder / "work" / known.folder
    monkeypatch.setenv("COURSE_WORK", str(work.parent))  # where rung 11's tools keep their folders
    started = time.monotonic()
    run_solution(known, work)
    assert time.monotonic() - started < 2 * 60 * MINUTES
    report = grade(rung, work, seed=1)
    missed = {result.id for result in report.criteria if not result.passed}
    assert missed == REACHED[rung], [result.observed for result in report.criteria if not result.passed]

    make_course_folder(folder, [known])
    nbgrader(folder, "generate_assignment", known.folder)
    release = folder / "release" / known.folder
    assert "### BEGIN SOLUTION" not in (release / f"{known.folder}.ipynb").read_text()
    demo.submit(known, folder, {"ada": work, "ben": release})
    nbgrader(folder, "autograde", known.folder)
    grades = demo.read_gradebook(known, folder)
    assert grades == {
        "ada": {"score": report.score, "waiting": known.prose_points},
        "ben": {"score": 0, "waiting": 0},
    }
    shutil.rmtree(folder)
