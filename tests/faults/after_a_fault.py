"""What every fault must end in: one line that says what to do, and a next run that finishes."""

from fault_class import State, left_behind, read_state

from autograder.nbgrader_batch import NEXT


def require_one_line(grading, expected: str) -> None:
    """Fail unless the grading ended with one error, in a line that says what happened and what to do."""
    said = grading.said()
    errors = [line for line in said.splitlines() if "| ERROR]" in line]
    assert len(errors) == 1 and expected in errors[0] and NEXT in errors[0], said
    assert "Traceback" not in said


def require_finish(grader, course, command, expected: State, db_url: str = "") -> None:
    """Run the command once more, undisturbed: everything is as if nothing had happened."""
    grading = grader.start(course, *command)
    assert grading.wait() == 0, grading.said()
    assert read_state(course, db_url) == expected
    assert left_behind(course) == []
