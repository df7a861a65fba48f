"""Do two numbers agree, as far as chance allows? What the checkers compare claims and curves with."""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import fmean

from shared.significance import wilson_interval


def agree(claimed: int, claimed_of: int, measured: int, measured_of: int, level: float) -> bool:
    """Return whether two shares, each of its own sample, can be the same share.

    They agree when 0 lies in the interval of their difference at `level`: Newcombe (1998), "Interval estimation for
    the difference between independent proportions", Statistics in Medicine 17, method 10, which joins the two
    Wilson intervals.
    """
    a, b = claimed / claimed_of, measured / measured_of
    (a_low, a_high), (b_low, b_high) = (
        wilson_interval(claimed, claimed_of, level),
        wilson_interval(measured, measured_of, level),
    )
    low = a - b - sqrt((a - a_low) ** 2 + (b_high - b) ** 2)
    high = a - b + sqrt((a_high - a) ** 2 + (b - b_low) ** 2)
    return low <= 0 <= high


def step_noise(values: Sequence[float]) -> float:
    """Return the standard deviation of a curve's values around its trend, from the differences between neighbours.

    Two neighbours share the trend, so half the mean square of their difference is the noise alone: von Neumann
    (1941), "Distribution of the ratio of the mean square successive difference to the variance". Needs two values.
    """
    gaps = [later - earlier for earlier, later in pairwise(values)]
    return sqrt(fmean(gap**2 for gap in gaps) / 2)
