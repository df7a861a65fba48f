"""What the ticket rungs' checkers ask of a run and of its scores, whatever was trained: a whole model or an adapter.

Every score is measured here, again, on rows that nobody has trained on. What the learner's files say is only compared
with it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autograder.criteria import Finding, NotMet
from autograder.data_origin import IN_WORDS, origin_of
from autograder.run_evidence import (
    base_loss,
    batch_size,
    curve_fault,
    end_fault,
    fall,
    first_loss_range,
    learned_fault,
    still_falling,
    why_first_loss,
)
from autograder.score_evidence import (
    CLAIM_LEVEL,
    claim,
    claim_fault,
    disagreement,
    is_json,
    is_right,
    share,
    what_fails,
)
from autograder.ticket_submission import PHRASINGS, TicketSubmission
from shared.artifacts import ArtifactError, RunRecord
from shared.evaluation import TicketResult
from shared.significance import mcnemar

if TYPE_CHECKING:
    from autograder.adapter import Adapter
    from autograder.trained_from import FullModel

CHANCE = 0.01  # the gain over the base counts as real when chance alone would bring it less often than this
LEAST_STEPS, LEAST_ROWS = 10, 20
TRAINED_ON_TICKETS = ("02", "03", "04", "09")  # rungs whose notebooks train on the rows as the world gives them

# One thing that a record may get wrong: whether it does, and what is said then.
Fault = tuple[bool, str]


def run_faults(work: TicketSubmission, method: str, found: str) -> list[Fault]:
    """Return what run.json may get wrong in any rung; `found` says what the weights are."""
    run = work.run
    return [
        (run.rung != work.rung.id, f"rung is {run.rung!r}, this is rung {work.rung.id}"),
        (run.stage != work.stage, f"stage is {run.stage!r}, expected {work.stage!r}"),
        (run.method != method, f"method is {run.method!r}, but the weights are {found}"),
        (run.steps < LEAST_STEPS, f"{run.steps} steps, expected at least {LEAST_STEPS}"),
        (run.rows < LEAST_ROWS, f"{run.rows} rows, expected at least {LEAST_ROWS}"),
        (batch_size(run) < 1, "per_device_train_batch_size is not a number of rows"),
        (run.wall_seconds <= 0, "wall_seconds is 0"),
        (not set(work.libraries) <= run.versions.keys(), f"versions lacks {' or '.join(work.libraries)}"),
    ]


def count_faults(run: RunRecord, model: "FullModel") -> list[Fault]:
    """Return what run.json may get wrong about the parameters of a full model."""
    return [
        (
            run.total_parameters != model.parameters,
            f"total_parameters is {run.total_parameters:,}, the weights have {model.parameters:,}",
        ),
        (
            not model.changed_parameters <= run.trainable_parameters <= run.total_parameters,
            f"trainable_parameters is {run.trainable_parameters:,}, but {model.changed_parameters:,} have changed",
        ),
    ]


def judge_run(work: TicketSubmission, faults: Sequence[Fault]) -> Finding:
    """Return the finding on run.json: the first of `faults` that holds, or what the run was."""
    run = work.run
    expected = "rung, stage, method, parameters, steps, rows and versions of the run that made these weights"
    fault = next((text for wrong, text in faults if wrong), None)
    if fault:
        hint = f"Let stage({work.stage!r}, ...) write it; don't edit it."
        return Finding(False, f"run.json: {fault}", expected, hint=hint)
    about = f"{run.rows} rows"
    if work.rung.id in TRAINED_ON_TICKETS:
        origin = origin_of(run)
        about += f" {IN_WORDS[origin]}"
        if origin == "test":
            cause = "A model that has been trained on the test shows nothing by passing it."
            return Finding(False, f"run.json: trained on {about}", expected, cause, "Train on the training split.")
    return Finding(True, f"{run.steps} steps on {about}, {run.base.id}, {run.profile}", expected)


def curve_is_real(work: TicketSubmission) -> Finding:
    """The loss curve belongs to the run: it begins at the base's loss, falls by more than its noise, and ends where
    the submitted model is."""
    real(work)
    run, curve, base = work.run, work.curve, work.measured.base_losses
    low, high = first_loss_range(base, run, curve)
    first = curve.rows[0].loss
    expected = f"one row a logged step up to step {run.steps}, first loss {low:.2f} to {high:.2f}, then falling"
    if fault := curve_fault(run, curve):
        return Finding(False, f"loss_curve.json: {fault}", expected, hint=f"Let stage({work.stage!r}, ...) write it.")
    if not low <= first <= high:
        cause, hint = why_first_loss(base, run, curve)
        return Finding(False, f"loss_curve.json: the first loss is {first:.3f}", expected, cause, hint)
    start, end, noise = fall(curve)
    if start - end <= 3 * noise:
        observed = f"loss_curve.json: from {start:.3f} to {end:.3f}, while chance moves it by {noise:.3f}"
        return Finding(False, observed, expected, "The model has not learned.", "Train longer, or at a higher rate.")
    if fault := end_fault(work.measured.losses, base, curve):
        cause = "The curve is another model's."
        return Finding(False, f"loss_curve.json: {fault}", expected, cause, "Let one run of the stage write both.")
    return Finding(True, f"from {first:.2f} (base: {base_loss(base):.2f}) to {end:.3f}", expected)


def writes_json(work: TicketSubmission) -> Finding:
    """The model answers held-out messages with one JSON object, which the base does not."""
    real(work)
    least = work.threshold("valid_json", work.run.profile)
    most_before = work.threshold("before_max", work.run.profile)
    expected = f"at least {least:.0%} valid JSON on held-out messages, the base at most {most_before:.0%}"
    after, before = share(work.measured.familiar, is_json), share(work.measured.before, is_json)
    observed = f"{after:.1%} of {len(work.measured.familiar)} (base {before:.0%} of {len(work.measured.before)})"
    cause, hint = why_wrong(work, work.measured.familiar) if after < least else ("", "")
    return Finding(after >= least and before <= most_before, observed, expected, cause, hint)


def tickets_match(work: TicketSubmission) -> Finding:
    """The tickets are right on items that no training row names, and by more than chance better than the base's."""
    real(work)
    least = work.threshold("exact_match", work.run.profile)
    expected = f"at least {least:.0%} right tickets on held-out items, and a gain over the base with p < {CHANCE}"
    after, before = work.measured.familiar, work.measured.before
    chance = mcnemar([is_right(r) for r in before], [is_right(r) for r in after[: len(before)]])
    now, then = share(after, is_right), share(before, is_right)
    observed = f"{now:.1%} of {len(after)} (base {then:.0%}; McNemar p = {chance:.1g})"
    cause, hint = why_wrong(work, after) if now < least else ("", "")
    return Finding(now >= least and now > then and chance < CHANCE, observed, expected, cause, hint)


def phrasing_carries_over(work: TicketSubmission) -> Finding:
    """The tickets are right when the message is worded as no training message was."""
    real(work)
    least = work.threshold("exact_match_unseen_phrasing", work.run.profile)
    now = share(work.measured.unseen, is_right)
    expected = f"at least {least:.0%} right tickets on unseen wordings"
    cause, hint = why_wrong(work, work.measured.unseen) if now < least else ("", "")
    return Finding(now >= least, f"{now:.1%} of {len(work.measured.unseen)}", expected, cause, hint)


def claim_is_honest(work: TicketSubmission) -> Finding:
    """`eval.json` is about this base and this model, on public rows, and agrees with what is measured here."""
    real(work)
    expected = f"eval.json agrees with the scores measured here, within a {CLAIM_LEVEL:.1%} interval"
    record = work.evaluation
    if record.base.fingerprint != work.run.base.fingerprint or record.stage != work.stage:
        observed = f"eval.json is about stage {record.stage!r} on {record.base.id!r}, not about this model"
        return Finding(False, observed, expected, hint="Run the evaluation's cell again.")
    for metric, counts in (("valid_json", is_json), ("exact_match", is_right)):
        for phrasing in PHRASINGS:
            entry, found = claim(record, metric, phrasing), work.measured_public[phrasing]
            fault = claim_fault(entry) or disagreement("after", entry.after, entry.n, found, counts)
            if fault is None and phrasing == "familiar":
                fault = disagreement("before", entry.before, entry.n, work.measured.before, counts)
            if fault:
                hint = "Evaluate the saved model with the notebook's cell, and save what it gives."
                return Finding(False, f"eval.json: {metric}, {phrasing} phrasing: {fault}", expected, hint=hint)
    return Finding(True, "four scores agree with those measured here", expected)


def real(work: TicketSubmission) -> "FullModel | Adapter":
    """Return the submitted model; nothing that depends on it earns a point while it is not real."""
    try:
        return work.trained
    except (ArtifactError, NotMet):
        raise NotMet(
            "there is no real model to go by", hint="First meet what the check says of the saved weights."
        ) from None


def learned(work: TicketSubmission) -> "FullModel | Adapter":
    """Return the submitted model, as `real` does, once it is known to have learned."""
    model = real(work)
    require_learned(work)
    return model


def require_learned(work: TicketSubmission) -> None:
    """Raise NotMet unless the submitted model's loss on training rows is below the base's."""
    if fault := learned_fault(work.measured.losses, work.measured.base_losses):
        cause = "The weights have moved, but not by training on these rows; or the run diverged."
        raise NotMet(fault, cause=cause, hint=f"Look at the loss curve of stage({work.stage!r}, ...).")


def why_wrong(work: TicketSubmission, results: Sequence[TicketResult]) -> tuple[str, str]:
    """Return the most frequent fault among the answers, and the next step; the curve helps if there is one."""
    try:
        falling = still_falling(work.curve)
    except ArtifactError:
        falling = False
    return what_fails(results, falling)
