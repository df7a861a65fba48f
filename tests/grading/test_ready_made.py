"""What a process keeps for the next submission is what it would make anew."""

import shutil

import pytest
from nbgrader.api import Gradebook

from autograder import data_origin, score_evidence
from autograder.nbgrader_transaction import gradebook_at
from autograder.ticket_submission import PHRASINGS, ROWS, ROWS_SEED, TicketSubmission, asked
from shared.course import load_course
from shared.world import rows
from shared.world.splits import HIDDEN_SEED_VARIABLE


def test_rows_follow_the_hidden_seed(monkeypatch):
    for secret in ("one secret", "another", "one secret"):
        monkeypatch.setenv(HIDDEN_SEED_VARIABLE, secret)
        for phrasing in PHRASINGS:
            assert asked("hidden", phrasing) == rows("tickets", "hidden", ROWS, ROWS_SEED, phrasing=phrasing)
    assert asked("public", "unseen") == rows("tickets", "public", ROWS, ROWS_SEED, phrasing="unseen")


def test_what_most_submissions_name_has_been_drawn_before_the_first(monkeypatch):
    """The notebooks' own numbers of rows: a submission that names them draws none."""
    course = load_course()
    monkeypatch.setattr("autograder.reevaluation.prepare_base", lambda base, quantized: None)
    TicketSubmission.prepare(course.rung("02"), course, "public")
    monkeypatch.setattr(data_origin, "rows", None)
    monkeypatch.setattr(score_evidence, "rows", None)
    assert len(data_origin.fingerprints("train", 600, 0)) == 2
    assert {len(score_evidence.public_fingerprint(200, 0, phrasing)) for phrasing in PHRASINGS} == {64}
    with pytest.raises(TypeError):
        score_evidence.public_fingerprint(201, 0, "familiar")


def test_a_gradebook_is_made_once_for_a_file_and_anew_for_another(tmp_path):
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    gradebook_at(url, "course").close()  # makes the file
    with gradebook_at(url, "course") as first:
        first.update_or_create_student("ada")
    with gradebook_at(url, "course") as again:
        assert again is first and [student.id for student in again.students] == ["ada"]
    shutil.move(tmp_path / "gradebook.db", tmp_path / "old.db")
    with gradebook_at(url, "course") as other:
        assert other is not first and other.students == []
    shutil.move(tmp_path / "old.db", tmp_path / "gradebook.db")
    with gradebook_at(url, "course") as back:
        assert [student.id for student in back.students] == ["ada"]


def test_a_closed_gradebook_holds_no_connection_and_sees_what_others_wrote(tmp_path):
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    gradebook_at(url, "course").close()
    with gradebook_at(url, "course") as kept:
        assert kept.students == []
    assert kept.engine.pool.checkedin() == kept.engine.pool.checkedout() == 0
    with Gradebook(url, "course") as other:
        other.update_or_create_student("ben")
    with gradebook_at(url, "course") as kept:
        assert [student.id for student in kept.students] == ["ben"]
