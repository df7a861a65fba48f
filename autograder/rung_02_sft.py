"""Rung 02 is done when a small model, fine-tuned by the learner, turns customer messages into JSON tickets that the
base could not write, measured on messages it has never seen.

CRITERIA, at the end, is that sentence in parts; the functions above it follow the same order. Every score is measured
here, again, on rows that nobody has trained on. What the learner's files say is only compared with it.
"""

from autograder.criteria import Criterion, Finding
from autograder.run_evidence import base_loss, batch_size, curve_fault, fall, first_loss_range, why_first_loss
from autograder.rung_02_evidence import judge_texts, real_model, scalar_fault, why_wrong
from autograder.rung_02_submission import LEAST_MOVE, PHRASINGS, SFT_LOSS, STAGE, Rung02
from autograder.score_evidence import CLAIM_LEVEL, claim, claim_fault, disagreement, is_json, is_right, share
from shared.significance import mcnemar

__all__ = ["CRITERIA", "Submission"]
Submission = Rung02

CHANCE = 0.01  # the gain over the base counts as real when chance alone would bring it less often than this
LEAST_STEPS, LEAST_ROWS = 10, 20


def loss_value(work: Rung02) -> Finding:
    """`sft_loss` gives the right number on batches worked out by hand and on random ones."""
    from autograder import rung_02_loss as loss

    expected = "the mean of -log p over the completion tokens of the batch, within 0.1%"
    cases = work.value_cases
    answers = work.answers_of(SFT_LOSS)[: len(cases)]
    for case, answer in zip(cases, answers, strict=True):
        if fault := scalar_fault(answer):
            return Finding(False, f"{case.name}: {fault}", expected)
    rights = [loss.right_loss(case) for case in cases]
    wrong = [i for i, right in enumerate(rights) if not loss.loss_fits(answers[i], right)]
    if wrong:
        observed = f"{cases[wrong[0]].name}: {answers[wrong[0]].values[0]:.4f}, right is {rights[wrong[0]]:.4f}"
        cause = loss.named_loss_fault(cases, answers)
        hint = "Work the two batches of the example out by hand and compare."
        return Finding(False, f"{observed} ({len(wrong)} of {len(cases)} batches are off)", expected, cause, hint)
    return Finding(True, f"right on {len(cases)} batches", expected)


def loss_edges(work: Rung02) -> Finding:
    """`sft_loss` keeps its head at the edges that the exercise names."""
    from autograder import rung_02_loss as loss

    expected = "empty mask gives 0, token 0 is no target, huge logits stay finite, masked tokens do not matter"
    start = len(work.value_cases)
    answers = work.answers_of(SFT_LOSS)[start : start + len(work.edge_cases)]
    for case, answer in zip(work.edge_cases, answers, strict=True):
        right = loss.right_loss(case)
        if fault := scalar_fault(answer):
            return Finding(False, f"{case.name}: {fault}", expected, case.advice)
        if not loss.loss_fits(answer, right):
            return Finding(False, f"{case.name}: {answer.values[0]:.4f}, right is {right:.4f}", expected, case.advice)
    return Finding(True, f"right in {len(answers)} edge cases", expected)


def loss_gradient(work: Rung02) -> Finding:
    """The gradient of `sft_loss` reaches the logits, and is that of the cross-entropy."""
    from autograder import rung_02_loss as loss

    expected = "d loss / d logits = (softmax - one-hot) / N on the positions that predict completion tokens, else 0"
    answers = work.answers_of(SFT_LOSS)[-len(work.gradient_cases) :]
    for case, answer in zip(work.gradient_cases, answers, strict=True):
        if fault := scalar_fault(answer):
            return Finding(False, f"{case.name}: {fault}", expected)
        if answer.gradient is None:
            cause = "Somewhere the graph is cut: .item(), .detach(), float(...), NumPy or torch.tensor(...)."
            return Finding(False, "no gradient reaches the logits", expected, cause, "Stay with torch operations.")
        gap, largest = loss.gradient_gap(case, answer)
        if gap > loss.RELATIVE_TOLERANCE * largest:
            return Finding(False, f"{case.name}: the gradient is off by up to {gap:.4f}", expected)
    return Finding(True, f"right on {len(answers)} batches", expected)


def failure_kinds(work: Rung02) -> Finding:
    """`failure_kind` names each plain fault."""
    return judge_texts(work, work.kind_cases, 0, "the kind of failure of each plain text")


def failure_edges(work: Rung02) -> Finding:
    """`failure_kind` goes by the first fault, compares types, and never raises."""
    rule = "the first fault in order, types compared, no error"
    return judge_texts(work, work.text_edge_cases, len(work.kind_cases), rule)


def model_is_real(work: Rung02) -> Finding:
    """The saved model is a fine-tune of the base: same architecture and shapes, finite, and moved."""
    model = work.model
    expected = f"the base's architecture and tensors, finite, moved by more than {LEAST_MOVE:.1%}"
    return Finding(True, f"{model.parameters:,} parameters, moved by {model.moved:.1%} from the base", expected)


def run_is_recorded(work: Rung02) -> Finding:
    """`run.json` describes this rung's run, and says what the weights show."""
    run, model = work.run, real_model(work)
    faults = [
        (run.rung != work.rung.id, f"rung is {run.rung!r}, this is rung {work.rung.id}"),
        (run.stage != STAGE, f"stage is {run.stage!r}, expected {STAGE!r}"),
        (run.method != "full", f"method is {run.method!r}, but the weights are a full model"),
        (
            run.total_parameters != model.parameters,
            f"total_parameters is {run.total_parameters:,}, the weights have {model.parameters:,}",
        ),
        (
            not model.changed_parameters <= run.trainable_parameters <= run.total_parameters,
            f"trainable_parameters is {run.trainable_parameters:,}, but {model.changed_parameters:,} have changed",
        ),
        (run.steps < LEAST_STEPS, f"{run.steps} steps, expected at least {LEAST_STEPS}"),
        (run.rows < LEAST_ROWS, f"{run.rows} rows, expected at least {LEAST_ROWS}"),
        (batch_size(run) < 1, "per_device_train_batch_size is not a number of rows"),
        (run.wall_seconds <= 0, "wall_seconds is 0"),
        (not {"torch", "transformers"} <= run.versions.keys(), "versions lacks torch or transformers"),
    ]
    expected = "rung, stage, method, parameters, steps, rows and versions of the run that made these weights"
    fault = next((text for wrong, text in faults if wrong), None)
    if fault:
        return Finding(False, f"run.json: {fault}", expected, hint="Let stage('model', ...) write it; don't edit it.")
    return Finding(True, f"{run.steps} steps on {run.rows} rows, {run.base.id}, {run.profile}", expected)


def curve_is_real(work: Rung02) -> Finding:
    """The loss curve belongs to the run: it begins at the base's loss and falls by more than its noise."""
    real_model(work)
    run, curve, base = work.run, work.curve, work.measured.base_losses
    low, high = first_loss_range(base, run, curve)
    first = curve.rows[0].loss
    expected = f"one row a logged step up to step {run.steps}, first loss {low:.2f} to {high:.2f}, then falling"
    if fault := curve_fault(run, curve):
        return Finding(False, f"loss_curve.json: {fault}", expected, hint="Let stage('model', ...) write it.")
    if not low <= first <= high:
        cause, hint = why_first_loss(base, run, curve)
        return Finding(False, f"loss_curve.json: the first loss is {first:.3f}", expected, cause, hint)
    start, end, noise = fall(curve)
    if start - end <= 3 * noise:
        observed = f"loss_curve.json: from {start:.3f} to {end:.3f}, while chance moves it by {noise:.3f}"
        return Finding(False, observed, expected, "The model has not learned.", "Train longer, or at a higher rate.")
    return Finding(True, f"from {first:.2f} (base: {base_loss(base):.2f}) to {end:.3f}", expected)


def writes_json(work: Rung02) -> Finding:
    """The model answers held-out messages with one JSON object, which the base does not."""
    real_model(work)
    least = work.threshold("valid_json", work.run.profile)
    most_before = work.threshold("before_max", work.run.profile)
    expected = f"at least {least:.0%} valid JSON on held-out messages, the base at most {most_before:.0%}"
    after, before = share(work.measured.familiar, is_json), share(work.measured.before, is_json)
    observed = f"{after:.1%} of {len(work.measured.familiar)} (base {before:.0%} of {len(work.measured.before)})"
    cause, hint = why_wrong(work, work.measured.familiar) if after < least else ("", "")
    return Finding(after >= least and before <= most_before, observed, expected, cause, hint)


def tickets_match(work: Rung02) -> Finding:
    """The tickets are right on items that no training row names, and by more than chance better than the base's."""
    real_model(work)
    least = work.threshold("exact_match", work.run.profile)
    expected = f"at least {least:.0%} right tickets on held-out items, and a gain over the base with p < {CHANCE}"
    after, before = work.measured.familiar, work.measured.before
    chance = mcnemar([is_right(r) for r in before], [is_right(r) for r in after[: len(before)]])
    now, then = share(after, is_right), share(before, is_right)
    observed = f"{now:.1%} of {len(after)} (base {then:.0%}; McNemar p = {chance:.1g})"
    cause, hint = why_wrong(work, after) if now < least else ("", "")
    return Finding(now >= least and now > then and chance < CHANCE, observed, expected, cause, hint)


def phrasing_carries_over(work: Rung02) -> Finding:
    """The tickets are right when the message is worded as no training message was."""
    real_model(work)
    least = work.threshold("exact_match_unseen_phrasing", work.run.profile)
    now = share(work.measured.unseen, is_right)
    expected = f"at least {least:.0%} right tickets on unseen wordings"
    cause, hint = why_wrong(work, work.measured.unseen) if now < least else ("", "")
    return Finding(now >= least, f"{now:.1%} of {len(work.measured.unseen)}", expected, cause, hint)


def claim_is_honest(work: Rung02) -> Finding:
    """`eval.json` is about this base and this model, on public rows, and agrees with what is measured here."""
    real_model(work)
    expected = f"eval.json agrees with the scores measured here, within a {CLAIM_LEVEL:.1%} interval"
    record = work.evaluation
    if record.base.fingerprint != work.run.base.fingerprint or record.stage != STAGE:
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


CRITERIA = [
    Criterion("sft-loss-value", "sft_loss gives the right loss", 2, "sft-loss", loss_value),
    Criterion("sft-loss-edges", "sft_loss is right at the edges", 1, "sft-loss", loss_edges),
    Criterion("sft-loss-gradient", "the gradient of sft_loss flows", 1, "sft-loss", loss_gradient),
    Criterion("failure-kinds", "failure_kind names each kind of failure", 2, "read-failures", failure_kinds),
    Criterion("failure-edges", "failure_kind is right at the edges", 1, "read-failures", failure_edges),
    Criterion("model-is-real", "the saved model is the base, fine-tuned", 2, "done-when", model_is_real),
    Criterion("run-record", "the run is recorded", 1, "done-when", run_is_recorded),
    Criterion("curve-is-real", "the loss curve is the run's and falls", 2, "done-when", curve_is_real),
    Criterion("valid-json", "the model writes valid JSON", 2, "done-when", writes_json),
    Criterion("exact-match", "the tickets are right on held-out items", 3, "done-when", tickets_match),
    Criterion("exact-match-unseen", "the tickets are right on unseen wordings", 2, "done-when", phrasing_carries_over),
    Criterion("claim-honest", "eval.json says what is measured here", 1, "done-when", claim_is_honest),
]
