"""How good a reward is: each measure on numbers worked out by hand."""

from itertools import combinations
from math import log
from statistics import fmean

import numpy as np
import pytest

from shared.reward_measures import (
    Bin,
    accuracy,
    accuracy_entry,
    best_of_n,
    best_of_n_kl,
    calibration,
    expected_calibration_error,
    preference,
    rank_correlation,
)
from shared.reward_pairs import pairs


def test_accuracy_counts_a_tie_half():
    assert accuracy([1.0, -1.0, 0.0, 2.0]) == 2.5 / 4


def test_preference_is_a_sigmoid_that_never_overflows():
    assert preference(0) == 0.5 and preference(2) == pytest.approx(0.8808, abs=1e-4)
    assert preference(1000) == 1 and preference(-1000) == 0


def test_calibration_compares_confidence_with_hits():
    found = calibration([0.1, -0.1, 3.0, 3.0], bins=2)
    assert [(one.observed, one.n) for one in found] == [(0.5, 2), (1.0, 2)]
    assert found[0].predicted == pytest.approx(preference(0.1))
    assert expected_calibration_error([Bin(0.9, 0.7, 1), Bin(0.6, 0.6, 3)]) == pytest.approx(0.05)


def test_a_model_that_is_right_as_often_as_it_says_is_calibrated():
    stream = np.random.default_rng(0)
    sizes = stream.uniform(0, 4, 20_000)
    margins = np.where(stream.uniform(size=20_000) < 1 / (1 + np.exp(-sizes)), sizes, -sizes)
    assert expected_calibration_error(calibration(margins.tolist())) < 0.02
    assert expected_calibration_error(calibration((4 * margins).tolist())) > 0.1


@pytest.mark.parametrize("n", range(1, 7))
def test_best_of_n_averages_over_all_subsets(n):
    stream = np.random.default_rng(n)
    proxy, gold = stream.normal(size=6).tolist(), stream.normal(size=6).tolist()
    right = fmean(gold[max(some, key=proxy.__getitem__)] for some in combinations(range(6), n))
    assert best_of_n(proxy, gold, n) == pytest.approx(right)


def test_samples_with_one_proxy_score_share_their_gold():
    assert best_of_n([1, 1, 1], [5, 6, 9], 2) == pytest.approx(20 / 3)
    assert best_of_n([1, 2, 2], [0, 4, 8], 2) == pytest.approx(6)


@pytest.mark.parametrize(("proxy", "gold", "n"), [([1.0], [1.0], 2), ([1.0], [1.0], 0), ([1.0, 2.0], [1.0], 1)])
def test_impossible_sizes_are_refused(proxy, gold, n):
    with pytest.raises(ValueError, match="expected 1 <= n"):
        best_of_n(proxy, gold, n)


def test_the_bound_is_reached_where_every_score_differs():
    """Drawing uniformly from N equal chances, the best of n is the i-th with (i^n - (i-1)^n) / N^n: KL by summing."""
    assert best_of_n_kl(1) == 0
    size, n = 20_000, 8
    upper = np.arange(1, size + 1) / size
    chance = upper**n - (upper - 1 / size) ** n
    chance = chance[chance > 0]
    exact = float((chance * np.log(chance * size)).sum())
    assert exact == pytest.approx(best_of_n_kl(n), abs=1e-3) and exact <= best_of_n_kl(n)
    coarse = np.array([0.5**n, 1 - 0.5**n])  # two outcomes only: the bound is far off
    assert float((coarse * np.log(coarse / 0.5)).sum()) < 0.6 * best_of_n_kl(n) and best_of_n_kl(n) < log(n)


def test_rank_correlation():
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 25]) == pytest.approx(0.8)


def test_an_entry_says_which_pairs_it_is_about():
    rows = pairs("public", 4, contrasts=["item"])
    entry = accuracy_entry("item", rows, [1, 1, -1, -1], [1, 1, 1, -1])
    assert (entry.metric, entry.before, entry.after, entry.n) == ("item_accuracy", 0.5, 0.75, 4)
