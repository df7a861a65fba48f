"""How good a reward is: which reply of a pair it prefers, how sure it is, what it goes by, what its use brings."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import comb, exp, log
from statistics import fmean
from typing import NamedTuple

from shared.artifacts import EvalEntry, fingerprint_rows
from shared.significance import wilson_interval


class Bin(NamedTuple):
    """Pairs of similar predicted probability: the mean prediction, the share that came true, how many they are."""

    predicted: float
    observed: float
    n: int


def accuracy(margins: Sequence[float]) -> float:
    """Return the share of pairs whose chosen reply has the higher reward; a tie is half right.

    `margins` are r(chosen) - r(rejected).
    """
    return sum(1.0 if margin > 0 else 0.5 if margin == 0 else 0.0 for margin in margins) / len(margins)


def accuracy_entry(
    contrast: str, rows: Sequence[Mapping], before: Sequence[float], after: Sequence[float], *, split: str = "public"
) -> EvalEntry:
    """Return eval.json's entry for the pairs of one contrast, from their margins before and after training."""
    right = sum(margin > 0 for margin in after)
    return EvalEntry(
        task="replies",
        split=split,
        metric=f"{contrast}_accuracy",
        n=len(rows),
        before=accuracy(before),
        after=right / len(rows),
        interval=wilson_interval(right, len(rows)),
        data_fingerprint=fingerprint_rows(rows),
    )


def preference(margin: float) -> float:
    """Return the probability that the first reply is preferred, sigmoid(margin): Bradley and Terry's model (1952)."""
    return 1 / (1 + exp(-margin)) if margin >= 0 else exp(margin) / (1 + exp(margin))


def calibration(margins: Sequence[float], bins: int = 5) -> list[Bin]:
    """Return predicted against observed preferences, in bins of equally many pairs, by how sure the model is.

    Each pair is looked at from the side that the model prefers: the prediction is sigmoid(|margin|), from 1/2 to 1,
    and it comes true when the preferred reply is the chosen one.
    """
    sure = sorted((preference(abs(margin)), margin > 0) for margin in margins)
    edges = [round(place * len(sure) / bins) for place in range(bins + 1)]
    parts = [sure[start:stop] for start, stop in pairwise(edges) if stop > start]
    return [Bin(fmean(p for p, _ in part), fmean(hit for _, hit in part), len(part)) for part in parts]


def expected_calibration_error(found: Sequence[Bin]) -> float:
    """Return the mean distance of predicted from observed, weighted by pairs (Guo et al. 2017, arXiv 1706.04599)."""
    return sum(one.n * abs(one.predicted - one.observed) for one in found) / sum(one.n for one in found)


def best_of_n(proxy: Sequence[float], gold: Sequence[float], n: int) -> float:
    """Return the expected gold score of the sample that `proxy` ranks first among n, from N >= n samples of a prompt.

    All subsets of n are averaged, not just one drawn: with the samples in the proxy's rising order, the i-th (from 1)
    is first in comb(i - 1, n - 1) of the comb(N, n) subsets ("Measuring Goodhart's law", OpenAI 2022). Among samples
    of one proxy score none comes before another: they share their mean gold score.
    """
    if not 1 <= n <= len(proxy) == len(gold):
        raise ValueError(
            f"expected 1 <= n <= {len(proxy)} samples with both scores, got n={n}, {len(gold)} gold scores"
        )
    mean_gold: dict[float, list[float]] = {}
    for one, score in zip(proxy, gold, strict=True):
        mean_gold.setdefault(one, []).append(score)
    total, below = 0.0, 0
    for one in sorted(mean_gold):
        scores = mean_gold[one]
        first = comb(below + len(scores), n) - comb(below, n)  # subsets whose best has this proxy score
        total += first * sum(scores) / len(scores)
        below += len(scores)
    return total / comb(len(proxy), n)


def best_of_n_kl(n: int) -> float:
    """Return log n - (n - 1) / n, in nats: an upper bound of how far best-of-n moves from what it samples.

    Long given as the exact divergence; an upper bound it is (Beirami et al. 2024, arXiv 2401.01879, theorem 1). It is
    tight while equal samples, and equal scores, are rare.
    """
    return log(n) - (n - 1) / n


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Spearman's rank correlation."""
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)
