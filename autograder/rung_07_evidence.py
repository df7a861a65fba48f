"""How rung 07's checker weighs a run by its samples: is the log the run's, is the gain real, does the claim agree?"""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import NormalDist, fmean, stdev

from autograder.agreement import agree, step_noise
from autograder.criteria import NotMet
from autograder.run_evidence import batch_size
from autograder.score_evidence import CLAIM_LEVEL, KNOWN_SEEDS, LARGEST_CLAIM, LEAST_CLAIM
from shared.artifacts import EvalEntry, LossCurve, RunRecord, fingerprint_rows
from shared.rl.rollouts import RolloutLog
from shared.significance import paired_bootstrap
from shared.world import rows

LEAST_LOGGED = 10  # steps
FIRST = 3  # steps whose answers stand for the start of a run
# Answers to one prompt are more alike than answers to several: the spread of a step's share is up to half as much
# again as that of independent answers (measured on the pocket base: 1.2 times).
ALIKE = 1.5
LEVEL = 0.99  # of the interval in which a gain must lie above 0
ERRORS = 3.0  # standard errors between an honest log and a measurement


def log_fault(run: RunRecord, curve: LossCurve, log: RolloutLog) -> str | None:
    """Return what is wrong with the bookkeeping of the rollouts, or None."""
    steps = [row.step for row in log.rows]
    if log.stage != run.stage:
        return f"it is of stage {log.stage!r}, the run of {run.stage!r}"
    if len(steps) < LEAST_LOGGED:
        return f"{len(steps)} logged steps, expected at least {LEAST_LOGGED}"
    if any(later <= earlier for earlier, later in pairwise(steps)):
        return "the steps do not increase"
    if steps[-1] != run.steps or curve.rows[-1].step != run.steps:
        return f"the last step is {steps[-1]}, but run.json says {run.steps}"
    if not set(steps) <= {row.step for row in curve.rows}:
        return "its steps are not those of loss_curve.json"
    if log.completions != batch_size(run):
        return f"{log.completions} answers a step, but run.json says {batch_size(run)}"
    size = run.hyperparameters.get("num_generations")
    if type(size) is not int or size < 2 or batch_size(run) % size:
        return f"num_generations is {size!r}, which does not cut {batch_size(run)} answers into groups"
    return None


def start_fault(log: RolloutLog, before: Sequence[int], size: int) -> str | None:
    """Return how the log's beginning contradicts the base's own share of right answers, or None."""
    measured = sum(before) / (len(before) * size)
    first = [row.right for row in log.rows[:FIRST]]
    spread = sqrt(max(measured * (1 - measured), 0.01))
    answers = FIRST * log.completions
    room = ERRORS * spread * ALIKE * sqrt(1 / answers + 1 / (len(before) * size)) + 0.03
    if abs(fmean(first) - measured) <= room:
        return None
    return f"begins with {fmean(first):.0%} right, but the base gives {measured:.0%} here"


def rise_fault(log: RolloutLog, before: Sequence[int], after: Sequence[int], size: int) -> str | None:
    """Return why the log shows no learning, or learning that the submitted model has not done; or None."""
    rights = [row.right for row in log.rows]
    part = max(FIRST, len(rights) // 4)  # a long run climbs slowly: a few steps at its ends would drown in their noise
    start, end = fmean(rights[:part]), fmean(rights[-part:])
    if end - start <= 3 * step_noise(rights) * sqrt(2 / part):
        return f"from {start:.0%} to {end:.0%} right, which chance could bring"
    base, now = (sum(counts) / (len(counts) * size) for counts in (before, after))
    if now < base + 0.5 * (end - start):
        return f"ends at {end:.0%} right, but the submitted model gives {now:.0%} here (the base {base:.0%})"
    return None


def require_gain(before: Sequence[int], after: Sequence[int], size: int) -> None:
    """Raise NotMet unless the submitted model's right answers of `size` to each order exceed the base's, by more than
    chance.

    Moving the weights is not training them: noise leaves the shares where they were, or lowers them.
    """
    shares = [[right / size for right in counts] for counts in (before, after)]
    if paired_bootstrap(*shares, level=LEVEL)[0] > 0:
        return
    cause = "The weights have moved, but not towards right answers; or the run has hardly begun."
    hint = "Look at the panel of the run: does the share of right answers rise?"
    base, now = map(fmean, shares)
    raise NotMet(f"{now:.1%} sampled right, the base {base:.1%}: no gain beyond chance", cause=cause, hint=hint)


def claim(entries: Sequence[EvalEntry], task: str, metric: str) -> EvalEntry | None:
    """Return what eval.json says of one metric on public orders, or None."""
    wanted = (task, "public", metric)
    return next((entry for entry in entries if (entry.task, entry.split, entry.metric) == wanted), None)


def claim_fault(entry: EvalEntry | None, task: str) -> str | None:
    """Return what keeps a claim from being one about the course's public orders, or None."""
    if entry is None:
        return "no entry for public orders"
    if not LEAST_CLAIM <= entry.n <= LARGEST_CLAIM:
        return f"n is {entry.n} orders, expected {LEAST_CLAIM} to {LARGEST_CLAIM}"
    if not (0 <= entry.before <= 1 and 0 <= entry.after <= 1):
        return "before and after are shares, between 0 and 1"
    if not entry.interval[0] <= entry.after <= entry.interval[1]:
        return f"the interval {entry.interval} does not hold {entry.after}"
    known = (fingerprint_rows(rows(task, "public", entry.n, seed)) for seed in KNOWN_SEEDS)
    if entry.data_fingerprint not in known:
        return f"data_fingerprint is not that of rows({task!r}, 'public', {entry.n}) with a seed from 0 to 9"
    return None


def differs_from(claimed: float, n: int, scores: Sequence[float]) -> str | None:
    """Return how a claimed mean over `n` orders differs from the one of `scores` by more than chance, or None."""
    mean = fmean(scores)
    z = NormalDist().inv_cdf((1 + CLAIM_LEVEL) / 2)
    room = z * stdev(scores) * sqrt(1 / n + 1 / len(scores)) + 0.01
    # Where all scores are alike their spread says nothing; then the shares are compared as counts of orders.
    if abs(claimed - mean) <= room or agree(round(claimed * n), n, round(mean * len(scores)), len(scores), 0.95):
        return None
    return f"{claimed:.1%} of {n} orders, measured here {mean:.1%} of {len(scores)}"
