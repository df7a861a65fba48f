"""Rung 03 is done when a LoRA adapter, trained by the learner, writes right tickets on held-out messages with a small
share of the base's parameters, and the learner can compute with rank, alpha and target modules.

CRITERIA, at the end, is that sentence in parts; the functions above it follow the same order. What every ticket rung
asks of its run and its scores stands in `autograder.ticket_criteria`, what every adapter is asked in
`autograder.adapter_criteria`; the words of the explanation wait for a human.
"""

from collections.abc import Callable

from autograder import adapter_criteria as adapter
from autograder.criteria import Criterion, Finding
from autograder.numbers import judge_number
from autograder.rung_03_numbers import SOLUTIONS
from autograder.rung_03_submission import LORA_LINEAR, MERGE, Rung03
from autograder.ticket_criteria import (
    claim_is_honest,
    curve_is_real,
    phrasing_carries_over,
    tickets_match,
    writes_json,
)

__all__ = ["CRITERIA", "Submission"]
Submission = Rung03


def layer_value(work: Rung03) -> Finding:
    """`lora_linear` gives W x + (alpha / r) B A x on layers worked out by hand and on random ones."""
    from autograder import rung_03_layer as layer

    expected = "W x + (alpha / r) B A x for every row of x, within 0.1%"
    cases = work.value_cases
    answers = work.answers_of(LORA_LINEAR)[: len(cases)]
    for case, answer in zip(cases, answers, strict=True):
        if fault := layer.fault_of(answer, layer.right_output(case)):
            cause = layer.named_fault(cases, answers)
            return Finding(False, f"{case.name}: {fault}", expected, cause, "Work the example's layer out by hand.")
    return Finding(True, f"right on {len(cases)} layers", expected)


def layer_edges(work: Rung03) -> Finding:
    """`lora_linear` keeps its head at the edges that the exercise names."""
    from autograder import rung_03_layer as layer

    expected = "the base's output while B is zero; x with any number of dimensions; rank 1; any positive alpha"
    start = len(work.value_cases)
    answers = work.answers_of(LORA_LINEAR)[start : start + len(work.edge_cases)]
    for case, answer in zip(work.edge_cases, answers, strict=True):
        if fault := layer.fault_of(answer, layer.right_output(case)):
            return Finding(False, f"{case.name}: {fault}", expected, case.advice)
    return Finding(True, f"right in {len(answers)} edge cases", expected)


def layer_gradient(work: Rung03) -> Finding:
    """Gradients reach x, A and B, and are the right ones."""
    from autograder import rung_03_layer as layer

    expected = "the gradients of x, lora_A and lora_B, within 0.1%"
    answers = work.answers_of(LORA_LINEAR)[-len(layer.GRADIENTS) :]
    for of, answer in zip(layer.GRADIENTS, answers, strict=True):
        if fault := answer.fault():
            return Finding(False, f"gradient of {layer.NAMES[of]}: {fault}", expected)
        if answer.gradient is None:
            cause = (
                "The graph is cut somewhere: .item(), .detach(), .data, NumPy, torch.tensor(...), nn.Parameter(...)."
            )
            hint = "Stay with torch operations."
            return Finding(False, f"no gradient reaches {layer.NAMES[of]}", expected, cause, hint)
        if not layer.fits(answer.gradient, layer.right_gradient(work.value_cases[1], of)):
            return Finding(False, f"the gradient of {layer.NAMES[of]} is wrong", expected)
    return Finding(True, "right for x, lora_A and lora_B", expected)


def merge_is_right(work: Rung03) -> Finding:
    """`merge` gives the one matrix that does the work of three."""
    from autograder import rung_03_layer as layer

    expected = "W + (alpha / r) B A, within 0.1%"
    cases, answers = work.value_cases, work.answers_of(MERGE)
    for case, answer in zip(cases, answers, strict=True):
        if fault := layer.fault_of(answer, layer.right_merge(case)):
            return Finding(False, f"{case.name}: {fault}", expected, layer.named_fault(cases, answers, merging=True))
    return Finding(True, f"right on {len(cases)} layers", expected)


def number(name: str) -> Callable[[Rung03], Finding]:
    """Return the check of one of the learner's own questions."""
    return lambda work: judge_number(work.numbers, name, SOLUTIONS)


def run_is_recorded(work: Rung03) -> Finding:
    """`run.json` says what the adapter shows."""
    return adapter.run_is_recorded(work, "lora")


CRITERIA = [
    Criterion("lora-value", "lora_linear gives the right output", 2, "lora-linear", layer_value),
    Criterion("lora-edges", "lora_linear is right at the edges", 1, "lora-linear", layer_edges),
    Criterion("lora-gradient", "the gradients of lora_linear flow", 1, "lora-linear", layer_gradient),
    Criterion("merge", "merge gives one matrix for three", 1, "lora-linear", merge_is_right),
    Criterion("number-trainable", "your question on trainable parameters", 1, "numbers", number("trainable")),
    Criterion("number-share", "your question on a layer's share", 1, "numbers", number("share")),
    Criterion("number-alpha", "your question on alpha", 1, "numbers", number("alpha")),
    Criterion("number-moments", "your question on the optimizer's memory", 1, "numbers", number("moments")),
    Criterion("model-is-real", "the saved adapter is the base's, trained", 2, "done-when", adapter.adapter_is_real),
    Criterion("few-trained", "few parameters are trained", 1, "done-when", adapter.few_are_trained),
    Criterion("run-record", "the run is recorded", 1, "done-when", run_is_recorded),
    Criterion("curve-is-real", "the loss curve is the run's and falls", 1, "done-when", curve_is_real),
    Criterion("valid-json", "the model writes valid JSON", 1, "done-when", writes_json),
    Criterion("exact-match", "the tickets are right on held-out items", 3, "done-when", tickets_match),
    Criterion("exact-match-unseen", "the tickets are right on unseen wordings", 1, "done-when", phrasing_carries_over),
    Criterion("claim-honest", "eval.json says what is measured here", 1, "done-when", claim_is_honest),
]
