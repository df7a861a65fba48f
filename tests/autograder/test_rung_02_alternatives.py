"""Rung 02, solved in other ways: each of these submissions is right, and passes.

The answers to the code exercises stand in `rung_02_answers`.
"""

import numpy as np
import pytest
from example_work import (
    PROSE,
    STAGE_FOLDER,
    answer,
    by_id,
    claimed,
    edit,
    edit_weights,
    entry,
    failed,
    falling_curve,
    report_on,
    said,
    solved_notebook,
    tensors_of,
    write_notebook,
)
from nbformat.v4 import new_code_cell
from rung_02_answers import KINDS, LOSSES
from safetensors.numpy import save_file

from autograder.runner import grade
from autograder.ticket_submission import ROWS
from shared.artifacts import CurveRow, EvalRecord, LossCurve, fingerprint_rows, read_json, write_json
from shared.world import rows

PERFORMANCE = {"valid-json", "exact-match", "exact-match-unseen"}
pytestmark = pytest.mark.usefixtures("as_if_trained")


@pytest.mark.parametrize("name", LOSSES)
def test_a_right_loss_passes(work, name):
    answer(work, "answer-sft-loss", LOSSES[name])
    report = report_on(work, "sft-loss")
    assert report.done, [result.observed for result in report.criteria]


@pytest.mark.parametrize("name", KINDS)
def test_a_right_failure_kind_passes(work, name):
    answer(work, "answer-read-failures", KINDS[name])
    report = report_on(work, "read-failures")
    assert report.done, [result.observed for result in report.criteria]


@pytest.mark.parametrize("tau", [1, 4, 80])  # the pocket model's is about 4
@pytest.mark.parametrize("spacing", [1, 10, 50])
def test_a_falling_curve_passes_however_fast_it_fell_and_however_seldom_it_was_logged(work, tau, spacing):
    """250 steps; the loss falls as exp(-step / tau)."""
    path, stream = work / STAGE_FOLDER / "loss_curve.json", np.random.default_rng(0)
    first = read_json(path, LossCurve, within=work).rows[0].loss
    values = 0.1 + (first - 0.1) * np.exp(-np.arange(250) / tau) + stream.normal(0, 0.03, 250)
    means = values.reshape(-1, spacing).mean(1)
    steps = range(spacing, 251, spacing)
    made = [
        CurveRow(step=step, tokens=step * 900, loss=max(0.0, float(loss)), learning_rate=1e-3, seconds=0.3 * step)
        for step, loss in zip(steps, means, strict=True)
    ]
    write_json(path, LossCurve(rows=made))
    run_edited(steps=250)(work)
    result = by_id(report_on(work, "done-when"))["curve-is-real"]
    assert result.passed, said(result)


@pytest.mark.parametrize("seed", [*range(40), 2**31 - 1])
def test_the_right_answers_pass_whatever_is_drawn(work, without_children, seed):
    assert report_on(work, "read-failures", "sft-loss", seed=seed).done


def test_a_right_submission_is_done(work, measured_as):
    measured_as(ROWS, ROWS)
    claimed(work, 1.0)
    report = report_on(work)
    assert failed(report) == set() and report.done and report.score == report.max_score == 20


def run_edited(**changes):
    return lambda work: edit(work / STAGE_FOLDER / "run.json", lambda run: run.update(changes))


def settings(**values):
    return run_edited(hyperparameters=values)


def logged_every(spacing: int, steps: int = 100, ends: bool = True):
    """Return a change: the curve with the mean of each `spacing` steps, as the trainer logs it."""

    def change(work):
        path = work / STAGE_FOLDER / "loss_curve.json"
        curve = read_json(path, LossCurve, within=work).rows
        groups = [curve[start : start + spacing] for start in range(0, len(curve), spacing)]
        kept = [
            CurveRow(**{**group[-1].model_dump(), "loss": float(np.mean([row.loss for row in group]))})
            for group in groups
        ]
        write_json(path, LossCurve(rows=kept))
        run_edited(steps=steps)(work)

    return change


def with_losses(change):
    def apply(work):
        path = work / STAGE_FOLDER / "loss_curve.json"
        edit(path, lambda curve: [row.update(loss=change(row["loss"])) for row in curve["rows"]])

    return apply


def stored_in_half(work):
    path = work / STAGE_FOLDER / "model.safetensors"
    save_file({name: values.astype(np.float16) for name, values in tensors_of(path).items()}, path)


def trained_in_part(work, tiny_base):
    """Put the base's own embedding back: 61,568 numbers that were frozen."""
    path, name = work / STAGE_FOLDER / "model.safetensors", "model.embed_tokens.weight"
    frozen = tensors_of(tiny_base / "model.safetensors")[name]
    edit_weights(path, lambda tensors: tensors.update({name: frozen}))
    edit(work / STAGE_FOLDER / "run.json", lambda run: run.update(trainable_parameters=94_112 - frozen.size))


def evaluated(n: int, seed: int = 0):
    def change(work):
        def refit(item):
            data = fingerprint_rows(rows("tickets", "public", n, seed, phrasing=item["phrasing"]))
            made = entry(item["metric"], item["phrasing"], n, data_fingerprint=data)
            item.update(made.model_dump(mode="json"))

        edit(work / "artifacts" / "eval.json", lambda record: [refit(item) for item in record["entries"]])

    return change


def with_other_entries(work):
    path = work / "artifacts" / "eval.json"
    record = read_json(path, EvalRecord, within=work)
    others = [entry("loss", "familiar"), entry("exact_match", "familiar", task="orders")]
    write_json(path, record.model_copy(update={"entries": [*others, *record.entries[::-1]]}))


def with_other_files(work):
    stage = work / STAGE_FOLDER
    (stage / "training_args.bin").write_bytes(b"\x80\x04.")
    (stage / "checkpoint-50").mkdir()
    (stage / "checkpoint-50" / "optimizer.pt").write_bytes(b"\x80\x04.")
    (work / "notes.md").write_text("Mine.")
    (work / "artifacts" / "other").mkdir()


def with_other_cells(work):
    notebook = solved_notebook()
    notebook.cells.insert(0, new_code_cell("while True: pass"))
    notebook.cells.append(new_code_cell("raise ValueError"))
    notebook.metadata["kernelspec"] = {"name": "julia", "display_name": PROSE}
    write_notebook(notebook, work)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(settings(per_device_train_batch_size=4, gradient_accumulation_steps=4), id="accumulated"),
        pytest.param(settings(per_device_train_batch_size=64), id="a large batch"),
        pytest.param(settings(per_device_train_batch_size=1), id="one row a step"),
        pytest.param(settings(learning_rate=3e-4, optim="adafactor", seed=None), id="the default batch"),
        pytest.param(run_edited(device="cuda:0", wall_seconds=3_000.5, peak_memory_bytes=0), id="a slow machine"),
        pytest.param(run_edited(rows=20), id="few rows"),
        pytest.param(logged_every(5), id="logged every 5 steps"),
        pytest.param(logged_every(10), id="logged every 10 steps"),
        pytest.param(logged_every(20), id="logged every 20 steps"),
        pytest.param(logged_every(10, steps=109), id="the last steps not logged"),
        pytest.param(with_losses(lambda loss: loss + (loss < 7) * 1.5), id="a curve that ends high"),
        pytest.param(stored_in_half, id="16 bits"),
        pytest.param(evaluated(50), id="evaluated on 50"),
        pytest.param(evaluated(777, seed=9), id="evaluated on 777 rows of seed 9"),
        pytest.param(with_other_entries, id="other entries"),
        pytest.param(with_other_files, id="other files"),
        pytest.param(with_other_cells, id="other cells"),
    ],
)
def test_what_may_differ_between_right_submissions(work, change):
    change(work)
    report = report_on(work, "done-when")
    assert failed(report) == PERFORMANCE, [said(result) for result in report.criteria if not result.passed]


def test_a_part_of_the_model_may_be_frozen(work, tiny_base):
    trained_in_part(work, tiny_base)
    report = report_on(work, "done-when")
    assert failed(report) == PERFORMANCE, said(by_id(report)["run-record"])


def test_a_run_of_many_steps_passes(work, tiny_base):
    path = work / STAGE_FOLDER / "loss_curve.json"
    first = read_json(path, LossCurve, within=work).rows[0].loss
    write_json(path, falling_curve(first, steps=1_000))
    run_edited(steps=1_000)(work)
    assert failed(report_on(work, "done-when")) == PERFORMANCE


def test_on_hidden_rows_the_claims_are_still_judged_on_public_ones(work, monkeypatch):
    monkeypatch.setenv("COURSE_HIDDEN_SEED", "a secret")
    assert failed(report_on(work, "done-when", "read-failures")) == PERFORMANCE


def test_graded_in_a_process_with_hidden_rows(work, monkeypatch):
    monkeypatch.setenv("COURSE_HIDDEN_SEED", "a secret")
    report = grade("02", work, seed=1, cells=["done-when"])
    assert (
        failed(report) == PERFORMANCE | {"model-is-real", "run-record", "curve-is-real"}
        and "secret" not in report.model_dump_json()
    )
