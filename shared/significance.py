"""How far a score could be off by chance, and whether two scores differ by more than that.

All intervals are 95% unless `level` says otherwise. Nothing here needs more than the standard library and
NumPy.
"""

from collections.abc import Sequence
from math import comb, sqrt
from statistics import NormalDist


def wilson_interval(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share: `successes` right answers out of `n`.

    The score interval of Wilson (1927), "Probable inference, the law of succession, and statistical
    inference", JASA 22. Unlike p ± z·sqrt(p(1-p)/n) it stays inside [0, 1] and has a width when every
    answer is right. Raises ValueError unless 0 <= successes <= n and n >= 1.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"expected 0 <= successes <= n and n >= 1, got successes={successes}, n={n}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low = 0.0 if successes == 0 else centre - half  # exactly 0 and 1 at the ends, where rounding would miss them
    high = 1.0 if successes == n else centre + half
    return low, high


def mcnemar(before: Sequence[bool], after: Sequence[bool]) -> float:
    """Return the two-sided p-value for "as many rows got better as got worse", by McNemar's exact test.

    `before[i]` and `after[i]` say whether row i was right. Only rows that changed count: if chance alone
    decided, each would be equally likely to have changed either way, so the number that got better is
    Binomial(changed, 1/2). McNemar (1947), "Note on the sampling error of the difference between correlated
    proportions", Psychometrika 12; the exact form sums the binomial tail in place of his chi-squared
    approximation.
    """
    _check_pairs(before, after)
    better = sum(bool(b) < bool(a) for b, a in zip(before, after, strict=True))
    worse = sum(bool(b) > bool(a) for b, a in zip(before, after, strict=True))
    changed, rarer = better + worse, min(better, worse)
    tail = sum(comb(changed, k) for k in range(rarer + 1))
    return min(1.0, 2 * tail / 2**changed)


def bootstrap_interval(
    values: Sequence[float], seed: int = 0, *, level: float = 0.95, resamples: int = 10_000
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean of `values`.

    Draw as many values again, with replacement, take the mean, repeat; the interval holds the middle `level`
    of the means. Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13. Raises ValueError
    when empty.
    """
    import numpy as np

    sample = np.asarray(values, dtype=np.float64)
    if sample.size == 0:
        raise ValueError("expected at least one value, got none")
    rng = np.random.default_rng(seed)
    batch = max(1, 1_000_000 // sample.size)  # at most a million drawn values in memory at once
    sizes = [min(batch, resamples - done) for done in range(0, resamples, batch)]
    means = [sample[rng.integers(0, sample.size, (rows, sample.size))].mean(axis=1) for rows in sizes]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_bootstrap(
    before: Sequence[float],
    after: Sequence[float],
    seed: int = 0,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
) -> tuple[float, float]:
    """Return the bootstrap interval of the mean gain, after - before, over the same rows.

    Rows are drawn as pairs, so that how hard a row is cancels out. An interval above 0 is a gain beyond
    chance.
    """
    _check_pairs(before, after)
    gains = [float(a) - float(b) for b, a in zip(before, after, strict=True)]
    return bootstrap_interval(gains, seed, level=level, resamples=resamples)


def _check_pairs(before: Sequence, after: Sequence) -> None:
    """Raise ValueError unless both lists score the same number of rows, at least one."""
    if len(before) != len(after) or len(before) == 0:
        raise ValueError(f"expected two lists of one length, at least 1; got {len(before)} and {len(after)}")
