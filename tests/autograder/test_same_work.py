"""The report on a class: the same work under two names is named, honest likeness is not."""

import json
import shutil

import pytest
from example_work import PROSE, edit, edit_weights, solved_notebook, write_notebook

from autograder.same_work import main, marks_of, same_work
from shared.course import load_course

RUNG = load_course().rung("02")
CLOCK, WEIGHTS = "the same run of model, by its clock", "equal weights of model (which alone prove nothing)"
SEED, WORDS = "the same seed of one's own questions", "the same prose in explain-sft"
LONG = f"{PROSE} It took the format in a minute, and the wordings that it never saw are where it still goes wrong."
CURVE, ANSWERS = "artifacts/model/loss_curve.json", "artifacts/answers.json"


@pytest.fixture
def pair(work, tmp_path):
    """Return two submissions, one a copy of the other."""
    write_notebook(solved_notebook({"explain-sft": LONG}), work)
    (work / ANSWERS).write_text(json.dumps({"rung": "02", "seed": 77, "answers": {}}))
    return work, shutil.copytree(work, tmp_path / "copy")


def found(*folders) -> set[str]:
    """Return what the submissions hold the same of."""
    return {what for what, _ in same_work({str(number): marks_of(one, RUNG) for number, one in enumerate(folders)})}


def test_a_copy_is_named_by_all_that_is_compared(pair):
    assert found(*pair) == {CLOCK, WEIGHTS, SEED, WORDS}


def retimed(curve):
    for row in curve["rows"]:
        row["seconds"] *= 1.01


def test_the_same_weights_of_another_run_are_equal_weights_alone(pair):
    edit(pair[1] / CURVE, retimed)
    assert found(*pair) == {WEIGHTS, SEED, WORDS}


def test_a_copy_with_a_few_changes_is_still_one(pair):
    edit(pair[1] / CURVE, lambda curve: curve["rows"][50].update(seconds=curve["rows"][50]["seconds"] + 0.01))
    write_notebook(solved_notebook({"explain-sft": LONG.replace("a minute", "two minutes")}), pair[1])
    assert {CLOCK, WORDS} <= found(*pair)


def test_likeness_is_not_sameness(pair):
    edit(pair[1] / CURVE, retimed)
    edit(pair[1] / ANSWERS, lambda record: record.update(seed=78))
    edit_weights(pair[1] / "artifacts/model/model.safetensors", lambda tensors: tensors["model.norm.weight"].fill(2))
    other = "Only the ticket is trained on, since the letter is given. Format came first, then meaning; rare ones fail."
    write_notebook(solved_notebook({"explain-sft": other}), pair[1])
    assert found(*pair) == set()


def test_what_cannot_be_read_tells_nothing(pair):
    for name in (CURVE, ANSWERS, "artifacts/model/model.safetensors", f"{RUNG.folder}.ipynb"):
        (pair[1] / name).write_text("[" * 1000)
    assert marks_of(pair[1], RUNG) == {}
    (pair[1] / CURVE).unlink()
    (pair[1] / CURVE).symlink_to(pair[0] / CURVE)
    assert found(*pair) == set()


def test_the_report_names_who(pair, tmp_path, capsys):
    for name, folder in zip(("ada", "ben"), pair, strict=True):
        shutil.copytree(folder, tmp_path / "submitted" / name / RUNG.folder)
    assert main(["02", "--submitted", str(tmp_path / "submitted")]) == 0
    assert f"{CLOCK}: ada, ben" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "submitted" / "ben")
    assert main(["02", "--submitted", str(tmp_path / "submitted")]) == 0
    assert "nothing that is compared: nobody" in capsys.readouterr().out
    assert main(["77"]) == 1
