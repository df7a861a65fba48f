"""pass@k: the chance that at least one of k samples is right."""

from collections.abc import Sequence
from math import comb
from statistics import fmean


def pass_at_k(n: int, right: int, k: int) -> float:
    """Return the unbiased estimate of pass@k from `n` samples of which `right` are right.

    1 - C(n - right, k) / C(n, k): one minus the chance that k of the n, drawn without replacement, are all wrong
    (Chen et al. 2021, arXiv 2107.03374, equation 1). Raises ValueError unless 0 <= right <= n and 1 <= k <= n.
    """
    if not (0 <= right <= n and 1 <= k <= n):
        raise ValueError(f"expected 0 <= right <= n and 1 <= k <= n, got n={n}, right={right}, k={k}")
    return 1 - comb(n - right, k) / comb(n, k)


def mean_pass_at_k(rights: Sequence[int], n: int, k: int) -> float:
    """Return pass@k over prompts: the mean of the estimates, each from n samples of one prompt."""
    return fmean(pass_at_k(n, right, k) for right in rights)
