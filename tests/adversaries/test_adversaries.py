"""The real `nbgrader` grades a whole class: everybody gets what the work deserves, and no attack gains a point."""

import os

import pytest

from autograder.same_work import marks_of, same_work
from tests.adversaries.attack import ATTACKS, LEARNERS, RUNG
from tests.adversaries.by_code import SHARED_MEMORY
from tests.adversaries.conftest import BY_HAND
from tests.adversaries.table import TABLE

pytestmark = pytest.mark.slow

AGAIN = [name for name, one in TABLE.items() if one.again]
QUICK = [name for name, one in TABLE.items() if not one.slow]


@pytest.mark.parametrize("rung", sorted({one.rung.id for one in TABLE.values()}))
def test_there_is_honest_work_to_attack(solved, rung):
    """First, and one by one: solving a rung takes minutes, of the time that one test may take."""
    assert (solved(rung).path / "artifacts").is_dir()


def test_the_table_is_long_enough():
    assert len(ATTACKS) >= 40 and len(LEARNERS) >= 10


@pytest.mark.parametrize("name", TABLE)
def test_everybody_gets_what_the_work_deserves(batch, name):
    one = TABLE[name]
    grades = batch.outcome(one).grades[name]
    assert {cell: grade.auto for cell, grade in grades.items() if cell in one.rung.cells} == one.deserves
    assert {cell: grade.most for cell, grade in grades.items()} == {**one.rung.cells, **one.rung.prose_cells}


@pytest.mark.parametrize("name", TABLE)
def test_what_only_a_human_can_grade_waits_and_nothing_else_does(batch, name):
    one = TABLE[name]
    waiting = {cell for cell, grade in batch.outcome(one).grades[name].items() if grade.waits}
    assert waiting == {*one.waits, *(BY_HAND if name == "again_graded_by_hand" else ())}


def test_who_does_not_submit_again_keeps_the_grades(batch):
    for name, grades in batch.first["02"].grades.items():
        if name not in AGAIN:
            assert batch.second.grades[name] == grades


def test_points_given_by_hand_survive_and_are_shown_to_a_human_again(batch):
    grades = batch.second.grades["again_graded_by_hand"]
    assert {name: grades[name].manual for name in BY_HAND} == BY_HAND
    assert all(grades[name].waits for name in BY_HAND)


# Nobody harms the batch, the course, or the machine


def test_nobody_stops_the_batch(batch):
    runs = [*batch.first.values(), batch.second, batch.slow]
    assert [run.failed for run in runs] == [""] * len(runs)
    assert not any("error processing" in run.said for run in runs)


def test_nobody_is_passed_over(room, batch):
    names = {name for name in QUICK if TABLE[name].rung == RUNG}
    assert set(batch.first["02"].grades) == names
    assert all((room.folder / "autograded" / name / RUNG.folder / f"{RUNG.folder}.ipynb").is_file() for name in names)


def test_nothing_outside_was_needed_to_hold_them(batch):
    assert batch.watched.fault == ""


def test_no_process_is_left(batch):
    assert batch.watched.left == []


def test_no_file_is_left(room, slow_room, batch, environment):
    assert list(room.target.outside.iterdir()) == list(slow_room.target.outside.iterdir()) == []
    assert list(environment.iterdir()) == []
    assert not os.path.exists(SHARED_MEMORY.format(room.target.port))


def test_the_listener_heard_nothing(batch, listener):
    assert listener[1] == []


def test_submissions_and_the_repository_are_as_they_were(batch):
    for run in (*batch.first.values(), batch.second, batch.slow):
        assert run.before == run.after
    before, after = batch.repository
    assert before == after


@pytest.mark.parametrize("names", [{"honest", "classmates_work"}, {"honest_adapter", "classmates_adapter"}])
def test_a_classmates_work_is_named_in_the_report_on_the_class(room, batch, names):
    """By the clock of its run, which two honest learners never share; equal weights they may."""
    rung = TABLE[min(names)].rung
    folders = {name: room.folder / "submitted" / name / rung.folder for name in names}
    found = dict(same_work({name: marks_of(folder, rung) for name, folder in folders.items()}))
    assert any("by its clock" in what and set(group) == names for what, group in found.items())
