"""What of nbgrader is replaced or counted on is what it was when that was written; a machine's fault costs nobody."""

import errno
import hashlib
import inspect
import shutil
from collections import namedtuple

import pytest
from fault_class import LEARNERS, RUNG, read_state, reset
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.converters.base import BaseConverter
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
from sqlalchemy.exc import OperationalError

from autograder import nbgrader_batch
from autograder.nbgrader_transaction import one_transaction, patient

# Replaced: convert_notebooks with all that it calls to delete and to fail, Gradebook's beginning and end.
# Counted on: where the exporter is made, what the steps read and write, that grades are changed and then committed.
KNOWN = {
    BaseConverter.start: "10d6830579cd",
    BaseConverter.convert_notebooks: "9f4d7a770217",
    BaseConverter.init_destination: "44418928db4f",
    BaseConverter.init_assignment: "bcfda8a38bd2",
    BaseConverter.convert_single_notebook: "ec4c141ea898",
    BaseConverter.write_single_notebook: "90d9ce9843d8",
    BaseConverter.set_permissions: "dca0119ffdfe",
    BaseConverter._format_dest: "968c9fe7dc39",
    Autograde._input_directory.fget: "0197b9bc3e65",
    Autograde._output_directory.fget: "24dfd11b1f24",
    Autograde.init_assignment: "a7c144dc746e",
    Autograde.convert_single_notebook: "d46973a12f2e",
    SaveAutoGrades.preprocess: "edef3c387d5c",
    SaveAutoGrades._add_score: "ee891a8fe365",
    SaveAutoGrades._add_comment: "31f0186fac9c",
    AssignLatePenalties.preprocess: "e4fa96a4c466",
    Gradebook.__init__: "c60c420276e8",
    Gradebook.close: "089cf56cf4f8",
    Gradebook.update_or_create_student: "edf7450e8d6f",
    Gradebook.update_or_create_submission: "abee451ffde6",
    Gradebook.add_submission: "cde077cbf605",
}


def digest(function) -> str:
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]


@pytest.mark.parametrize("function", KNOWN, ids=lambda function: function.__qualname__)
def test_nbgrader_is_the_one_that_is_known(function):
    """If this fails, read what has changed beside nbgrader_batch.py and nbgrader_transaction.py, then set it anew."""
    assert digest(function) == KNOWN[function]


@pytest.fixture
def gradebook(tmp_path, monkeypatch):
    """Return the address of a gradebook with one student in it."""
    monkeypatch.setattr("nbgrader.api.get_alembic_version", lambda: "none")  # a program that takes seconds to say it
    db_url = patient(f"sqlite:///{tmp_path / 'gradebook.db'}")
    with Gradebook(db_url, "course") as book:
        book.add_student("ada", first_name="Ada")
    return db_url


def students(db_url: str) -> dict[str, str]:
    with Gradebook(db_url, "course") as book:
        return {student.id: student.first_name for student in book.students}


def test_one_transaction_is_all_or_nothing(gradebook):
    with pytest.raises(KeyError), one_transaction(gradebook, "course"):
        with Gradebook(gradebook) as book:
            book.update_or_create_student("ada", first_name="Augusta")
            book.add_student("ben")
        with Gradebook(gradebook) as book:
            assert book.find_student("ada").first_name == "Augusta" and book.find_student("ben")
        raise KeyError
    assert students(gradebook) == {"ada": "Ada"}
    with one_transaction(gradebook, "course"), Gradebook(gradebook) as book:
        book.update_or_create_student("ada", first_name="Augusta")
    assert students(gradebook) == {"ada": "Augusta"}


def test_another_gradebook_is_not_part_of_it(gradebook, tmp_path):
    other = f"sqlite:///{tmp_path / 'other.db'}"
    with pytest.raises(KeyError), one_transaction(gradebook, "course"):
        with Gradebook(other, "course") as book:
            book.add_student("cleo")
        raise KeyError
    assert (students(gradebook), list(students(other))) == ({"ada": "Ada"}, ["cleo"])


def test_the_wait_for_a_lock_is_added_to_an_address_that_names_none():
    assert patient("sqlite:////a/b.db") == "sqlite:////a/b.db?timeout=30"
    for told in ("sqlite:////a/b.db?timeout=5", "postgresql+psycopg2://ada:secret@host/db"):
        assert patient(told) == told


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "full"), MemoryError(), OperationalError("", {}, Exception())])
def test_a_fault_of_the_machine_is_no_verdict(tmp_path, monkeypatch, fault):
    def failing(*_, **__):
        raise fault

    monkeypatch.setattr(nbgrader_batch, "grade", failing)
    with pytest.raises(type(fault)):
        nbgrader_batch.verdict_on(RUNG, tmp_path, "optional")


def test_a_fault_of_ours_is_a_verdict_without_points(tmp_path, monkeypatch):
    def failing(*_, **__):
        raise KeyError("a slip")

    monkeypatch.setattr(nbgrader_batch, "grade", failing)
    expected = None, "the checker could not be run (KeyError: 'a slip')"
    assert nbgrader_batch.verdict_on(RUNG, tmp_path, "optional") == expected


def test_a_check_without_temporary_space_is_no_verdict(tmp_path, monkeypatch):
    monkeypatch.setattr(nbgrader_batch, "grade", lambda *_, **__: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(nbgrader_batch.SPARE_BYTES - 1))
    with pytest.raises(OSError, match="No space left on device"):
        nbgrader_batch.verdict_on(RUNG, tmp_path, "optional")


@pytest.mark.slow
def test_one_notebook_of_one_learner(stages, grader, course):
    """`--notebook` leaves what else lies in the result, and everybody else's, as it was."""
    reset(course, stages.again)
    keepsake = course / "autograded" / LEARNERS[0] / RUNG / "other.ipynb"
    shutil.copy(keepsake.with_name(f"{RUNG}.ipynb"), keepsake)
    command = "autograde", RUNG, f"--notebook={RUNG}", f"--student={LEARNERS[0]}"
    assert grader.start(course, *command).wait() == 0
    assert read_state(course).grades == stages.old.grades
    grading = grader.start(course, *command, "--force")
    assert grading.wait() == 0, grading.said()
    assert keepsake.exists()
    keepsake.unlink()
    assert read_state(course) == stages.with_new(LEARNERS[0])
