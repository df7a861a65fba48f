"""How far a score could be off by chance, and whether two scores differ by more than that.

All intervals are 95% unless `level` says otherwise. Nothing here needs more than the standard library and
NumPy.
"""

from collections.abc import Sequence
from math import ceil, comb, sqrt
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


def sign_flip(before: Sequence[float], after: Sequence[float], seed: int = 0, *, flips: int = 10_000) -> float:
    """Return the two-sided p-value for "no row's score hangs on which model gave it", by a permutation test.

    If that is so, each row's difference is as likely with the other sign: flip signs at random, and count how often the
    mean lies as far from 0 as the one seen. Fisher (1935), The Design of Experiments, section 21. For scores of 0 and 1
    it is McNemar's test, up to the error of drawing `flips` times; the smallest value it gives is 1 / (flips + 1).
    """
    import numpy as np

    _check_pairs(before, after)
    gains = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    gains = gains[gains != 0]
    if gains.size == 0:
        return 1.0
    rng = np.random.default_rng(seed)
    batch = max(1, 1_000_000 // gains.size)  # at most a million signs in memory at once
    sizes = [min(batch, flips - done) for done in range(0, flips, batch)]
    seen, beyond = abs(gains.sum()) - 1e-9 * np.abs(gains).sum(), 0
    for rows in sizes:
        signs = rng.integers(0, 2, (rows, gains.size)) * 2 - 1
        beyond += int((np.abs(signs @ gains) >= seen).sum())
    return (beyond + 1) / (flips + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for having looked so many times: each may be held against the level as it is.

    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6: of k
    p-values the smallest is multiplied by k, the next by k - 1, and none may undercut the one before it. With it the
    chance of *any* false alarm among the k stays below the level. By hand: 0.01, 0.04, 0.03 give 0.03, 0.06, 0.06.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, floor = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = floor
    return adjusted


def rows_needed(difference: float, discordant: float, *, level: float = 0.05, power: float = 0.80) -> int:
    """Return how many rows McNemar's test needs to find a `difference` between two shares on the same rows.

    `discordant` is the share of rows that only one of the two models has right; it cannot be smaller than the
    difference. Connor (1987), "Sample size for testing differences in proportions for the paired-sample design",
    Biometrics 43: n = (z_level sqrt(d) + z_power sqrt(d - difference²))² / difference². By hand: 0.03, 0.10, 5%, 80%:
    (1.960 * 0.3162 + 0.8416 * 0.3148)² / 0.0009 = 870, rounded up. Raises ValueError for shares that cannot be.
    """
    if not 0 < difference <= discordant <= 1:
        raise ValueError(f"expected 0 < difference <= discordant <= 1, got {difference} and {discordant}")
    z_level, z_power = NormalDist().inv_cdf(1 - level / 2), NormalDist().inv_cdf(power)
    return ceil((z_level * sqrt(discordant) + z_power * sqrt(discordant - difference**2)) ** 2 / difference**2)


def rows_needed_unpaired(before: float, after: float, *, level: float = 0.05, power: float = 0.80) -> int:
    """Return how many rows *each* of two separate samples needs to tell the shares `before` and `after` apart.

    Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, chapter 4, without the correction for
    continuity. Raises ValueError for equal shares.
    """
    if before == after:
        raise ValueError(f"expected two different shares, got {before} twice")
    z_level, z_power = NormalDist().inv_cdf(1 - level / 2), NormalDist().inv_cdf(power)
    middle, spread = (before + after) / 2, before * (1 - before) + after * (1 - after)
    return ceil((z_level * sqrt(2 * middle * (1 - middle)) + z_power * sqrt(spread)) ** 2 / (before - after) ** 2)


def _check_pairs(before: Sequence, after: Sequence) -> None:
    """Raise ValueError unless both lists score the same number of rows, at least one."""
    if len(before) != len(after) or len(before) == 0:
        raise ValueError(f"expected two lists of one length, at least 1; got {len(before)} and {len(after)}")
