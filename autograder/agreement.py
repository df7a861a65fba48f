"""Do two numbers agree, as far as chance allows? What the checkers compare claims and curves with."""

from collections.abc import Sequence
from math import sqrt
from statistics import median

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
    """Return the standard deviation of a curve's values around its trend. Needs three values.

    Three neighbours lie nearly on a line of the trend, so what bends there is noise: the second difference of
    independent noise has six times its variance (Gasser, Sroka & Jennen-Steinmetz 1986, "Residual variance and
    residual pattern in nonlinear regression", Biometrika 73). The median of its size, which for normal noise is
    0.6745 standard deviations, keeps the steep first steps of a run from counting as noise.
    """
    bends = [abs(first - 2 * middle + last) for first, middle, last in zip(values, values[1:], values[2:])]
    return median(bends) / (0.6745 * sqrt(6))
