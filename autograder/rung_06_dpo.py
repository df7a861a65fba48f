"""Rung 06 is done when the learner has derived the DPO loss, step by step and in code that keeps its identities, and a
small model trained with it prefers the better answers: on letters that it has never seen, without leaving its reference
further behind than it must.

CRITERIA, at the end, is that sentence in parts; the functions above it follow the same order. Both models are asked
again here; the words of the derivation wait for a human.
"""

from collections.abc import Sequence

from autograder.criteria import Criterion, Finding
from autograder.rung_06_evidence import claim_fault, curve_finding, learned, real, run_fault
from autograder.rung_06_submission import (
    DPO_LOSS,
    GRADIENT_WEIGHT,
    IMPLIED_REWARD,
    OPTIMAL_POLICY,
    POLICY,
    PREFERENCE,
    REFERENCE,
    RESPONSE_LOGPS,
    Rung06,
)
from shared.preferences import Verdict
from shared.significance import mcnemar

__all__ = ["CRITERIA", "Submission"]
Submission = Rung06

CHANCE = 0.01  # a gain counts as real when chance alone would bring it less often than this


def policy_is_optimal(work: Rung06) -> Finding:
    """No rival beats `optimal_policy` in reward less beta times the divergence."""
    from autograder import rung_06_derivation as derivation

    expected = "one distribution a prompt, and no other policy with a higher E[r] - beta KL(pi, pi_ref)"
    worlds, answers = work.worlds, work.answers_of(OPTIMAL_POLICY)[: len(work.worlds)]
    cause = derivation.named_fault(worlds, answers, derivation.OPTIMUM_FAULTS)
    for world, answer in zip(worlds, answers, strict=True):
        if fault := derivation.distribution_fault(answer, world):
            return Finding(False, f"{world.name}: {fault}", expected, cause)
        if rival := derivation.rival_that_wins(answer, world, work.seed):
            observed = f"{world.name}: {rival[0]} reaches {rival[1]:.2g} beta more"
            return Finding(False, observed, expected, cause, "Work the example's world out by hand.")
    return Finding(True, f"unbeaten by {derivation.RIVALS * 2 + 2} rivals in each of {len(worlds)} worlds", expected)


def policy_at_edges(work: Rung06) -> Finding:
    """`optimal_policy` keeps its head where beta is tiny and where the reference gives a reply no chance."""
    from autograder import rung_06_derivation as derivation

    expected = "the optimum also for a tiny beta, and 0 for a reply that the reference never gives"
    worlds, answers = work.edge_worlds, work.answers_of(OPTIMAL_POLICY)[len(work.worlds) :]
    for world, answer in zip(worlds, answers, strict=True):
        fault = derivation.distribution_fault(answer, world)
        if fault is None and derivation.rival_that_wins(answer, world, work.seed):
            fault = "another policy is better"
        if fault:
            return Finding(False, f"{world.name}: {fault}", expected, world.advice)
    return Finding(True, f"right in {len(worlds)} edge cases", expected)


def reward_is_implied(work: Rung06) -> Finding:
    """`implied_reward` finds the true reward in the optimal policy, up to one number a prompt."""
    from autograder import rung_06_derivation as derivation

    expected = "the true reward from policy and reference alone, up to one number for each prompt"
    answers = work.answers_of(IMPLIED_REWARD)
    cause = derivation.named_fault(work.worlds, answers, derivation.REWARD_FAULTS)
    for world, answer in zip(work.worlds, answers, strict=True):
        if fault := derivation.implied_fault(answer, world):
            return Finding(False, f"{world.name}: {fault}", expected, cause)
    return Finding(True, f"right in {len(answers)} worlds", expected)


def constant_cancels(work: Rung06) -> Finding:
    """`preference` gives Bradley and Terry's probability without the reward and without Z."""
    from autograder import rung_06_derivation as derivation

    expected = "sigmoid(r(chosen) - r(rejected)) by the true reward, from policy and reference alone"
    answers = work.answers_of(PREFERENCE)
    cause = derivation.named_fault(work.worlds, answers, derivation.PREFERENCE_FAULTS)
    for world, answer in zip(work.worlds, answers, strict=True):
        if fault := derivation.preference_fault(answer, world):
            return Finding(False, f"{world.name}: {fault}", expected, cause)
    return Finding(True, f"the true reward's preference in {len(answers)} worlds; Z has cancelled", expected)


def logps_are_sums(work: Rung06) -> Finding:
    """`response_logps` sums log p over the response's tokens, and lets the gradient through."""
    from autograder import rung_06_loss as loss

    expected = "the sum of log p over each row's response tokens, within 0.1%, with its gradient"
    cases, answers = work.responses, work.answers_of(RESPONSE_LOGPS)
    cause = loss.named_fault(cases, answers[: len(cases)], loss.LOGPS_FAULTS)
    for case, answer in zip((*cases, *work.response_edges), answers, strict=False):
        if fault := loss.fault_of(answer, loss.right_logps(case)):
            return Finding(False, f"{case.name}: {fault}", expected, cause or case.advice)
    if not any(answers[-1].gradient or ()):
        return Finding(False, "no gradient reaches the logits", expected, "Stay with torch operations.")
    if not loss.fits(answers[-1].gradient, loss.right_logps_gradient(cases[1])):
        cause = "The sums are right, but something in them was detached or rounded on the way."
        return Finding(False, "the gradient of the logits is wrong", expected, cause)
    return Finding(True, f"right on {len(answers) - 1} batches", expected)


def loss_value(work: Rung06) -> Finding:
    """`dpo_loss` gives the paper's number."""
    return _judge_loss(work, work.value_pairs, 0, "the mean of -log sigmoid(beta x gain of chosen over rejected)")


def loss_edges(work: Rung06) -> Finding:
    """`dpo_loss` keeps its head at the edges that the exercise names."""
    return _judge_loss(work, work.edge_pairs, len(work.value_pairs), "finite however far the rewards lie apart")


def _judge_loss(work: Rung06, batches: list, start: int, expected: str) -> Finding:
    import numpy as np

    from autograder import rung_06_loss as loss

    answers = work.answers_of(DPO_LOSS)[start : start + len(batches)]
    cause = loss.named_fault(batches, answers, loss.LOSS_FAULTS)
    for pairs, answer in zip(batches, answers, strict=True):
        if fault := loss.fault_of(answer, np.array(loss.right_loss(pairs))):
            return Finding(False, f"{pairs.name}: {fault}", expected, cause or pairs.advice)
    return Finding(True, f"right on {len(batches)} batches", expected)


def loss_gradient(work: Rung06) -> Finding:
    """The gradient of `dpo_loss` moves the policy, the right way, and the reference not at all."""
    from autograder import rung_06_loss as loss

    expected = "the gradient reaches the policy's log-probabilities and none of the reference's"
    far, answers = work.answers_of(DPO_LOSS)[-6:-4], work.answers_of(DPO_LOSS)[-4:]
    asked = [(work.value_pairs[2], of, answers[of]) for of in loss.POLICY]
    asked += [(work.edge_pairs[0], of, far[of]) for of in loss.POLICY]
    for pairs, of, answer in asked:
        name = ("policy_chosen", "policy_rejected")[of]
        if fault := answer.fault():
            return Finding(False, f"{pairs.name}: gradient of {name}: {fault}", expected)
        if answer.gradient is None:
            return Finding(False, f"no gradient reaches {name}", expected, "Stay with torch operations.")
        if not loss.fits(answer.gradient, loss.right_gradient(pairs, of)):
            return Finding(False, f"{pairs.name}: the gradient of {name} is wrong", expected, pairs.advice)
    for of, name in zip(loss.REFERENCE, ("reference_chosen", "reference_rejected"), strict=True):
        if fault := answers[of].fault():
            return Finding(False, f"gradient of {name}: {fault}", expected)
        if any(answers[of].gradient or ()):
            cause = "The reference is a fixed point of comparison; trained along, it would run away from the policy."
            return Finding(False, f"a gradient reaches {name}", expected, cause, "detach() its log-probabilities.")
    return Finding(True, "right for the policy, none for the reference", expected)


def weight_is_right(work: Rung06) -> Finding:
    """`gradient_weight` is what each pair's gradient is multiplied with; wrong orderings weigh more."""
    from autograder import rung_06_loss as loss

    expected = "beta x sigmoid(implied reward of rejected - that of chosen), one number a pair"
    batches, answers = [*work.value_pairs, *work.edge_pairs], work.answers_of(GRADIENT_WEIGHT)
    cause = loss.named_fault(batches, answers, loss.WEIGHT_FAULTS)
    for pairs, answer in zip(batches, answers, strict=True):
        if fault := loss.fault_of(answer, loss.right_weight(pairs)):
            return Finding(False, f"{pairs.name}: {fault}", expected, cause)
    return Finding(True, f"right on {len(batches)} batches", expected)


def models_are_real(work: Rung06) -> Finding:
    """Reference and policy are the base, fine-tuned; the reference has learned to reply and leans to neither tone, the
    policy has learned to lean."""
    policy = work.policy
    reference = work.reference
    low, high = work.threshold("reference_low", work.run.profile), work.threshold("reference_high", work.run.profile)
    least = work.threshold("right_promise", work.run.profile)
    polite, right = _share(work.measured.before, "polite"), _share(work.measured.before, "right")
    expected = f"two fine-tunes of the base; {REFERENCE!r} polite in {low:.0%} to {high:.0%}, right in {least:.0%}"
    observed = f"{REFERENCE!r} moved {reference.moved:.1%}, polite {polite:.0%}, right {right:.0%}; {POLICY!r} moved "
    observed += f"{policy.moved:.1%}"
    if not low <= polite <= high or right < least:
        hint = "Train 'sft' on the letter archive, both tones, before the pairs."
        return Finding(False, observed, expected, hint=hint)
    learned(work)
    return Finding(True, observed, expected)


def run_is_recorded(work: Rung06) -> Finding:
    """`run.json` describes this rung's run: its loss, its beta, its pairs."""
    run = learned(work).run
    expected = "stage, method, loss, beta, steps, pairs and versions of the run that made these weights"
    if fault := run_fault(work):
        return Finding(False, f"run.json: {fault}", expected, hint=f"Let stage({POLICY!r}, ...) write it.")
    settings = run.hyperparameters
    return Finding(True, f"beta {settings['beta']}, {run.steps} steps on {run.rows} pairs, {run.profile}", expected)


def curve_is_real(work: Rung06) -> Finding:
    """The loss curve begins at ln 2, falls by more than its noise, and ends where the two models are."""
    return curve_finding(real(work))


def policy_wins(work: Rung06) -> Finding:
    """The policy's sampled replies to held-out letters win by the judge, more often than the reference's."""
    found = real(work).measured
    least = work.threshold("win_rate", work.run.profile)
    now, then = _share(found.after, "polite"), _share(found.before, "polite")
    chance = mcnemar([one.polite for one in found.before], [one.polite for one in found.after])
    expected = f"at least {least:.0%} of sampled replies polite, more than the reference's with p < {CHANCE}"
    observed = f"{now:.1%} of {len(found.after)} (reference {then:.1%}; McNemar p = {chance:.1g})"
    passed = now >= least and now > then and chance < CHANCE
    return Finding(passed, observed, expected, "" if passed else _why_not(work))


def _why_not(work: Rung06) -> str:
    """Return the likely cause of a win rate that is too low."""
    found = work.measured
    curt_gains = sum(found.held_out.differences) < 0
    if curt_gains:
        return "It prefers the rejected replies: are chosen and rejected swapped, or the labels flipped?"
    if _share(found.after, "right") < 0.5:
        return "Its replies are no replies any more: too high a rate, too many steps, or too small a beta. Read some."
    return "It has hardly moved: more steps or a higher rate, and look at the labels."


def rewards_rank(work: Rung06) -> Finding:
    """The implied reward ranks held-out pairs: chosen above rejected."""
    gains = real(work).measured.held_out.differences
    least = work.threshold("reward_accuracy", work.run.profile)
    share = sum(gain > 0 for gain in gains) / len(gains)
    expected = f"chosen above rejected in at least {least:.0%} of held-out pairs"
    cause = "" if share >= least else "The policy has learned another order than the pairs'."
    return Finding(share >= least, f"{share:.1%} of {len(gains)}", expected, cause)


def stays_close(work: Rung06) -> Finding:
    """The policy has not left its reference further than the tone is worth, and still keeps the shop's promises."""
    found = learned(work).measured
    most, least = (work.threshold(name, work.run.profile) for name in ("divergence_max", "right_promise"))
    divergence, right = sum(found.log_ratios) / len(found.log_ratios), _share(found.after, "right")
    expected = f"at most {most:g} nats from the reference, the right promise in at least {least:.0%} of replies"
    observed = f"{divergence:.2f} nats, right promise in {right:.1%}"
    passed = divergence <= most and right >= least
    hint = "" if passed else "A lower rate, fewer steps, or a higher beta: it keeps the policy closer."
    return Finding(passed, observed, expected, hint=hint)


def claim_is_honest(work: Rung06) -> Finding:
    """`eval.json` is about this policy, on public letters, and agrees with what is measured here."""
    real(work)
    expected = "eval.json agrees with the shares measured here, as far as chance allows"
    if fault := claim_fault(work):
        hint = "Evaluate the saved models with the notebook's cell, and save what it gives."
        return Finding(False, f"eval.json: {fault}", expected, hint=hint)
    return Finding(True, "both shares agree with those measured here", expected)


def _share(verdicts: Sequence[Verdict], name: str) -> float:
    return sum(getattr(one, name) for one in verdicts) / len(verdicts)


CRITERIA = [
    Criterion("optimum", "optimal_policy is what no rival beats", 2, "derivation", policy_is_optimal),
    Criterion("optimum-edges", "optimal_policy is right at the edges", 1, "derivation", policy_at_edges),
    Criterion("reward", "implied_reward finds the reward in the policy", 1, "derivation", reward_is_implied),
    Criterion("z-cancels", "preference needs neither reward nor Z", 1, "derivation", constant_cancels),
    Criterion("response-logps", "response_logps sums over the response", 1, "dpo-loss", logps_are_sums),
    Criterion("loss-value", "dpo_loss gives the right loss", 1, "dpo-loss", loss_value),
    Criterion("loss-edges", "dpo_loss is right at the edges", 1, "dpo-loss", loss_edges),
    Criterion("loss-gradient", "dpo_loss moves the policy alone", 1, "dpo-loss", loss_gradient),
    Criterion("gradient-weight", "gradient_weight weighs wrong orderings more", 1, "dpo-loss", weight_is_right),
    Criterion("models-are-real", "reference and policy are the base, fine-tuned", 1, "done-when", models_are_real),
    Criterion("run-record", "the run is recorded", 1, "done-when", run_is_recorded),
    Criterion("curve-is-real", "the loss begins at ln 2 and falls", 1, "done-when", curve_is_real),
    Criterion("win-rate", "the policy writes the better answers", 2, "done-when", policy_wins),
    Criterion("reward-accuracy", "the implied reward ranks held-out pairs", 1, "done-when", rewards_rank),
    Criterion("stays-close", "the policy stays close and keeps its promises", 1, "done-when", stays_close),
    Criterion("claim-honest", "eval.json says what is measured here", 1, "done-when", claim_is_honest),
]
