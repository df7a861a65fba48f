"""How a checker weighs scores: what the answers are worth, what fails in them, and whether a claim agrees."""

import functools
from collections import Counter
from collections.abc import Callable, Sequence

from autograder.agreement import agree
from shared.artifacts import EvalEntry, EvalRecord, fingerprint_rows
from shared.evaluation import TicketResult
from shared.significance import wilson_interval
from shared.world import rows

# A claim and a measurement are two samples of one share. At this level an honest claim is doubted once in a thousand
# times, rare enough for a handful of claims.
CLAIM_LEVEL = 0.999
LEAST_CLAIM, LARGEST_CLAIM = 50, 2_000  # rows
ROUNDED = 0.005  # by which an end of an interval may be off besides
KNOWN_SEEDS = range(10)  # the seeds among which a claim's public rows are looked for


def is_json(result: TicketResult) -> bool:
    """Return whether the answer is one JSON object."""
    return result.kind != "not-json"


def is_right(result: TicketResult) -> bool:
    """Return whether the answer is the right ticket."""
    return result.kind == "correct"


def share(results: Sequence[TicketResult], counts: Callable[[TicketResult], bool]) -> float:
    """Return the share of `results` that `counts` accepts."""
    return sum(map(counts, results)) / len(results)


def what_fails(results: Sequence[TicketResult], still_falling: bool) -> tuple[str, str]:
    """Return the most frequent fault among the answers, and the next step."""
    kind, often = Counter(result.kind for result in results if not is_right(result)).most_common(1)[0]
    cause = f"Most frequent fault: {kind} ({often} of {len(results)})."
    if still_falling:
        return cause, "The loss was still falling at the last step: train longer or raise the learning rate."
    return cause, "Read a few of these answers, and go back to the notebook's own rate, steps and rows."


def claim(record: EvalRecord, metric: str, phrasing: str) -> EvalEntry | None:
    """Return what eval.json says of one metric on public tickets of one phrasing, or None."""
    for entry in record.entries:
        if (entry.task, entry.split, entry.metric, entry.phrasing) == ("tickets", "public", metric, phrasing):
            return entry
    return None


def claim_fault(entry: EvalEntry | None) -> str | None:
    """Return what keeps a claim from being one about the course's public rows, or None."""
    if entry is None:
        return "no entry for public tickets"
    if not LEAST_CLAIM <= entry.n <= LARGEST_CLAIM:
        return f"n is {entry.n}, expected {LEAST_CLAIM} to {LARGEST_CLAIM}"
    for name, value in (("before", entry.before), ("after", entry.after)):
        if not 0 <= value <= 1 or abs(value * entry.n - round(value * entry.n)) > 1e-6 * entry.n:
            return f"{name} is {value}, which is no share of {entry.n} rows"
    if fault := interval_fault(entry):
        return fault
    known = (public_fingerprint(entry.n, seed, entry.phrasing) for seed in KNOWN_SEEDS)
    if entry.data_fingerprint not in known:
        return f"data_fingerprint is not that of rows('tickets', 'public', {entry.n}) with a seed from 0 to 9"
    return None


def interval_fault(entry: EvalEntry) -> str | None:
    """Return what keeps an entry's interval from being a 95% interval of its share `after` of n rows, or None.

    Any usual way to compute one will do: each end may lie 0.4 times the width of Wilson's from Wilson's. Where all rows
    are right, or none, resampling them gives no width at all.
    """
    low, high = entry.interval
    if not low <= entry.after <= high:
        return f"the interval {entry.interval} does not hold {entry.after}"
    lowest, highest = wilson_interval(round(entry.after * entry.n), entry.n)
    room = (highest - lowest) * (1.0 if entry.after in (0, 1) else 0.4) + ROUNDED
    if max(abs(low - lowest), abs(high - highest)) <= room:
        return None
    return f"the interval {low:.3f} to {high:.3f} is not 95% of {entry.n} rows: about {lowest:.3f} to {highest:.3f}"


@functools.lru_cache(maxsize=256)
def public_fingerprint(n: int, seed: int, phrasing: str) -> str:
    """Return the fingerprint of n public tickets drawn with `seed`."""
    return fingerprint_rows(rows("tickets", "public", n, seed, phrasing=phrasing))


def disagreement(name: str, claimed: float, n: int, results: Sequence[TicketResult], counts: Callable) -> str | None:
    """Return how a claimed share differs from the one measured here by more than chance, or None."""
    right = sum(map(counts, results))
    if agree(round(claimed * n), n, right, len(results), CLAIM_LEVEL):
        return None
    return f"{name} is {claimed:.1%} of {n}, measured here {right / len(results):.1%} of {len(results)}"
