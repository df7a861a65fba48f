"""Rung 07's plots: the panel by which a run is watched, what clipping does, pass@k, and the noise of a gradient."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

from shared.figures import COLOURS, LINES, MARKERS, _describe, _figure
from shared.rl.rollouts import RolloutLog

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What the panel shows: column, title, and the range that this course calls healthy, or None where there is none. The
# ranges are rules of thumb for rewards of 0 and 1, not laws: set by eye from runs that ended well or badly.
PANEL: dict[str, tuple[str, tuple[float, float] | None]] = {
    "reward": ("mean reward", None),
    "reward_std": ("spread of rewards", (0.15, 0.5)),
    "zero_std": ("groups without a signal (share)", (0.0, 0.6)),
    "entropy": ("entropy (nats a token)", (0.01, 0.3)),
    "length": ("length (tokens)", None),
    "kl": ("KL to the base (nats a token)", (0.0, 0.5)),
    "right": ("right totals (share)", None),
    "working": ("answers with working (share)", None),
}


def panel(runs: Mapping[str, RolloutLog], names: Sequence[str] = tuple(PANEL)) -> "Figure":
    """Return one small plot a column of the runs' logs, one line a run, the healthy range shaded."""
    rows = (len(names) + 3) // 4
    figure = _figure(width=11.0, height=2.5 * rows + 0.3)
    grid = figure.subplots(rows, min(4, len(names)), squeeze=False)
    for axes, name in zip(grid.flat, names, strict=False):
        _column(axes, runs, name)
    if len(runs) > 1:
        grid[0][0].legend(frameon=False, fontsize=8)
    words = " ".join(f"{label}: {_words(log, names)}." for label, log in runs.items())
    return _describe(figure, f"Training runs by step; healthy ranges shaded. {words}")


def _column(axes: "Axes", runs: Mapping[str, RolloutLog], name: str) -> None:
    title, healthy = PANEL[name]
    if healthy:
        axes.axhspan(*healthy, color="#DDDDDD", alpha=0.6, lw=0)
    styles = zip(cycle(COLOURS), cycle(LINES))
    for (label, log), (colour, line) in zip(runs.items(), styles, strict=False):
        points = [(row.step, getattr(row, name)) for row in log.rows if getattr(row, name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, linestyle=line, lw=1.4, label=label)
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("step", fontsize=8)
    if name in ("right", "working", "zero_std"):
        axes.set_ylim(-0.03, 1.03)


def _words(log: RolloutLog, names: Sequence[str]) -> str:
    first, last = log.rows[0], log.rows[-1]
    pairs = ((PANEL[name][0], getattr(first, name), getattr(last, name)) for name in names)
    return ", ".join(f"{title} {start:.2f} to {end:.2f}" for title, start, end in pairs if None not in (start, end))


def clipping(epsilon: float = 0.2) -> "Figure":
    """Return the clipped objective of one token by its ratio, for an advantage of +1 and of -1."""
    figure = _figure(width=8.0, height=2.8)
    ratios = [0.4 + 0.01 * place for place in range(121)]
    for axes, advantage in zip(figure.subplots(1, 2), (1, -1), strict=True):
        clipped = [min(max(ratio, 1 - epsilon), 1 + epsilon) for ratio in ratios]
        values = [min(ratio * advantage, cut * advantage) for ratio, cut in zip(ratios, clipped, strict=True)]
        plain = [ratio * advantage for ratio in ratios]
        axes.plot(ratios, plain, color=COLOURS[2], ls="--", label="ratio x advantage")
        axes.plot(ratios, values, color=COLOURS[1], lw=2, label="clipped objective")
        axes.plot([1], [advantage], "o", color=COLOURS[0])
        axes.set(xlabel="ratio, new policy to old", title=f"advantage {advantage:+d}")
    axes.legend(frameon=False, fontsize=8)
    return _describe(
        figure,
        f"The clipped objective by ratio. With advantage +1 it rises with the ratio up to {1 + epsilon:g} and is flat "
        f"above; with -1 it is flat below {1 - epsilon:g} and falls with the ratio above, without end.",
    )


def pass_curves(curves: Mapping[str, Mapping[int, float]]) -> "Figure":
    """Return pass@k by k (logarithmic), one line a model."""
    figure = _figure(width=6.0, height=3.4)
    axes = figure.add_subplot()
    styles = zip(cycle(COLOURS), cycle(LINES), cycle(MARKERS))
    for (label, curve), (colour, line, marker) in zip(curves.items(), styles, strict=False):
        axes.plot(list(curve), list(curve.values()), color=colour, ls=line, marker=marker, mfc="white", label=label)
    ticks = sorted({k for curve in curves.values() for k in curve})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(k) for k in ticks])
    axes.set(xlabel="k, samples an order", ylabel="pass@k (share of orders)", ylim=(0, 1.05))
    axes.legend(frameon=False)
    points = ". ".join(
        f"{label}: " + ", ".join(f"{value:.2f} at {k}" for k, value in curve.items()) for label, curve in curves.items()
    )
    return _describe(figure, f"pass@k before and after training. {points}.")


def noise_bars(noise: Mapping[str, float]) -> "Figure":
    """Return one bar a baseline: the variance of one answer's gradient, over that with the group's mean."""
    figure = _figure(width=7.0, height=0.8 + 0.4 * len(noise))
    axes = figure.add_subplot()
    bars = axes.barh(range(len(noise)), list(noise.values()), 0.62, color=COLOURS[3], edgecolor="black")
    axes.bar_label(bars, [f"{value:.2f}" for value in noise.values()], padding=3)
    axes.axvline(1, color="black", ls=":")
    axes.set_yticks(range(len(noise)), list(noise))
    axes.set(xlabel="variance of one answer's gradient (group mean = 1)", ylim=(len(noise) - 0.5, -0.5))
    axes.set_xlim(0, 1.15 * max(noise.values()))
    points = ", ".join(f"{name} {value:.2f}" for name, value in noise.items())
    return _describe(figure, f"Variance of one answer's gradient by baseline, with the group's mean 1: {points}.")
