"""How rung 02's criteria weigh what they are shown: answers of functions, the curve, the scores, the claims."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from autograder.agreement import agree, step_noise
from autograder.criteria import Finding, NotMet
from autograder.rung_02_submission import FAILURE_KIND, Rung02
from autograder.rung_02_texts import TextCase
from autograder.student_code import Answer
from shared.artifacts import ArtifactError, EvalEntry, fingerprint_rows
from shared.evaluation import TicketResult
from shared.world import rows

if TYPE_CHECKING:
    from autograder.trained_from import FullModel

# A claim and a measurement are two samples of one share. At this level an honest claim is doubted once in a thousand
# times, rare enough for a handful of claims.
CLAIM_LEVEL = 0.999
LEAST_CLAIM, LARGEST_CLAIM = 50, 2_000  # rows
KNOWN_SEEDS = range(10)  # the seeds among which a claim's public rows are looked for
LEAST_CURVE = 5  # logged steps
LARGEST_LOSS = 1_000  # nats a token; ln V of any vocabulary is below 15
DEFAULT_BATCH = 8  # transformers' per_device_train_batch_size


def scalar_fault(answer: Answer) -> str | None:
    """Return what keeps an answer from being a finite scalar tensor, or None."""
    if answer.kind in ("value", "object"):
        return f"returned {answer.type_name}, expected a scalar tensor"
    if answer.kind == "tensor" and answer.shape:
        return f"returned a tensor of shape {answer.shape}, expected a scalar"
    return answer.fault()


def judge_texts(work: Rung02, cases: list[TextCase], start: int, expected: str) -> Finding:
    """Return the finding on `failure_kind` for `cases`, whose answers begin at `start`."""
    answers = work.answers_of(FAILURE_KIND)[start : start + len(cases)]
    wrong = [(case, answer) for case, answer in zip(cases, answers, strict=True) if _text_fault(case, answer)]
    if not wrong:
        return Finding(True, f"right on {len(cases)} texts", expected)
    case, answer = wrong[0]
    shown = case.text if len(case.text) <= 90 else case.text[:89] + "…"
    observed = f"{_text_fault(case, answer)} for {shown!r} ({len(wrong)} of {len(cases)} texts are off)"
    return Finding(False, observed, expected, case.advice, "Try this text in the notebook.")


def _text_fault(case: TextCase, answer: Answer) -> str | None:
    if answer.kind == "error":
        return str(answer.value)
    if answer.kind != "value" or not isinstance(answer.value, str):
        return f"returned {answer.type_name}, expected text"
    return None if answer.value in case.right else f"returned {answer.value!r}, right is {case.right[0]!r}"


def real_model(work: Rung02) -> "FullModel":
    """Return the submitted model; nothing that depends on it earns a point while it is not real."""
    try:
        return work.model
    except (ArtifactError, NotMet):
        raise NotMet("there is no real model to go by", hint="First meet 'model-is-real'.") from None


def batch_size(work: Rung02) -> int:
    """Return the rows of one optimizer step that run.json states, or 0 when what it states is no such number."""
    settings = work.run.hyperparameters
    rows_a_device = settings.get("per_device_train_batch_size", DEFAULT_BATCH)
    pieces = settings.get("gradient_accumulation_steps", 1)
    whole = type(rows_a_device) is int and type(pieces) is int and min(rows_a_device, pieces) >= 1
    return rows_a_device * pieces if whole else 0


def base_loss(work: Rung02) -> float:
    """Return the base's mean loss a completion token on training rows."""
    losses = work.measured.base_losses
    return sum(row.completion for row in losses) / sum(row.completion_tokens for row in losses)


def chance_of_first_loss(work: Rung02) -> float:
    """Return how far chance may carry the first batch's loss from the base's.

    Four standard errors of the difference between the means of a batch and of our rows, from the spread of the rows'
    own means; and 2% for lower precision and another order of summation.
    """
    losses = work.measured.base_losses
    spread = stdev(row.completion / row.completion_tokens for row in losses)
    return 4 * spread * (1 / max(batch_size(work), 1) + 1 / len(losses)) ** 0.5 + 0.02 * base_loss(work)


def first_loss_range(work: Rung02) -> tuple[float, float]:
    """Return between what values the first logged loss must lie.

    Logged at step 1 it is the untrained base's own loss, within chance. Logged first at step k it is the mean of k
    steps, of which one is the base's and the others lie above where the curve ends: the pocket model has made most of
    its way after ten steps.
    """
    curve, base, chance = work.curve.rows, base_loss(work), chance_of_first_loss(work)
    fallen = max(0.0, base - curve[-1].loss) * (1 - 1 / curve[0].step)
    return base - fallen - chance, base + chance


def why_first_loss(work: Rung02) -> tuple[str, str]:
    """Return the likely cause and the next step when the first loss is not the base's."""
    losses, first = work.measured.base_losses, work.curve.rows[0].loss
    tokens = sum(row.completion_tokens + row.prompt_tokens for row in losses)
    with_prompt = sum(row.completion + row.prompt for row in losses) / tokens
    if abs(first - with_prompt) <= chance_of_first_loss(work):
        cause = f"It is near the base's loss on prompt and completion together ({with_prompt:.2f})."
        return cause, "Train on the completion only: rows with prompt and completion, completion_only_loss=True."
    if first < base_loss(work):
        return "The model had been trained before this run.", "Start from load_base() and run the stage again."
    return "These are other data, another format, or another base.", "Start from load_base(), on the rung's rows."


def curve_fault(work: Rung02) -> str | None:
    """Return what is wrong with the bookkeeping of the curve, or None. (Increasing steps are checked on reading.)"""
    curve = work.curve.rows
    if len(curve) < LEAST_CURVE:
        return f"{len(curve)} logged steps, expected at least {LEAST_CURVE}"
    spacing = max(later.step - earlier.step for earlier, later in pairwise(curve))
    if not work.run.steps - spacing < curve[-1].step <= work.run.steps:
        return f"the last step is {curve[-1].step}, but run.json says {work.run.steps}"
    for row in curve:
        if not 0 <= row.loss <= LARGEST_LOSS:
            return f"the loss at step {row.step} is {row.loss:.4g}, which no mean of -log p is"
    for earlier, later in pairwise(curve):
        if later.tokens < earlier.tokens or later.seconds < earlier.seconds:
            return f"tokens or seconds go down at step {later.step}"
    if curve[-1].tokens == 0:
        return "no tokens were seen"
    return None


def is_json(result: TicketResult) -> bool:
    """Return whether the answer is one JSON object."""
    return result.kind != "not-json"


def is_right(result: TicketResult) -> bool:
    """Return whether the answer is the right ticket."""
    return result.kind == "correct"


def share(results: Sequence[TicketResult], counts: Callable[[TicketResult], bool]) -> float:
    """Return the share of `results` that `counts` accepts."""
    return sum(map(counts, results)) / len(results)


def what_fails(work: Rung02, results: Sequence[TicketResult]) -> tuple[str, str]:
    """Return the most frequent fault among the answers, and the next step."""
    kind, often = Counter(result.kind for result in results if not is_right(result)).most_common(1)[0]
    cause = f"Most frequent fault: {kind} ({often} of {len(results)})."
    if _still_falling(work):
        return cause, "The loss was still falling at the last step: train longer or raise the learning rate."
    return cause, "Read a few of these answers; train longer, or on more rows."


def _still_falling(work: Rung02) -> bool:
    try:
        losses = [row.loss for row in work.curve.rows]
    except ArtifactError:
        return False
    part = max(3, len(losses) // 10)
    if len(losses) < 2 * part:
        return False
    noise = step_noise(losses[-2 * part :]) * (2 / part) ** 0.5
    return fmean(losses[-2 * part : -part]) - fmean(losses[-part:]) > 2 * noise


def claim(work: Rung02, metric: str, phrasing: str) -> EvalEntry | None:
    """Return what eval.json says of one metric on public tickets of one phrasing, or None."""
    for entry in work.evaluation.entries:
        if (entry.task, entry.split, entry.metric, entry.phrasing) == ("tickets", "public", metric, phrasing):
            return entry
    return None


def claim_fault(entry: EvalEntry | None) -> str | None:
    """Return what keeps a claim from being one about the course's public rows, or None."""
    if entry is None:
        return "no entry for public tickets"
    if not LEAST_CLAIM <= entry.n <= LARGEST_CLAIM:
        return f"n is {entry.n}, expected {LEAST_CLAIM} to {LARGEST_CLAIM}"
    for name, value in (("before", entry.before), ("after", entry.after)):
        if not 0 <= value <= 1 or abs(value * entry.n - round(value * entry.n)) > 1e-6 * entry.n:
            return f"{name} is {value}, which is no share of {entry.n} rows"
    if not entry.interval[0] <= entry.after <= entry.interval[1]:
        return f"the interval {entry.interval} does not hold {entry.after}"
    options = {"phrasing": entry.phrasing}
    known = (fingerprint_rows(rows("tickets", "public", entry.n, seed, **options)) for seed in KNOWN_SEEDS)
    if entry.data_fingerprint not in known:
        return f"data_fingerprint is not that of rows('tickets', 'public', {entry.n}) with a seed from 0 to 9"
    return None


def disagreement(name: str, claimed: float, n: int, results: Sequence[TicketResult], counts: Callable) -> str | None:
    """Return how a claimed share differs from the one measured here by more than chance, or None."""
    right = sum(map(counts, results))
    if agree(round(claimed * n), n, right, len(results), CLAIM_LEVEL):
        return None
    return f"{name} is {claimed:.1%} of {n}, measured here {right / len(results):.1%} of {len(results)}"
