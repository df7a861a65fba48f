"""Rung 01's picture: which tool did what on which kind of task, at what cost, and what tomorrow's change takes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, ROW = 10.5, 0.34  # inches: the figure's width, a line's height
COST, TOMORROW, END = 1.10, 1.72, 2.65  # where the columns of text start and end, in units of the score's axis
LIGHT = "#E8E8E8"


class Line(NamedTuple):
    """One line of the picture. `scores` are shares of right answers, one a seed."""

    task: str
    method: str
    scores: Sequence[float]
    cost: str
    tomorrow: str


def choice_map(lines: Sequence[Line]) -> "Figure":
    """Return the lines from top to bottom: a ring a seed, a bar at their mean, then cost and tomorrow in words.

    Lines of one task stand together, under its name, on a common ground.
    """
    from matplotlib.figure import Figure

    places, heads, bottom = _places(lines)
    figure = Figure(figsize=(WIDTH, ROW * (bottom + 2)), layout="constrained")
    axes = figure.add_subplot()
    for line, place in zip(lines, places, strict=True):
        mean = sum(line.scores) / len(line.scores)
        axes.barh(place, mean, 0.62, color=LIGHT, edgecolor="black", lw=0.6)
        axes.plot(line.scores, [place] * len(line.scores), "o", color="#0072B2", mfc="white", ms=6, clip_on=False)
        axes.text(COST, place, f"{mean:.2f}   {line.cost}", va="center", fontsize=9)
        axes.text(TOMORROW, place, line.tomorrow, va="center", fontsize=9)
    for task, place in heads.items():
        axes.text(0, place, task, va="center", ha="left", fontsize=10, fontweight="bold")
    for column, title in ((COST, "mean, cost"), (TOMORROW, "when it changes tomorrow")):
        axes.text(column, -0.9, title, va="center", fontsize=9, fontstyle="italic")
    axes.set_yticks(places, [line.method for line in lines])
    axes.set(xlabel="share of right answers", xlim=(0, END), ylim=(bottom, -1.6))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_label_coords(0.5 / END, -0.05)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(axis="y", length=0, pad=7)
    figure.set_label(_in_words(lines))
    return figure


def _places(lines: Sequence[Line]) -> tuple[list[float], dict[str, float], float]:
    """Return where each line stands, where each task's name stands above its lines, and where the picture ends."""
    places, heads, at = [], {}, 0.0
    for line in lines:
        if line.task not in heads:
            heads[line.task] = at
            at += 1
        places.append(at)
        at += 1
    return places, heads, at


def _in_words(lines: Sequence[Line]) -> str:
    """Return the picture's alternative text."""
    said = (
        f"{line.task}, {line.method}: {', '.join(f'{score:.2f}' for score in line.scores)}; {line.cost}; "
        f"tomorrow: {line.tomorrow}" for line in lines
    )  # fmt: skip
    return "Share of right answers, one a seed, cost, and what a change takes. " + ". ".join(said) + "."
