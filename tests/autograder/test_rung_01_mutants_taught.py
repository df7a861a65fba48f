"""Rung 01 with one fault in what was taught and claimed: each is refused, in words that name the fault."""

import json
import shutil

import pytest
from example_choices import FACTS, claim, report_01
from example_work import by_id, edit, edit_weights, failed, falling_curve, make_tiny_base, said
from test_rung_01_alternatives import TAUGHT

from shared.artifacts import BaseRecord, fingerprint_model, write_json

pytestmark = pytest.mark.usefixtures("as_if_trained")


@pytest.fixture
def taught_right(choice_work, tiny_base, taught_as):
    """Everything about the taught model is right and claimed so: only what is broken fails."""
    taught_as(TAUGHT)
    record = BaseRecord(id=tiny_base.name, fingerprint=fingerprint_model(tiny_base))
    claim(choice_work, record, before={"known managers": 60}, after=TAUGHT)
    write_json(choice_work / FACTS / "loss_curve.json", falling_curve(4.6))
    return choice_work


def refused(work, *criteria: str) -> str:
    report = report_01(work, "done-when")
    assert failed(report) == set(criteria), [said(result) for result in report.criteria]
    return said(by_id(report)[criteria[0]])


def test_the_taught_model_is_right_to_begin_with(taught_right):
    assert report_01(taught_right, "done-when").done


@pytest.mark.parametrize(
    ("after", "before", "words"),
    [
        ({"manager, the wiki's words": 50}, {}, "the wiki's words 83%"),
        ({"manager, the wiki's words": 60, "manager, backwards": 30}, {}, "backwards 50%"),
        ({"manager, the wiki's words": 60}, {"manager, the wiki's words": 60}, "(base 100%)"),
        ({}, {}, "the wiki's words 0%"),
    ],
)
def test_a_model_that_was_not_taught_the_wiki_is_refused(taught_right, tiny_base, taught_as, after, before, words):
    before = {**before, "known managers": 60}
    taught_as(after, before)
    record = BaseRecord(id=tiny_base.name, fingerprint=fingerprint_model(tiny_base))
    claim(taught_right, record, before, after)
    assert words in refused(taught_right, "cannot-turn")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rung": "02"}, "rung is '02', this is rung 01"),
        ({"stage": "tone"}, "stage is 'tone', expected 'facts'"),
        ({"method": "lora"}, "method is 'lora', but the weights are a full model"),
        ({"total_parameters": 12}, "total_parameters is 12, the weights have"),
        ({"steps": 3}, "3 steps, expected at least 10"),
        ({"rows": 3}, "3 rows, expected at least 20"),
        ({"wall_seconds": 0.0}, "wall_seconds is 0"),
        ({"steps": 300}, "the last step is 100, but run.json says 300"),
    ],
)
def test_a_record_of_another_run_is_refused(taught_right, change, words):
    edit(taught_right / FACTS / "run.json", lambda run: run.update(change))
    assert words in refused(taught_right, "was-taught")


def test_a_curve_of_another_run_is_refused(taught_right):
    write_json(taught_right / FACTS / "loss_curve.json", falling_curve(9.0))
    assert "the first loss is 9.000" in refused(taught_right, "was-taught")
    write_json(taught_right / FACTS / "loss_curve.json", falling_curve(4.6, last_loss=4.6))
    assert "has not learned" in refused(taught_right, "was-taught")


def test_the_base_itself_is_refused(taught_right, tiny_base):
    shutil.copy(tiny_base / "model.safetensors", taught_right / FACTS / "model.safetensors")
    words = refused(taught_right, "was-taught", "cannot-turn", "claim-honest")
    assert "the weights moved by 0.00% from the base" in words


def test_weights_that_are_none_are_refused(taught_right):
    edit_weights(taught_right / FACTS / "model.safetensors", lambda tensors: tensors.popitem())
    assert "is missing" in refused(taught_right, "was-taught", "cannot-turn", "claim-honest")


def test_a_model_of_another_base_is_refused(taught_right, tmp_path):
    other = make_tiny_base(tmp_path / "other", seed=9)
    edit(taught_right / FACTS / "run.json", lambda run: run["base"].update(fingerprint=fingerprint_model(other)))
    assert "trained from" in refused(taught_right, "was-taught", "cannot-turn", "claim-honest")


@pytest.mark.parametrize("name", ["model.safetensors", "run.json", "loss_curve.json"])
def test_a_missing_file_is_named(taught_right, name):
    (taught_right / FACTS / name).unlink()
    report = report_01(taught_right, "done-when")
    assert not report.done and name in said(by_id(report)["was-taught"])


def set_entry(metric: str, **changes: object):
    def change(record):
        next(one for one in record["entries"] if one["metric"] == metric).update(changes)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_entry("question", after=0.9, interval=(0.8, 1.0)), "question: after is 90.0%, measured here 0.0%"),
        (set_entry("known_managers", before=0.1), "known_managers: before is 10.0%, measured here 100.0%"),
        (set_entry("backwards", n=20), "backwards: not about the 60 rows of the notebook"),
        (set_entry("backwards", data_fingerprint="0" * 64), "not about the 60 rows of the notebook"),
        (set_entry("backwards", interval=(0.5, 0.6)), "does not hold 0"),
        (set_entry("backwards", after=7.0, interval=(0.0, 9.0)), "which is no share"),
        (lambda record: record["entries"].pop(0), "wiki_words: no entry for task 'facts'"),
        (lambda record: record.update(stage="tone"), "is about stage 'tone'"),
        (lambda record: record["base"].update(fingerprint="0" * 64), "not about this model"),
        (lambda record: record.update(entries=[]), "entries"),
    ],
)
def test_a_claim_that_is_not_so_is_refused(taught_right, change, words):
    edit(taught_right / "artifacts" / "eval.json", change)
    assert words in refused(taught_right, "claim-honest")


def test_a_deleted_cell_earns_nothing(taught_right):
    path = taught_right / "rung-01-when.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"] = [cell for cell in notebook["cells"] if '"decide"' not in "".join(cell["source"])]
    path.write_text(json.dumps(notebook))
    report = report_01(taught_right, "decide")
    assert report.score == 0 and "the graded cell 'decide' is missing" in report.criteria[0].observed


def test_an_empty_folder_is_not_done(tmp_path, tiny_base):
    report = report_01(tmp_path)
    assert report.score == 0 and not report.done
