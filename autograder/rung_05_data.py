"""Rung 05 is done when the learner's pipeline finds the flaws that the generator wrote down and spares the rest, and a
model trained on its few rows beats one trained on the raw rows for as many steps.

CRITERIA, at the end, is that sentence in parts; the functions above it follow the same order. What every ticket rung
asks of its run and its scores stands in `autograder.ticket_criteria`; the words of the explanation wait for a human.
"""

from autograder import rung_05_minhash as hashing
from autograder.criteria import Criterion, Finding, NotMet
from autograder.run_evidence import batch_size
from autograder.rung_05_submission import ESTIMATE, MINHASH, TICKET_FAULT, Rung05
from autograder.rung_05_tickets import judge_cases
from autograder.score_evidence import is_right, share
from autograder.ticket_criteria import (
    CHANCE,
    claim_is_honest,
    curve_is_real,
    judge_run,
    learned,
    real,
    require_learned,
    run_faults,
)
from shared.curation.card import WORDS_WANTED, data_card, facts_of, sections_of
from shared.significance import mcnemar

__all__ = ["CRITERIA", "Submission"]
Submission = Rung05

LEAST_CHOSEN, MOST_CHOSEN = 100, 1_000
LEAST_REMOVALS = 20  # of a step, for its precision to be judged
LEAST_WORDS = 12  # of a card's section


def signatures_estimate(work: Rung05) -> Finding:
    """The share of equal places of two signatures estimates the similarity of their sets."""
    expected = f"{hashing.SIZE} whole numbers, equal at a share of places that estimates the Jaccard similarity"
    made = hashing.pairs(work.seed)
    answers = work.answers_of(MINHASH)[: 2 * len(made)]
    for answer in answers:
        if fault := hashing.shape_fault(answer, hashing.SIZE):
            return Finding(False, fault, expected)
    found = [hashing.agreement(*answers[2 * place : 2 * place + 2]) for place in range(len(made))]
    if fault := hashing.estimate_fault(made, found):
        return Finding(False, fault[0], expected, fault[1])
    return Finding(True, f"right within chance on {len(made)} pairs of sets", expected)


def signatures_repeat(work: Rung05) -> Finding:
    """Equal sets have equal signatures: in any order, with repetitions, in another process; edges as stated."""
    expected = "one signature for one set, whatever its order and whichever process; zeros for no pieces"
    answers = work.answers_of(MINHASH)
    if fault := hashing.edge_fault(answers[-5:]):
        return Finding(False, fault[0], expected, fault[1])
    if [answer.values for answer in work.answers_again] != [answer.values for answer in answers[:2]]:
        cause = "Python's hash() is salted for each process, and random numbers without a seed are new each time."
        return Finding(False, "another process gives other numbers for the same pieces", expected, cause)
    return Finding(True, "the same numbers each time", expected)


def estimate_is_right(work: Rung05) -> Finding:
    """`estimate` is the share of places that agree."""
    expected = "the share of places at which two signatures agree"
    rights = [right for _, right in hashing.estimate_calls(work.seed)]
    for answer, right in zip(work.answers_of(ESTIMATE), rights, strict=True):
        given = hashing.number_of(answer)
        if given is None:
            said = answer.value if answer.kind == "error" else f"returned {answer.type_name}, expected a number"
            return Finding(False, str(said), expected)
        if abs(given - right) > 1e-6:
            return Finding(False, f"{given:.4f}, right is {right:.4f}", expected, "Equal *places*, over all places.")
    return Finding(True, f"right on {len(rights)} pairs", expected)


def faults_named(work: Rung05) -> Finding:
    """`ticket_fault` names each plain fault and lets right rows pass."""
    answers = work.answers_of(TICKET_FAULT)[: len(work.plain_cases)]
    return judge_cases(work.plain_cases, answers, "None for a right row, else the name of its fault")


def faults_at_edges(work: Rung05) -> Finding:
    """`ticket_fault` keeps the exercise's order, compares types, and never raises."""
    answers = work.answers_of(TICKET_FAULT)[len(work.plain_cases) :]
    return judge_cases(work.edge_cases, answers, "the first fault in the exercise's order, types compared, no error")


def curation_is_recorded(work: Rung05) -> Finding:
    """`curation.json` is about the course's raw set, and chooses a few hundred of the rows that were kept."""
    expected = f"a fate for each raw row, several steps, {LEAST_CHOSEN} to {MOST_CHOSEN:,} kept rows chosen"
    steps = {end for end in work.curation.fate if end != "kept"}
    count = len(work.chosen_rows)
    if len(steps) < 3:
        return Finding(False, f"curation.json: {len(steps)} steps removed rows", expected)
    if not LEAST_CHOSEN <= count <= MOST_CHOSEN:
        return Finding(False, f"curation.json: {count} rows are chosen", expected)
    return Finding(True, f"{len(work.raw_rows)} raw rows, {len(steps)} steps, {count} chosen", expected)


def flaws_are_found(work: Rung05) -> Finding:
    """Of each kind of flaw the rows that had to go are gone."""
    least = {flaw: work.threshold(f"recall_{flaw.replace(' ', '_').lower()}", "pocket") for flaw in work.truth.recall}
    expected = "recall of at least " + ", ".join(f"{value:.0%} ({flaw})" for flaw, value in least.items())
    found = work.truth.recall
    observed = ", ".join(f"{flaw} {value:.1%}" for flaw, value in found.items())
    if missed := [flaw for flaw in found if found[flaw] < least[flaw]]:
        cause = f"Too many rows with this flaw are kept: {', '.join(missed)}."
        return Finding(False, observed, expected, cause, "Look at kept rows near the step's threshold.")
    return Finding(True, observed, expected)


def good_rows_are_spared(work: Rung05) -> Finding:
    """What was removed had to go, and of the good rows nearly all are still there."""
    precision, coverage = work.threshold("precision", "pocket"), work.threshold("coverage", "pocket")
    expected = f"each step's precision at least {precision:.0%}, {coverage:.0%} of the distinct good rows kept"
    fate, truth = work.curation.fate, work.truth
    for step, value in truth.precision.items():
        if fate.count(step) >= LEAST_REMOVALS and value < precision:
            cause = "It removes good rows of which no copy is left."
            return Finding(False, f"step {step!r}: precision {value:.1%}", expected, cause, "Read what it removed.")
    if truth.coverage < coverage:
        cause = "Good rows went: a threshold too low, or a wrong copy was kept in place of the right one."
        return Finding(False, f"{truth.coverage:.1%} of the good rows are kept", expected, cause)
    return Finding(True, f"{truth.coverage:.1%} of the good rows are kept", expected)


def models_are_real(work: Rung05) -> Finding:
    """Both saved models are the base, fine-tuned, and the curated rows' one has learned."""
    expected = "two fine-tunes of the course's base, finite, moved from it by learning"
    raw, curated = work.raw_model, work.trained
    require_learned(work)
    return Finding(True, f"moved by {raw.moved:.1%} (raw) and {curated.moved:.1%} (curated)", expected)


def compute_is_equal(work: Rung05) -> Finding:
    """Both runs are recorded, of equal steps, batches and rates, each on the rows that it should be on."""
    run, raw, chosen = work.run, work.raw_run, work.curation.chosen
    learned(work)
    rate = "learning_rate"
    faults = [
        (raw.stage != "raw" or raw.rung != run.rung, f"raw/run.json is of stage {raw.stage!r}, rung {raw.rung!r}"),
        (raw.base.fingerprint != run.base.fingerprint, "the two runs started from different bases"),
        (raw.steps != run.steps, f"{raw.steps} steps on raw rows, {run.steps} on curated ones"),
        (batch_size(raw) != batch_size(run), f"batches of {batch_size(raw)} raw and {batch_size(run)} curated rows"),
        (raw.hyperparameters.get(rate) != run.hyperparameters.get(rate), "the two learning rates differ"),
        (raw.data_fingerprint != work.curation.data_fingerprint, "the raw run was not on the raw rows, in their order"),
        (run.rows != len(chosen), f"trained on {run.rows} rows, but {len(chosen)} are chosen"),
        (run.data_fingerprint != _fingerprint(work), "the curated run was not on the chosen rows, in their order"),
    ]
    return judge_run(work, [*run_faults(work, "full", "a full model"), *faults])


def beats_raw(work: Rung05) -> Finding:
    """The curated rows' model is right on held-out letters, and by more than chance more often than the raw rows'."""
    real(work)
    least, gain = (work.threshold(name, work.run.profile) for name in ("exact_match", "gain_over_raw"))
    expected = f"at least {least:.0%} right tickets, {gain:.0%} more than the raw rows' model, p < {CHANCE}"
    after, before = [is_right(r) for r in work.measured.familiar], [is_right(r) for r in work.raw_answers]
    now, then = share(work.measured.familiar, is_right), share(work.raw_answers, is_right)
    chance = mcnemar(before, after)
    observed = f"{now:.1%} of {len(after)} against {then:.1%} (McNemar p = {chance:.1g})"
    passed = now >= least and now - then >= gain and chance < CHANCE
    cause = "" if passed else "The chosen rows are too few, too much alike, or still wrong."
    return Finding(passed, observed, expected, cause, "" if passed else "Read the chosen rows, and the failures.")


def card_is_true(work: Rung05) -> Finding:
    """The data card states the facts that are counted here, and has words of its own."""
    expected = f"the card's facts as counted here, and {LEAST_WORDS} words or more for {', '.join(WORDS_WANTED)}"
    sections, stated = sections_of(work.card), facts_of(work.card)
    words = {name: sections.get(name, "") for name in WORDS_WANTED}
    if short := [name for name, text in words.items() if len(set(text.lower().split())) < LEAST_WORDS]:
        return Finding(False, f"data_card.md: {short[0]!r} has too few words", expected)
    if len(set(words.values())) < len(words):
        return Finding(False, "data_card.md: two sections say the same", expected)
    right = facts_of(data_card("", work.raw_rows, work.curation.fate, work.curation.chosen, words))
    wrong = next((name for name, value in right.items() if stated.get(name) != value), None)
    if wrong:
        observed = f"data_card.md: {wrong} is {stated.get(wrong, 'missing')}, counted here {right[wrong]}"
        return Finding(False, observed, expected, hint="Write the card again, after the last change to the pipeline.")
    return Finding(True, f"{len(right)} facts agree", expected)


def _fingerprint(work: Rung05) -> str:
    from shared.curation.card import fingerprint_of

    try:
        return fingerprint_of(work.chosen_rows)
    except NotMet:
        return ""  # no run was on rows that cannot be chosen


CRITERIA = [
    Criterion("minhash-estimates", "minhash's signatures estimate similarity", 2, "minhash", signatures_estimate),
    Criterion("minhash-repeats", "equal sets have equal signatures", 1, "minhash", signatures_repeat),
    Criterion("estimate", "estimate is the share of equal places", 1, "minhash", estimate_is_right),
    Criterion("faults", "ticket_fault names each fault", 2, "ticket-fault", faults_named),
    Criterion("fault-edges", "ticket_fault is right at the edges", 1, "ticket-fault", faults_at_edges),
    Criterion("curation-record", "the curation is recorded", 1, "done-when", curation_is_recorded),
    Criterion("flaws-found", "the flaws are found", 2, "done-when", flaws_are_found),
    Criterion("good-spared", "the good rows are spared", 1, "done-when", good_rows_are_spared),
    Criterion("models-are-real", "both models are the base's, trained", 1, "done-when", models_are_real),
    Criterion("equal-compute", "both runs had equal compute", 1, "done-when", compute_is_equal),
    Criterion("curve-is-real", "the loss curve is the run's and falls", 1, "done-when", curve_is_real),
    Criterion("beats-raw", "the curated rows beat the raw ones", 2, "done-when", beats_raw),
    Criterion("claim-honest", "eval.json says what is measured here", 1, "done-when", claim_is_honest),
    Criterion("card", "the data card is true", 1, "done-when", card_is_true),
]
