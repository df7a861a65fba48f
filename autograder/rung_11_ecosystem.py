"""Rung 11 is done when one run with one of the five tools is complete, its adapter writes right tickets, and the
learner can move a recipe between tools and say when each is the one to take.

CRITERIA, at the end, is that sentence in parts; the functions above it follow the same order. Whichever tool ran, its
result comes through the course's adapter reader, and is asked what every adapter is asked. That the named tool is the
one that ran cannot be proven from the weights; what the weights do can. The words of the two
explanations wait for a human.
"""

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import replace

from autograder import adapter_criteria as criteria
from autograder.criteria import Criterion, Finding
from autograder.numbers import judge_number
from autograder.rung_11_config import shown
from autograder.rung_11_key import LOOK_AGAIN, first_reason
from autograder.rung_11_numbers import SOLUTIONS
from autograder.rung_11_submission import HALVES, PEFT_NAME, Rung11
from autograder.rung_11_translation import judge_translation
from autograder.ticket_criteria import (
    Fault,
    claim_is_honest,
    curve_is_real,
    judge_run,
    learned,
    phrasing_carries_over,
    tickets_match,
)
from shared.ecosystem.config import CONFIG
from shared.ecosystem.tools import TOOLS
from shared.translation import drawn as drawn_recipe

__all__ = ["CRITERIA", "Submission"]
Submission = Rung11


def translated(tool: str) -> Callable[[Rung11], Finding]:
    """Return the check that one tool's configuration states the learner's recipe."""

    def check(work: Rung11) -> Finding:
        record = work.translations
        return judge_translation(tool, record.configs.get(tool), drawn_recipe(record.seed))

    return check


def names_are_pefts(work: Rung11) -> Finding:
    """`peft_name` turns every name of torchtune's into PEFT's."""
    from autograder import rung_11_adapter_keys as keys

    expected = "PEFT's name for each of torchtune's, whatever the layer"
    answers = work.answers_of(PEFT_NAME)
    for name, answer in zip(work.tune_names, answers, strict=True):
        if fault := keys.name_fault(name, answer):
            hint = "w1 is the gate, w2 the way down, w3 the way up; the rest stands in the exercise."
            return Finding(False, f"{name}: {fault}", expected, hint=hint)
    return Finding(True, f"right for {len(answers)} names", expected)


def rows_are_in_halves(work: Rung11) -> Finding:
    """`halves` brings the rows of B into transformers' order, head by head."""
    from autograder import rung_11_adapter_keys as keys

    expected = "in each head the even rows, then the odd ones, every number as it was"
    cases, answers = work.rows_cases, work.answers_of(HALVES)
    for case, answer in zip(cases, answers, strict=True):
        if fault := keys.rows_fault(case, answer):
            cause = keys.named_rows_fault(cases, answers)
            return Finding(False, f"{case.title}: {fault}", expected, cause, "Rows 0, 1, 2, 3 come back as 0, 2, 1, 3.")
    return Finding(True, f"right for {len(cases)} matrices", expected)


def number(name: str) -> Callable[[Rung11], Finding]:
    """Return the check of one of the learner's own questions."""
    return lambda work: judge_number(work.numbers, name, SOLUTIONS)


def decided(least: int, *, with_reason: bool) -> Callable[[Rung11], Finding]:
    """Return the check that so many of the six situations have an accepted choice, or choice and reason."""
    what = "choice with its reason" if with_reason else "choice"

    def check(work: Rung11) -> Finding:
        expected = f"an accepted {what} for at least {least} of your 6 situations"
        well = work.well_chosen(with_reason)
        observed = f"{sum(well.values())} of {len(well)}, {len(work.decisions.decisions)} decided"
        if sum(well.values()) >= least:
            return Finding(True, observed, expected)
        wrong = next(name for name, right in well.items() if not right)
        hint = f"Read {wrong}'s lines again. {LOOK_AGAIN[first_reason(wrong)]}"
        return Finding(False, observed, expected, hint=hint)

    return check


def run_is_a_tools(work: Rung11) -> Finding:
    """`run.json` names a tool, and says what the adapter and the tool's own configuration show of the run."""
    tool, adapter = TOOLS[work.stage], learned(work)
    finding = judge_run(work, [*criteria.adapter_run_faults(work, "lora", adapter), *config_faults(work)])
    return replace(finding, observed=f"run.json names {tool.title}: {finding.observed}") if finding.passed else finding


def config_faults(work: Rung11) -> Iterator[Fault]:
    """Yield what run.json says otherwise than the configuration beside it; a rate out of a log is rounded."""
    said = work.run.hyperparameters
    for name, stated in work.stated.items():
        if name in said:
            agrees = rate_agrees if name == "learning_rate" else operator.eq
            yield not agrees(said[name], stated), f"{name} is {said[name]}, {CONFIG} says {shown(stated)}"


def rate_agrees(said: object, stated: object) -> bool:
    """Return whether two rates are one, up to the step at which the log began."""
    numbers = all(isinstance(one, int | float) for one in (said, stated))
    return numbers and math.isclose(said, stated, rel_tol=0.05)


CRITERIA = [
    Criterion("axolotl", "Axolotl's configuration states your recipe", 1, "translate", translated("axolotl")),
    Criterion("llamafactory", "LLaMA-Factory's states it, too", 1, "translate", translated("llamafactory")),
    Criterion("names", "peft_name gives PEFT's names", 1, "read-adapter", names_are_pefts),
    Criterion("rows", "halves gives transformers' order of rows", 1, "read-adapter", rows_are_in_halves),
    Criterion("rows-a-step", "your question on the rows of a step", 1, "numbers", number("rows-a-step")),
    Criterion("steps", "your question on the steps of a run", 1, "numbers", number("steps")),
    Criterion("packed-rows", "your question on packed rows", 1, "numbers", number("packed-rows")),
    Criterion("choices-5", "five situations well decided", 1, "decide", decided(5, with_reason=False)),
    Criterion("reasons-5", "five decided for the deciding reason", 1, "decide", decided(5, with_reason=True)),
    Criterion("model-is-real", "the tool's adapter is the base's, trained", 1, "done-when", criteria.adapter_is_real),
    Criterion("run-record", "the run is recorded, with its tool", 1, "done-when", run_is_a_tools),
    Criterion("curve-is-real", "the loss curve is the run's and falls", 1, "done-when", curve_is_real),
    Criterion("exact-match", "the tickets are right on held-out items", 1, "done-when", tickets_match),
    Criterion("exact-match-unseen", "the tickets are right on unseen wordings", 1, "done-when", phrasing_carries_over),
    Criterion("claim-honest", "eval.json says what is measured here", 1, "done-when", claim_is_honest),
]  # fmt: skip
