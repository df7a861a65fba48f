"""Rung 04 is done when a QLoRA adapter, trained by the learner over a base in 4 bits, writes right tickets on held-out
messages, and the base has seven billion parameters.

CRITERIA, at the end, is that sentence in parts; the functions above it follow the same order. The mechanics can be
proven on any base; `seven_billion` says which of the two was seen. What every ticket rung asks of its run and its
scores stands in `autograder.ticket_criteria`, what every adapter is asked in `autograder.adapter_criteria`.
"""

import math
from collections.abc import Callable

from autograder import adapter_criteria as adapter
from autograder.criteria import CannotTell, Criterion, Finding
from autograder.decoder_shape import decoder_fault
from autograder.numbers import judge_number
from autograder.run_evidence import curve_fault
from autograder.rung_04_numbers import SOLUTIONS
from autograder.rung_04_submission import ROUND_TRIP, Rung04
from autograder.ticket_criteria import (
    claim_is_honest,
    curve_is_real,
    phrasing_carries_over,
    tickets_match,
    writes_json,
)

__all__ = ["CRITERIA", "Submission"]
Submission = Rung04

# An adapter shows the matrices that it stands beside, not embeddings and head. Those of a model of 6.5 billion
# parameters hold at least this share of it (Llama 7B: 6.48 of 6.74 billion; Qwen2.5 7B: 6.53 of 7.62).
SEEN_SHARE = 0.85


def round_trip_value(work: Rung04) -> Finding:
    """`round_trip` gives the nearest level of each block, scaled back."""
    from autograder import rung_04_nf4 as nf4

    expected = "each weight over its block's largest magnitude, the nearest level, times that magnitude"
    cases = work.value_cases
    answers = work.answers_of(ROUND_TRIP)[: len(cases)]
    for case, answer in zip(cases, answers, strict=True):
        if fault := nf4.fault_of(answer, nf4.right(case)):
            cause = nf4.named_fault(cases, answers)
            return Finding(False, f"{case.name}: {fault}", expected, cause, "Work the example's block out by hand.")
    return Finding(True, f"right on {len(cases)} tensors", expected)


def round_trip_edges(work: Rung04) -> Finding:
    """`round_trip` keeps its head at the edges that the exercise names."""
    from autograder import rung_04_nf4 as nf4

    expected = "zeros stay zeros; a shorter last block; any shape; tiny weights"
    answers = work.answers_of(ROUND_TRIP)[len(work.value_cases) :]
    for case, answer in zip(work.edge_cases, answers, strict=True):
        if fault := nf4.fault_of(answer, nf4.right(case)):
            return Finding(False, f"{case.name}: {fault}", expected, case.advice)
    return Finding(True, f"right in {len(answers)} edge cases", expected)


def number(name: str) -> Callable[[Rung04], Finding]:
    """Return the check of one of the learner's own questions."""
    return lambda work: judge_number(work.numbers, name, SOLUTIONS)


def run_is_recorded(work: Rung04) -> Finding:
    """`run.json` says what the adapter shows, and that the base lay in 4 bits."""
    return adapter.run_is_recorded(work, "qlora")


def seven_billion(work: Rung04) -> Finding:
    """The base is as large as the done-when says; on a smaller one the mechanics are proven, and that is said.

    Where the base is not at hand, the adapter's shapes speak for it, with a run that agrees with them and its curve.
    """
    found, least = work.adapter, work.threshold("least_parameters", work.run.profile)
    expected = f"an adapter for a base of at least {least / 1e9:.1f} billion parameters, trained on one GPU"
    record = adapter.judge_run(work, adapter.adapter_run_faults(work, "qlora", found))
    fault = curve_fault(work.run, work.curve) or decoder_fault(found)
    if fault or not record.passed:
        observed = record.observed if not record.passed else fault
        return Finding(False, observed, expected, hint="Let stage('adapter', ...) write all of it.")
    observed = f"beside {found.adapted_weights:,} weights of {work.run.base.id}, on {work.run.device}"
    if _base_size(work) >= least:
        return Finding(True, observed, expected)
    hint = "Run this notebook on the gpu profile for the rest, with all linear layers as targets."
    return Finding(False, f"{observed}: this proves the mechanics", expected, hint=hint)


def _base_size(work: Rung04) -> float:
    """Return the base's parameters: counted, or where it is not at hand the most that the adapter can stand for."""
    try:
        return sum(math.prod(info.shape) for info in work.base.header.values())
    except CannotTell:
        return work.adapter.adapted_weights / SEEN_SHARE


CRITERIA = [
    Criterion("round-trip-value", "round_trip rounds to the nearest level", 2, "round-trip", round_trip_value),
    Criterion("round-trip-edges", "round_trip is right at the edges", 1, "round-trip", round_trip_edges),
    Criterion("number-bits", "your question on bits", 1, "numbers", number("bits")),
    Criterion("number-double", "your question on double quantization", 1, "numbers", number("double")),
    Criterion("number-weights", "your question on the weights' memory", 1, "numbers", number("weights")),
    Criterion("number-nearest", "your question on one weight", 1, "numbers", number("nearest")),
    Criterion("model-is-real", "the saved adapter is the base's, trained", 2, "done-when", adapter.adapter_is_real),
    Criterion("run-record", "the run is recorded", 1, "done-when", run_is_recorded),
    Criterion("curve-is-real", "the loss curve is the run's and falls", 1, "done-when", curve_is_real),
    Criterion("valid-json", "the model writes valid JSON", 1, "done-when", writes_json),
    Criterion("exact-match", "the tickets are right on held-out items", 3, "done-when", tickets_match),
    Criterion("exact-match-unseen", "the tickets are right on unseen wordings", 1, "done-when", phrasing_carries_over),
    Criterion("claim-honest", "eval.json says what is measured here", 1, "done-when", claim_is_honest),
    Criterion("seven-billion", "the base has seven billion parameters", 3, "done-when", seven_billion),
]
