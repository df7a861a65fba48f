"""The formulas against SciPy, against brute force, and against what they are for."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from shared.significance import bootstrap_interval, mcnemar, paired_bootstrap, wilson_interval

counts = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(count, level):
    low, high = wilson_interval(*count, level)
    right = binomtest(*count).proportion_ci(level, method="wilson")
    assert math.isclose(low, right.low, abs_tol=1e-12)
    assert math.isclose(high, right.high, abs_tol=1e-12)
    assert 0 <= low <= count[0] / count[1] <= high <= 1


def test_wilson_by_hand():
    """10 of 10 right: the lower end is n / (n + z²) = 10 / (10 + 3.8415) = 0.7225, the upper 1."""
    low, high = wilson_interval(10, 10)
    assert low == pytest.approx(0.7225, abs=5e-5)
    assert high == 1.0
    assert wilson_interval(0, 10)[0] == 0.0


@pytest.mark.parametrize("count", [(1, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_impossible_counts(count):
    with pytest.raises(ValueError, match="expected 0 <= successes <= n"):
        wilson_interval(*count)


def test_mcnemar_by_hand():
    """Eight rows changed, all for the better: 2 / 2**8. Rows that did not change say nothing."""
    assert mcnemar([False] * 8, [True] * 8) == 2 / 2**8
    assert mcnemar([False] * 8 + [True] * 90, [True] * 98) == 2 / 2**8
    assert mcnemar([True, False], [False, True]) == 1.0
    assert mcnemar([True, True], [True, True]) == 1.0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200))
def test_mcnemar_is_the_binomial_test_of_the_changes(pairs):
    before, after = zip(*pairs, strict=True)
    better = sum(a and not b for b, a in pairs)
    changed = sum(a != b for b, a in pairs)
    right = binomtest(better, changed).pvalue if changed else 1.0
    assert mcnemar(before, after) == pytest.approx(right, abs=1e-9)
    assert mcnemar(after, before) == mcnemar(before, after)


def test_bootstrap_agrees_with_every_resample():
    """Four values have 4**4 = 256 equally likely resamples: their quantiles are the exact interval."""
    values = [0.0, 1.0, 4.0, 10.0]
    means = [np.mean(sample) for sample in product(values, repeat=4)]
    low, high = np.quantile(means, [0.025, 0.975])
    found = bootstrap_interval(values, seed=1, resamples=200_000)
    assert found == pytest.approx((low, high), abs=0.26)  # the means lie 0.25 apart


def test_bootstrap_of_a_share_is_close_to_wilson():
    values = [1.0] * 700 + [0.0] * 300
    assert bootstrap_interval(values) == pytest.approx(wilson_interval(700, 1000), abs=0.005)


def test_bootstrap_depends_on_nothing_but_its_arguments():
    values = list(range(50))
    assert bootstrap_interval(values, 3) == bootstrap_interval(values, 3) != bootstrap_interval(values, 4)
    assert bootstrap_interval([2.5] * 7) == (2.5, 2.5)
    with pytest.raises(ValueError, match="at least one value"):
        bootstrap_interval([])


def test_pairs_cancel_how_hard_the_rows_are():
    """Every row gains exactly 1 on values spread over 100: paired, there is no doubt at all."""
    before = [float(value) for value in range(100)]
    after = [value + 1 for value in before]
    assert paired_bootstrap(before, after) == (1.0, 1.0)
    low, high = paired_bootstrap([False] * 20, [True] * 15 + [False] * 5)
    assert 0 < low < 0.75 < high <= 1


@pytest.mark.parametrize("test", [mcnemar, paired_bootstrap])
def test_pairs_must_match(test):
    with pytest.raises(ValueError, match="got 1 and 2"):
        test([True], [True, False])
    with pytest.raises(ValueError, match="got 0 and 0"):
        test([], [])
