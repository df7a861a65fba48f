"""The records, and reading them back from files that may be anything."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared import artifacts
from shared.artifacts import (
    ArtifactError,
    BaseRecord,
    CurveRow,
    EvalEntry,
    EvalRecord,
    LossCurve,
    RunRecord,
    read_json,
    write_json,
)


def row(step, **changes):
    facts = {
        "step": step,
        "tokens": 100 * step,
        "loss": 2.0 / step,
        "learning_rate": 1e-3,
        "seconds": 0.5 * step,
    }
    return CurveRow(**facts | changes)


CURVE = LossCurve(rows=[row(1), row(2, eval_loss=1.5), row(5)])
BASE = BaseRecord(id="pocket-base", fingerprint="f" * 64)
RUN = RunRecord(
    rung="02", stage="model", profile="pocket", base=BASE, method="full",
    hyperparameters={"learning_rate": 1e-3, "max_steps": 150, "packing": False, "optim": "sgd", "beta": None},
    steps=150, rows=600, data_fingerprint="d" * 64, trainable_parameters=10, total_parameters=10,
    versions={"torch": "2.13.0"}, device="cpu", peak_memory_bytes=2**30, wall_seconds=35.0,
)  # fmt: skip
ENTRY = EvalEntry(
    task="tickets", split="public", phrasing="unseen", metric="exact_match", n=200, before=0.0, after=0.8,
    interval=(0.74, 0.85), data_fingerprint="e" * 64,
)  # fmt: skip
EVAL = EvalRecord(base=BASE, stage="model", entries=[ENTRY])


@pytest.mark.parametrize("record", [CURVE, RUN, EVAL], ids=lambda record: type(record).__name__)
def test_what_is_written_is_read_back(tmp_path, record):
    path = tmp_path / "artifacts" / "record.json"
    write_json(path, record)
    assert read_json(path, type(record), within=tmp_path) == record
    assert [child.name for child in path.parent.iterdir()] == ["record.json"]


def refusal(tmp_path, content, model=LossCurve, **options):
    """Return the one line with which `read_json` refuses a file of this content."""
    path = tmp_path / "loss_curve.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ArtifactError) as refused:
        read_json(path, model, within=tmp_path, **options)
    message = str(refused.value)
    assert "\n" not in message
    assert "loss_curve.json: " in message
    return message


def curve_text(**changes):
    return json.dumps({"rows": [row(1).model_dump() | changes]})


def test_missing_empty_and_oversized_files(tmp_path, monkeypatch):
    with pytest.raises(ArtifactError, match=r"loss_curve.json: no such file\. Run"):
        read_json(tmp_path / "loss_curve.json", LossCurve, within=tmp_path)
    assert "the file is empty" in refusal(tmp_path, b"")
    monkeypatch.setattr(LossCurve, "largest", 1000)
    assert "1,001 bytes, expected at most 1,000" in refusal(tmp_path, b" " * 1001)


def test_a_curve_of_many_steps_and_a_byte_order_mark_are_read(tmp_path):
    long = LossCurve(rows=[row(step) for step in range(1, 20_001)])
    write_json(tmp_path / "loss_curve.json", long)
    assert (tmp_path / "loss_curve.json").stat().st_size > 1_000_000
    assert read_json(tmp_path / "loss_curve.json", LossCurve, within=tmp_path) == long
    (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf" + curve_text().encode())
    assert read_json(tmp_path / "marked.json", LossCurve, within=tmp_path).rows


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"{", b"loss: 3", b'{"rows": [1,]}', b"[" * 100_000])
def test_what_is_not_json(tmp_path, content):
    assert "Invalid JSON" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (curve_text(loss=math.nan), "rows.0.loss"),
        (curve_text(seconds=math.inf), "rows.0.seconds"),
        (curve_text(loss=1.0).replace("1.0", "1e999", 1), "rows.0.loss"),
        (curve_text(loss="2.0"), "rows.0.loss"),
        (curve_text(step=True), "rows.0.step"),
        (curve_text(step=1.5), "rows.0.step"),
        (curve_text(step=0), "rows.0.step"),
        (curve_text(loss=None), "rows.0.loss"),
        (curve_text(extra=1), "rows.0.extra"),
        ('{"rows": []}', "rows"),
        ('{"rows": {}}', "rows"),
        ("{}", "rows"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, content, field):
    assert f"loss_curve.json: {field}: " in refusal(tmp_path, content)


def test_a_list_in_place_of_an_object(tmp_path):
    assert "loss_curve.json: Input should be an object" in refusal(tmp_path, "[]")


def test_steps_that_do_not_increase(tmp_path):
    rows = json.dumps({"rows": [row(1).model_dump(), row(5).model_dump(), row(5).model_dump()]})
    assert "step 5 after step 5, expected increasing steps" in refusal(tmp_path, rows)


def test_nan_among_free_settings_is_refused(tmp_path):
    facts = RUN.model_dump()
    facts["hyperparameters"]["learning_rate"] = math.nan
    assert "hyperparameters.learning_rate" in refusal(tmp_path, json.dumps(facts), RunRecord)


def test_deep_nesting_inside_a_record(tmp_path):
    deep = '{"rows": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}"
    refusal(tmp_path, deep)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_record_or_one_line(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "any.json"
    path.write_bytes(content)
    try:
        assert isinstance(read_json(path, LossCurve, within=folder), LossCurve)
    except ArtifactError as refused:
        assert "\n" not in str(refused)


def test_records_cannot_hold_nan_or_change():
    with pytest.raises(ValidationError):
        row(1, loss=math.nan)
    with pytest.raises(ValidationError):
        CURVE.rows[0].loss = 0.0


def test_nan_is_never_written(tmp_path):
    broken = CURVE.model_copy(update={"rows": [CURVE.rows[0].model_copy(update={"loss": math.nan})]})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "loss_curve.json", broken)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "loss_curve.json"
    write_json(path, CURVE)

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifacts.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_json(path, LossCurve(rows=[row(9)]))
    assert read_json(path, LossCurve, within=tmp_path) == CURVE
    assert len(list(tmp_path.iterdir())) == 1
