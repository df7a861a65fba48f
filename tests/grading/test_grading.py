"""A class is graded by worker processes: everybody gets the right score, once, and nothing is ever half there."""

import nbgrader_class
import pytest
from example_work import RUNG, contents
from grading_class import DESERVED, QUICK, grade, scores
from nbgrader_class import read_grades

from autograder.nbgrader_course import nbgrader

pytestmark = pytest.mark.slow


def test_two_workers_give_what_nbgrader_gives(scene, released, capsys):
    assert grade(scene, "--jobs", "2") == 0
    assert "4 of 4 submissions: 4 graded." in capsys.readouterr().out
    assert scores(scene) == DESERVED
    ours = read_grades(scene)
    nbgrader_class.autograde(released)
    assert ours == read_grades(released)
    for name in QUICK:
        place = f"autograded/{name}"
        assert contents(scene.folder / place).keys() == contents(released.folder / place).keys()
    nbgrader(scene.folder, "generate_feedback", RUNG)
