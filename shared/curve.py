"""Record the loss curve while a model trains, and draw it as it grows.

The rows live in the trainer's own `log_history`, which it saves in every checkpoint and cuts back when it
resumes from one. So a run that was killed and resumed has the curve of a run that was not.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from shared.artifacts import CurveRow, LossCurve
from shared.figures import in_jupyter, loss_curve, page
from shared.progress_bar import progress_bar
from shared.run_record import hyperparameters

if TYPE_CHECKING:
    from transformers import TrainerCallback

PAIRS, POLICY = "nats per pair", "the policy's objective: reward is what tells"
UNITS = {"DPOConfig": PAIRS, "RewardConfig": PAIRS, "GRPOConfig": POLICY, "RLOOConfig": POLICY}  # others': per token
REDRAW_SECONDS = 2.0  # drawing takes about a tenth of a second, which training then lacks


class StageError(Exception):
    """A stage cannot go on. The message is one line: what happened, where, the next step."""


def curve_of(log_history: list[dict[str, Any]]) -> LossCurve:
    """Return the curve in a trainer's `log_history` that a `curve_callback` has kept.

    An evaluation loss joins the row of its step. Raises StageError when no row was recorded.
    """
    rows: dict[int, CurveRow] = {}
    for entry in log_history:
        step = entry["step"]
        if "loss" in entry and "seconds" in entry:
            rows[step] = CurveRow(
                step=step,
                tokens=int(entry.get("num_tokens", 0)),
                loss=entry["loss"],
                learning_rate=entry["learning_rate"],
                seconds=entry["seconds"],
            )
        elif "eval_loss" in entry and step in rows:
            rows[step] = rows[step].model_copy(update={"eval_loss": entry["eval_loss"]})
    if not rows:
        raise StageError("no loss was recorded. Pass callbacks=[run.curve] to the trainer")
    return LossCurve(rows=list(rows.values()))


def curve_callback(label: str) -> "TrainerCallback":
    """Return the trainer's callback that keeps the loss curve; in Jupyter it also draws it, as `label`."""
    from transformers import TrainerCallback

    class KeepCurve(TrainerCallback):
        """Adds to each entry of `log_history` what the trainer leaves out or starts again on resuming."""

        def on_train_begin(self, args, state, control, **kwargs):
            self.seconds_before = max((entry.get("seconds", 0.0) for entry in state.log_history), default=0.0)
            self.tokens_before = max((entry.get("num_tokens", 0) for entry in state.log_history), default=0)
            self.started = time.monotonic()
            hold_to_first_settings(state.log_history, hyperparameters(args))
            self.drawing = Drawing(label, UNITS.get(type(args).__name__, "nats per token"))

        def on_step_end(self, args, state, control, **kwargs):
            last = state.global_step >= state.max_steps
            if last:  # the stage saves the result itself; a run resumed from here would go one step too far
                control.should_save = False
            if last or control.should_evaluate or control.should_save:
                control.should_log = True  # a row wherever the curve ends, is measured or may be cut

        def on_log(self, args, state, control, **kwargs):
            entry = state.log_history[-1]
            if not math.isfinite(entry.get("loss", 0.0)):
                raise StageError(
                    f"the loss is {entry['loss']} at step {entry['step']}: training diverged. "
                    "Lower the learning rate and run the stage with rerun=True"
                )
            entry["seconds"] = self.seconds_before + time.monotonic() - self.started
            if "num_tokens" in entry:  # TRL counts from 0 again in a resumed run
                entry["num_tokens"] += self.tokens_before
            self.drawing.update(state.log_history)

        def on_train_end(self, args, state, control, **kwargs):
            self.drawing.update(state.log_history, last=True)

    return KeepCurve()


def hold_to_first_settings(log_history: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    """Note a new run's settings at the head of `log_history`; raise StageError if a resumed run's differ.

    A run that changed its learning rate halfway would leave a record that is true of neither half.
    """
    if not log_history:
        log_history.append({"step": 0, "settings": settings})
    begun = log_history[0]["settings"]
    for name in sorted(begun.keys() | settings.keys()):
        if begun.get(name) != settings.get(name):
            raise StageError(
                f"the interrupted run had {name}={begun.get(name)!r}, this one has {settings.get(name)!r}. "
                "Put it back to go on, or run the stage with rerun=True to start afresh"
            )


@contextmanager
def loss_in_progress_bar() -> Iterator[None]:
    """Within the block, trainers show one progress bar with the loss in it, and print no line a step."""
    from transformers import ProgressCallback, trainer, trainer_callback

    class LossInBar(ProgressCallback):
        """transformers' own bar, which writes every log entry below itself, without that."""

        def on_log(self, args, state, control, logs=None, **kwargs):
            if self.training_bar is not None and "loss" in logs:
                self.training_bar.set_postfix(loss=f"{logs['loss']:.3f}")

    # A trainer takes its bar from these module variables; it has no argument for it.
    with (
        patch.object(trainer, "DEFAULT_PROGRESS_CALLBACK", LossInBar),
        patch.object(trainer_callback, "tqdm", progress_bar),
    ):
        yield


class Drawing:
    """The curve on a notebook's page, redrawn in place at most every REDRAW_SECONDS; elsewhere nothing."""

    def __init__(self, label: str, unit: str) -> None:
        self.label, self.unit = label, unit
        self.handle = None
        self.drawn = -math.inf
        self.wanted = in_jupyter()

    def update(self, log_history: list[dict[str, Any]], last: bool = False) -> None:
        """Draw the curve so far, unless that was done a moment ago and this is not the last time."""
        if not self.wanted or (time.monotonic() - self.drawn < REDRAW_SECONDS and not last):
            return
        from IPython.display import display

        drawn = page(loss_curve({self.label: curve_of(log_history)}, unit=self.unit))
        if self.handle is None:
            self.handle = display(drawn, raw=True, display_id=True)
        else:
            self.handle.update(drawn, raw=True)
        self.drawn = time.monotonic()
