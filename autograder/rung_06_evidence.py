"""How rung 06 weighs a run and its claims: settings, the loss curve against the two models, eval.json's shares."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from autograder.agreement import agree
from autograder.criteria import Finding, NotMet
from autograder.run_evidence import batch_size, curve_fault, fall
from autograder.rung_06_submission import POLICY, Rung06
from autograder.score_evidence import interval_fault
from shared.artifacts import ArtifactError, EvalEntry, fingerprint_rows
from shared.preferences import METRICS, TASK, pair_rows

LN_2 = math.log(2)
# Before its first step the policy is the reference, and the loss ln 2 exactly. Logged first at a later step it is a
# mean over steps, of which the first is ln 2. Half precision rounds log-probabilities of some ten nats to 0.1 each.
FIRST_LOSS = 0.02
LEAST_STEPS, LEAST_PAIRS = 10, 100
ERRORS = 3.0  # standard errors above 0 that a trained policy's gain lies
# A claim and a measurement are two samples of one share; an honest claim is doubted once in a thousand times.
CLAIM_LEVEL = 0.999
LEAST_CLAIM, LARGEST_CLAIM = 100, 2_000
KNOWN_SEEDS = range(10)


def real(work: Rung06) -> Rung06:
    """Return the submission once both models are real; nothing that depends on them earns a point before."""
    try:
        _ = work.policy, work.reference
    except (ArtifactError, NotMet):
        raise NotMet(
            "there are no two real models to go by", hint="First meet what the check says of the saved weights."
        ) from None
    return work


def learned(work: Rung06) -> Rung06:
    """Return the submission, as `real` does, once the policy gives the chosen replies of training pairs more than its
    reference does, by more than chance.

    Moving the weights is not training them: noise favours neither reply.
    """
    gains = real(work).measured.train.differences
    mean, error = fmean(gains), stdev(gains) / math.sqrt(len(gains))
    if mean > ERRORS * error:
        return work
    raise NotMet(
        f"the policy's gain on chosen over rejected is {mean:.2f} nats a training pair, give or take {error:.2f}",
        cause="The weights have moved, but not towards the chosen replies.",
        hint=f"Look at the loss curve of stage({POLICY!r}, ...), and at which reply is the chosen one.",
    )


def run_fault(work: Rung06) -> str | None:
    """Return what run.json gets wrong about a DPO run, or None."""
    run, settings = work.run, work.run.hyperparameters
    beta = settings.get("beta")
    faults = [
        (run.rung != work.rung.id, f"rung is {run.rung!r}, this is rung {work.rung.id}"),
        (run.stage != POLICY, f"stage is {run.stage!r}, expected {POLICY!r}"),
        (run.method != "full", f"method is {run.method!r}, but the weights are a full model"),
        (settings.get("loss_type") != "sigmoid", f"loss_type is {settings.get('loss_type')!r}, DPO's is 'sigmoid'"),
        (type(beta) not in (int, float) or not 0 < beta <= 10, f"beta is {beta!r}, expected a number above 0"),
        (run.steps < LEAST_STEPS, f"{run.steps} steps, expected at least {LEAST_STEPS}"),
        (run.rows < LEAST_PAIRS, f"{run.rows} pairs, expected at least {LEAST_PAIRS}"),
        (batch_size(run) < 1, "per_device_train_batch_size is not a number of rows"),
        (run.wall_seconds <= 0, "wall_seconds is 0"),
        (not {"torch", "trl"} <= run.versions.keys(), "versions lacks torch or trl"),
        (
            run.total_parameters != work.policy.parameters,
            f"total_parameters is {run.total_parameters:,}, the weights have {work.policy.parameters:,}",
        ),
        (work.reference_run.base != run.base, "the two stages started from different bases"),
    ]
    return next((words for wrong, words in faults if wrong), None)


def curve_finding(work: Rung06) -> Finding:
    """Return the finding on the loss curve: ln 2 first, then falling, and the end the submitted models' own."""
    run, curve = work.run, work.curve
    first = curve.rows[0].loss
    expected = f"one row a logged step up to step {run.steps}, first loss ln 2 = {LN_2:.3f}, then falling"
    if fault := curve_fault(run, curve):
        return Finding(False, f"loss_curve.json: {fault}", expected, hint=f"Let stage({POLICY!r}, ...) write it.")
    start, end, noise = fall(curve)
    room = FIRST_LOSS + max(0.0, LN_2 - end) * (1 - 1 / curve.rows[0].step)
    if not LN_2 - room <= first <= LN_2 + FIRST_LOSS:
        cause = "At the first step policy and reference must be the same model, and each loss -log sigmoid(0)."
        hint = "Start the policy from 'sft', without another reference and without dropout."
        return Finding(False, f"loss_curve.json: the first loss is {first:.3f}", expected, cause, hint)
    if start - end <= 3 * noise:
        observed = f"loss_curve.json: from {start:.3f} to {end:.3f}, while chance moves it by {noise:.3f}"
        return Finding(False, observed, expected, "The policy has not learned.", "Train longer, or at a higher rate.")
    if fault := end_fault(work, end):
        cause = "The curve is of other models than these two."
        return Finding(False, f"loss_curve.json: {fault}", expected, cause, "Let one run of the stage write both.")
    return Finding(True, f"from {first:.3f} to {end:.3f}", expected)


def end_fault(work: Rung06, end: float) -> str | None:
    """Return how the two models' own loss on training pairs contradicts the curve's end, or None.

    Models that were trained along the curve have come at least half of the way that it shows.
    """
    now = loss_of(work.measured.train.differences, work.run.hyperparameters.get("beta"))
    if now <= LN_2 - 0.5 * (LN_2 - end):
        return None
    return f"ends at {end:.3f}, but the two models' loss on training pairs is {now:.3f}"


def loss_of(differences: Sequence[float], beta: object) -> float:
    """Return DPO's loss (arXiv 2305.18290, equation 7) from the policy's gains on chosen over rejected, one a pair."""
    beta = float(beta) if type(beta) in (int, float) else 0.0
    return sum(max(0.0, -beta * gain) + math.log1p(math.exp(-abs(beta * gain))) for gain in differences) / len(
        differences
    )


def claim_fault(work: Rung06) -> str | None:
    """Return what eval.json claims wrongly, or None."""
    record = work.evaluation
    if record.base.fingerprint != work.run.base.fingerprint or record.stage != POLICY:
        return f"it is about stage {record.stage!r} on {record.base.id!r}, not about this policy"
    for metric, name in METRICS.items():
        entry = next((e for e in record.entries if (e.task, e.split, e.metric) == (TASK, "public", metric)), None)
        if fault := entry_fault(entry):
            return f"{metric}: {fault}"
        for when, verdicts in work.measured_public._asdict().items():
            claimed, right = getattr(entry, when), sum(getattr(one, name) for one in verdicts)
            if not agree(round(claimed * entry.n), entry.n, right, len(verdicts), CLAIM_LEVEL):
                here = f"measured here {right / len(verdicts):.1%} of {len(verdicts)}"
                return f"{metric}: {when} is {claimed:.1%} of {entry.n}, {here}"
    return None


def entry_fault(entry: EvalEntry | None) -> str | None:
    """Return what keeps a claim from being one about the course's public letters, or None."""
    if entry is None:
        return f"no entry for public {TASK}"
    if not LEAST_CLAIM <= entry.n <= LARGEST_CLAIM:
        return f"n is {entry.n}, expected {LEAST_CLAIM} to {LARGEST_CLAIM}"
    for name, value in (("before", entry.before), ("after", entry.after)):
        if not 0 <= value <= 1 or abs(value * entry.n - round(value * entry.n)) > 1e-6 * entry.n:
            return f"{name} is {value}, which is no share of {entry.n} replies"
    if fault := interval_fault(entry):
        return fault
    if entry.data_fingerprint not in {fingerprint_rows(pair_rows("public", entry.n, seed)) for seed in KNOWN_SEEDS}:
        return f"data_fingerprint is not that of preference_pairs('public', {entry.n}) with a seed from 0 to 9"
    return None
