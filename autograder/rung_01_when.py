"""Rung 01 is done when the learner has measured what fine-tuning does to facts and what retrieval does, and has decided
concrete cases; the argument in their own words waits for a human.

CRITERIA, at the end, is that sentence in parts; the functions above it follow the same order. The accepted decisions
stand in `autograder.rung_01_key`, which says what it cannot keep from anyone.
"""

from collections.abc import Callable

from autograder import rung_01_cost as cost
from autograder import rung_01_retrieve as retrieve
from autograder.agreement import agree
from autograder.criteria import Criterion, Finding, NotMet
from autograder.rung_01_key import LOOK_AGAIN, first_reason
from autograder.rung_01_submission import BREAK_EVEN, RETRIEVE, TRAINING_COST, Rung01
from autograder.score_evidence import CLAIM_LEVEL, interval_fault
from autograder.student_code import LearnerFunction
from autograder.ticket_criteria import CHANCE, curve_is_real, judge_run, real, run_faults
from shared import wiki
from shared.artifacts import ArtifactError, fingerprint_rows
from shared.significance import mcnemar
from shared.world import rows

__all__ = ["CRITERIA", "Submission"]
Submission = Rung01


def finds_the_passage(work: Rung01) -> Finding:
    """`retrieve` finds the passage that shares rare words with the question, or more words."""
    return _searched(
        work.rank_cases, work.answers_of(RETRIEVE)[: len(work.rank_cases)], "the place of the best passage"
    )


def finds_at_the_edges(work: Rung01) -> Finding:
    """`retrieve` keeps its head at the edges that the exercise names."""
    start = len(work.rank_cases)
    answers = work.answers_of(RETRIEVE)[start : start + len(work.edge_cases)]
    return _searched(work.edge_cases, answers, "whole words, no case, no marks; the first of equals; else None")


def _searched(cases: list[retrieve.SearchCase], answers: list, expected: str) -> Finding:
    for case, answer in zip(cases, answers, strict=True):
        if fault := retrieve.fault_of(answer, case):
            return Finding(False, f"{case.name}: {fault}", expected, case.advice)
    return Finding(True, f"right in {len(answers)} searches", expected)


def reads_what_is_new(work: Rung01) -> Finding:
    """The base answers from the pages that `retrieve` finds, in a wiki where every manager is new since yesterday."""
    least = work.threshold("read", _profile(work))
    expected = f"at least {least:.0%} right answers about a wiki that was rewritten a moment ago, nothing trained"
    right = work.read_answers
    share = sum(right) / len(right)
    cause = "" if share >= least else "The page with the town of the question has to be found."
    return Finding(share >= least, f"{share:.0%} of {len(right)}", expected, cause)


def _profile(work: Rung01) -> str:
    from shared.models import profile_here

    try:
        return work.run.profile
    except ArtifactError:  # there is no run yet: this machine's own profile then
        return profile_here().name


def priced(function: LearnerFunction, cases_of: str, faults: list, expected: str) -> Callable[[Rung01], Finding]:
    """Return the check of one function of the cost sketch."""

    def check(work: Rung01) -> Finding:
        cases, answers = getattr(work, cases_of), work.answers_of(function)
        for case, answer in zip(cases, answers, strict=True):
            if fault := cost.fault_of(answer, case.right):
                cause = case.advice or cost.named_fault(cases, answers, faults)
                return Finding(False, f"{case.name}: {fault}", expected, cause, "Work the case by hand out first.")
        return Finding(True, f"right in {len(cases)} cases", expected)

    return check


def decided(least: int, *, with_reason: bool) -> Callable[[Rung01], Finding]:
    """Return the check that so many of the learner's twelve letters have an accepted choice, or choice and reason."""
    what = "choice with its reason" if with_reason else "choice"

    def check(work: Rung01) -> Finding:
        expected = f"an accepted {what} for at least {least} of your 12 letters"
        well = work.well_chosen(with_reason)
        observed = f"{sum(well.values())} of {len(well)}, {len(work.decisions.decisions)} decided"
        if sum(well.values()) >= least:
            return Finding(True, observed, expected)
        wrong = next(name for name, right in well.items() if not right)
        hint = f"Read {wrong}'s letter again. {LOOK_AGAIN[first_reason(wrong)]}"
        return Finding(False, observed, expected, hint=hint)

    return check


def was_taught(work: Rung01) -> Finding:
    """The model in artifacts/facts is the base, trained on the wiki; run.json and the loss curve are that run's."""
    model, run = work.trained, work.run
    parameters = f"total_parameters is {run.total_parameters:,}, the weights have {model.parameters:,}"
    faults = [*run_faults(work, "full", "a full model"), (run.total_parameters != model.parameters, parameters)]
    finding = judge_run(work, faults)
    return curve_is_real(work) if finding.passed else finding


def repeats_and_cannot_turn(work: Rung01) -> Finding:
    """The taught model says the wiki's sentences, which the base did not, and cannot say them backwards."""
    real(work)
    profile, before, after = work.run.profile, work.measured.before, work.measured.after
    least, most = work.threshold("wiki_words", profile), work.threshold("backwards_max", profile)
    expected = (
        f"the wiki's words at least {least:.0%} right (base at most {work.threshold('before_max', profile):.0%}), "
        f"backwards at most {most:.0%}, the difference with p < {CHANCE}"
    )
    words, back = wiki.METRICS["wiki_words"], wiki.METRICS["backwards"]
    said, cold, turned = (sum(one) / len(one) for one in (after[words], before[words], after[back]))
    chance = mcnemar(after[back], after[words])
    observed = f"the wiki's words {said:.0%} (base {cold:.0%}), backwards {turned:.0%}, p = {chance:.1g}"
    passed = said >= least and cold <= work.threshold("before_max", profile) and turned <= most and chance < CHANCE
    hint = "" if passed else "Train on wiki.sentences() as they are, until the loss is near 0, and save again."
    return Finding(passed, observed, expected, hint=hint)


def claim_is_honest(work: Rung01) -> Finding:
    """`eval.json` is about this base and this model, and agrees with what is measured here."""
    real(work)
    expected = f"eval.json agrees with the scores measured here, within a {CLAIM_LEVEL:.1%} interval"
    record = work.evaluation
    if record.base.fingerprint != work.run.base.fingerprint or record.stage != work.stage:
        observed = f"eval.json is about stage {record.stage!r} on {record.base.id!r}, not about this model"
        return Finding(False, observed, expected, hint="Run the evaluation's cell again.")
    for metric, name in wiki.METRICS.items():
        entry = next((one for one in record.entries if (one.task, one.metric) == ("facts", metric)), None)
        if fault := _claim_fault(work, entry, name):
            hint = "Evaluate the saved model with the notebook's cell, and save what it gives."
            return Finding(False, f"eval.json: {metric}: {fault}", expected, hint=hint)
    return Finding(True, f"{len(wiki.METRICS)} scores agree with those measured here", expected)


def _claim_fault(work: Rung01, entry, name: str) -> str | None:
    """Return what is wrong with one claim, or None."""
    if entry is None:
        return "no entry for task 'facts'"
    asked = {**wiki.ways_to_ask(), "known managers": rows("facts", "train", 60)}[name]
    if entry.n != len(asked) or entry.data_fingerprint != fingerprint_rows(asked):
        return f"not about the {len(asked)} rows of the notebook"
    for when, claimed, right in (
        ("before", entry.before, work.measured.before[name]),
        ("after", entry.after, work.measured.after[name]),
    ):
        if not 0 <= claimed <= 1:
            raise NotMet(f"eval.json: {entry.metric}: {when} is {claimed}, which is no share")
        if not agree(round(claimed * entry.n), entry.n, sum(right), len(right), CLAIM_LEVEL):
            return f"{when} is {claimed:.1%}, measured here {sum(right) / len(right):.1%}"
    return interval_fault(entry)


TRAINING = "tokens seen, over tokens a second, in hours, times the price of an hour"
EVEN = "the training's price over what one request saves; None when nothing is saved"
CRITERIA = [
    Criterion("retrieve-ranks", "retrieve finds the best passage", 1, "retrieve", finds_the_passage),
    Criterion("retrieve-edges", "retrieve is right at the edges", 1, "retrieve", finds_at_the_edges),
    Criterion("retrieve-reads", "the base answers from what retrieve finds", 1, "retrieve", reads_what_is_new),
    Criterion("training-cost", "training_cost prices a run", 1, "cost",
              priced(TRAINING_COST, "training_cases", cost.TRAINING_FAULTS, TRAINING)),
    Criterion("break-even", "break_even says when it pays", 1, "cost",
              priced(BREAK_EVEN, "even_cases", cost.EVEN_FAULTS, EVEN)),
    Criterion("choices-7", "seven letters well decided", 1, "decide", decided(7, with_reason=False)),
    Criterion("choices-10", "ten letters well decided", 1, "decide", decided(10, with_reason=False)),
    Criterion("reasons-7", "seven letters decided for the deciding reason", 1, "decide", decided(7, with_reason=True)),
    Criterion("reasons-10", "ten letters decided for the deciding reason", 1, "decide", decided(10, with_reason=True)),
    Criterion("was-taught", "the model was taught the wiki", 1, "done-when", was_taught),
    Criterion("cannot-turn", "it repeats the wiki and cannot turn it round", 1, "done-when", repeats_and_cannot_turn),
    Criterion("claim-honest", "eval.json says what is measured here", 1, "done-when", claim_is_honest),
]  # fmt: skip
