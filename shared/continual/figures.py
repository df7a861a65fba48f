"""Rung 10's plots: the accuracy matrix, the frontier, and how fast a lost skill comes back."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

from shared.figures import COLOURS, LINES, MARKERS, _describe, _figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Point = tuple[float, float]  # score on the new skill, share of the old skills that is left


def matrices(made: Mapping[str, Sequence[Sequence[float]]], rows: Sequence[str], columns: Sequence[str]) -> "Figure":
    """Return each run's accuracy matrix side by side: a row a stage, a column a skill, the share right in each cell."""
    figure = _figure(width=4.2 * len(made), height=0.9 + 0.62 * len(rows))
    for place, (name, matrix) in enumerate(made.items(), 1):
        axes = figure.add_subplot(1, len(made), place)
        axes.grid(False)
        axes.imshow(matrix, cmap="Greys", vmin=0, vmax=1.4, aspect="auto")
        for i, row in enumerate(matrix):
            for j, value in enumerate(row):
                axes.text(j, i, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.8 else "black")
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), [f"after {row}" if row != "base" else row for row in rows])
        axes.set(xlabel="asked (share right)", title=name)
    text = " ".join(
        f"{name}: " + "; ".join(f"{row}: {', '.join(f'{value:.2f}' for value in values)}"
                                for row, values in zip(rows, matrix, strict=True)) + "."
        for name, matrix in made.items()
    )  # fmt: skip
    return _describe(figure, f"Accuracy matrices; columns {', '.join(columns)}. {text}")


def frontier(points: Mapping[str, Sequence[Point]], *, target: Point) -> "Figure":
    """Return a scatter of new-skill score (x) against what is left of the old skills (y), one marker a method.

    One small mark a seed, a large one for the mean, the method's name beside it; the target's corner is shaded.
    """
    figure = _figure(width=7.5, height=5.2)
    axes = figure.add_subplot()
    axes.axvspan(target[0], 1.05, ymin=(target[1] + 0.05) / 1.15, color="#EEEEEE", zorder=0)
    axes.axhline(target[1], color="black", ls=":", lw=1)
    axes.axvline(target[0], color="black", ls=":", lw=1)
    for (name, found), colour, marker in zip(points.items(), cycle(COLOURS), cycle((*MARKERS, "P", "X")), strict=False):
        xs, ys = zip(*found, strict=True)
        middle = sum(xs) / len(xs), sum(ys) / len(ys)
        axes.plot(xs, ys, marker, color=colour, ms=4, mfc="white", alpha=0.8)
        axes.plot(*middle, marker, color=colour, ms=9, label=f"{name} ({middle[0]:.2f}, {middle[1]:.2f})")
    axes.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.1), xlabel="new skill: share of what naive training reaches",
             ylabel="old skills: share of what was learned that is left")  # fmt: skip
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    text = " ".join(f"{name}: {', '.join(f'({x:.2f}, {y:.2f})' for x, y in found)}." for name, found in points.items())
    return _describe(figure, f"New-skill score against old skills left, one pair a seed; target {target}. {text}")


def coming_back(curves: Mapping[str, Mapping[int, float]], *, skill: str) -> "Figure":
    """Return the share right of `skill` by steps of training on it, one line a starting point."""
    figure = _figure(width=7.0, height=3.6)
    axes = figure.add_subplot()
    for (name, curve), colour, line, marker in zip(curves.items(), COLOURS, cycle(LINES), cycle(MARKERS), strict=False):
        axes.plot(list(curve), list(curve.values()), linestyle=line, marker=marker, color=colour, label=name)
    axes.set(xlabel=f"steps of training on {skill}", ylabel=f"{skill}: share right", ylim=(-0.03, 1.05))
    axes.legend(frameon=False)
    text = " ".join(
        f"{name}: {', '.join(f'{share:.2f} after {step}' for step, share in curve.items())}."
        for name, curve in curves.items()
    )
    return _describe(figure, f"Share right of {skill} by steps of training on it. {text}")
