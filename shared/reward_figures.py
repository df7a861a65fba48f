"""Rung 08's own plots, in the manner of `shared.figures`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from shared.artifacts import LossCurve
from shared.figures import COLOURS, LINES, MARKERS, _describe, _figure, loss_curve
from shared.reward_measures import Bin

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def preference_curve(curves: Mapping[str, LossCurve]) -> "Figure":
    """Return a plot of the preference loss (nats per pair) by step, one line a label, and a line at ln 2."""
    from math import log

    figure = loss_curve(curves, unit="nats per pair")
    axes = figure.axes[0]
    axes.axhline(log(2), color="black", lw=1, ls=":")
    axes.text(1, log(2), " ln 2: knows nothing", fontsize=8, va="bottom")
    figure.set_label(figure.get_label() + " Dotted line: ln 2 = 0.69, the loss of a coin.")
    return figure


def calibration_plot(models: Mapping[str, Sequence[Bin]]) -> "Figure":
    """Return predicted against observed preferences, one line a model; on the diagonal a model is calibrated."""
    figure = _figure(width=5.2, height=4.2)
    axes = figure.add_subplot()
    axes.plot([0.5, 1], [0.5, 1], color="black", lw=1, ls=":", label="calibrated")
    for (name, bins), colour, line, marker in zip(models.items(), COLOURS[1:], LINES, MARKERS, strict=False):
        axes.plot(
            [one.predicted for one in bins], [one.observed for one in bins], color=colour, linestyle=line,
            marker=marker, label=name,
        )  # fmt: skip
    axes.set(xlabel="predicted: sigmoid of the margin's size", ylabel="observed: share of pairs ranked rightly")
    axes.set(xlim=(0.48, 1.02), ylim=(min(0.4, axes.get_ylim()[0]), 1.05))
    axes.legend(frameon=False, loc="lower right")
    said = ". ".join(
        f"{name}: {', '.join(f'{one.predicted:.2f} came true {one.observed:.2f}' for one in bins)}"
        for name, bins in models.items()
    )
    return _describe(figure, f"Predicted against observed share of right preferences, by bin. {said}.")


def by_pairs(sizes: Sequence[int], scores: Mapping[str, Sequence[Sequence[float]]], *, label: str) -> "Figure":
    """Return one line a name by number of training pairs (logarithmic): a ring a seed, the line through the means."""
    figure = _figure(width=6.6, height=3.4)
    axes = figure.add_subplot()
    for (name, values), colour, line, marker in zip(scores.items(), COLOURS[1:], LINES, MARKERS, strict=False):
        means = [sum(seeds) / len(seeds) for seeds in values]
        axes.plot(sizes, means, color=colour, linestyle=line, label=name)
        for size, seeds in zip(sizes, values, strict=True):
            axes.plot([size] * len(seeds), seeds, marker, color=colour, mfc="white", ms=6)
    axes.set(xlabel="training pairs", ylabel=label, xscale="log")
    axes.set_xticks(list(sizes), list(map(str, sizes)))
    axes.minorticks_off()
    axes.legend(frameon=False)
    said = ". ".join(
        f"{name}: {', '.join(f'{size} pairs {sum(v) / len(v):.2f}' for size, v in zip(sizes, values, strict=True))}"
        for name, values in scores.items()
    )
    return _describe(figure, f"{label} by number of training pairs, mean of the seeds. {said}.")


def over_optimization(
    kl: Sequence[float], curves: Mapping[str, Sequence[float]], *, sizes: Sequence[int], most: float
) -> "Figure":
    """Return the true score (at most `most`) by divergence, one line a reward model that picks; n above each point."""
    figure = _figure(width=6.8, height=3.8)
    axes = figure.add_subplot()
    for (name, scores), colour, line, marker in zip(curves.items(), COLOURS[1:], LINES, MARKERS, strict=False):
        axes.plot(kl, scores, color=colour, linestyle=line, marker=marker, label=name)
    top = max(max(scores) for scores in curves.values())
    for size, place in zip(sizes, kl, strict=True):
        axes.annotate(f"n={size}", (place, top), xytext=(0, 8), textcoords="offset points", ha="center", fontsize=8)
    axes.set(xlabel="KL from what is sampled, upper bound: ln n - (n-1)/n (nats)", ylabel=f"true score (of {most:g})")
    axes.legend(frameon=False)
    said = ". ".join(
        f"{name}: {', '.join(f'n={n} {score:.2f}' for n, score in zip(sizes, scores, strict=True))}"
        for name, scores in curves.items()
    )
    return _describe(figure, f"True score of the best of n, by the reward model that picks. {said}.")


def rewards_beside(
    one: Sequence[float], other: Sequence[float], groups: Sequence[str], *, labels: tuple[str, str]
) -> "Figure":
    """Return each pair's margin by one reward against its margin by another, marked by group; lines at 0."""
    figure = _figure(width=5.4, height=4.2)
    axes = figure.add_subplot()
    for name, colour, marker in zip(dict.fromkeys(groups), COLOURS[1:], MARKERS, strict=False):
        places = [place for place, group in enumerate(groups) if group == name]
        axes.plot(
            [one[p] for p in places], [other[p] for p in places], marker, color=colour, mfc="none", ms=5, label=name
        )
    axes.axhline(0, color="black", lw=1, ls=":")
    axes.axvline(0, color="black", lw=1, ls=":")
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.legend(frameon=False)
    right = sum((a > 0) and (b > 0) for a, b in zip(one, other, strict=True))
    return _describe(
        figure, f"Margins of {len(one)} pairs: {labels[0]} against {labels[1]}. Both above 0 for {right} pairs."
    )
