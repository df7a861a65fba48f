"""Rung 07 is done when a small model has learned from a verifier's reward alone, and the learner has explained what
GRPO gains over PPO.

CRITERIA, at the end, is that sentence in parts; the functions above it follow the same order. Every share of right
answers is sampled here, again, on orders that nobody has trained on. The words of the explanations wait for a human.
"""

import math
from collections.abc import Sequence

from autograder import rung_07_evidence as evidence
from autograder import rung_07_passk as passk
from autograder.criteria import Criterion, Finding
from autograder.rung_07_submission import GROUP_ADVANTAGES, GRPO_LOSS, KL_K3, PASS_AT_K, SIZE, Rung07
from autograder.ticket_criteria import count_faults, judge_run, real, run_faults
from shared.rl.groups import BEST_OF
from shared.rl.passk import pass_at_k
from shared.significance import paired_bootstrap

__all__ = ["CRITERIA", "Submission"]
Submission = Rung07

ROUNDING = 1e-9  # a difference of shares that is the limit exactly may come out above it


def advantages_value(work: Rung07) -> Finding:
    """`group_advantages` is right on a group worked out by hand and on random ones, under each scaling."""
    from autograder import rung_07_advantages as groups

    expected = "(reward - mean of its group) / (std + 1e-4), within 0.1%; std over the group, the batch, or none"
    cases, answers = work.reward_cases, work.answers_of(GROUP_ADVANTAGES)[: len(work.reward_cases)]
    for case, answer in zip(cases, answers, strict=True):
        if fault := groups.fault_of(answer, case):
            cause = groups.named_fault(cases, answers)
            return Finding(False, f"{case.name}: {fault}", expected, cause, "Work 1, 0, 0, 1 out by hand and compare.")
    return Finding(True, f"right on {len(cases)} batches", expected)


def advantages_edges(work: Rung07) -> Finding:
    """`group_advantages` is finite for equal rewards and does not see what all of a group share."""
    from autograder import rung_07_advantages as groups

    expected = "zeros for a group of equal rewards; the same advantages when all rewards are moved"
    answers = work.answers_of(GROUP_ADVANTAGES)[len(work.reward_cases) :]
    for case, answer in zip(work.reward_edges, answers, strict=True):
        if fault := groups.fault_of(answer, case):
            return Finding(False, f"{case.name}: {fault}", expected, case.advice)
    return Finding(True, f"right in {len(answers)} edge cases", expected)


def kl_estimate(work: Rung07) -> Finding:
    """`kl_k3` is e^d - d - 1 with d = ref_logp - logp, token by token."""
    import numpy as np

    from autograder import rung_07_loss as loss

    expected = "e^d - d - 1 for each token, d = ref_logp - logp, within 0.1%"
    pairs, answers = loss.kl_cases(work.seed), work.answers_of(KL_K3)
    for (logp, _), answer in zip(pairs, answers, strict=True):
        if answer.kind != "tensor" or answer.fault() or tuple(answer.shape) != logp.shape:
            said = answer.fault() or f"returned {answer.type_name} of shape {answer.shape}, expected {logp.shape}"
            return Finding(False, said, expected)
    given = [np.reshape(answer.values, logp.shape) for answer, (logp, _) in zip(answers, pairs, strict=True)]

    def all_fit(name: str) -> bool:
        rights = [loss.kl_terms(name, *pair) for pair in pairs]
        return all(np.allclose(one, right, rtol=1e-3, atol=1e-6) for one, right in zip(given, rights, strict=True))

    if all_fit("k3"):
        return Finding(True, f"right on {len(pairs)} batches", expected)
    cause = next((words for name, words in loss.KL_FAULTS.items() if all_fit(name)), "")
    rights = [loss.kl_terms("k3", *pair) for pair in pairs]
    place = next(i for i, right in enumerate(rights) if not np.allclose(given[i], right, rtol=1e-3, atol=1e-6))
    worst = np.unravel_index(np.abs(given[place] - rights[place]).argmax(), rights[place].shape)
    logp, ref = (float(one[worst]) for one in pairs[place])
    observed = (
        f"log p = {logp:.3f}, log ref = {ref:.3f}: {given[place][worst]:.4f}, right is {rights[place][worst]:.4f}"
    )
    return Finding(False, observed, expected, cause)


def loss_value(work: Rung07) -> Finding:
    """`grpo_loss` gives the right number on a batch worked out by hand and on random ones of each type."""
    from autograder import rung_07_loss as loss

    expected = "minus the clipped objective, plus beta x k3, averaged as loss_type says, within 0.1%"
    cases, answers = work.loss_cases, work.answers_of(GRPO_LOSS)[: len(work.loss_cases)]
    for case, answer in zip(cases, answers, strict=True):
        if fault := answer.scalar_fault():
            return Finding(False, f"{case.name}: {fault}", expected)
    wrong = [i for i, case in enumerate(cases) if not loss.fits(answers[i], loss.right_loss(case), case)]
    if not wrong:
        return Finding(True, f"right on {len(cases)} batches", expected)
    case, given = cases[wrong[0]], answers[wrong[0]].values[0]
    observed = f"{case.name}: {given:.4f}, right is {loss.right_loss(case):.4f} ({len(wrong)} of {len(cases)} off)"
    return Finding(False, observed, expected, loss.named_fault(cases, answers), "Work the example out by hand.")


def loss_edges(work: Rung07) -> Finding:
    """`grpo_loss` keeps its head at the edges that the exercise names."""
    from autograder import rung_07_loss as loss

    expected = "no reference with beta 0; masked tokens do not count; an answer without a token; any epsilon"
    start = len(work.loss_cases)
    answers = work.answers_of(GRPO_LOSS)[start : start + len(work.loss_edges)]
    for case, answer in zip(work.loss_edges, answers, strict=True):
        right = loss.right_loss(case)
        if fault := answer.scalar_fault():
            return Finding(False, f"{case.name}: {fault}", expected, case.advice)
        if not loss.fits(answer, right, case):
            return Finding(False, f"{case.name}: {answer.values[0]:.4f}, right is {right:.4f}", expected, case.advice)
    return Finding(True, f"right in {len(answers)} edge cases", expected)


def loss_gradient(work: Rung07) -> Finding:
    """The gradient reaches `logp`: of fresh samples, where the ratio is 1, and of stale ones, some of them clipped."""
    import numpy as np

    from autograder import rung_07_loss as loss

    expected = "d loss / d logp within 1%: -A x ratio where the clip does not hold, 0 where it does; the KL's beside it"
    answers = work.answers_of(GRPO_LOSS)[-len(work.gradient_cases) :]
    for case, answer in zip(work.gradient_cases, answers, strict=True):
        if fault := answer.scalar_fault():
            return Finding(False, f"{case.name}: {fault}", expected)
        right = loss.right_gradient(case)
        if answer.gradient is None:
            cause = (
                "The ratio is cut off from logp (.detach(), .item(), torch.no_grad()): its value is 1, its slope not 0."
            )
            return Finding(False, f"{case.name}: no gradient reaches logp", expected, cause)
        gap = np.abs(np.reshape(answer.gradient, right.shape) - right).max()
        if gap > 0.01 * np.abs(right).max():
            kl_only = case.beta * (1 - np.exp(case.ref - case.logp)) * loss.token_weights(case.mask, case.loss_type)
            cut = np.allclose(np.reshape(answer.gradient, right.shape), kl_only, rtol=1e-3, atol=1e-5)
            cause = "Only the KL's gradient arrives: the ratio is detached." if cut else "Mend the value first."
            return Finding(False, f"{case.name}: the gradient is off by up to {gap:.4f}", expected, cause)
    return Finding(True, f"right on {len(answers)} batches", expected)


def pass_at_k_value(work: Rung07) -> Finding:
    """`pass_at_k` gives the unbiased estimate."""
    asked = passk.cases(work.seed)
    return _judge_passk(work, 0, len(asked) - len(passk.edges()), "1 - C(n - c, k) / C(n, k)")


def pass_at_k_edges(work: Rung07) -> Finding:
    """`pass_at_k` is right when none or all are right, when k is n, and for large n."""
    start = len(passk.cases(work.seed)) - len(passk.edges())
    return _judge_passk(work, start, None, "0 for none right, 1 when fewer than k are wrong, exact for n = 1000")


def _judge_passk(work: Rung07, start: int, end: int | None, expected: str) -> Finding:
    asked, answers = passk.cases(work.seed)[start:end], work.answers_of(PASS_AT_K)[start:end]
    given = []
    for case, answer in zip(asked, answers, strict=True):
        number = passk.number_of(answer)
        if number is None or not math.isfinite(number):
            said = answer.value if answer.kind == "error" else f"returned {answer.type_name}, expected a finite number"
            return Finding(False, f"n, right, k = {case}: {said}", expected)
        given.append(number)
    for case, number in zip(asked, given, strict=True):
        if abs(number - passk.right(*case)) > passk.TOLERANCE:
            observed = f"n, right, k = {case}: {number:.4f}, right is {passk.right(*case):.4f}"
            return Finding(False, observed, expected, passk.named_fault(asked, given))
    return Finding(True, f"right on {len(asked)} counts", expected)


def model_is_real(work: Rung07) -> Finding:
    """The saved model is the base, fine-tuned, and it has learned."""
    model = work.trained
    evidence.require_gain(work.measured.before, work.measured.after, SIZE)
    expected = "a full fine-tune of the course's base, finite, moved from it by learning"
    return Finding(True, f"{model.parameters:,} parameters, moved by {model.moved:.1%}", expected)


def run_is_recorded(work: Rung07) -> Finding:
    """`run.json` says what ran."""
    faults = [*run_faults(work, "full", "a full model"), *count_faults(work.run, real(work))]
    evidence.require_gain(work.measured.before, work.measured.after, SIZE)
    return judge_run(work, faults)


def rollouts_are_real(work: Rung07) -> Finding:
    """The rollouts' log is the run's: it begins where the base is, rises beyond noise, ends where the model is."""
    real(work)
    expected = f"one row a logged step up to step {work.run.steps}; right answers rise from the base's share"
    log, found = work.rollouts, work.measured
    fault = (
        evidence.log_fault(work.run, work.curve, log)
        or evidence.start_fault(log, found.before, SIZE)
        or evidence.rise_fault(log, found.before, found.after, SIZE)
    )
    if fault:
        hint = "Let one run of the stage write model and rollouts."
        return Finding(False, f"rollouts/grpo.json: {fault}", expected, hint=hint)
    first, last = log.rows[0], log.rows[-1]
    return Finding(True, f"from {first.right:.0%} right at step {first.step} to {last.right:.0%}", expected)


def samples_are_right(work: Rung07) -> Finding:
    """Sampled answers to held-out orders are right, and by more than chance more often than the base's."""
    real(work)
    least, gain = (work.threshold(name, work.run.profile) for name in ("sampled", "gain"))
    level = evidence.LEVEL
    expected = (
        f"at least {least:.0%} right in one try, {gain:.0%} more than the base, the gain's {level:.0%} interval above 0"
    )
    before, after = _shares(work.measured.before, 1), _shares(work.measured.after, 1)
    now, then = _mean(after), _mean(before)
    low, high = paired_bootstrap(before, after, level=level)
    observed = f"{now:.1%} of {len(after)} orders x {SIZE} answers (base {then:.1%}; gain {low:+.2f} to {high:+.2f})"
    passed = now >= least and now - then >= gain - ROUNDING and low > 0
    cause = "" if passed else _why_not(work)
    return Finding(passed, observed, expected, cause, "" if passed else "Read the panel, and a few answers.")


def _why_not(work: Rung07) -> str:
    """Return the likely cause of too few right answers, by what the run's log shows."""
    try:
        last = work.rollouts.rows[-5:]
    except Exception:  # the log's own criterion says what is wrong with it
        return ""
    if _mean([row.reward for row in last]) > _mean([row.right for row in last]) + 0.2:
        return "The reward at the end is far above the share of right answers: it pays for something else."
    if _mean([row.zero_std for row in last]) > 0.8:
        return "Nearly all groups have equal rewards: there is nothing left to learn from. Was the rate too high?"
    return "The share of right answers was still low at the last step: train longer, or look for a rate between."


def skills_are_kept(work: Rung07) -> Finding:
    """Reading and sorting, which nobody trained, are still there after learning."""
    real(work)
    evidence.require_gain(work.measured.before, work.measured.after, SIZE)
    most = work.threshold("drop_max", work.run.profile)
    expected = f"reading and sorting lose at most {most:.0%} of the rows"
    now, then = work.measured.kept_after, work.measured.kept_before
    observed = ", ".join(f"{name} {_mean(now[name]):.0%} (base {_mean(then[name]):.0%})" for name in now)
    lost = [name for name in now if _mean(then[name]) - _mean(now[name]) > most + ROUNDING]
    cause = f"The run has damaged {' and '.join(lost)}." if lost else ""
    return Finding(not lost, observed, expected, cause, "A lower rate, or a KL term, keeps more." if lost else "")


def claim_is_honest(work: Rung07) -> Finding:
    """`eval.json` is about this base and this model, on public orders, and agrees with what is sampled here."""
    real(work)
    expected = "eval.json's sampled and best_of_8 agree with what is sampled here"
    record = work.evaluation
    if record.base.fingerprint != work.run.base.fingerprint or record.stage != work.stage:
        observed = f"eval.json is about stage {record.stage!r} on {record.base.id!r}, not about this model"
        return Finding(False, observed, expected, hint="Run the evaluation's cell again.")
    for metric, k in (("sampled", 1), (f"best_of_{BEST_OF}", BEST_OF)):
        entry = evidence.claim(record.entries, work.task, metric)
        fault = evidence.claim_fault(entry, work.task) or _disagreement(work, entry, k)
        if fault:
            hint = "Sample from the saved model with the notebook's cell, and save what it gives."
            return Finding(False, f"eval.json: {metric}: {fault}", expected, hint=hint)
    return Finding(True, "four shares agree with those measured here", expected)


def _disagreement(work: Rung07, entry, k: int) -> str | None:
    for name, claimed, counts in (
        ("after", entry.after, work.measured_public),
        ("before", entry.before, work.measured.before),
    ):
        if fault := evidence.differs_from(claimed, entry.n, _shares(counts, k)):
            return f"{name} is {fault}"
    return None


def _shares(counts: Sequence[int], k: int) -> list[float]:
    """Return pass@k of each order."""
    return [pass_at_k(SIZE, right, k) for right in counts]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


CRITERIA = [
    Criterion("advantages-value", "group_advantages gives the right numbers", 2, "advantages", advantages_value),
    Criterion("advantages-edges", "group_advantages is right at the edges", 1, "advantages", advantages_edges),
    Criterion("kl", "kl_k3 is the k3 estimate", 1, "grpo-loss", kl_estimate),
    Criterion("loss-value", "grpo_loss gives the right number", 2, "grpo-loss", loss_value),
    Criterion("loss-edges", "grpo_loss is right at the edges", 1, "grpo-loss", loss_edges),
    Criterion("loss-gradient", "the gradient of grpo_loss flows", 1, "grpo-loss", loss_gradient),
    Criterion("pass-at-k", "pass_at_k is the unbiased estimate", 1, "pass-at-k", pass_at_k_value),
    Criterion("pass-at-k-edges", "pass_at_k is right at the edges", 1, "pass-at-k", pass_at_k_edges),
    Criterion("model-is-real", "the saved model is the base's, trained", 1, "done-when", model_is_real),
    Criterion("run-record", "the run is recorded", 1, "done-when", run_is_recorded),
    Criterion("rollouts-real", "the rollouts are the run's and improve", 1, "done-when", rollouts_are_real),
    Criterion("sampled", "sampled answers to held-out orders are right", 3, "done-when", samples_are_right),
    Criterion("kept", "earlier skills are kept", 1, "done-when", skills_are_kept),
    Criterion("claim-honest", "eval.json says what is measured here", 1, "done-when", claim_is_honest),
]
