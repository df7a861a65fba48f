"""From a trainer's log to a curve, and the drawing of it on a notebook's page."""

import math

import nbformat
import pytest
from nbclient import NotebookClient

from shared.course import ROOT
from shared.curve import UNITS, StageError, curve_callback, curve_of, hold_to_first_settings

LOG = [
    {"step": 0, "settings": {"learning_rate": 0.1}},
    {"step": 5, "loss": 2.0, "learning_rate": 0.1, "num_tokens": 50.0, "seconds": 1.0, "grad_norm": 3.0},
    {"step": 5, "eval_loss": 1.5, "eval_runtime": 0.1, "seconds": 1.1},
    {"step": 10, "loss": 1.0, "learning_rate": 0.0, "num_tokens": 100.0, "seconds": 2.0},
    {"step": 10, "train_loss": 1.5, "train_runtime": 2.0, "seconds": 2.0},
]


def test_a_log_becomes_rows():
    first, last = curve_of(LOG).rows
    assert (first.step, first.tokens, first.loss, first.eval_loss, first.seconds) == (5, 50, 2.0, 1.5, 1.0)
    assert (last.step, last.tokens, last.learning_rate, last.eval_loss) == (10, 100, 0.0, None)


def test_a_log_without_the_callback():
    plain = [{key: value for key, value in entry.items() if key != "seconds"} for entry in LOG]
    with pytest.raises(StageError, match=r"Pass callbacks=\[run.curve\]"):
        curve_of(plain)


def test_settings_are_noted_once_and_then_held():
    log = []
    hold_to_first_settings(log, {"learning_rate": 0.1, "beta": None})
    hold_to_first_settings(log, {"learning_rate": 0.1, "beta": None})
    assert log == [{"step": 0, "settings": {"learning_rate": 0.1, "beta": None}}]
    with pytest.raises(StageError, match=r"had learning_rate=0\.1, this one has 0\.2"):
        hold_to_first_settings(log, {"learning_rate": 0.2, "beta": None})
    with pytest.raises(StageError, match="had epochs=None, this one has 3"):
        hold_to_first_settings(log, {"learning_rate": 0.1, "beta": None, "epochs": 3})


CELL = """
import time
from shared import curve
curve.REDRAW_SECONDS = 0.2
drawing = curve.Drawing("sft", "nats per token")
log = []
started = time.monotonic()
while time.monotonic() - started < 1.5:
    step = len(log) + 1
    log.append({"step": step, "loss": 1 / step, "learning_rate": 0.1, "num_tokens": step, "seconds": 1.0})
    drawing.update(log)
    time.sleep(0.01)
drawing.update(log, last=True)
print(len(log))
"""


@pytest.mark.slow
def test_a_notebook_shows_one_curve_redrawn_in_place(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    updates = []

    class Counting(NotebookClient):
        def process_message(self, msg, cell, cell_index):
            updates.extend([1] if msg["msg_type"] == "update_display_data" else [])
            return super().process_message(msg, cell, cell_index)

    Counting(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed, drawn = {}, []
    for output in notebook.cells[0].outputs:
        if output.output_type == "stream":
            printed[output.name] = output.text
        else:
            drawn.append(output.data)
    assert list(printed) == ["stdout"]
    assert len(drawn) == 1
    steps = int(printed["stdout"])
    assert f"at step {steps}." in drawn[0]["text/plain"]
    assert drawn[0]["text/html"].startswith('<img alt="Training loss by step. sft: from 1.00 at step 1')
    assert 2 <= len(updates) <= math.ceil(1.5 / 0.2) + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "unit"),
    [("SFTConfig", "per token"), ("DPOConfig", "per pair"), ("RewardConfig", "per pair"), ("GRPOConfig", "objective")],
)
def test_the_drawing_says_what_this_trainers_loss_is(config, unit, tmp_path):
    import transformers
    import trl

    callback = curve_callback("run")
    arguments = getattr(trl, config)(output_dir=str(tmp_path), use_cpu=True, bf16=False)
    callback.on_train_begin(arguments, transformers.TrainerState(), transformers.TrainerControl())
    assert unit in callback.drawing.unit
    assert all(hasattr(trl, name) for name in UNITS)
