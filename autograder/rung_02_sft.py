"""Rung 02 is done when a small model, fine-tuned by the learner, turns customer messages into JSON tickets that the
base could not write, measured on messages it has never seen.

CRITERIA, at the end, is that sentence in parts; the functions above it follow the same order. What every ticket rung
asks of its run and its scores stands in `autograder.ticket_criteria`.
"""

from autograder.criteria import Criterion, Finding
from autograder.rung_02_evidence import judge_texts
from autograder.rung_02_submission import SFT_LOSS, Rung02
from autograder.ticket_criteria import (
    claim_is_honest,
    count_faults,
    curve_is_real,
    judge_run,
    learned,
    phrasing_carries_over,
    require_learned,
    run_faults,
    tickets_match,
    writes_json,
)

__all__ = ["CRITERIA", "Submission"]
Submission = Rung02


def loss_value(work: Rung02) -> Finding:
    """`sft_loss` gives the right number on batches worked out by hand and on random ones."""
    from autograder import rung_02_loss as loss

    expected = "the mean of -log p over the completion tokens of the batch, within 0.1%"
    cases = work.value_cases
    answers = work.answers_of(SFT_LOSS)[: len(cases)]
    for case, answer in zip(cases, answers, strict=True):
        if fault := answer.scalar_fault():
            return Finding(False, f"{case.name}: {fault}", expected)
    rights = [loss.right_loss(case) for case in cases]
    wrong = [i for i, right in enumerate(rights) if not loss.loss_fits(answers[i], right)]
    if wrong:
        observed = f"{cases[wrong[0]].name}: {answers[wrong[0]].values[0]:.4f}, right is {rights[wrong[0]]:.4f}"
        cause = loss.named_loss_fault(cases, answers)
        hint = "Work the last batch of the example out by hand and compare."
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
        if fault := answer.scalar_fault():
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
        if fault := answer.scalar_fault():
            return Finding(False, f"{case.name}: {fault}", expected)
        if answer.gradient is None:
            cause = "Somewhere the graph is cut: .item(), .detach(), float(...), NumPy or torch.tensor(...)."
            return Finding(False, "no gradient reaches the logits", expected, cause, "Stay with torch operations.")
        gap, largest = loss.gradient_gap(case, answer)
        if gap > loss.RELATIVE_TOLERANCE * largest:
            hint = "Mend the value first; the gradient follows."
            return Finding(False, f"{case.name}: the gradient is off by up to {gap:.4f}", expected, hint=hint)
    return Finding(True, f"right on {len(answers)} batches", expected)


def failure_kinds(work: Rung02) -> Finding:
    """`failure_kind` names each plain fault."""
    return judge_texts(work, work.kind_cases, 0, "the kind of failure of each plain text")


def failure_edges(work: Rung02) -> Finding:
    """`failure_kind` goes by the first fault, compares types, and never raises."""
    rule = "the first fault in order, types compared, no error"
    return judge_texts(work, work.text_edge_cases, len(work.kind_cases), rule)


def model_is_real(work: Rung02) -> Finding:
    """The saved model is a fine-tune of the base: same architecture and shapes, finite, moved, and it has learned."""
    from autograder.trained_from import LEAST_MOVE

    model = work.trained
    require_learned(work)
    expected = f"the base's architecture and tensors, finite, moved by more than {LEAST_MOVE:.1%}"
    return Finding(True, f"{model.parameters:,} parameters, moved by {model.moved:.1%} from the base", expected)


def run_is_recorded(work: Rung02) -> Finding:
    """`run.json` describes this rung's run, and says what the weights show."""
    run, model = work.run, learned(work)
    return judge_run(work, [*run_faults(work, "full", "a full model"), *count_faults(run, model)])


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
