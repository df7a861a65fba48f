"""The instructor's picture of hidden rows: what grading with a secret changes for honest work, and what gives others
away."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HARD = "letters in the hardest wordings"
HONEST, CHEATED = "#0072B2", "#D55E00"  # Okabe and Ito's blue and vermilion


def hidden_gaps(rows: Sequence[Mapping]) -> "Figure":
    """Return two panels of `shared/measured/hidden.json`: points of self-check minus grading, honest work by rung; and
    right answers in the hardest wordings, public against hidden, honest and cheated."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    points, wordings = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _points(points, [row for row in rows if not row["cheated"]])
    _wordings(wordings, [row for row in rows if HARD in row["public"]])
    return figure


def _points(axes, rows: Sequence[Mapping]) -> None:
    names = sorted({row["name"] for row in rows}, key=lambda name: (name[:2], name))
    for place, name in enumerate(names):
        lost = [row["self_check"] - row["graded"] for row in rows if row["name"] == name]
        for value in sorted(set(lost)):
            count = lost.count(value)
            axes.scatter(value, place, s=14 + 5 * count, color=HONEST, alpha=0.8, lw=0)
            axes.annotate(str(count), (value, place), (9, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.axvline(0, color="black", lw=0.8, zorder=0)
    axes.set(xlim=(-3.5, 3.5), xlabel="points: self-check minus graded with a secret")
    axes.set_title("Honest work: how many of the gradings differ", fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def _wordings(axes, rows: Sequence[Mapping]) -> None:
    for cheated, colour, label in ((False, HONEST, "honest"), (True, CHEATED, "trained on test rows")):
        some = [row for row in rows if row["cheated"] == cheated]
        x, y = ([row[side][HARD] for row in some] for side in ("public", "hidden"))
        axes.scatter(x, y, s=22, color=colour, alpha=0.5, lw=0, label=f"{label} ({len(some)} gradings)")
    axes.plot((0, 1), (0, 1), color="black", lw=0.8, zorder=0)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    axes.set(xlabel="right, public test", ylabel="right, rows nobody can have seen")
    axes.set_title("Letters in the hardest wordings", fontsize=10, loc="left")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
