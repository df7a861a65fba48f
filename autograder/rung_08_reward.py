"""Rung 08 is done when a reward model of the learner's ranks held-out pairs by content and by tone, and not by length.

CRITERIA, at the end, is that sentence in parts; the functions above it follow the same order. Why RLHF with PPO needs
such a model, and how DPO sidesteps it, the learner explains in words that wait for a human.
"""

import random
from math import comb
from statistics import fmean

from autograder.criteria import Criterion, Finding, NotMet
from autograder.rung_08_submission import BEST, BEST_KL, LAST_SCORES, PREFERENCE_LOSS, STAGE, Rung08
from autograder.ticket_criteria import CHANCE, count_faults, judge_run, real, run_faults
from shared.reward_measures import accuracy, best_of_n
from shared.reward_pairs import TRAINED
from shared.significance import paired_bootstrap

__all__ = ["CRITERIA", "Submission"]
Submission = Rung08

GRADIENT_NAMES = ("chosen", "rejected")


def loss_value(work: Rung08) -> Finding:
    """`preference_loss` gives the mean of -log sigmoid(chosen - rejected)."""
    from autograder import rung_08_loss as loss

    expected = "the mean over the pairs of -log sigmoid(chosen - rejected), within 0.1%"
    cases = work.loss_cases
    answers = work.answers_of(PREFERENCE_LOSS)[: len(cases)]
    for case, answer in zip(cases, answers, strict=True):
        right = loss.right_loss(case)
        if fault := loss.scalar_fault(answer, right):
            cause = loss.named_loss_fault(cases, answers)
            return Finding(
                False, f"{case.name}: {fault}", expected, cause, "Work the example's three pairs out by hand."
            )
    return Finding(True, f"right on {len(cases)} batches", expected)


def loss_edges(work: Rung08) -> Finding:
    """`preference_loss` keeps its head at the edges that the exercise names."""
    from autograder import rung_08_loss as loss

    expected = "finite for huge margins either way, ln 2 for equal rewards, right for one pair"
    start = len(work.loss_cases)
    answers = work.answers_of(PREFERENCE_LOSS)[start : start + len(work.loss_edges)]
    for case, answer in zip(work.loss_edges, answers, strict=True):
        if fault := loss.scalar_fault(answer, loss.right_loss(case)):
            return Finding(False, f"{case.name}: {fault}", expected, case.advice)
    return Finding(True, f"right in {len(answers)} edge cases", expected)


def loss_gradient(work: Rung08) -> Finding:
    """The gradient reaches both rewards: chosen is lifted, rejected lowered, most where ranked wrong."""
    from autograder import rung_08_loss as loss

    expected = "the gradients -sigmoid(-margin) / pairs for chosen, the negative for rejected, within 0.1%"
    asked = [(case, of) for case in work.gradient_cases for of in (0, 1)]
    for (case, of), answer in zip(asked, work.answers_of(PREFERENCE_LOSS)[-len(asked) :], strict=True):
        name, right = GRADIENT_NAMES[of], loss.right_gradient(case) * (1, -1)[of]
        if fault := answer.fault():
            return Finding(False, f"{case.name}: gradient of {name}: {fault}", expected, case.advice)
        if answer.gradient is None:
            cause = "The graph is cut somewhere: .item(), .detach(), float(...), NumPy or torch.tensor(...)."
            return Finding(False, f"no gradient reaches {name}", expected, cause, "Stay with torch operations.")
        if not loss.fits(answer.gradient, right):
            return Finding(False, f"{case.name}: the gradient of {name} is wrong", expected, case.advice)
    return Finding(True, "right for chosen and rejected", expected)


def scores_read(work: Rung08) -> Finding:
    """`last_scores` reads each text's score at its last token, wherever the padding is."""
    from autograder import rung_08_loss as loss

    expected = "the score at the rightmost token with mask 1, for padding on either side"
    cases, answers = work.read_cases, work.answers_of(LAST_SCORES)
    for case, answer in zip(cases, answers, strict=True):
        if fault := loss.tensor_fault(answer, loss.right_scores(case)):
            cause = loss.named_read_fault(cases, answers) or case.advice
            return Finding(False, f"{case.name}: {fault}", expected, cause, "Look at the example's two texts.")
    return Finding(True, f"right on {len(cases)} batches", expected)


def best_is_right(work: Rung08) -> Finding:
    """`best_of_n` is the expected gold score of what the proxy picks among n."""
    from autograder import rung_08_best as best

    expected = "the mean gold score of the proxy's pick over all subsets of n samples"
    cases, answers = work.best_cases, work.answers_of(BEST)
    for case, answer in zip(cases, answers, strict=True):
        if fault := best.number_fault(answer):
            return Finding(False, f"{case.name}: {fault}", expected)
    given, rights = [best.number_of(answer) for answer in answers], [best.right_best(case) for case in cases]
    for case, number, right in zip(cases, given, rights, strict=True):
        if not best.near(number, right):
            cause = best.named_best_fault(cases, given)
            return Finding(False, f"{case.name}: {number:.4f}, right is {right:.4f}", expected, cause)
    return Finding(True, f"right in {len(cases)} cases", expected)


def kl_is_right(work: Rung08) -> Finding:
    """`best_of_n_kl` is ln n - (n - 1) / n."""
    from autograder import rung_08_best as best

    expected = "ln n - (n - 1) / n, in nats"
    answers = work.answers_of(BEST_KL)
    for n, answer in zip(best.SIZES, answers, strict=True):
        if fault := best.number_fault(answer):
            return Finding(False, f"n = {n}: {fault}", expected)
    given = [best.number_of(answer) for answer in answers]
    for n, number in zip(best.SIZES, given, strict=True):
        if not best.near(number, best.right_kl(n)):
            observed = f"n = {n}: {number:.4f}, right is {best.right_kl(n):.4f}"
            return Finding(False, observed, expected, best.named_kl_fault(given))
    return Finding(True, f"right for {len(given)} values of n", expected)


def model_is_real(work: Rung08) -> Finding:
    """The saved reward model is the base with one row for a head: the shapes fit, all finite, moved, and it has
    learned."""
    from autograder.rung_08_evidence import require_learned
    from autograder.trained_from import LEAST_MOVE

    model = work.trained
    require_learned(work.measured.training)
    expected = f"the base's tensors and {STAGE}'s head, finite, moved by more than {LEAST_MOVE:.1%}"
    return Finding(True, f"{model.parameters:,} parameters, moved by {model.moved:.1%} from the base", expected)


def run_is_recorded(work: Rung08) -> Finding:
    """`run.json` describes this rung's run, and says what the weights show."""
    from autograder.rung_08_evidence import require_learned

    faults = [*run_faults(work, "full", "a full model"), *count_faults(work.run, real(work))]
    require_learned(work.measured.training)
    return judge_run(work, faults)


def curve_is_real(work: Rung08) -> Finding:
    """The loss curve is the run's: it begins at ln 2, falls by more than its noise, and ends where the model is."""
    from autograder.rung_08_evidence import curve_trouble, pair_loss

    real(work)
    expected = f"one row a logged step up to step {work.run.steps}, first loss about ln 2 = 0.693, then falling"
    if trouble := curve_trouble(work.run, work.curve, work.measured.training):
        fault, cause = trouble
        return Finding(False, f"loss_curve.json: {fault}", expected, cause, f"Let stage({STAGE!r}, ...) write it.")
    last, now = work.curve.rows[-1].loss, pair_loss(work.measured.training)
    return Finding(
        True, f"from {work.curve.rows[0].loss:.2f} to {last:.3f} (here, on training pairs: {now:.3f})", expected
    )


def tone_is_ranked(work: Rung08) -> Finding:
    """The polite reply of a held-out pair gets the higher reward."""
    real(work)
    return _ranked(work, "tone", work.threshold("tone", work.run.profile))


def content_is_ranked(work: Rung08) -> Finding:
    """The reply about the letter's own item gets the higher reward."""
    real(work)
    return _ranked(work, "item", work.threshold("content", work.run.profile))


def _ranked(work: Rung08, contrast: str, least: float) -> Finding:
    margins = work.measured.contrasts[contrast]
    right, luck = accuracy(margins), _chance(sum(margin > 0 for margin in margins), len(margins))
    expected = f"at least {least:.0%} of the held-out pairs ranked rightly, and more than a coin does (p < {CHANCE})"
    observed = f"{contrast} {right:.1%} of {len(margins)} (p = {luck:.1g})"
    passed = right >= least and luck < CHANCE
    cause, hint = ("", "") if passed else _why_misranked(contrast, right)
    return Finding(passed, observed, expected, cause, hint)


def _why_misranked(contrast: str, right: float) -> tuple[str, str]:
    if right < 0.3:
        return (
            f"Most {contrast} pairs are ranked the wrong way round: are chosen and rejected swapped?",
            "Look at a pair.",
        )
    if right < 0.65:
        cause = f"On {contrast} pairs the model guesses."
        return cause, "Mixed with easier pairs the hard ones are not learnt: let them come first, for long enough."
    return "", "Train longer, or on more pairs; each pair once is better than few pairs often."


def _chance(right: int, n: int) -> float:
    """Return how likely a coin ranks at least so many of n pairs rightly."""
    return sum(comb(n, k) for k in range(right, n + 1)) / 2**n


def length_is_no_merit(work: Rung08) -> Finding:
    """Small talk, which only makes a reply longer, does not outweigh what is better."""
    real(work)
    least, most = (work.threshold(name, work.run.profile) for name in ("wordy", "talk_max"))
    expected = (
        f"at least {least:.0%} right where the worse reply is longer, small talk worth at most {most:g} of a margin"
    )
    right = accuracy(work.measured.wordy)
    usual = fmean(abs(margin) for contrast in TRAINED for margin in work.measured.contrasts[contrast])
    worth = fmean(work.measured.twins) / usual if usual else 0.0
    observed = (
        f"{right:.1%} of {len(work.measured.wordy)}; one or two idle sentences are worth {worth:+.2f} of a usual margin"
    )
    passed = right >= least and abs(worth) <= most
    side = "longer" if worth > 0 or right < least else "shorter"
    cause = "" if passed else f"The reward goes by length: the {side} reply was mostly the chosen one in training."
    hint = "" if passed else "Balance the pairs: let small talk fall on either reply, and labels not depend on it."
    return Finding(passed, observed, expected, cause, hint)


def claim_is_honest(work: Rung08) -> Finding:
    """`eval.json` is about this base and this model, on public pairs, and agrees with what is measured here."""
    from autograder.rung_08_evidence import claim_trouble, claims

    real(work)
    expected = "eval.json: the accuracies on public tone, item and action pairs, as measured here within chance"
    record = work.evaluation
    if record.base.fingerprint != work.run.base.fingerprint or record.stage != STAGE:
        observed = f"eval.json is about stage {record.stage!r} on {record.base.id!r}, not about this model"
        return Finding(False, observed, expected, hint="Run the evaluation's cell again.")
    if fault := claim_trouble(claims(record), work.measured_public):
        hint = "Evaluate the saved model with the notebook's cell, and save what it gives."
        return Finding(False, f"eval.json: {fault}", expected, hint=hint)
    return Finding(True, "three accuracies agree with those measured here", expected)


def best_is_better(work: Rung08) -> Finding:
    """`best_of_n.json` holds the base's samples with this model's rewards, and its picks are truly better than one."""
    from autograder import rung_08_evidence as evidence

    real(work)
    expected = "samples of public letters, this model's rewards, the curve that follows; the best of 16 better than one"
    record = work.best_of_n
    some = min(evidence.CHECKED_PROMPTS, len(record.prompts))
    places = sorted(random.Random(f"best of n/{work.seed}").sample(range(len(record.prompts)), some))
    fault = evidence.samples_fault(record, STAGE)
    if fault is None:
        scored = [work.scorer.scores([record.prompts[p]] * len(record.samples[p]), record.samples[p]) for p in places]
        fault = evidence.rewards_fault(record, scored, places)
    true = evidence.golds(record) if fault is None else []
    if fault := fault or evidence.curve_of_n_fault(record, true):
        raise NotMet(f"best_of_n.json: {fault}", hint="Let the notebook's cells sample, score and save it again.")
    one = [fmean(scores) for scores in true]
    best = [best_of_n(proxy, scores, 16) for proxy, scores in zip(record.rewards, true, strict=True)]
    low, _ = paired_bootstrap(one, best)
    observed = (
        f"true score {fmean(one):.2f} of one sample, {fmean(best):.2f} of the best of 16 (gain at least {low:.2f})"
    )
    return Finding(low > 0, observed, expected)


CRITERIA = [
    Criterion("loss-value", "preference_loss gives the right loss", 2, "preference-loss", loss_value),
    Criterion("loss-edges", "preference_loss is right at the edges", 1, "preference-loss", loss_edges),
    Criterion("loss-gradient", "the gradients of preference_loss flow", 1, "preference-loss", loss_gradient),
    Criterion("last-scores", "last_scores reads the last token", 2, "preference-loss", scores_read),
    Criterion("best-of-n", "best_of_n averages the proxy's picks", 2, "best-of-n", best_is_right),
    Criterion("best-of-n-kl", "best_of_n_kl is the bound", 1, "best-of-n", kl_is_right),
    Criterion("model-is-real", "the saved reward model is the base, trained", 1, "done-when", model_is_real),
    Criterion("run-record", "the run is recorded", 1, "done-when", run_is_recorded),
    Criterion("curve-is-real", "the loss curve is the run's and falls", 1, "done-when", curve_is_real),
    Criterion("tone", "held-out pairs are ranked by tone", 1, "done-when", tone_is_ranked),
    Criterion("content", "held-out pairs are ranked by content", 2, "done-when", content_is_ranked),
    Criterion("length", "the reward does not go by length", 1, "done-when", length_is_no_merit),
    Criterion("claim-honest", "eval.json says what is measured here", 1, "done-when", claim_is_honest),
    Criterion("best-of-samples", "best of n is recorded, and better", 1, "done-when", best_is_better),
]
