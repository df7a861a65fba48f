"""Sign flips, Holm and the numbers of rows: by hand, against SciPy, and against what they are for."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, permutation_test

from shared.significance import holm, mcnemar, rows_needed, rows_needed_unpaired, sign_flip


def test_sign_flips_of_right_and_wrong_are_mcnemar():
    before, after = [1] * 6 + [0] * 4, [1] * 5 + [0, 1, 1, 1, 0]
    right = mcnemar([bool(b) for b in before], [bool(a) for a in after])
    assert sign_flip(before, after, flips=40_000) == pytest.approx(right, abs=0.01)


def test_sign_flips_agree_with_scipy():
    before, after = [0.1, 0.4, 0.3, 0.8, 0.5, 0.2, 0.9, 0.6], [0.3, 0.5, 0.2, 0.9, 0.7, 0.4, 0.95, 0.5]
    theirs = permutation_test(
        (after, before), lambda x, y: (x - y).mean(), permutation_type="samples", n_resamples=10_000
    )
    assert sign_flip(before, after, flips=40_000) == pytest.approx(theirs.pvalue, abs=0.01)


def test_sign_flips_where_nothing_changed_and_where_all_did():
    assert sign_flip([0.5] * 9, [0.5] * 9) == 1.0
    assert sign_flip([0.0] * 40, [1.0] * 40, flips=999) == pytest.approx(1 / 1000)
    with pytest.raises(ValueError, match="two lists of one length"):
        sign_flip([1.0], [])


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_each_look_and_bonferroni_and_keeps_the_order(p_values):
    adjusted = holm(p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        assert p <= q <= min(1.0, len(p_values) * p) + 1e-12
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert all(one[1] <= two[1] for one, two in itertools.pairwise(pairs))


def test_rows_needed_by_hand():
    """(1.960 * 0.3162 + 0.8416 * 0.3148)² / 0.0009 = 869.4, rounded up."""
    assert rows_needed(0.03, 0.10) == 870
    assert rows_needed(0.03, 0.10, power=0.5) < rows_needed(0.03, 0.10) < rows_needed(0.03, 0.20)
    for wrong in ((0, 0.1), (0.2, 0.1), (0.1, 1.1)):
        with pytest.raises(ValueError, match="expected 0 < difference"):
            rows_needed(*wrong)


def test_rows_of_two_samples_give_the_power_that_the_normal_distribution_says():
    n = rows_needed_unpaired(0.80, 0.83)
    null = (2 * 0.815 * 0.185 / n) ** 0.5
    spread = ((0.8 * 0.2 + 0.83 * 0.17) / n) ** 0.5
    assert norm.sf(norm.ppf(0.975) * null, loc=0.03, scale=spread) == pytest.approx(0.80, abs=0.001)
    with pytest.raises(ValueError, match="two different shares"):
        rows_needed_unpaired(0.5, 0.5)
