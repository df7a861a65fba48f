"""Rung 08's plots say in words what they show, and label their axes."""

from math import log

import pytest

from shared.artifacts import CurveRow, LossCurve
from shared.figures import alt_text, png
from shared.reward_figures import by_pairs, calibration_plot, over_optimization, preference_curve, rewards_beside
from shared.reward_measures import Bin, best_of_n_kl

CURVE = LossCurve(
    rows=[CurveRow(step=i, tokens=9 * i, loss=log(2) / i, learning_rate=1e-3, seconds=1.0 * i) for i in range(1, 6)]
)
FIGURES = {
    "curve": (lambda: preference_curve({"reward model": CURVE}), "ln 2 = 0.69, the loss of a coin"),
    "calibration": (lambda: calibration_plot({"mine": [Bin(0.6, 0.5, 9), Bin(0.9, 1.0, 9)]}), "0.60 came true 0.50"),
    "by pairs": (lambda: by_pairs([100, 400], {"item": [[0.5, 0.7], [0.9, 1.0]]}, label="share"), "400 pairs 0.95"),
    "best of n": (
        lambda: over_optimization([best_of_n_kl(n) for n in (1, 2)], {"mine": [1.0, 2.0]}, sizes=(1, 2), most=3),
        "mine: n=1 1.00, n=2 2.00",
    ),
    "beside": (
        lambda: rewards_beside([1.0, -1.0], [2.0, 3.0], ["tone", "item"], labels=("explicit", "implicit")),
        "explicit against implicit. Both above 0 for 1 pairs",
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_words_and_labels(name):
    make, words = FIGURES[name]
    figure = make()
    assert words in alt_text(figure)
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)
    assert png(figure).startswith(b"\x89PNG")
