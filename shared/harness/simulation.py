"""What chance does to a test: how often it sees a difference that is there, and one that is not."""

import functools
from math import comb


@functools.cache
def mcnemar_of(better: int, worse: int) -> float:
    """Return McNemar's exact p-value from the two counts that decide it, as `shared.significance.mcnemar` does."""
    changed, rarer = better + worse, min(better, worse)
    return min(1.0, 2 * sum(comb(changed, k) for k in range(rarer + 1)) / 2**changed)


def power(
    difference: float, discordant: float, n: int, *, trials: int = 2000, level: float = 0.05, seed: int = 0
) -> float:
    """Return the share of `trials` evaluations of n rows in which McNemar's test finds the difference.

    On a share (discordant + difference) / 2 of the rows only the second model is right, on (discordant - difference)
    / 2 only the first.
    """
    import numpy as np

    up, down = (discordant + difference) / 2, (discordant - difference) / 2
    drawn = np.random.default_rng(seed).multinomial(n, [up, down, 1 - up - down], size=trials)
    return sum(mcnemar_of(int(better), int(worse)) < level for better, worse, _ in drawn) / trials


def false_alarms(
    looks: int, *, rows: int = 100, discordant: float = 0.2, trials: int = 2000, level: float = 0.05, seed: int = 0
) -> float:
    """Return how often two *equal* models look different to somebody who tests after every `rows` rows, `looks` times,
    and stops at the first p-value below `level`."""
    import numpy as np

    shares = [discordant / 2, discordant / 2, 1 - discordant]
    drawn = np.random.default_rng(seed).multinomial(rows, shares, size=(trials, looks)).cumsum(1)  # [trials, looks, 3]
    alarms = 0
    for trial in drawn[:, :, :2].tolist():
        alarms += any(mcnemar_of(better, worse) < level for better, worse in trial)
    return alarms / trials
