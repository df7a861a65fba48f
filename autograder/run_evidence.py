"""How a checker weighs a run: what run.json says of its batches, and whether the loss curve can be that run's."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from autograder.agreement import step_noise
from shared.artifacts import LossCurve, RunRecord

if TYPE_CHECKING:  # NumPy comes with it: a check of JSON alone stays quick
    from autograder.reevaluation import RowLoss

LEAST_CURVE = 5  # logged steps
LARGEST_LOSS = 1_000  # nats a token; ln V of any vocabulary is below 15
LEARNED = 0.9  # of the base's loss is the most that a trained model has left; ten steps bring the pocket model below
DEFAULT_BATCH = 8  # transformers' per_device_train_batch_size


def batch_size(run: RunRecord) -> int:
    """Return the rows of one optimizer step that run.json states, or 0 when what it states is no such number."""
    settings = run.hyperparameters
    rows_a_device = settings.get("per_device_train_batch_size", DEFAULT_BATCH)
    pieces = settings.get("gradient_accumulation_steps", 1)
    whole = type(rows_a_device) is int and type(pieces) is int and min(rows_a_device, pieces) >= 1
    return rows_a_device * pieces if whole else 0


def base_loss(losses: "Sequence[RowLoss]") -> float:
    """Return the base's mean loss a completion token over rows."""
    return sum(row.completion for row in losses) / sum(row.completion_tokens for row in losses)


def chance_of_first_loss(losses: "Sequence[RowLoss]", run: RunRecord) -> float:
    """Return how far chance may carry the first batch's loss from the base's.

    Four standard errors of the difference between the means of a batch and of our rows, from the spread of the rows'
    own means; and 2% for lower precision and another order of summation.
    """
    spread = stdev(row.completion / row.completion_tokens for row in losses)
    return 4 * spread * (1 / max(batch_size(run), 1) + 1 / len(losses)) ** 0.5 + 0.02 * base_loss(losses)


def first_loss_range(losses: "Sequence[RowLoss]", run: RunRecord, curve: LossCurve) -> tuple[float, float]:
    """Return between what values the first logged loss must lie.

    Logged at step 1 it is the untrained base's own loss, within chance. Logged first at step k it is the mean of k
    steps, of which one is the base's and the others lie above where the curve ends: the pocket model has made most of
    its way after ten steps.
    """
    base, chance, logged = base_loss(losses), chance_of_first_loss(losses, run), curve.rows
    fallen = max(0.0, base - logged[-1].loss) * (1 - 1 / logged[0].step)
    return base - fallen - chance, base + chance


def why_first_loss(losses: "Sequence[RowLoss]", run: RunRecord, curve: LossCurve) -> tuple[str, str]:
    """Return the likely cause and the next step when the first loss is not the base's."""
    first = curve.rows[0].loss
    tokens = sum(row.completion_tokens + row.prompt_tokens for row in losses)
    with_prompt = sum(row.completion + row.prompt for row in losses) / tokens
    if abs(first - with_prompt) <= chance_of_first_loss(losses, run):
        cause = f"It is near the base's loss on prompt and completion together ({with_prompt:.2f})."
        return cause, "Train on the completion only: rows with prompt and completion, completion_only_loss=True."
    if first < base_loss(losses):
        return "The model had been trained before this run.", "Start from load_base() and run the stage again."
    return "These are other data, another format, or another base.", "Start from load_base(), on the rung's rows."


def curve_fault(run: RunRecord, curve: LossCurve) -> str | None:
    """Return what is wrong with the bookkeeping of the curve, or None. (Increasing steps are checked on reading.)"""
    logged = curve.rows
    if len(logged) < LEAST_CURVE:
        return f"{len(logged)} logged steps, expected at least {LEAST_CURVE}"
    spacing = max(later.step - earlier.step for earlier, later in pairwise(logged))
    if not run.steps - spacing < logged[-1].step <= run.steps:
        return f"the last step is {logged[-1].step}, but run.json says {run.steps}"
    for row in logged:
        if not 0 <= row.loss <= LARGEST_LOSS:
            return f"the loss at step {row.step} is {row.loss:.4g}, which no mean of -log p is"
    for earlier, later in pairwise(logged):
        if later.tokens < earlier.tokens or later.seconds < earlier.seconds:
            return f"tokens or seconds go down at step {later.step}"
    last = logged[-1]
    if last.tokens < last.step * batch_size(run):
        return f"{last.tokens:,} tokens after {last.step} steps of {batch_size(run)} rows: fewer than rows"
    if last.seconds == 0:
        return "no time has passed"
    return None


def end_fault(losses: "Sequence[RowLoss]", base: "Sequence[RowLoss]", curve: LossCurve) -> str | None:
    """Return how the submitted model's own loss on training rows contradicts the curve's end, or None.

    A model that was trained along the curve has come at least half of the way that the curve shows, whichever rows it
    was trained on, with dropout or without; a model that was never trained has not.
    """
    _, end, _ = fall(curve)
    start, now = base_loss(base), base_loss(losses)
    if now <= start - 0.5 * (start - end):
        return None
    return f"ends at {end:.3f}, but the submitted model's loss on training rows is {now:.3f} (the base's {start:.3f})"


def learned_fault(losses: "Sequence[RowLoss]", base: "Sequence[RowLoss]") -> str | None:
    """Return that the submitted model's loss on training rows is hardly below the base's, or None if it is.

    Moving the weights is not training them: noise leaves the loss where it was, and a run that diverged raises it.
    """
    start, now = base_loss(base), base_loss(losses)
    if now <= LEARNED * start:
        return None
    return f"the submitted model's loss on training rows is {now:.2f}, the base's {start:.2f}"


def fall(curve: LossCurve) -> tuple[float, float, float]:
    """Return the mean loss of the first and of the last tenth of the curve, and the noise of their difference."""
    losses = [row.loss for row in curve.rows]
    part = max(3, len(losses) // 10)
    return fmean(losses[:part]), fmean(losses[-part:]), step_noise(losses) * (2 / part) ** 0.5


def still_falling(curve: LossCurve) -> bool:
    """Return whether the last tenth of the curve lies below the tenth before it by more than noise."""
    losses = [row.loss for row in curve.rows]
    part = max(3, len(losses) // 10)
    if len(losses) < 2 * part:
        return False
    noise = step_noise(losses[-2 * part :]) * (2 / part) ** 0.5
    return fmean(losses[-2 * part : -part]) - fmean(losses[-part:]) > 2 * noise
