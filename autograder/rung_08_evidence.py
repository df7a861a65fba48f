"""How rung 08's checker weighs a run, its claims and its best-of-n curve."""

from collections.abc import Mapping, Sequence
from math import log
from statistics import fmean

import numpy as np

from autograder.agreement import agree
from autograder.criteria import NotMet
from autograder.run_evidence import LEARNED, curve_fault, fall
from autograder.score_evidence import CLAIM_LEVEL, KNOWN_SEEDS, LARGEST_CLAIM, LEAST_CLAIM, interval_fault
from shared.artifacts import EvalEntry, EvalRecord, LossCurve, RunRecord, fingerprint_rows
from shared.reward_best import mean_best
from shared.reward_measures import best_of_n_kl
from shared.reward_pairs import pairs
from shared.reward_record import BestOfN
from shared.reward_rules import gold
from shared.world import rows

CHANCE_OF_START = 0.12  # nats: how far a random head's loss on one batch lies from ln 2, at most
REWARD_TOLERANCE = 0.05  # of the rewards' spread: bfloat16 and another order of summation
CHECKED_PROMPTS = 3  # whose samples are scored again
LEAST_PROMPTS, LEAST_SAMPLES, MOST_SAMPLES = 8, 16, 4_096
LEAST_DISTINCT = 0.25  # of a prompt's samples, on the whole


def pair_loss(margins: Sequence[float]) -> float:
    """Return the mean of -log sigmoid(margin)."""
    return float(np.logaddexp(0, -np.asarray(margins)).mean())


def require_learned(training: Sequence[float]) -> None:
    """Raise NotMet unless the submitted model's loss on training pairs is below a coin's; `training`: its margins.

    Moving the weights is not training them: noise and a head of noise leave the loss at ln 2, or raise it.
    """
    now = pair_loss(training)
    if now <= LEARNED * log(2):
        return
    cause = "The weights have moved, but not by training on these pairs; or the run diverged."
    raise NotMet(f"the submitted model's loss on training pairs is {now:.3f}, a coin's {log(2):.3f}", cause=cause)


def curve_trouble(run: RunRecord, curve: LossCurve, training: Sequence[float]) -> tuple[str, str] | None:
    """Return what is wrong with the loss curve and its likely cause, or None.

    A random head knows nothing: logged at step 1, the loss is ln 2, within chance. Logged first at step k it is the
    mean of k steps. `training` are the submitted model's margins on training pairs.
    """
    if fault := curve_fault(run, curve):
        return fault, ""
    start, end, noise = fall(curve)
    first = curve.rows[0]
    fallen = max(0.0, log(2) - end) * (1 - 1 / first.step)
    if not log(2) - CHANCE_OF_START - fallen <= first.loss <= log(2) + CHANCE_OF_START:
        cause = "The head was trained before, or this is another loss: -log sigmoid(0) = ln 2 = 0.693."
        return f"the first loss is {first.loss:.3f}", cause
    if start - end <= 3 * noise:
        return f"from {start:.3f} to {end:.3f}, while chance moves it by {noise:.3f}", "The model has not learned."
    now = pair_loss(training)
    if now > log(2) - 0.5 * (log(2) - end):
        fault = f"ends at {end:.3f}, but the submitted model's loss on training pairs is {now:.3f}"
        return fault, "The curve is another model's."
    return None


def claim_trouble(entries: Mapping[str, EvalEntry | None], measured: Mapping[str, Sequence[float]]) -> str | None:
    """Return what is wrong with the claims, by contrast, beside the margins measured here; or None."""
    for contrast, entry in entries.items():
        if fault := _claim_fault(entry, contrast) or _disagreement(entry, measured[contrast]):
            return f"{contrast}: {fault}"
    return None


def claims(record: EvalRecord) -> dict[str, EvalEntry | None]:
    """Return what eval.json says of public pairs, by contrast."""
    said = {one.metric: one for one in record.entries if (one.task, one.split) == ("replies", "public")}
    return {contrast: said.get(f"{contrast}_accuracy") for contrast in ("tone", "item", "action")}


def _claim_fault(entry: EvalEntry | None, contrast: str) -> str | None:
    if entry is None:
        return "no entry for public pairs"
    if not LEAST_CLAIM <= entry.n <= LARGEST_CLAIM:
        return f"n is {entry.n}, expected {LEAST_CLAIM} to {LARGEST_CLAIM}"
    for name, value in (("before", entry.before), ("after", entry.after)):
        if not 0 <= value <= 1 or abs(2 * value * entry.n - round(2 * value * entry.n)) > 1e-6 * entry.n:
            return f"{name} is {value}, which is no share of {entry.n} pairs"
    if fault := interval_fault(entry):
        return fault
    known = (fingerprint_rows(pairs("public", entry.n, seed, contrasts=[contrast])) for seed in KNOWN_SEEDS)
    if entry.data_fingerprint not in known:
        return f"data_fingerprint is not that of pairs('public', {entry.n}) of this contrast with a seed from 0 to 9"
    return None


def _disagreement(entry: EvalEntry, margins: Sequence[float]) -> str | None:
    right = sum(margin > 0 for margin in margins)
    if agree(round(entry.after * entry.n), entry.n, right, len(margins), CLAIM_LEVEL):
        return None
    return f"after is {entry.after:.1%} of {entry.n}, measured here {right / len(margins):.1%} of {len(margins)}"


def samples_fault(record: BestOfN, stage: str) -> str | None:
    """Return what keeps the record's samples from being those of public letters, or None."""
    sizes = {len(samples) for samples in record.samples}
    if record.stage != stage:
        return f"stage is {record.stage!r}, expected {stage!r}"
    if len(record.prompts) < LEAST_PROMPTS or len(set(record.prompts)) < len(record.prompts):
        return f"{len(set(record.prompts))} different prompts, expected at least {LEAST_PROMPTS}"
    if len(sizes) > 1 or min(sizes) < LEAST_SAMPLES or sum(map(len, record.samples)) > MOST_SAMPLES:
        return f"expected as many samples for each prompt, {LEAST_SAMPLES} or more, at most {MOST_SAMPLES:,} in all"
    distinct = fmean(len(set(samples)) / len(samples) for samples in record.samples)
    if distinct < LEAST_DISTINCT:
        return f"only {distinct:.0%} of a prompt's samples differ from one another"
    known = {row["prompt"] for seed in KNOWN_SEEDS for row in rows("replies", "public", 200, seed)}
    if strange := [prompt for prompt in record.prompts if prompt not in known]:
        return f"{strange[0][:60]!r} is no public letter of rows('replies', 'public', ...)"
    return None


def rewards_fault(record: BestOfN, scored: Sequence[Sequence[float]], places: Sequence[int]) -> str | None:
    """Return how the record's rewards for the prompts at `places` differ from those scored here, or None."""
    spread = float(np.std([reward for rewards in scored for reward in rewards])) or 1.0
    for place, right in zip(places, scored, strict=True):
        gap = np.abs(np.asarray(record.rewards[place]) - np.asarray(right))
        if gap.max() > REWARD_TOLERANCE * spread + 0.01:
            worst = int(gap.argmax())
            return (
                f"prompt {place + 1}, sample {worst + 1} has reward {record.rewards[place][worst]:.3f}, "
                f"the submitted model gives it {right[worst]:.3f}"
            )
    return None


def golds(record: BestOfN) -> list[list[float]]:
    """Return the true rule's score of each sample."""
    return [
        [gold(prompt, sample) for sample in samples]
        for prompt, samples in zip(record.prompts, record.samples, strict=True)
    ]


def curve_of_n_fault(record: BestOfN, true: Sequence[Sequence[float]]) -> str | None:
    """Return where the record's curve is not what its samples, its rewards and the true rule give, or None."""
    most, sizes = len(record.samples[0]), [row.n for row in record.curve]
    if sizes != sorted(set(sizes)) or sizes[0] != 1 or not 16 <= sizes[-1] <= most or len(sizes) < 4:
        return f"n goes {', '.join(map(str, sizes))}; expected to rise from 1 to 16 or more, {most} at most"
    for row in record.curve:
        right = {
            "kl": best_of_n_kl(row.n),
            "proxy": mean_best(record.rewards, record.rewards, row.n),
            "gold": mean_best(record.rewards, true, row.n),
        }
        for name, value in right.items():
            if abs(getattr(row, name) - value) > 2e-3 * max(1, abs(value)):
                return f"n = {row.n}: {name} is {getattr(row, name):.4f}, worked out here {value:.4f}"
    return None
