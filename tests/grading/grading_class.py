"""A few learners whose work is graded quickly: JSON alone, and little of it."""

import nbgrader_learners  # noqa: F401 (enters the learners into the class)
from nbgrader_class import AUTOMATIC, CLASS, Scene, read_grades

from autograder.grading.command import main

QUICK = {name: CLASS[name] for name in ("one_function", "untouched", "not_json", "printed_report")}
DESERVED = {name: learner.deserves for name, learner in QUICK.items()}


def grade(scene: Scene, *options: str) -> int:
    """Run the command on the scene's course folder; return its exit code."""
    return main(["02", "--course", str(scene.folder), *options])


def scores(scene: Scene) -> dict[str, dict[str, float | None]]:
    """Return learner -> graded cell -> automatic score, as the gradebook says."""
    return {
        name: {cell: grade.auto for cell, grade in grades.items() if cell in AUTOMATIC}
        for name, grades in read_grades(scene).items()
    }
