"""The instructor's picture of hidden rows: what grading with a secret changes for honest work, and what gives others
away."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HARD = "letters in the hardest wordings"
HONEST, CHEATED = "#0072B2", "#D55E00"  # Okabe and Ito's blue and vermilion


def hidden_gaps(rows: Sequence[Mapping]) -> "Figure":
    """Return three panels of `shared/measured/hidden.json`, each dot a grading: what honest work loses, by rung, in
    points and in percentage points of right answers; and who knows the hardest wordings, public against hidden."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.4), layout="constrained")
    points, shares, wordings = figure.subplots(1, 3, width_ratios=(0.8, 1, 1.1))
    honest = [row for row in rows if not row["cheated"]]
    names = sorted({row["name"] for row in honest})
    _points(points, honest, names)
    _shares(shares, honest, names)
    _wordings(wordings, [row for row in rows if HARD in row["public"]])
    return figure


def _points(axes, rows: Sequence[Mapping], names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        lost = [row["self_check"] - row["graded"] for row in rows if row["name"] == name]
        for value in sorted(set(lost)):
            axes.scatter(value, place, s=14 + 5 * lost.count(value), color=HONEST, alpha=0.8, lw=0)
            axes.annotate(str(lost.count(value)), (value, place), (9, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(names)), [f"rung {name}" for name in names])
    _beside(axes, "points", "Honest work: gradings by points", (-3.5, 3.5))


def _shares(axes, rows: Sequence[Mapping], names: Sequence[str]) -> None:
    for row in rows:
        asked = "unseen wordings" if "unseen wordings" in row["public"] else next(iter(row["public"]))
        lost = 100 * (row["public"][asked] - row["hidden"][asked])
        axes.scatter(lost, names.index(row["name"]), s=22, color=HONEST, alpha=0.5, lw=0)
    axes.set_yticks(range(len(names)), [])
    _beside(axes, "percentage points", "... and by right answers", (-30, 30))


def _beside(axes, unit: str, title: str, limits: tuple[float, float]) -> None:
    axes.invert_yaxis()
    axes.axvline(0, color="black", lw=0.8, zorder=0)
    axes.set(xlim=limits, xlabel=f"self-check minus graded, {unit}")
    axes.set_title(title, fontsize=10, loc="left")
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
