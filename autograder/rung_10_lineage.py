"""Rung 10's sequence: is each naive stage the one before, trained further, or did it start from the base again?"""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from autograder.weights import tensors
from shared.continual.matrix import NAIVE

if TYPE_CHECKING:
    from autograder.trained_from import Base, FullModel


def lineage_fault(models: "dict[str, FullModel]", base: "Base") -> str | None:
    """Return what shows that a naive stage did not start from the one before it, or None.

    A model that was trained on from another lies nearer to it than to the base: what the second lesson moved is short
    beside what both have.
    """
    for before, after in pairwise(NAIVE):
        weights = dict(tensors(models[after].path, models[after].header))
        near = _distance(weights, dict(tensors(models[before].path, models[before].header)))
        far = _distance(weights, dict(base.tensors()))
        if near >= far:
            return f"{after} lies nearer to the base ({far:.2f}) than to {before} ({near:.2f})"
    return None


def _distance(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """Return the Euclidean distance over the tensors that both have."""
    gaps = (np.square(one[name] - other[name], dtype=np.float64).sum() for name in one.keys() & other.keys())
    return float(sum(gaps)) ** 0.5
