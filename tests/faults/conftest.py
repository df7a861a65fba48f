"""The class in the states that a fault may meet it in, made once, and the process that grades it."""

import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "grading"))  # for its PostgreSQL server

import fault_class
from fault_class import RUNG, State
from grader_process import Grader


class Stages(NamedTuple):
    """Course folders to copy: handed in, graded, handed in again; and what the class has before and after that."""

    handed_in: Path
    graded: Path
    again: Path
    old: State
    new: State

    def with_new(self, *learners: str) -> State:
        """Return what the class has when these have been graded again, and nobody else."""
        grades, results = (
            {**old, **{learner: new[learner] for learner in learners}}
            for old, new in zip(self.old, self.new, strict=True)
        )
        return State(grades, results)


@pytest.fixture(scope="session")
def grader(tmp_path_factory):
    process = Grader(tmp_path_factory.mktemp("logs"))
    yield process
    process.close()


@pytest.fixture(scope="session")
def stages(tmp_path_factory, grader):
    """Everybody hands in, all are graded, undisturbed; and all of it once more with better work."""
    folder = tmp_path_factory.mktemp("class")
    course, kept = folder / "course", []

    def keep() -> Path:
        kept.append(shutil.copytree(course, folder / f"stage-{len(kept)}"))
        return kept[-1]

    fault_class.make_course(course)
    fault_class.hand_in(course)
    handed_in = keep()
    assert grader.warm_up(course, "autograde", RUNG) == 0
    fault_class.reset(course, handed_in)
    old = graded(grader, course)
    graded_once = keep()
    fault_class.hand_in(course, new=True)
    again = keep()
    new = graded(grader, course, "--force")
    assert old.grades.keys() == new.grades.keys() == old.results.keys() == new.results.keys()
    assert all(old.grades[name] != new.grades[name] and old.results[name] != new.results[name] for name in new.grades)
    return Stages(handed_in, graded_once, again, old, new)


def graded(grader: Grader, course: Path, *arguments: str) -> State:
    """Grade the class undisturbed and return what it has then."""
    grading = grader.start(course, "autograde", RUNG, *arguments)
    assert grading.wait() == 0, grading.said()
    return fault_class.read_state(course)


@pytest.fixture
def course(tmp_path):
    """Return where a test's own course folder is to be."""
    return tmp_path / "course"
