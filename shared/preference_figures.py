"""Rung 06's own plots, in the manner of `shared.figures`."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from shared.artifacts import LossCurve
from shared.figures import COLOURS, LINES, MARKERS, _describe, _figure, loss_curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def policies(bars: Mapping[str, Sequence[float]], replies: Sequence[str]) -> "Figure":
    """Return one group of bars a policy: the probability of each reply."""
    figure = _figure(width=7.0, height=2.8)
    axes = figure.add_subplot()
    shades, hatches = ("#333333", "#0072B2", "#E69F00", "#FFFFFF"), ("", "//", "xx", "..")
    width = 0.8 / len(replies)
    for place, (reply, shade, hatch) in enumerate(zip(replies, shades, hatches, strict=False)):
        heights = [policy[place] for policy in bars.values()]
        left = [group + (place - (len(replies) - 1) / 2) * width for group in range(len(bars))]
        axes.bar(left, heights, 0.92 * width, color=shade, hatch=hatch, edgecolor="black", label=reply)
    axes.set_xticks(range(len(bars)), bars)
    axes.set(ylabel="probability", ylim=(0, 1.05))
    axes.legend(frameon=False, ncols=len(replies), loc="lower left", bbox_to_anchor=(0, 1))
    said = ". ".join(f"{name}: {', '.join(f'{value:.2f}' for value in policy)}" for name, policy in bars.items())
    return _describe(figure, f"Probability of the replies {', '.join(replies)} under each policy. {said}.")


def pair_losses(curves: Mapping[str, LossCurve]) -> "Figure":
    """Return the losses of runs on pairs by step (nats per pair), and ln 2, where each must begin, as a line."""
    figure = loss_curve(curves, unit="nats per pair")
    axes = figure.axes[0]
    axes.axhline(math.log(2), color="black", ls=":", lw=1, label="ln 2")
    axes.set_ylim(0, max(0.8, axes.get_ylim()[1]))
    axes.legend(frameon=False)
    figure.set_label(figure.get_label() + " A dotted line stands at ln 2 = 0.69.")
    return figure


def over_time(rows: Sequence[Mapping[str, Any]]) -> "Figure":
    """Return three panels by training step: loss; log-probabilities of the pairs' replies; what is sampled."""
    panels = {
        "loss (nats per pair)": {"loss": "loss"},
        "log-probability (nats)": {"chosen": "chosen", "rejected": "rejected"},
        "share": {"pairs ranked right": "accuracy", "polite": "polite", "right promise": "right"},
    }
    figure = _figure(width=9.5, height=3.0)
    steps = [row["step"] for row in rows]
    said = []
    for place, (label, lines) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(1, 3, place)
        for (name, key), colour, line, marker in zip(lines.items(), COLOURS, LINES, MARKERS, strict=False):
            values = [row[key] for row in rows]
            axes.plot(steps, values, color=colour, linestyle=line, marker=marker, ms=4, mfc="white", label=name)
            said.append(f"{name} from {values[0]:.2f} to {values[-1]:.2f}")
        axes.set(xlabel="training step", ylabel=label)
        if len(lines) > 1:
            axes.legend(frameon=False, fontsize=8)
        if label == "share":
            axes.set_ylim(-0.03, 1.05)
    return _describe(figure, f"By training step, {steps[0]} to {steps[-1]}: {'; '.join(said)}.")


def tradeoff(points: Mapping[str, Sequence[tuple[float, float]]]) -> "Figure":
    """Return win rate against divergence from the reference (nats, logarithmic), one mark a seed; its least as a line.

    A policy that is polite with probability w, where the reference is half the time, lies at least
    w ln 2w + (1 - w) ln 2(1 - w) away, whatever else it does.
    """
    from shared.preferences import least_divergence

    figure = _figure(width=7.0, height=3.8)
    axes = figure.add_subplot()
    shares = [0.5 + place / 1000 for place in range(20, 500)]
    axes.plot([least_divergence(w, 0.5) for w in shares], shares, color="black", ls=":", label="the least there is")
    for (name, found), colour, marker in zip(points.items(), cycle(COLOURS), cycle(MARKERS), strict=False):
        axes.plot(*zip(*found, strict=True), marker, color=colour, mfc="white", ms=7, label=name)
    axes.set(xlabel="divergence from the reference (nats)", ylabel="win rate", xscale="log", ylim=(-0.03, 1.05))
    axes.set_xlim(left=0.05)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    said = ". ".join(
        f"{name}: {', '.join(f'{w:.2f} at {kl:.2f}' for kl, w in found)}" for name, found in points.items()
    )
    return _describe(figure, f"Win rate by divergence in nats, one mark a seed. {said}.")


def loss_shapes(margins: Sequence[float], losses: Mapping[str, Sequence[float]]) -> "Figure":
    """Return one curve a loss, by the margin of implied rewards."""
    figure = _figure(width=7.0, height=3.4)
    axes = figure.add_subplot()
    for (name, values), colour, line in zip(losses.items(), cycle(COLOURS), cycle(LINES), strict=False):
        axes.plot(margins, values, color=colour, linestyle=line, label=name)
    axes.axvline(0, color="black", lw=0.8)
    axes.set(xlabel="implied reward of chosen less that of rejected", ylabel="loss", ylim=(-1, 4))
    axes.legend(frameon=False)
    ends = "; ".join(f"{name}: {values[0]:.2f} to {values[-1]:.2f}" for name, values in losses.items())
    return _describe(figure, f"Losses by margin, from {margins[0]:g} to {margins[-1]:g}. {ends}.")
